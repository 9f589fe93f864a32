"""Tests for tapiproxy.dcerpc.endpointmapper, by the octets of C706 appendix O."""

import struct
from ipaddress import IPv4Address
from uuid import UUID

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address as Host
from twisted.internet.address import IPv6Address as Host6
from twisted.internet.address import UNIXAddress
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.endpoint import Endpoint
from tapiproxy.dcerpc.endpointmapper import EndpointMap
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_X_BAD_STUB_DATA,
    Interface,
    nca_s_fault_context_mismatch,
    nca_s_fault_invalid_bound,
    nca_s_op_rng_error,
)
from tapiproxy.dcerpc.ndr import NDR, NDR64
from tapiproxy.dcerpc.pdu import SyntaxID
from tapiproxy.dcerpc.towers import MAX_TOWER, TCPTower
from tests.dcerpc.conversation import Conversation
from tests.dcerpc.ept import EPT, ask, ept_map, told
from tests.dcerpc.pdus import bind, context, request, split
from tests.dcerpc.toysecurity import ToyService

EPT_S_NOT_REGISTERED = 0x16C9A0D6

ANY = Interface(UUID("2f5f6520-ca46-1067-b319-00dd010662da"), (1, 2), {}, (NDR, NDR64))
NARROW = Interface(UUID("2f5f6521-ca47-1068-b319-00dd010662db"), (1, 0), {})

WANTED = TCPTower(abstract=SyntaxID(ANY.uuid, 1, 0), transfer=NDR.syntaxID)


class Base(TestCase):
    def setUp(self) -> None:
        self.map = EndpointMap()
        self.host: object = Host("TCP", "192.0.2.1", 135)

    def say(self, stub: bytes, opnum: int = ept_map, order: pdu.Order = pdu.LITTLE) -> pdu.AnyPDU:
        """What is answered to a request, on an endpoint that asks for the highest level."""
        service = ToyService(minimum=RPC_C_AUTHN_LEVEL_PKT_PRIVACY)
        conversation = Conversation(endpoint=Endpoint([self.map.interface], service))
        conversation.host = self.host
        conversation.say(bind(context(abstract=EPT)))
        (octets,) = split(conversation.raw(request(stub, opnum, order=order)))
        self.assertEqual((conversation.ended, conversation.failures), ("", 0))
        return pdu.decode(octets)

    def towers(self, stub: bytes) -> list[bytes]:
        """The towers of the answer."""
        answer = self.say(stub)
        assert isinstance(answer, pdu.Response), answer
        towers, status = told(answer.stub)
        self.assertEqual(status, 0 if towers else EPT_S_NOT_REGISTERED)
        return towers

    def refusal(self, stub: bytes, opnum: int = ept_map) -> int:
        """The status of the fault."""
        answer = self.say(stub, opnum)
        assert isinstance(answer, pdu.FaultPDU), answer
        return answer.status


