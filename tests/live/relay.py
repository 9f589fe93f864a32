"""
Stands between a client and a server, and changes PDUs on their way: what neither can be told to do.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tests.live import pdus


class Relay:
    """
    An address that leads to another.

    :param listener: a socket that listens there.
    :param connect: connects to the server.
    :param pipe: whether it stands between smbd and the server of a pipe, where messages have
        lengths in front, and the first one each way is no PDU.
    """

    def __init__(
        self,
        listener: socket.socket,
        connect: Callable[[], socket.socket],
        *,
        pipe: bool = False,
    ) -> None:
        self._listener = listener
        self._connect = connect
        self._pipe = pipe
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @classmethod
    def ofPort(cls, port: int) -> tuple[int, Self]:
        """A TCP port of loopback that leads to another, and what stands between."""
        listener = socket.create_server(("127.0.0.1", 0))
        relay = cls(listener, lambda: socket.create_connection(("127.0.0.1", port)))
        return listener.getsockname()[1], relay

    @classmethod
    def ofPipe(cls, path: Path, target: Path) -> Self:
        """A pipe's socket that leads to that of another pipe."""

        def connect() -> socket.socket:
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(target))
            return server

        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        return cls(listener, connect, pipe=True)

    # What happens to PDUs.

    def request(self, pdu: bytes) -> bytes:
        """A PDU of the client, as the server gets it; of the same length."""
        return pdu

    def answer(self, pdu: bytes) -> bytes:
        """A PDU of the server, as the client gets it; of the same length."""
        return pdu

    # What moves them.

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
                self._start(self._forward, client, server, self.request)
                self._start(self._forward, server, client, self.answer)

    def _forward(
        self, source: socket.socket, target: socket.socket, change: Callable[[bytes], bytes]
    ) -> None:
        rest = b""
        head = 2 if self._pipe else 0
        greeting = self._pipe
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                rest += data
                while (size := self._size(rest, greeting)) and len(rest) >= size:
                    message, rest = rest[:size], rest[size:]
                    if not greeting:
                        message = message[:head] + change(message[head:])
                    target.sendall(message)
                    greeting = False
            target.shutdown(socket.SHUT_WR)

    def _size(self, data: bytes, greeting: bool) -> int:
        """Octets of the first message, with the length in front; 0 if that is not there yet."""
        if greeting:
            return 4 + int.from_bytes(data[:4], "big") if len(data) >= 4 else 0
        if self._pipe:
            return 2 + int.from_bytes(data[:2], "little") if len(data) >= 2 else 0
        return int.from_bytes(data[8:10], "little")


class HeaderSigningOff(Relay):
    """
    Takes away the offer of header signing, which some clients always make.

    No signature covers a bind: [MS-RPCE] 2.2.2.3.

    :ivar offers: how many were taken away.
    """

    offers = 0

    def request(self, pdu: bytes) -> bytes:
        kind, flags = pdu[2:4]
        offered = flags & pdus.SUPPORT_HEADER_SIGN
        if kind not in (pdus.BIND, pdus.ALTER_CONTEXT) or not offered:
            return pdu
        self.offers += 1
        return pdu[:3] + bytes([flags ^ offered]) + pdu[4:]


class Spoiling(Relay):
    """
    Flips one bit of each response.

    :ivar at: of which octet; negative from the end, None for none.
    """

    at: int | None = None

    def answer(self, pdu: bytes) -> bytes:
        if pdu[2] != pdus.RESPONSE or self.at is None:
            return pdu
        changed = bytearray(pdu)
        changed[self.at] ^= 1
        return bytes(changed)
