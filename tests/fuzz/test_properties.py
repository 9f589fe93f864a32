"""Wrong input built with its structure in mind: each part right or wrong, in any combination."""

import contextlib
import struct
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.interface import Fault
from tapiproxy.dcerpc.ndr import MAX_SIZE
from tapiproxy.dcerpc.security import NoAuthentication
from tapiproxy.tapi.agentstructs import LINEAGENTGROUPENTRY, LINEAGENTGROUPLIST
from tapiproxy.tapi.versions import VALID_VERSIONS
from tapiproxy.trp import idl, templates
from tapiproxy.trp.requests import byFunction
from tapiproxy.wire import structs
from tapiproxy.wire.errors import PROBLEMS, DecodeError
from tests.fuzz.associations import answers, bind, comparable, request
from tests.fuzz.codecs import structClasses
from tests.fuzz.cost import costOf
from tests.fuzz.instances import instance
from tests.fuzz.mutation import EDGES

#: Numbers near the edges of something, small ones, and any.
dwords = st.one_of(st.sampled_from(EDGES), st.integers(0, 200), st.integers(0, 0xFFFFFFFF))


@st.composite
def loosePDUs(draw: st.DrawFn) -> bytes:
    """PDUs whose header may say what it likes; most lengths are right, so that more is read."""
    body = draw(st.binary(max_size=120))
    length = draw(st.one_of(st.just(16 + len(body)), st.integers(0, 200)))
    auth = draw(st.one_of(st.just(0), st.integers(0, 200)))
    drep = draw(st.sampled_from((pdu.LITTLE_ENDIAN_DREP, pdu.BIG_ENDIAN_DREP, b"\x20\0\0\0")))
    order = "<" if drep[0] else ">"
    return (
        struct.pack("4B", 5, 0, draw(st.integers(0, 20)), draw(st.integers(0, 255)))
        + drep
        + struct.pack(f"{order}HHI", length, auth, draw(st.integers(0, 3)))
        + body
    )


class AssociationProperties(TestCase):
    """A server's association."""

    @given(
        st.lists(
            st.one_of(
                loosePDUs(),
                st.just(bind()),
                st.builds(request, st.integers(0, 4), st.binary(max_size=40)),
            ),
            max_size=6,
        ),
        st.lists(st.integers(0, 800), max_size=8),
    )
    def test_anyPDUs(self, messages: list[bytes], cuts: list[int]) -> None:
        """Any PDUs in any pieces are answered by PDUs, the same whatever the pieces."""
        data = b"".join(messages)
        places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
        cut = [data[start:end] for start, end in pairwise(places)]
        self.assertEqual(
            [comparable(answer) for answer in answers(NoAuthentication, cut)],
            [comparable(answer) for answer in answers(NoAuthentication, [data])],
        )


class StubProperties(TestCase):
    """NDR of ClientRequest, the stub that a client fills most freely."""

    @given(dwords, dwords, dwords, st.binary(max_size=64), dwords, dwords)
    def test_clientRequest(
        self, maxCount: int, offset: int, actual: int, octets: bytes, needed: int, used: int
    ) -> None:
        """A stub passes exactly if its five counts agree and its octets are there."""
        stub = bytes(20) + struct.pack("<III", maxCount, offset, actual) + octets
        stub += bytes(-len(stub) % 4) + struct.pack("<II", needed, used)
        there = (len(octets) + 3 & ~3) == (actual + 3 & ~3)
        agree = maxCount == needed and actual == used and not offset and used <= needed <= MAX_SIZE
        try:
            found = idl.decodeClientRequest(stub, 0, len(stub))
        except Fault:
            self.assertFalse(there and agree)
            return
        self.assertEqual(found, (bytes(20), 32, used, needed))
        self.assertLessEqual(32 + used, len(stub))

    @given(st.binary(max_size=64), st.integers(0, 1000), st.integers(0, 7))
    def test_clientRequestAsWritten(self, octets: bytes, more: int, shift: int) -> None:
        """What the client's side writes the server's side reads, wherever it lies."""
        needed = len(octets) + more
        stub = bytes(shift) + idl.encodeClientRequest(b"c" * 20, octets, needed)
        context, start, used, room = idl.decodeClientRequest(stub, shift, len(stub))
        self.assertEqual((context, stub[start : start + used], room), (b"c" * 20, octets, needed))


class PacketProperties(TestCase):
    """Request packets."""

    @given(
        st.sampled_from(sorted(byFunction)),
        st.lists(dwords, min_size=14, max_size=14),
        st.binary(max_size=100),
        st.integers(0, 56),
    )
    def test_anyParameters(
        self, number: int, words: list[int], varData: bytes, missing: int
    ) -> None:
        """Any parameters over any VarData decode to the packet, or are a DecodeError."""
        data = struct.pack("<15I", number, *words) + varData
        cls = byFunction[number]
        try:
            message = templates.decodeRequest(data, 0, len(data) - missing)
        except DecodeError as error:
            self.assertIn(error.problem, PROBLEMS)
            return
        self.assertIs(type(message), cls)


class StructProperties(TestCase):
    """Structs of 2.2.6."""

    @given(
        st.sampled_from(sorted(structClasses(), key=lambda cls: cls.__name__)),
        st.sampled_from(VALID_VERSIONS),
        st.data(),
    )
    def test_anyFixedPart(self, cls: type, version: int, data: st.DataObject) -> None:
        """Any sizes and offsets in front of any octets unpack, or are a DecodeError."""
        size = structs.fixedSize(cls, version)
        words = data.draw(st.lists(dwords, min_size=size // 4, max_size=size // 4))
        octets = struct.pack(f"<{size // 4}I", *words) + data.draw(st.binary(max_size=100))
        try:
            value = structs.unpack(cls, octets, 0, version)
        except DecodeError:
            return
        self.assertIsInstance(value, cls)

    @given(
        st.sampled_from(sorted(structClasses(), key=lambda cls: cls.__name__)),
        st.sampled_from(VALID_VERSIONS),
        st.integers(0, 2**32),
        st.integers(0, 800),
    )
    def test_anyRoom(self, cls: type, version: int, seed: int, room: int) -> None:
        """A struct never takes more than the room it is given, whatever it holds."""
        value = instance(cls, Random(seed))
        try:
            packed = structs.pack(value, room, version)
        except DecodeError:
            self.assertLess(room, structs.fixedSize(cls, version))
            return
        self.assertLessEqual(len(packed), room)
        self.assertGreaterEqual(len(packed), structs.fixedSize(cls, version))

    def test_sharedParts(self) -> None:
        """A list whose entries all name one long text costs no more than its own length asks."""
        count, text = 300, ("x" * 4000).encode("utf-16-le") + bytes(2)
        size = structs.fixedSize(LINEAGENTGROUPLIST)
        entries = count * structs.fixedSize(LINEAGENTGROUPENTRY)
        total = size + entries + len(text)
        entry = bytes(16) + struct.pack("<II", len(text), size + entries)
        header = struct.pack("<6I", total, total, total, count, entries, size)
        data = header + entry * count + text

        def read() -> None:
            with contextlib.suppress(DecodeError):
                structs.unpack(LINEAGENTGROUPLIST, data)

        read()
        self.assertLess(costOf(read).memory, 20 * len(data))
