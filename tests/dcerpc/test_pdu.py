"""Tests for tapiproxy.dcerpc.pdu: captured PDUs, made-up ones, and broken ones."""

from uuid import UUID

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.dcerpc import pdu
from tests.dcerpc.vectors import load, named

# A bind with an NTLM NEGOTIATE token, captured from the same client (PKT_PRIVACY).
AUTHENTICATED_BIND = bytes.fromhex(
    "05000b03100000007800280001000000d016d01600000000010000000000010020655f2f46ca6710b31900dd"
    "010662da01000000045d888aeb1cc9119fe808002b104860020000000a060000020000004e544c4d53535000"
    "010000003582086200000000280000000000000028000000060100000000000f"
)
FAULT = bytes.fromhex("0500030310000000200000000100000000000000000000001200001c00000000")

U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)
SYNTAX = st.builds(pdu.SyntaxID, st.uuids(), U16, U16)
VERIFIER = st.none() | st.builds(
    pdu.AuthVerifier,
    st.integers(0, 255),
    st.integers(0, 255),
    U32,
    st.binary(min_size=1, max_size=40),
    st.integers(0, 15),
)
COMMON = {"call_id": U32, "auth_verifier": VERIFIER}
FLAGS = st.integers(0, 0x7F)
STUB = st.binary(max_size=80)
PROPOSAL = st.builds(pdu.PresentationContext, U16, SYNTAX, st.lists(SYNTAX, max_size=3).map(tuple))
RESULT = st.builds(pdu.ContextResult, U16, U16, SYNTAX)
SIZES = {"max_xmit_frag": U16, "max_recv_frag": U16, "assoc_group_id": U32}
PROPOSALS = {**COMMON, **SIZES, "contexts": st.lists(PROPOSAL, min_size=1, max_size=3).map(tuple)}
RESULTS = {
    **COMMON,
    **SIZES,
    "sec_addr": st.binary(max_size=9),
    "results": st.lists(RESULT, max_size=3).map(tuple),
}
REQUEST = {**COMMON, "alloc_hint": U32, "p_cont_id": U16, "opnum": U16, "stub": STUB}
PDUS = st.one_of(
    st.builds(pdu.Bind, **PROPOSALS, pfc_flags=FLAGS),
    st.builds(pdu.AlterContext, **PROPOSALS, pfc_flags=FLAGS),
    st.builds(pdu.BindAck, **RESULTS),
    st.builds(pdu.AlterContextResp, **RESULTS),
    st.builds(
        pdu.BindNak,
        call_id=U32,
        provider_reject_reason=U16,
        versions=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), max_size=3).map(
            tuple
        ),
    ),
    st.builds(pdu.Auth3, **COMMON),
    st.builds(pdu.Request, **REQUEST, pfc_flags=FLAGS),
    st.builds(pdu.Request, **REQUEST, pfc_flags=FLAGS.map(lambda f: f | 0x80), object=st.uuids()),
    st.builds(
        pdu.Response, **COMMON, alloc_hint=U32, p_cont_id=U16, cancel_count=st.just(3), stub=STUB
    ),
    st.builds(pdu.FaultPDU, **COMMON, status=U32, p_cont_id=U16, alloc_hint=U32),
    st.builds(pdu.Shutdown, call_id=U32),
    st.builds(pdu.CoCancel, call_id=U32),
    st.builds(pdu.Orphaned, call_id=U32),
)


def patched(data: bytes, at: int, octets: bytes) -> bytes:
    """*data* with some octets replaced."""
    return data[:at] + octets + data[at + len(octets) :]


class GoldenTests(SynchronousTestCase):
    """Captured PDUs are read as what they are and written octet for octet."""

    def test_everyVectorComesBack(self) -> None:
        """Decoding and encoding a captured PDU gives the same octets."""
        for vector in load():
            self.assertEqual(pdu.decode(vector.pdu).encode(), vector.pdu, vector.name)

    def test_fieldsOfRequestsAndResponses(self) -> None:
        """The fields are those that the capture names."""
        for vector in load():
            value = pdu.decode(vector.pdu)
            self.assertEqual(value.PTYPE, vector.fields["PTYPE"])
            self.assertEqual(value.call_id, vector.fields["call_id"])
            self.assertEqual(value.pfc_flags, vector.fields["pfc_flags"])
            if isinstance(value, pdu.Request):
                self.assertEqual(value.stub, vector.stub)
                self.assertEqual(value.opnum, vector.fields["opnum"])
                self.assertEqual(value.alloc_hint, vector.fields["alloc_hint"])
            if isinstance(value, pdu.Response):
                self.assertEqual(value.stub, vector.stub)

    def test_bind(self) -> None:
        """The proposal of the captured bind is tapsrv 1.0 in NDR 2.0."""
        bind = pdu.decode(named("tapsrv bind").pdu)
        self.assertEqual(
            bind,
            pdu.Bind(
                call_id=1,
                max_xmit_frag=5840,
                max_recv_frag=5840,
                assoc_group_id=0,
                contexts=(
                    pdu.PresentationContext(
                        0,
                        pdu.SyntaxID(UUID("2f5f6520-ca46-1067-b319-00dd010662da"), 1),
                        (pdu.SyntaxID(UUID("8a885d04-1ceb-11c9-9fe8-08002b104860"), 2),),
                    ),
                ),
            ),
        )

    def test_authenticatedBind(self) -> None:
        """The verifier of a bind is found at its end; its token stays out of the repr."""
        bind = pdu.decode(AUTHENTICATED_BIND)
        verifier = bind.auth_verifier
        assert verifier is not None
        self.assertEqual(
            (verifier.auth_type, verifier.auth_level, verifier.auth_context_id), (10, 6, 2)
        )
        self.assertTrue(verifier.auth_value.startswith(b"NTLMSSP\0"))
        self.assertEqual(len(verifier.auth_value), 40)
        self.assertNotIn("NTLMSSP", repr(bind))
        self.assertEqual(bind.encode(), AUTHENTICATED_BIND)

    def test_fault(self) -> None:
        """A fault carries its status."""
        fault = pdu.decode(FAULT)
        self.assertEqual(fault, pdu.FaultPDU(call_id=1, status=0x1C000012))
        self.assertEqual(fault.encode(), FAULT)

    def test_shortPath(self) -> None:
        """The two constants of the short path are the first eight octets of captured PDUs."""
        for name, start in (
            ("ClientRequest request", pdu.WHOLE_REQUEST),
            ("ClientRequest response", pdu.WHOLE_RESPONSE),
        ):
            octets = named(name).pdu
            self.assertEqual(int.from_bytes(octets[:8], "little"), start)


