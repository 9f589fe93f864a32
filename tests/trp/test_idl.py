"""Tests for tapiproxy.trp.idl against captured stubs, and with broken ones."""

import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.interface import RPC_X_BAD_STUB_DATA, Fault, nca_s_fault_invalid_bound
from tapiproxy.dcerpc.ndr import NDR, NDR64
from tapiproxy.trp import idl
from tests.dcerpc.vectors import framed, load, named

USED_BEYOND_NEEDED = 39
THIRTEEN_OCTETS = 23
SYNTAXES = st.sampled_from([NDR, NDR64])
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
CONTEXT = st.binary(min_size=20, max_size=20)
DECODERS = [
    idl.decodeClientAttach,
    idl.decodeClientAttachReply,
    idl.decodeClientRequest,
    idl.decodeClientRequestReply,
    idl.decodeClientDetach,
    idl.decodeRemoteSPAttachReply,
    idl.decodeRemoteSPEventProc,
]


def bigEndian(context: bytes, *parts: bytes) -> bytes:
    """A stub that begins with a context handle, as a big-endian client sends it."""
    first, second, third = struct.unpack_from("<IHH", context, 4)
    return (
        context[3::-1] + struct.pack(">IHH", first, second, third) + context[12:] + b"".join(parts)
    )


class GoldenStubTests(TestCase):
    """The captured stubs are read as what they are and written again octet for octet."""

    def test_clientAttach(self) -> None:
        """The process ID is signed, both strings come without terminator."""
        vector = named("ClientAttach request")
        request = idl.decodeClientAttach(vector.stub, 0, len(vector.stub))
        self.assertEqual(request, idl.AttachRequest(-1, "", 'WINEHOST"ncacn_ip_tcp"45001"'))
        self.assertEqual(
            idl.encodeClientAttach(request.lProcessID, request.pszDomainUser, request.pszMachine),
            vector.stub,
        )

    def test_clientAttachReply(self) -> None:
        """The reply's context handle, event and result survive a round trip."""
        vector = named("ClientAttach response")
        reply = idl.decodeClientAttachReply(vector.stub, 0, len(vector.stub))
        self.assertEqual((reply.phAsyncEventsEvent, reply.result), (0xA5C369A5, 0))
        self.assertEqual(
            idl.encodeClientAttachReply(reply.phContext, reply.phAsyncEventsEvent, reply.result),
            vector.stub,
        )

    def test_clientRequest(self) -> None:
        """Every good ClientRequest, padded or not, is read and written octet for octet."""
        good = [
            v
            for v in load()
            if v.name.startswith("ClientRequest request") and v.frame != USED_BEYOND_NEEDED
        ]
        for vector in good:
            stub = vector.stub
            context, start, used, needed = idl.decodeClientRequest(stub, 0, len(stub))
            self.assertEqual(needed, vector.fields["lNeededSize"])
            self.assertEqual(used, vector.fields["*plUsedSize"])
            written = idl.encodeClientRequest(context, stub[start : start + used], needed)
            self.assertEqual(written, stub)

    def test_clientRequestReply(self) -> None:
        """max_count stays lNeededSize, actual_count is the new plUsedSize."""
        for vector in load():
            if not vector.name.startswith("ClientRequest response"):
                continue
            stub = vector.stub
            start, used = idl.decodeClientRequestReply(stub, 0, len(stub))
            needed = int(str(vector.fields["pBuffer.max_count"]))
            self.assertEqual(idl.encodeClientRequestReply(stub[start : start + used], needed), stub)

    def test_usedMoreThanNeeded(self) -> None:
        """plUsedSize beyond lNeededSize is answered as the capture's server answers it."""
        stub = framed(USED_BEYOND_NEEDED).stub
        fault = self.assertRaises(Fault, idl.decodeClientRequest, stub, 0, len(stub))
        self.assertEqual(fault.status, nca_s_fault_invalid_bound)

    def test_remotesp(self) -> None:
        """RemoteSPAttach, RemoteSPEventProc and the detaching methods match the capture."""
        attach = named("RemoteSPAttach response").stub
        reply = idl.decodeRemoteSPAttachReply(attach, 0, len(attach))
        self.assertEqual(idl.encodeRemoteSPAttachReply(reply.phContext, reply.result), attach)
        event = named("RemoteSPEventProc request").stub
        context, start, size = idl.decodeRemoteSPEventProc(event, 0, len(event))
        self.assertEqual(idl.encodeRemoteSPEventProc(context, event[start : start + size]), event)
        self.assertEqual(idl.encodeRemoteSPAttach(), named("RemoteSPAttach request").stub)
        for name in ("ClientDetach request", "RemoteSPDetach request"):
            stub = named(name).stub
            self.assertEqual(idl.encodeClientDetach(idl.decodeClientDetach(stub, 0, 20)), stub)
        self.assertEqual(idl.encodeClientDetachReply(), named("ClientDetach response").stub)


