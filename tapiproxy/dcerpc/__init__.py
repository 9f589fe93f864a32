"""The connection-oriented DCE/RPC runtime (C706, [MS-RPCE]); it knows nothing of telephony."""
