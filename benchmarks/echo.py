"""
impacket's DCERPCServer, answering each ClientRequest with its own stub: RPC without telephony.

Its limits: a thread that serves one connection at a time, with blocking calls, and no call-back.
So it is measured with one client, and an answer is the whole of a request (no LINE_REPLY).
"""

import sys

from impacket.dcerpc.v5.rpcrt import DCERPCServer

TAPSRV = ("2F5F6520-CA46-1067-B319-00DD010662DA", "1.0")
CLIENT_REQUEST = 1

server = DCERPCServer()
server.setListenPort(int(sys.argv[1]))
server.addCallbacks(TAPSRV, "135", {CLIENT_REQUEST: bytes})
server.run()