class NDR64StubTests(TestCase):
    """
    The stubs of NDR64, derived by hand from the IDL (6.1, 6.2) and [MS-RPCE] 2.2.5.

    There max_count, offset and actual_count are 8 octets and align to 8, which in these methods is
    all that differs: a long stays 4 and aligns to 4, a context handle's largest member is a long,
    so that nothing comes behind its 20 octets, and neither arrays nor strings end with a gap.
    """

    CONTEXT = bytes(4) + bytes(range(16))

    def holds(self, *parts: str) -> bytes:
        return bytes.fromhex("".join(parts))

    def test_clientAttach(self) -> None:
        """Each string's counts align, and so does what comes behind a string."""
        stub = self.holds(
            "fdffffff 00000000",
            "0200000000000000 0000000000000000 0200000000000000 75000000 00000000",
            "0300000000000000 0000000000000000 0300000000000000 500043000000",
        )
        self.assertEqual(idl.encodeClientAttach(-3, "u", "PC", NDR64), stub)
        self.assertEqual(
            idl.decodeClientAttach(stub, 0, len(stub), True, NDR64),
            idl.AttachRequest(-3, "u", "PC"),
        )

    def test_replies(self) -> None:
        """The answers of the attaching methods are those of NDR: no gap behind the handle."""
        stub = self.CONTEXT + self.holds("a569c3a5 48000080")
        self.assertEqual(
            idl.encodeClientAttachReply(self.CONTEXT, 0xA5C369A5, 0x80000048, NDR64), stub
        )
        self.assertEqual(
            idl.decodeClientAttachReply(stub, 0, 28, True, NDR64),
            idl.AttachReply(self.CONTEXT, 0x80000048, 0xA5C369A5),
        )
        stub = self.CONTEXT + self.holds("48000080")
        self.assertEqual(idl.encodeRemoteSPAttachReply(self.CONTEXT, 0x80000048), stub)
        self.assertEqual(
            idl.decodeRemoteSPAttachReply(stub, 0, 24, True, NDR64),
            idl.AttachReply(self.CONTEXT, 0x80000048),
        )

    def test_clientRequest(self) -> None:
        """Behind the handle the counts align to 8, behind the octets the sizes to 4."""
        stub = self.CONTEXT + self.holds(
            "00000000 2000000000000000 0000000000000000 0500000000000000",
            b"octet".hex(),
            "000000 20000000 05000000",
        )
        self.assertEqual(idl.encodeClientRequest(self.CONTEXT, b"octet", 32, NDR64), stub)
        context, start, used, needed = idl.decodeClientRequest(stub, 0, len(stub), True, NDR64)
        self.assertEqual((context, start, used, needed), (self.CONTEXT, 48, 5, 32))
        for end in range(len(stub)):
            fault = self.assertRaises(Fault, idl.decodeClientRequest, stub, 0, end, True, NDR64)
            self.assertEqual(fault.status, RPC_X_BAD_STUB_DATA)

    def test_clientRequestReply(self) -> None:
        """The answer begins with its counts; max_count stays lNeededSize."""
        stub = self.holds(
            "2000000000000000 0000000000000000 0500000000000000",
            b"octet".hex(),
            "000000 05000000",
        )
        self.assertEqual(idl.encodeClientRequestReply(b"octet", 32, NDR64), stub)
        self.assertEqual(idl.decodeClientRequestReply(stub, 0, len(stub), True, NDR64), (24, 5))

    def test_eventProc(self) -> None:
        """RemoteSPEventProc, whose lSize comes once."""
        stub = self.CONTEXT + self.holds(
            "00000000 0500000000000000 0000000000000000 0500000000000000",
            b"octet".hex(),
            "000000 05000000",
        )
        self.assertEqual(idl.encodeRemoteSPEventProc(self.CONTEXT, b"octet", NDR64), stub)
        self.assertEqual(
            idl.decodeRemoteSPEventProc(stub, 0, len(stub), True, NDR64), (self.CONTEXT, 48, 5)
        )

    def test_contradictions(self) -> None:
        """Counts that disagree, in their upper halves too, are refused as those of NDR are."""
        tail = struct.pack("<4x4xII", 4, 4)
        for counts in ((4, 1, 4), (3, 0, 4), (5, 0, 4), (4, 0, 3), (4, 1 << 32, 4)):
            stub = self.CONTEXT + bytes(4) + struct.pack("<QQQ", *counts) + tail
            fault = self.assertRaises(
                Fault, idl.decodeClientRequest, stub, 0, len(stub), True, NDR64
            )
            self.assertEqual(fault.status, nca_s_fault_invalid_bound, counts)
        for counts in ((1 << 32 | 4, 0, 4), (1 << 63, 0, 4), (1 << 40, 0, 1 << 33)):
            stub = self.CONTEXT + bytes(4) + struct.pack("<QQQ", *counts) + tail
            fault = self.assertRaises(
                Fault, idl.decodeRemoteSPEventProc, stub, 0, len(stub), True, NDR64
            )
            self.assertEqual(fault.status, nca_s_fault_invalid_bound, counts)


