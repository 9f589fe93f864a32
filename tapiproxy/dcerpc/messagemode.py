"""
PDUs in the messages of a pipe in message mode, as Samba's smbd hands them on.

Bytes only.  Before each message stands its length, two octets, little endian.  Outwards a message
is what one read of the client returns, and clients want one PDU in it; inwards it is what one write
of the client had, which says nothing: a PDU may come in two, and two PDUs in one.
"""

from __future__ import annotations

from struct import Struct

_length = Struct("<H")

_FRAG_LENGTH_AT = 8
"""Where a PDU says how long it is (C706 12.6.3.1); those that we write are little endian."""


class EmptyMessage(Exception):
    """A message without an octet, which smbd never sends."""


class MessageReader:
    """Takes the octets of messages, and gives what was in them as they come."""

    __slots__ = ("_head", "_left")

    def __init__(self) -> None:
        self._left = 0
        # Half of a length, or nothing.
        self._head = b""

    def receive(self, data: bytes) -> bytes:
        """
        The octets of a stream that lie in messages.

        :raises EmptyMessage: that is what comes next.
        """
        data = self._head + data
        position, end = 0, len(data)
        content: list[bytes] = []
        while True:
            stop = min(position + self._left, end)
            content.append(data[position:stop])
            self._left -= stop - position
            position = stop
            if end - position < _length.size:
                break
            (self._left,) = _length.unpack_from(data, position)
            if not self._left:
                raise EmptyMessage
            position += _length.size
        self._head = data[position:]
        return b"".join(content)


def messages(output: bytes) -> bytes:
    """
    Each PDU in a message of its own.

    :param output: whole PDUs, one after the other.
    """
    framed: list[bytes] = []
    position = 0
    while position < len(output):
        (length,) = _length.unpack_from(output, position + _FRAG_LENGTH_AT)
        framed += (_length.pack(length), output[position : position + length])
        position += length
    return b"".join(framed)
