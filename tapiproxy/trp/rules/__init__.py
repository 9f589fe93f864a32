"""The processing rules of ClientRequest, by the chapters of the packets.  [MS-TRP] 3.1.4.2"""