class RoundTripTests(TestCase):
    """What one side writes, the other reads, in both transfer syntaxes and at any offset."""

    @given(st.integers(-(2**31), 2**31 - 1), TEXT, TEXT, SYNTAXES, st.integers(0, 7))
    def test_clientAttach(self, process, user, machine, syntax, before) -> None:
        """ClientAttach keeps its three values."""
        stub = idl.encodeClientAttach(process, user, machine, syntax)
        data = bytes(before) + stub
        request = idl.decodeClientAttach(data, before, len(data), True, syntax)
        self.assertEqual(request, idl.AttachRequest(process, user, machine))

    @given(CONTEXT, st.binary(max_size=70), st.integers(0, 99), SYNTAXES, st.integers(0, 7))
    def test_clientRequest(self, context, buffer, more, syntax, before) -> None:
        """ClientRequest keeps handle, buffer and both sizes; surplus octets do no harm."""
        needed = len(buffer) + more
        stub = idl.encodeClientRequest(context, buffer, needed, syntax)
        data = bytes(before) + stub + b"verification trailer"
        found, start, used, room = idl.decodeClientRequest(data, before, len(data), True, syntax)
        self.assertEqual((found, data[start : start + used], room), (context, buffer, needed))

    @given(st.binary(max_size=70), st.integers(0, 99), SYNTAXES)
    def test_clientRequestReply(self, buffer, more, syntax) -> None:
        """The answer of ClientRequest keeps its buffer."""
        stub = idl.encodeClientRequestReply(buffer, len(buffer) + more, syntax)
        start, used = idl.decodeClientRequestReply(stub, 0, len(stub), True, syntax)
        self.assertEqual(stub[start : start + used], buffer)

    @given(CONTEXT, st.binary(max_size=70), SYNTAXES)
    def test_eventProc(self, context, buffer, syntax) -> None:
        """RemoteSPEventProc keeps handle and buffer."""
        stub = idl.encodeRemoteSPEventProc(context, buffer, syntax)
        found, start, size = idl.decodeRemoteSPEventProc(stub, 0, len(stub), True, syntax)
        self.assertEqual((found, stub[start : start + size]), (context, buffer))


