"""Tests for tapiproxy.dcerpc.pdu against captured PDUs, and with broken ones."""

from typing import Any
from uuid import UUID

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.ndr import NDR
from tests.dcerpc.pdus import bind, context, features, request, split
from tests.dcerpc.vectors import Vector, framed, load

TOKEN = pdu.AuthVerifier(10, 6, 2, b"token", 3)
BIND_WITH_NTLM = bytes.fromhex(
    "05000b03100000007800280001000000d016d01600000000010000000000010020655f2f46ca6710b31900dd0106"
    "62da01000000045d888aeb1cc9119fe808002b104860020000000a060000020000004e544c4d5353500001000000"
    "3582086200000000280000000000000028000000060100000000000f"
)
"""From the same capture, a client that authenticates."""

OTHERS: tuple[pdu.AnyPDU, ...] = (
    pdu.AlterContext(
        call_id=7,
        max_xmit_frag=1,
        max_recv_frag=2,
        assoc_group_id=3,
        contexts=(context(5, transfer=(NDR.syntaxID, features(3))), context(6)),
        auth_verifier=TOKEN,
    ),
    pdu.AlterContextResp(
        call_id=7,
        max_xmit_frag=1,
        max_recv_frag=2,
        assoc_group_id=3,
        sec_addr=b"",
        results=(pdu.ContextResult(2, 1), pdu.ContextResult(0, 0, NDR.syntaxID)),
    ),
    pdu.BindNak(call_id=7, provider_reject_reason=8, versions=((5, 0), (5, 1))),
    pdu.Auth3(call_id=7, auth_verifier=attrs.evolve(TOKEN, auth_pad_length=0)),
    pdu.Request(
        call_id=7,
        pfc_flags=pdu.WHOLE | pdu.PFC_OBJECT_UUID,
        alloc_hint=5,
        p_cont_id=1,
        opnum=2,
        stub=b"stub",
        object=UUID(int=0x0102030405060708090A0B0C0D0E0F10),
        auth_verifier=TOKEN,
    ),
    pdu.Response(call_id=7, alloc_hint=5, p_cont_id=1, stub=b"stub", auth_verifier=TOKEN),
    pdu.FaultPDU(call_id=7, status=5, p_cont_id=1, alloc_hint=32),
    pdu.Shutdown(call_id=0),
    pdu.CoCancel(call_id=7),
    pdu.Orphaned(call_id=7),
)
"""What the capture has no example of."""


def described(syntax: pdu.SyntaxID) -> str:
    """A syntax as the vectors write it."""
    return f"{syntax.if_uuid} v{syntax.major}.{syntax.minor}"


def fieldsOf(message: pdu.AnyPDU) -> dict[str, Any]:
    """A decoded PDU under the names that the vectors give its fields."""
    fields = {"PTYPE": message.PTYPE, **attrs.asdict(message, recurse=False)}
    if isinstance(message, pdu.Bind):
        (proposed,) = message.contexts
        (transfer,) = proposed.transfer_syntaxes
        fields |= {
            "n_context_elem": 1,
            "p_cont_id": proposed.p_cont_id,
            "n_transfer_syn": 1,
            "abstract_syntax": described(proposed.abstract_syntax),
            "transfer_syntax[0]": described(transfer),
        }
    elif isinstance(message, pdu.BindAck):
        (result,) = message.results
        fields |= {
            "sec_addr.length": len(message.sec_addr),
            "sec_addr.port_spec": str(message.sec_addr),
            "n_results": 1,
            "result": result.result,
            "reason": result.reason,
            "transfer_syntax": described(result.transfer_syntax),
        }
    return fields