class RoundTripTests(SynchronousTestCase):
    """What is written is read again, in both byte orders and at any place."""

    @given(PDUS, st.sampled_from([pdu.LITTLE, pdu.BIG]), st.integers(0, 9), st.binary(max_size=9))
    def test_roundTrip(self, value, order, before, after) -> None:
        """A PDU of any type keeps its fields, whatever lies around it."""
        data = value.encode(order)
        self.assertEqual(order.short.unpack_from(data, 8), (len(data),))
        self.assertEqual(pdu.decode(bytes(before) + data + after, before), value)


class BrokenTests(SynchronousTestCase):
    """Whatever contradicts itself is a PDUError and nothing else."""

    def refused(self, data: bytes) -> str:
        return str(self.assertRaises(pdu.PDUError, pdu.decode, data))

    def test_header(self) -> None:
        """A short header, an unknown byte order and a frag_length below the header are refused."""
        good = named("tapsrv bind").pdu
        for data, word in (
            (good[:15], "header"),
            (patched(good, 4, b"\x20"), "packed_drep"),
            (patched(good, 8, b"\x0f\0"), "frag_length"),
            (patched(good, 2, b"\x01"), "PTYPE"),
            (patched(good, 8, b"\xff\xff"), "frag_length"),
        ):
            self.assertIn(word, self.refused(data))

    def test_cutShort(self) -> None:
        """A bind or bind_ack whose frag_length was lowered is cut short, wherever that is."""
        for name in ("tapsrv bind", "tapsrv bind_ack"):
            good = named(name).pdu
            for length in range(16, len(good)):
                data = patched(good[:length], 8, length.to_bytes(2, "little"))
                if name == "tapsrv bind" and good[16:length] == good[16:24]:
                    continue
                self.assertIn("cut short", self.refused(data))

    def test_authLength(self) -> None:
        """A verifier longer than the PDU, and padding longer than the body, are refused."""
        for length in (0x70, 0xFFFF):
            self.assertIn(
                "auth_length",
                self.refused(patched(AUTHENTICATED_BIND, 10, length.to_bytes(2, "little"))),
            )
        trailer = 120 - 40 - 8
        whole = trailer - pdu.REQUEST_HEADER_SIZE
        reaching = patched(AUTHENTICATED_BIND, trailer + 2, bytes((whole,)))
        self.assertEqual(len(pdu.decode(reaching).contexts), 1)
        beyond = patched(AUTHENTICATED_BIND, trailer + 2, bytes((whole + 1,)))
        self.assertIn("auth_pad_length", self.refused(beyond))

    def test_paddingOfARequest(self) -> None:
        """Padding may take a whole stub, and no octet of the header before it."""
        request = pdu.Request(
            call_id=1,
            alloc_hint=0,
            p_cont_id=0,
            opnum=0,
            stub=b"",
            auth_verifier=pdu.AuthVerifier(10, 6, 0, bytes(16), 8),
        )
        data = request.encode()
        self.assertEqual(pdu.decode(data), request)
        self.assertIn("auth_pad_length", self.refused(patched(data, 24 + 8 + 2, b"\x09")))

    def test_sparseNak(self) -> None:
        """A bind_nak without versions is one, as some servers send it."""
        octets = bytes.fromhex("05000d03100000001200000001000000") + b"\x08\0"
        nak = pdu.decode(octets)
        self.assertEqual(nak, pdu.BindNak(call_id=1, provider_reject_reason=8, versions=()))

    def test_faultWithoutPadding(self) -> None:
        """The four octets after a fault's status may be missing."""
        self.assertEqual(
            pdu.decode(patched(FAULT[:28], 8, b"\x1c\0")),
            pdu.FaultPDU(call_id=1, status=0x1C000012),
        )

    @given(st.sampled_from(load()), st.data())
    def test_mutations(self, vector, data) -> None:
        """A captured PDU with a few octets changed is read as something or is a PDUError."""
        octets = bytearray(vector.pdu)
        for _ in range(data.draw(st.integers(1, 4))):
            octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
        try:
            value = pdu.decode(bytes(octets))
        except pdu.PDUError:
            return
        # What could be read can be written and read again; nothing was invented.
        again = value.encode()
        self.assertEqual(pdu.decode(again), value)

    @given(st.binary(max_size=200))
    def test_anyOctets(self, octets) -> None:
        """Any octets behind a proper start are read as something or are a PDUError."""
        for kind in range(20):
            data = bytes((5, 0, kind, 3)) + pdu.LITTLE_ENDIAN_DREP + octets
            try:
                value = pdu.decode(data)
            except pdu.PDUError:
                continue
            self.assertTrue(attrs.has(type(value)))