class BigEndianTests(TestCase):
    """A big-endian peer's stubs mean the same."""

    CONTEXT = bytes(4) + bytes(range(16))

    def test_clientRequest(self) -> None:
        """Numbers and the handle's UUID are swapped back; pBuffer is not touched."""
        stub = bigEndian(
            self.CONTEXT, struct.pack(">III", 8, 0, 5), b"octet\0\0\0", struct.pack(">II", 8, 5)
        )
        found, start, used, needed = idl.decodeClientRequest(stub, 0, len(stub), False)
        self.assertEqual((found, stub[start : start + used], needed), (self.CONTEXT, b"octet", 8))

    def test_clientAttach(self) -> None:
        """Wide characters are read in the stub's order."""
        user = "u\0".encode("utf-16-be")
        machine = "PC\0".encode("utf-16-be")
        stub = struct.pack(">iIII", -3, 2, 0, 2) + user + struct.pack(">III", 3, 0, 3) + machine
        request = idl.decodeClientAttach(stub, 0, len(stub), False)
        self.assertEqual(request, idl.AttachRequest(-3, "u", "PC"))

    def test_eventProc(self) -> None:
        """RemoteSPEventProc from a big-endian server."""
        stub = bigEndian(
            self.CONTEXT, struct.pack(">III", 5, 0, 5), b"octet\0\0\0", struct.pack(">I", 5)
        )
        found, start, size = idl.decodeRemoteSPEventProc(stub, 0, len(stub), False)
        self.assertEqual((found, stub[start : start + size]), (self.CONTEXT, b"octet"))

    def test_detach(self) -> None:
        """Both detaching methods, requests and answers, are a context handle."""
        stub = bigEndian(self.CONTEXT)
        for decode in (
            idl.decodeClientDetach,
            idl.decodeClientDetachReply,
            idl.decodeRemoteSPDetach,
            idl.decodeRemoteSPDetachReply,
        ):
            self.assertEqual(decode(stub, 0, len(stub), False), self.CONTEXT)

    def test_answers(self) -> None:
        """The answers of a big-endian server: numbers are swapped, results stay unsigned."""
        stub = bigEndian(self.CONTEXT, struct.pack(">II", 7, 0x80000048))
        self.assertEqual(
            idl.decodeClientAttachReply(stub, 0, len(stub), False),
            idl.AttachReply(self.CONTEXT, 0x80000048, 7),
        )
        stub = bigEndian(self.CONTEXT, struct.pack(">I", 0x80000048))
        self.assertEqual(
            idl.decodeRemoteSPAttachReply(stub, 0, len(stub), False),
            idl.AttachReply(self.CONTEXT, 0x80000048),
        )
        stub = struct.pack(">III", 9, 0, 5) + b"octet\0\0\0" + struct.pack(">I", 5)
        start, used = idl.decodeClientRequestReply(stub, 0, len(stub), False)
        self.assertEqual(stub[start : start + used], b"octet")