class Mapping(Base):
    """What is told."""

    def found(self, port: int, address: str = "192.0.2.1") -> bytes:
        """The tower of the answer."""
        return TCPTower(
            abstract=SyntaxID(ANY.uuid, 1, 2),
            transfer=NDR.syntaxID,
            port=port,
            address=IPv4Address(address),
        ).encode()

    def test_found(self) -> None:
        """The port of an interface, at the address that the client asked, in its version."""
        self.map.register(NARROW, "0.0.0.0", 1)
        self.map.register(ANY, "0.0.0.0", 13135)
        self.assertEqual(self.towers(ask(WANTED)), [self.found(13135)])

    def test_withoutObject(self) -> None:
        """Which object is asked for, or none, makes no difference."""
        self.map.register(ANY, "0.0.0.0", 13135)
        for obj in (b"", bytes(16), b"an object's uuid"):
            self.assertEqual(self.towers(ask(WANTED, obj=obj)), [self.found(13135)])

    def test_several(self) -> None:
        """All ports are told in the order of the configuration, as many as there is room for."""
        for port in (1, 2, 3):
            self.map.register(ANY, "0.0.0.0", port)
        for most in (0, 1, 2, 3, 4, 500, 0xFFFFFFFF):
            expected = [self.found(port) for port in (1, 2, 3)][:most]
            self.assertEqual(self.towers(ask(WANTED, most=most)), expected)

    def test_reachable(self) -> None:
        """A port of another address than the one that the client reached is not told."""
        self.map.register(ANY, "127.0.0.1", 1)
        self.map.register(ANY, "192.0.2.1", 2)
        self.map.register(ANY, "", 3)
        self.map.register(ANY, "2001:db8::1", 4)
        self.map.register(ANY, "::", 5)
        self.assertEqual(self.towers(ask(WANTED)), [self.found(port) for port in (2, 3, 5)])
        self.host = Host6("TCP", "::ffff:127.0.0.1", 135)
        expected = [self.found(port, "127.0.0.1") for port in (1, 3, 5)]
        self.assertEqual(self.towers(ask(WANTED)), expected)
        # Towers have no room for such an address; 0.0.0.0 says nothing.
        self.host = Host6("TCP", "2001:db8::1", 135)
        self.assertEqual(self.towers(ask(WANTED)), [self.found(port, "0.0.0.0") for port in (4, 5)])

    def test_noAddress(self) -> None:
        """Whoever comes by no network is told of what listens everywhere."""
        self.map.register(ANY, "127.0.0.1", 1)
        self.map.register(ANY, "0.0.0.0", 2)
        self.host = UNIXAddress("/run/epmapper")
        self.assertEqual(self.towers(ask(WANTED)), [self.found(2, "0.0.0.0")])

    def test_versions(self) -> None:
        """The same interfaces and transfer syntaxes are told of that a bind would find."""
        self.map.register(ANY, "0.0.0.0", 1)
        self.map.register(NARROW, "0.0.0.0", 2)
        narrow = SyntaxID(NARROW.uuid, 1, 0)
        for changes, count in (
            ({}, 1),
            ({"abstract": SyntaxID(ANY.uuid, 1, 2)}, 1),
            ({"abstract": SyntaxID(ANY.uuid, 1, 3)}, 0),
            ({"abstract": SyntaxID(ANY.uuid, 2, 0)}, 0),
            ({"abstract": SyntaxID(UUID(int=7), 1, 0)}, 0),
            ({"transfer": NDR64.syntaxID}, 1),
            ({"transfer": SyntaxID(UUID(int=7), 1, 0)}, 0),
            ({"abstract": narrow}, 1),
            ({"abstract": narrow, "transfer": NDR64.syntaxID}, 0),
        ):
            self.assertEqual(len(self.towers(ask(attrs.evolve(WANTED, **changes)))), count)

    def test_notRegistered(self) -> None:
        """Nothing is told where there is nothing, no tower, or one of another protocol."""
        self.assertEqual(self.towers(ask(WANTED)), [])
        self.map.register(ANY, "0.0.0.0", 1)
        self.assertEqual(self.towers(ask(None)), [])
        octets = bytearray(WANTED.encode())
        octets[59 + 2] = 0x0F
        self.assertEqual(self.towers(ask(bytes(octets))), [])

    def test_bigEndian(self) -> None:
        """A big-endian request; towers are octets in every order."""
        self.map.register(ANY, "0.0.0.0", 13135)
        octets = WANTED.encode()
        stub = struct.pack(">III", 0, 2, len(octets)) + struct.pack(">I", len(octets)) + octets
        stub += bytes(-len(stub) % 4) + bytes(20) + struct.pack(">I", 4)
        answer = self.say(stub, order=pdu.BIG)
        self.assertEqual(told(answer.stub), ([self.found(13135)], 0))


class Wrong(Base):
    """What is refused."""

    def setUp(self) -> None:
        super().setUp()
        self.map.register(ANY, "0.0.0.0", 1)

    def test_otherOperations(self) -> None:
        """Nobody registers, deletes or lists anything."""
        for opnum in (0, 1, 2, 4, 5, 6, 7, 0xFFFF):
            self.assertEqual(self.refusal(ask(WANTED), opnum), nca_s_op_rng_error)

    def test_truncated(self) -> None:
        """No beginning of a request is one."""
        stub = ask(WANTED)
        for size in range(len(stub)):
            self.assertEqual(self.refusal(stub[:size]), RPC_X_BAD_STUB_DATA)

    def test_sizes(self) -> None:
        """A tower whose two sizes differ, or that is too large."""
        for maxCount, size in ((75, 74), (74, 75), (0xFFFFFFFF, 0xFFFFFFFF), (MAX_TOWER + 1,) * 2):
            stub = bytearray(ask(WANTED))
            struct.pack_into("<II", stub, 24, maxCount, size)
            self.assertEqual(self.refusal(bytes(stub)), nca_s_fault_invalid_bound)

    def test_noTower(self) -> None:
        """Octets that are no tower."""
        self.assertEqual(self.refusal(ask(WANTED.encode()[:-1])), RPC_X_BAD_STUB_DATA)
        self.assertEqual(self.refusal(ask(b"")), RPC_X_BAD_STUB_DATA)

    def test_handle(self) -> None:
        """A handle that nobody was given."""
        status = self.refusal(ask(WANTED, handle=bytes(19) + b"\1"))
        self.assertEqual(status, nca_s_fault_context_mismatch)

    @given(st.binary(max_size=300))
    def test_anything(self, stub: bytes) -> None:
        """Whatever the stub is, there is one answer and no failure."""
        self.say(stub)

    @given(st.data())
    def test_mutants(self, data: st.DataObject) -> None:
        """The same for a right one of which some octets are changed."""
        stub = bytearray(ask(WANTED))
        for at in data.draw(st.lists(st.integers(0, len(stub) - 1), max_size=4)):
            stub[at] ^= data.draw(st.integers(1, 255))
        self.say(bytes(stub))