class Captured(TestCase):
    """PDUs of another implementation."""

    def test_everyField(self) -> None:
        """Every field of every captured PDU is read as what the capture's notes say."""
        header = ("rpc_vers", "rpc_vers_minor", "packed_drep", "frag_length", "auth_length")
        for vector in load():
            message = pdu.decode(vector.pdu)
            read = fieldsOf(message)
            for name, value in vector.fields.items():
                if name in header or name.startswith("reserved") or self.inStub(vector, name):
                    continue
                self.assertEqual(read[name], value, f"frame {vector.frame}, {name}")
            self.assertEqual(read.get("stub", b""), vector.stub)

    def inStub(self, vector: Vector, name: str) -> bool:
        """Whether a field lies in the stub, which is tested with the methods of [MS-TRP]."""
        names = list(vector.fields)
        return vector.pdu[2] in (pdu.REQUEST, pdu.RESPONSE) and names.index(name) >= 11

    def test_header(self) -> None:
        """The common header's fields are those of the capture."""
        for vector in load():
            header = attrs.asdict(pdu.readHeader(vector.pdu, 0))
            header["packed_drep"] = header["packed_drep"].hex()
            for name, value in header.items():
                self.assertEqual(value, vector.fields[name], f"frame {vector.frame}, {name}")

    def test_writtenAgain(self) -> None:
        """Every captured PDU is written again octet for octet."""
        for vector in load():
            self.assertEqual(pdu.decode(vector.pdu).encode(), vector.pdu, vector.frame)

    def test_verifier(self) -> None:
        """A captured verifier is read and written again."""
        message = pdu.decode(BIND_WITH_NTLM)
        assert message.auth_verifier is not None
        self.assertEqual(message.auth_verifier.auth_type, 10)
        self.assertEqual(message.auth_verifier.auth_level, 6)
        self.assertEqual(message.auth_verifier.auth_value[:8], b"NTLMSSP\0")
        self.assertEqual(message.encode(), BIND_WITH_NTLM)

    def test_tokenIsNotShown(self) -> None:
        """A token does not get into a log by way of repr()."""
        self.assertNotIn("NTLMSSP", repr(pdu.decode(BIND_WITH_NTLM)))


class RoundTrip(TestCase):
    """What is written is read again."""

    def test_bothByteOrders(self) -> None:
        """Every type of PDU survives, in either byte order and at any place in its bytes."""
        messages = [*OTHERS, *(pdu.decode(vector.pdu) for vector in load())]
        for message in messages:
            for order in (pdu.LITTLE, pdu.BIG):
                octets = message.encode(order)
                self.assertEqual(pdu.decode(b"xyz" + octets, 3), message)
                self.assertEqual(pdu.readHeader(octets, 0).littleEndian, order is pdu.LITTLE)

    def test_everyTypeIsThere(self) -> None:
        """The examples have every type, so that a forgotten one is noticed."""
        types = {vector.pdu[2] for vector in load()} | {message.PTYPE for message in OTHERS}
        self.assertEqual(types, {0, 2, 3, 11, 12, 13, 14, 15, 16, 17, 18, 19})

    def test_paddingBelongsToNoStub(self) -> None:
        """Padding before the sec_trailer is zero, and cut off the stub."""
        octets = request(b"stub!", verifier=TOKEN)
        self.assertEqual(octets[24:32], b"stub!\0\0\0")
        message = pdu.decode(octets)
        assert isinstance(message, pdu.Request)
        self.assertEqual(message.stub, b"stub!")

    def test_bindNakEndsOnAMultipleOfFour(self) -> None:
        """A bind_nak lists version 5.0 and is padded with three octets."""
        nak = pdu.BindNak(call_id=1, provider_reject_reason=4).encode()
        self.assertEqual(nak[16:], bytes.fromhex("0400010500000000"))

    def test_bindNakWithoutVersions(self) -> None:
        """A bind_nak that says no more than its reason is read."""
        octets = bytearray(pdu.BindNak(call_id=1, provider_reject_reason=4).encode()[:18])
        octets[8] = 18
        message = pdu.decode(bytes(octets))
        assert isinstance(message, pdu.BindNak)
        self.assertEqual((message.provider_reject_reason, message.versions), (4, ()))

    def test_faultWithoutPadding(self) -> None:
        """A fault without the four octets behind its status is read."""
        octets = bytearray(pdu.FaultPDU(call_id=1, status=5).encode()[:28])
        octets[8] = 28
        self.assertEqual(pdu.decode(bytes(octets)), pdu.FaultPDU(call_id=1, status=5))


