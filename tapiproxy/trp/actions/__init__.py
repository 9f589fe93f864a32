"""What the server does for a request that has passed its rules.  [MS-TRP] 3.1.4.2"""
