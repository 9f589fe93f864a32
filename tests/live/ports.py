"""Ports of loopback for servers that tests start, and start again."""

import contextlib
import random
import socket

#: Below those that the kernel gives to whoever asks for any (net.ipv4.ip_local_port_range): a port
#: stays free until its server listens there, and while that is started anew.
_PORTS = iter(random.sample(range(20000, 32000), 12000))


def freePort() -> int:
    """A port that nobody has now, neither of TCP nor of UDP, and that is given out once."""
    for port in _PORTS:
        with (
            socket.socket() as stream,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
            contextlib.suppress(OSError),
        ):
            stream.bind(("127.0.0.1", port))
            datagram.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is left")
