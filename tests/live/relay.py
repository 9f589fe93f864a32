"""
Stands between a client that always offers header signing and a server, and takes the offer away.

[MS-RPCE] 2.2.2.3 leaves it to both sides; no signature covers a bind.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from tests.live import pdus


class HeaderSigningOff:
    """
    An address that leads to another.

    :param listener: a socket that listens there.
    :param connect: connects to the server.
    :param pipe: whether it stands between smbd and the server of a pipe, where messages have
        lengths in front.
    :ivar offers: how many were taken away.
    """

    def __init__(
        self,
        listener: socket.socket,
        connect: Callable[[], socket.socket],
        *,
        pipe: bool = False,
    ) -> None:
        self.offers = 0
        self._listener = listener
        self._connect = connect
        self._pipe = pipe
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @classmethod
    def ofPort(cls, port: int) -> "tuple[int, HeaderSigningOff]":
        """A TCP port of loopback that leads to another, and what stands between."""
        listener = socket.create_server(("127.0.0.1", 0))
        relay = cls(listener, lambda: socket.create_connection(("127.0.0.1", port)))
        return listener.getsockname()[1], relay

    @classmethod
    def ofPipe(cls, path: Path, target: Path) -> "HeaderSigningOff":
        """A pipe's socket that leads to that of another pipe."""

        def connect() -> socket.socket:
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(target))
            return server

        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        return cls(listener, connect, pipe=True)

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
                server = self._connect()
                self._sockets += (client, server)
                self._start(self._requests, client, server)
                self._start(self._answers, server, client)

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        rest = b""
        # smbd's word for who the client is, its length in front; no PDU.
        greeted = not self._pipe
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                rest += data
                while True:
                    size = self._messageSize(rest) if greeted else self._greetingSize(rest)
                    if not size or len(rest) < size:
                        break
                    message, rest = rest[:size], rest[size:]
                    server.sendall(self._withoutOffer(message) if greeted else message)
                    greeted = True
            server.shutdown(socket.SHUT_WR)

    def _greetingSize(self, data: bytes) -> int:
        return 4 + int.from_bytes(data[:4], "big") if len(data) >= 4 else 0

    def _messageSize(self, data: bytes) -> int:
        """Octets of the PDU at the beginning, with what stands in front; 0 if that is not there."""
        if self._pipe:
            return 2 + int.from_bytes(data[:2], "little") if len(data) >= 2 else 0
        return int.from_bytes(data[8:10], "little")

    def _withoutOffer(self, message: bytes) -> bytes:
        at = 2 if self._pipe else 0
        kind, flags = message[at + 2 : at + 4]
        offered = flags & pdus.SUPPORT_HEADER_SIGN
        if kind not in (pdus.BIND, pdus.ALTER_CONTEXT) or not offered:
            return message
        self.offers += 1
        return message[: at + 3] + bytes([flags ^ offered]) + message[at + 4 :]

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)