class Broken(TestCase):
    """Bytes that are no PDU are a PDUError, whatever is wrong with them."""

    def refused(self, octets: bytes) -> str:
        return str(self.assertRaises(pdu.PDUError, pdu.decode, octets))

    def test_truncated(self) -> None:
        """A PDU cut off anywhere is refused, by its frag_length."""
        for octets in [message.encode() for message in OTHERS] + [v.pdu for v in load()]:
            for end in range(len(octets)):
                self.assertIn(
                    self.refused(octets[:end]),
                    ("no room for a header", "frag_length: more than there is"),
                )

    def test_bodyCutShort(self) -> None:
        """A frag_length that ends inside the fields never lets octets behind it be looked at."""

        def outcome(octets: bytes) -> pdu.AnyPDU | str:
            try:
                return pdu.decode(octets)
            except pdu.PDUError as error:
                return str(error)

        for octets in [message.encode() for message in OTHERS] + [v.pdu for v in load()]:
            for end in range(16, len(octets)):
                cut = octets[:8] + end.to_bytes(2, "little") + octets[10:end]
                self.assertEqual(outcome(cut + octets[end:]), outcome(cut))

    def test_unknownByteOrder(self) -> None:
        """packed_drep of neither order is refused."""
        octets = bytearray(bind())
        octets[4] = 0x20
        self.assertIn("byte order", self.refused(bytes(octets)))

    def test_connectionlessTypes(self) -> None:
        """The types of the datagram protocol, and numbers of none, are refused."""
        for kind in (1, 4, 10, 20, 255):
            octets = bytearray(pdu.Shutdown(call_id=0).encode())
            octets[2] = kind
            self.assertIn("PTYPE", self.refused(bytes(octets)))

    def test_verifierReachesTooFar(self) -> None:
        """auth_length beyond the PDU, and padding into its first 24 octets, are refused."""
        good = attrs.evolve(TOKEN, auth_pad_length=0)
        octets = bytearray(bind(verifier=good))
        trailer = len(octets) - len(TOKEN.auth_value) - 8
        for length in (0xFFFF, len(octets), len(octets) - 16 - 7):
            octets[10:12] = length.to_bytes(2, "little")
            self.assertEqual(self.refused(bytes(octets)), "auth_length: more than the PDU")
        octets = bytearray(bind(verifier=good))
        octets[trailer + 2] = trailer - 24
        verifier = pdu.decode(bytes(octets)).auth_verifier
        self.assertEqual(verifier, attrs.evolve(good, auth_pad_length=trailer - 24))
        octets[trailer + 2] += 1
        self.assertEqual(self.refused(bytes(octets)), "auth_pad_length: more than the body")

    def test_paddingOfAuth3(self) -> None:
        """The four octets before the sec_trailer of an auth3 cannot be told to be padding."""
        good = attrs.evolve(TOKEN, auth_pad_length=0)
        octets = bytearray(pdu.Auth3(call_id=1, auth_verifier=good).encode())
        self.assertEqual(pdu.decode(bytes(octets)).auth_verifier, good)
        octets[20 + 2] = 1
        self.assertIn("auth_pad_length", self.refused(bytes(octets)))

    @given(st.binary(max_size=200))
    def test_anyOctets(self, octets: bytes) -> None:
        """Any octets are read as a PDU or refused by a PDUError, never by anything else."""
        try:
            message = pdu.decode(octets)
        except pdu.PDUError:
            return
        self.assertEqual(pdu.decode(message.encode()), message)

    @given(st.sampled_from([vector.pdu for vector in load()]), st.data())
    def test_anyChange(self, octets: bytes, data: st.DataObject) -> None:
        """A captured PDU with any octet changed is read or refused."""
        place = data.draw(st.integers(0, len(octets) - 1))
        changed = (
            octets[:place] + data.draw(st.binary(min_size=1, max_size=1)) + octets[place + 1 :]
        )
        try:
            message = pdu.decode(changed)
        except pdu.PDUError:
            return
        self.assertEqual(pdu.decode(message.encode()), message)


class Short(TestCase):
    """The numbers that tell whole little-endian requests and responses."""

    def test_starts(self) -> None:
        """They are the first eight octets of a captured request and response."""
        for frame, start in ((19, pdu.WHOLE_REQUEST), (22, pdu.WHOLE_RESPONSE)):
            octets = framed(frame).pdu
            self.assertEqual(octets[:8], start.to_bytes(8, "little"))

    def test_split(self) -> None:
        """PDUs that follow each other are told apart by frag_length."""
        octets = [vector.pdu for vector in load()]
        self.assertEqual(split(b"".join(octets)), octets)
