"""ASYNCEVENTMSG: events out, lists of them in."""

import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.tapi.proxymessages import (
    LINE_AGENTSESSIONSTATUS,
    LINE_AGENTSPECIFIC,
    LINE_AGENTSTATUS,
    LINE_AGENTSTATUSEX,
    LINE_GROUPSTATUS,
    LINE_QUEUESTATUS,
)
from tapiproxy.trp.events import (
    LINE_CLOSE,
    LINE_CREATE,
    LINE_LINEDEVSTATE,
    LINE_PROXYSTATUS,
    LINE_REMOVE,
    LINE_REPLY,
    Event,
    Recipient,
    decode,
    decodeList,
    encode,
)
from tapiproxy.wire.errors import BEYOND, TOOSMALL, DecodeError, EncodeError

LINE = Recipient(0x11, 0x22, 0x33)

#: Each event, its Msg and its parameters.
GOLDEN: list[tuple[Event, tuple[int, int, int, int]]] = [
    (LINE_AGENTSTATUS(1, 2, 4), (0x16, 1, 2, 4)),
    (LINE_AGENTSPECIFIC(1, 2, 3), (0x15, 1, 2, 3)),
    (LINE_AGENTSTATUSEX(1, 2, 4), (0x1D, 1, 2, 4)),
    (LINE_AGENTSESSIONSTATUS(1, 2, 4), (0x1B, 1, 2, 4)),
    (LINE_QUEUESTATUS(1, 2), (0x1C, 1, 2, 0)),
    (LINE_GROUPSTATUS(2), (0x1E, 0, 2, 0)),
    (LINE_PROXYSTATUS(1, 9), (0x1F, 1, 9, 0)),
    (LINE_LINEDEVSTATE(1, 2, 3), (0x08, 1, 2, 3)),
    (LINE_CLOSE(), (0x03, 0, 0, 0)),
    (LINE_CREATE(5), (0x13, 5, 0, 0)),
    (LINE_REMOVE(5), (0x19, 5, 0, 0)),
]


class Encoding(TestCase):
    """encode()."""

    def test_octets(self) -> None:
        """An event is ten DWORDs: the recipient's own values, Msg, and three parameters."""
        for event, (msg, *params) in GOLDEN:
            words = (40, 0x11, 0, 0x22, msg, 0x33, *params, 0)
            self.assertEqual(encode(event, LINE), struct.pack("<10I", *words), event)

    def test_noLine(self) -> None:
        """An event about no open line has neither device nor OpenContext."""
        words = struct.unpack("<10I", encode(LINE_CREATE(1), Recipient(0x11)))
        self.assertEqual(words, (40, 0x11, 0, 0, 0x13, 0, 1, 0, 0, 0))

    def test_valueTooLarge(self) -> None:
        """A parameter that is no DWORD is an EncodeError."""
        for value in (-1, 1 << 32, None):
            self.assertRaises(EncodeError, encode, LINE_QUEUESTATUS(1, value), LINE)


class Decoding(TestCase):
    """decodeList() and decode()."""

    def test_bothWays(self) -> None:
        """A buffer of events is split, and each is read back."""
        data = b"".join(encode(event, LINE) for event, _ in GOLDEN)
        packets = decodeList(b"xx" + data + b"xx", 2, 2 + len(data))
        self.assertEqual([decode(packet) for packet in packets], [event for event, _ in GOLDEN])
        self.assertEqual({p.InitContext for p in packets}, {0x11})
        self.assertEqual({p.hDevice for p in packets}, {0x22})
        self.assertEqual({p.OpenContext for p in packets}, {0x33})
        self.assertEqual({p.varData for p in packets}, {b""})

    def test_varData(self) -> None:
        """What follows the ten DWORDs within TotalSize belongs to the packet."""
        data = struct.pack("<10I", 48, 1, 2, 3, LINE_REPLY, 4, 5, 6, 7, 8) + b"12345678"
        first, second = decodeList(data * 2)
        self.assertEqual(first, second)
        self.assertEqual((first.context, first.Param1, first.varData), (2, 5, b"12345678"))
        self.assertIsNone(decode(first))

    def test_empty(self) -> None:
        """Nothing is a list of nothing."""
        self.assertEqual(decodeList(b""), [])

    def test_totalSize(self) -> None:
        """TotalSize covers the ten DWORDs, and no more than is there."""
        for total, problem in ((39, TOOSMALL), (0, TOOSMALL), (41, BEYOND), (0xFFFFFFFF, BEYOND)):
            data = struct.pack("<10I", total, *[0] * 9)
            error = self.assertRaises(DecodeError, decodeList, data)
            self.assertEqual(error.problem, problem)

    def test_truncated(self) -> None:
        """A buffer that is cut off within a packet is refused."""
        data = encode(LINE_CLOSE(), LINE) * 2
        for end in range(len(data)):
            if end % 40:
                self.assertRaises(DecodeError, decodeList, data, 0, end)
            else:
                self.assertEqual(len(decodeList(data, 0, end)), end // 40)

    @given(st.binary(max_size=200))
    def test_anyOctets(self, data: bytes) -> None:
        """Random octets are a list of packets or a DecodeError, nothing else."""
        try:
            packets = decodeList(data)
        except DecodeError:
            return
        self.assertEqual(sum(40 + len(packet.varData) for packet in packets), len(data))