class BrokenStubTests(TestCase):
    """Every contradiction is a fault that was chosen, and costs nothing."""

    def status(self, decoder, stub: bytes) -> int:
        return self.assertRaises(Fault, decoder, stub, 0, len(stub)).status

    def test_truncated(self) -> None:
        """A stub cut anywhere is bad stub data."""
        request = framed(THIRTEEN_OCTETS).stub
        for end in range(len(request)):
            self.assertEqual(
                self.status(idl.decodeClientRequest, request[:end]), RPC_X_BAD_STUB_DATA
            )
        attach = named("ClientAttach request").stub
        for end in range(len(attach)):
            self.assertEqual(self.status(idl.decodeClientAttach, attach[:end]), RPC_X_BAD_STUB_DATA)

    def request(self, maximum: int, offset: int, actual: int, needed: int, used: int) -> bytes:
        buffer = bytes(8)
        return (
            bytes(20)
            + struct.pack("<III", maximum, offset, actual)
            + buffer
            + struct.pack("<II", needed, used)
        )

    def test_contradictions(self) -> None:
        """Offset, max_count, actual_count and both sizes must agree, whatever the syntax's path."""
        self.assertEqual(idl.decodeClientRequest(self.request(9, 0, 8, 9, 8), 0, 48)[2:], (8, 9))
        for broken in (
            self.request(9, 1, 8, 9, 8),
            self.request(10, 0, 8, 9, 8),
            self.request(9, 0, 8, 9, 7),
            self.request(7, 0, 8, 7, 8),
        ):
            self.assertEqual(
                self.status(idl.decodeClientRequest, broken), nca_s_fault_invalid_bound
            )

    def test_negativeSize(self) -> None:
        """A size of -1 is refused, nothing of four gigabytes is made."""
        stub = bytes(20) + struct.pack("<IIIiI", 0xFFFFFFFF, 0, 0, -1, 0)
        self.assertEqual(self.status(idl.decodeClientRequest, stub), nca_s_fault_invalid_bound)

    def test_hugeCount(self) -> None:
        """An actual_count without its octets is bad stub data."""
        stub = bytes(20) + struct.pack("<IIIII", 0x7FFFFFFF, 0, 0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF)
        self.assertEqual(self.status(idl.decodeClientRequest, stub), RPC_X_BAD_STUB_DATA)

    def test_hugeRoom(self) -> None:
        """A large lNeededSize by itself is none of a request's faults."""
        stub = bytes(20) + struct.pack("<III", 0x7FFFFFFF, 0, 0) + struct.pack("<II", 0x7FFFFFFF, 0)
        self.assertEqual(idl.decodeClientRequest(stub, 0, len(stub))[2:], (0, 0x7FFFFFFF))

    def test_strings(self) -> None:
        """Unterminated, twice terminated, empty, overlong and ill-formed strings are refused."""

        def attach(text: bytes, count: int | None = None) -> bytes:
            size = len(text) // 2 if count is None else count
            return struct.pack("<iIII", -1, size, 0, size) + text

        for text in (b"a\0", b"\0\0\0\0", b"", b"\x00\xd8\0\0"):
            self.assertEqual(self.status(idl.decodeClientAttach, attach(text)), RPC_X_BAD_STUB_DATA)
        overlong = "a".encode("utf-16-le") * idl.MAX_DOMAIN_USER + b"\0\0"
        self.assertEqual(
            self.status(idl.decodeClientAttach, attach(overlong)), nca_s_fault_invalid_bound
        )

    def test_eventProcSizes(self) -> None:
        """lSize is both size_is and length_is."""
        stub = bytes(20) + struct.pack("<III", 8, 0, 4) + bytes(4) + struct.pack("<I", 4)
        self.assertEqual(self.status(idl.decodeRemoteSPEventProc, stub), nca_s_fault_invalid_bound)

    def test_replySizes(self) -> None:
        """An answer whose plUsedSize is not its actual_count is refused by the client's side."""
        stub = struct.pack("<IIII", 4, 0, 4, 7) + struct.pack("<I", 5)
        self.assertEqual(self.status(idl.decodeClientRequestReply, stub), nca_s_fault_invalid_bound)

    @given(st.sampled_from(DECODERS), st.binary(max_size=120), st.booleans(), SYNTAXES)
    def test_anyOctets(self, decoder, stub, littleEndian, syntax) -> None:
        """Any octets are read as something or refused by a Fault, never by anything else."""
        try:
            result = decoder(stub, 0, len(stub), littleEndian, syntax)
        except Fault as fault:
            self.assertIn(fault.status, (RPC_X_BAD_STUB_DATA, nca_s_fault_invalid_bound))
        else:
            self.assertIsNotNone(result)
