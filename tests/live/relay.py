"""
Stands between a client that always offers header signing and a server, and takes the offer away.

[MS-RPCE] 2.2.2.3 leaves it to both sides; no signature covers a bind.
"""

import contextlib
import socket
import threading

from tests.live import pdus


class HeaderSigningOff:
    """
    A TCP port of loopback that leads to another.

    :param port: the server's.
    :ivar offers: how many were taken away.
    """

    def __init__(self, port: int) -> None:
        self.offers = 0
        self._target = port
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)

    def close(self) -> None:
        """End all threads and sockets."""
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        for each in (self._listener, *self._sockets):
            each.close()

    def _start(self, target, *arguments) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += (client, server)
                self._start(self._requests, client, server)
                self._start(self._answers, server, client)

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                rest += data
                whole, rest = pdus.cut(rest)
                while whole is not None:
                    pdu = pdus.PDU.parse(whole)
                    offers = pdu.pfc_flags & pdus.SUPPORT_HEADER_SIGN
                    if pdu.PTYPE in (pdus.BIND, pdus.ALTER_CONTEXT) and offers:
                        self.offers += 1
                        whole = pdu._replace(
                            pfc_flags=pdu.pfc_flags & ~pdus.SUPPORT_HEADER_SIGN
                        ).encode()
                    server.sendall(whole)
                    whole, rest = pdus.cut(rest)
            server.shutdown(socket.SHUT_WR)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)
