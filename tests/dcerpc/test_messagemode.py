"""Messages of a pipe, in whatever pieces they come."""

import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.messagemode import EmptyMessage, MessageReader, messages
from tests.dcerpc.pdus import bind, request, split


def message(content: bytes) -> bytes:
    return struct.pack("<H", len(content)) + content


class Inwards(TestCase):
    @given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.lists(st.integers(1, 40)))
    def test_pieces(self, contents: list[bytes], sizes: list[int]) -> None:
        """In whatever pieces the stream comes, its contents come out, and at once."""
        stream = b"".join(map(message, contents))
        reader = MessageReader()
        received = b""
        while stream:
            size = sizes.pop() if sizes else len(stream)
            received += reader.receive(stream[:size])
            stream = stream[size:]
        self.assertEqual(received, b"".join(contents))

    def test_begun(self) -> None:
        """What is there of a message is given before its end is."""
        reader = MessageReader()
        self.assertEqual(reader.receive(b"\x04"), b"")
        self.assertEqual(reader.receive(b"\x00ab"), b"ab")
        self.assertEqual(reader.receive(b""), b"")
        self.assertEqual(reader.receive(b"cd\x01"), b"cd")
        self.assertEqual(reader.receive(b"\x00"), b"")
        self.assertEqual(reader.receive(b"e"), b"e")

    def test_longest(self) -> None:
        """The longest message there can be is read."""
        self.assertEqual(MessageReader().receive(message(b"x" * 65535)), b"x" * 65535)

    def test_empty(self) -> None:
        """A message without content is refused, at whatever place."""
        self.assertRaises(EmptyMessage, MessageReader().receive, b"\0\0")
        self.assertRaises(EmptyMessage, MessageReader().receive, message(b"a") + b"\0\0")


class Outwards(TestCase):
    def test_messages(self) -> None:
        """Each PDU goes in a message of its own."""
        pdus = [bind(), request(b"stub"), request(b"x" * 5000)]
        framed = messages(b"".join(pdus))
        self.assertEqual(framed, b"".join(map(message, pdus)))
        self.assertEqual(split(MessageReader().receive(framed)), pdus)
        self.assertEqual(messages(b""), b"")
