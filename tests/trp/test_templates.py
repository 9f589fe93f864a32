"""TAPI32_MSG: requests and replies, both ways, whole and cut off."""

import struct
from random import Random
from uuid import UUID

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.tapi.agentstructs import LINEPROXYREQUESTLIST
from tapiproxy.tapi.extensionids import LINEEXTENSIONID
from tapiproxy.tapi.lineerr import LINEERR_INVALPARAM
from tapiproxy.tapi.linestructs import LINEDEVCAPS
from tapiproxy.tapi.versions import TAPI_1_4, TAPI_2_2
from tapiproxy.trp import templates
from tapiproxy.trp.requests import agent, byFunction, generic, line
from tapiproxy.trp.templates import (
    FRAME_SIZE,
    NOW,
    Request,
    UnknownRequest,
    acknowledgement,
    decodeReply,
    decodeRequest,
    encodeReply,
    encodeRequest,
)
from tapiproxy.wire.errors import (
    BEYOND,
    MISSING,
    OUTSIDE,
    PROBLEMS,
    TOOSMALL,
    DecodeError,
    EncodeError,
)
from tapiproxy.wire.layout import TAPI_NO_DATA, Returned, Room, dword, fieldsOf, wideString
from tapiproxy.wire.structs import neededSize, pack
from tests.fuzz.instances import instance

CREATE = agent.CreateAgent(7, 0x11, 0x22, "1001", "1234", 0x33)


def example(cls: type[Request], seed: int) -> Request:
    """Any message of a class, with what its options ask for."""
    message = instance(cls, Random(seed))
    if isinstance(message, agent.SetAgentGroup) and message.lpAgentGroupList is None:
        return example(cls, seed + 1)
    if isinstance(message, line.Open):
        return attrs.evolve(message, dwPrivileges=0, pCallParams=None)
    if isinstance(message, line.GetAddressID) and not message.lpsAddress:
        return attrs.evolve(message, lpsAddress="1001")
    return message


class Decoding(TestCase):
    """decodeRequest()."""

    def test_bothWays(self) -> None:
        """Any message of every class survives encoding and decoding, amid octets of others."""
        for cls in byFunction.values():
            for seed in range(20):
                message = example(cls, seed)
                octets = encodeRequest(message)
                data = b"\xff" * 9 + octets + b"\0" * 9
                self.assertEqual(decodeRequest(data, 9, 9 + len(octets)), message)

    def test_truncated(self) -> None:
        """Cut off anywhere, a packet is refused, or nothing but padding was missing."""
        for cls in byFunction.values():
            message = example(cls, 3)
            octets = encodeRequest(message)
            for end in range(len(octets)):
                try:
                    found = decodeRequest(octets, 0, end)
                except DecodeError as error:
                    self.assertIn(error.problem, PROBLEMS)
                else:
                    self.assertEqual(found, message)

    def test_missingParameter(self) -> None:
        """A parameter beyond the octets that were sent is named; padding need not be sent."""
        octets = encodeRequest(agent.SetAgentState(1, 2, 3, 4, 8))
        self.assertEqual(decodeRequest(octets, 0, 28), agent.SetAgentState(1, 2, 3, 4, 8))
        for end, name in ((27, "dwNextAgentState"), (8, "dwRequestID"), (17, "dwAddressID")):
            error = self.assertRaises(DecodeError, decodeRequest, octets, 0, end)
            self.assertEqual((error.problem, error.field), (MISSING, f"SetAgentState.{name}"))

    def test_missingSizeOfABlock(self) -> None:
        """The size of a block is a parameter as well."""
        octets = encodeRequest(agent.AgentSpecific(1, 2, 3, 4, 5, 6, b"abcd"))
        error = self.assertRaises(DecodeError, decodeRequest, octets, 0, 36)
        self.assertEqual((error.problem, error.field), (MISSING, "AgentSpecific.lpParams"))

    def test_shortFrameHasNoVarData(self) -> None:
        """When padding is missing VarData is missing too: no offset is within it."""
        octets = struct.pack("<8I", 146, 0, 1, 2, 3, 0, TAPI_NO_DATA, 4)
        error = self.assertRaises(DecodeError, decodeRequest, octets)
        self.assertEqual((error.problem, error.field), (OUTSIDE, "CreateAgent.lpszAgentID"))

    def test_noNumber(self) -> None:
        """Three octets do not even name a packet."""
        error = self.assertRaises(DecodeError, decodeRequest, b"\0\0\0")
        self.assertEqual((error.problem, error.field), (MISSING, "Req_Func"))

    def test_unknown(self) -> None:
        """A number without class says which it was, and so does one in no table."""
        for number in (48, 999, 0xFFFFFFFF):
            error = self.assertRaises(
                UnknownRequest, decodeRequest, struct.pack("<15I", number, *[0] * 14)
            )
            self.assertEqual(error.Req_Func, number)

    def test_reservedIsIgnored(self) -> None:
        """What a client leaves in reserved DWORDs changes nothing."""
        octets = bytearray(encodeRequest(CREATE))
        octets[4:8] = b"\xff" * 4
        octets[32:60] = b"\xff" * 28
        self.assertEqual(decodeRequest(bytes(octets)), CREATE)


class Encoding(TestCase):
    """encodeRequest()."""

    def test_valueTooLarge(self) -> None:
        """A number that is no DWORD is an EncodeError that names the packet."""
        error = self.assertRaises(EncodeError, encodeRequest, agent.SetAgentState(-1))
        self.assertEqual(error.field, "SetAgentState")

    def test_badText(self) -> None:
        """Text that is not Unicode names its field."""
        error = self.assertRaises(
            EncodeError, encodeRequest, agent.CreateAgent(lpszAgentID="\ud800")
        )
        self.assertEqual(error.field, "CreateAgent.lpszAgentID")
        message = line.GetAddressID(lpsAddress="a\0b")
        error = self.assertRaises(EncodeError, encodeRequest, message)
        self.assertEqual(error.field, "GetAddressID.lpsAddress")

    def test_emptyBlock(self) -> None:
        """A block of nothing still lies within VarData."""
        octets = encodeRequest(agent.AgentSpecific(lpParams=b""))
        self.assertEqual(len(octets), FRAME_SIZE + 4)
        self.assertEqual(decodeRequest(octets).lpParams, b"")


class Declaring(TestCase):
    """request()."""

    def test_numberTwice(self) -> None:
        """A number belongs to one packet."""

        class Second(Request):
            hLine: int = dword()

        self.assertRaises(TypeError, templates.request(146, replies=NOW), Second)
        self.assertIs(byFunction[146], agent.CreateAgent)

    def test_tooManyParameters(self) -> None:
        """Thirteen parameters fit into the frame."""
        fields = {f"dw{index}": dword() for index in range(14)}
        annotations = dict.fromkeys(fields, int)
        cls = type("Long", (Request,), {**fields, "__annotations__": annotations})
        self.assertRaises(TypeError, templates.request(9999, replies=NOW), cls)
        self.assertNotIn(9999, byFunction)

    def test_noParameters(self) -> None:
        """The frame is the template's: a packet of one string selects its one DWORD."""
        self.addCleanup(byFunction.pop, 9999)
        self.addCleanup(templates._plans.pop, 9999)

        @templates.request(9999, replies=NOW)
        class Single(Request):
            lpszName: str | None = wideString()

        message = Single("x")
        self.assertEqual(decodeRequest(encodeRequest(message)), message)


class Acknowledging(TestCase):
    """acknowledgement()."""

    def test_ownOctets(self) -> None:
        """The client gets its own octets back, with the result in front."""
        octets = encodeRequest(CREATE)
        data = b"\xff" * 3 + octets + b"\xff" * 3
        reply = acknowledgement(data, 3, 3 + len(octets), 7)
        self.assertEqual(reply, b"\7\0\0\0" + octets[4:])
        reply = acknowledgement(data, 3, 7, LINEERR_INVALPARAM)
        self.assertEqual(reply, struct.pack("<I", LINEERR_INVALPARAM))


class Replies(TestCase):
    """encodeReply() and decodeReply()."""

    def test_numbers(self) -> None:
        """Numbers that the server fills in come back in the places of the request."""
        request = line.Initialize(InitContext=5, dwFriendlyNameOffset="PC", dwAPIVersion=TAPI_2_2)
        reply = encodeReply(attrs.evolve(request, hLineApp=0x99, dwNumDevs=2), 0, request)
        self.assertEqual(len(reply), FRAME_SIZE)
        self.assertEqual(
            struct.unpack_from("<9I", reply),
            (0, 0, 0x99, 0, 5, TAPI_NO_DATA, 2, TAPI_NO_DATA, TAPI_2_2),
        )
        found = decodeReply(line.Initialize, reply)
        self.assertEqual(found.result, 0)
        self.assertEqual((found.message.hLineApp, found.message.dwNumDevs), (0x99, 2))
        self.assertIsNone(found.message.dwFriendlyNameOffset)

    def test_struct(self) -> None:
        """A struct lies in VarData, in the size of the version and with the room as its total."""
        caps = LINEDEVCAPS(LineName="One", dwNumAddresses=1)
        request = line.GetDevCaps(1, 0, TAPI_1_4, 0, 300)
        reply = encodeReply(attrs.evolve(request, lpLineDevCaps=caps), 0, request, TAPI_1_4)
        self.assertEqual(struct.unpack_from("<I", reply, 24)[0], 0)
        self.assertEqual(reply[60:], pack(caps, 300, TAPI_1_4))
        found = decodeReply(line.GetDevCaps, reply, version=TAPI_1_4)
        self.assertEqual(found.message.lpLineDevCaps, caps)
        self.assertEqual(found.varData, reply[60:])

    def test_tooLittleRoom(self) -> None:
        """With too little room the client learns how much it is."""
        caps = LINEDEVCAPS(LineName="One")
        request = line.GetDevCaps(lpLineDevCaps=240)
        reply = encodeReply(attrs.evolve(request, lpLineDevCaps=caps), 0, request, TAPI_1_4)
        found = decodeReply(line.GetDevCaps, reply, version=TAPI_1_4)
        self.assertEqual(neededSize(found.varData), 248)
        short = attrs.evolve(request, lpLineDevCaps=239)
        error = self.assertRaises(
            DecodeError, encodeReply, attrs.evolve(request, lpLineDevCaps=caps), 0, short, TAPI_1_4
        )
        self.assertEqual(error.problem, TOOSMALL)

    def test_returnedBlock(self) -> None:
        """Octets that the server returns lie in VarData, with offset and size."""
        request = line.NegotiateAPIVersion(1, 0, 0x10003, 0x30001, ExtensionID=16)
        octets = pack(LINEEXTENSIONID(dwExtensionID0=9))
        answer = attrs.evolve(request, dwNegotiatedVersion=TAPI_2_2, ExtensionID=octets)
        reply = encodeReply(answer, 0, request)
        self.assertEqual(struct.unpack_from("<3I", reply, 24), (TAPI_2_2, 0, 16))
        found = decodeReply(line.NegotiateAPIVersion, reply)
        self.assertEqual(found.message.ExtensionID, octets)
        self.assertEqual(found.message.dwNegotiatedVersion, TAPI_2_2)

    def test_returnedBlockThatIsNotThere(self) -> None:
        """A client is not led outside of what the server sent."""
        request = line.NegotiateAPIVersion(ExtensionID=16)
        reply = bytearray(encodeReply(attrs.evolve(request, ExtensionID=bytes(16)), 0, request))
        reply[32] = 17
        error = self.assertRaises(DecodeError, decodeReply, line.NegotiateAPIVersion, bytes(reply))
        self.assertEqual((error.problem, error.field), (BEYOND, "NegotiateAPIVersion.ExtensionID"))

    def test_structThatIsNotThere(self) -> None:
        """A struct outside of what the server sent is refused."""
        reply = struct.pack("<15I", 0, 0, 1, 2, 3, 4, *[0] * 9)
        error = self.assertRaises(DecodeError, decodeReply, agent.GetProxyStatus, reply)
        self.assertEqual(error.problem, OUTSIDE)

    def test_events(self) -> None:
        """The events of GetAsyncEvents follow the frame."""
        request = generic.GetAsyncEvents(100)
        answer = attrs.evolve(request, dwNeededBufferSize=40, dwUsedBufferSize=40)
        reply = encodeReply(answer, 0, request, varData=b"e" * 40)
        found = decodeReply(generic.GetAsyncEvents, reply)
        self.assertEqual(found.varData, b"e" * 40)
        self.assertEqual(found.message.dwUsedBufferSize, 40)

    def test_failure(self) -> None:
        """After an error a client reads the result, and its own numbers."""
        request = agent.GetProxyStatus(1, 2, TAPI_2_2, 500)
        octets = encodeRequest(request)
        reply = acknowledgement(octets, 0, len(octets), LINEERR_INVALPARAM)
        found = decodeReply(agent.GetProxyStatus, reply)
        self.assertEqual(found.result, LINEERR_INVALPARAM)
        self.assertEqual(found.message.lpLineProxyRequestList, 500)
        request = line.NegotiateAPIVersion(ExtensionID=16)
        octets = encodeRequest(request)
        reply = acknowledgement(octets, 0, len(octets), LINEERR_INVALPARAM)
        self.assertEqual(decodeReply(line.NegotiateAPIVersion, reply).message.ExtensionID, 16)

    def test_requestID(self) -> None:
        """The acknowledgement of a request that completes later is its ID."""
        octets = encodeRequest(CREATE)
        found = decodeReply(agent.CreateAgent, acknowledgement(octets, 0, len(octets), 7))
        self.assertEqual(found.result, 7)
        self.assertEqual(found.message.lphAgentContext, 0x33)

    def test_list(self) -> None:
        """The list of GetProxyStatus comes back as numbers."""
        request = agent.GetProxyStatus(1, 2, TAPI_2_2, 100)
        answer = attrs.evolve(request, lpLineProxyRequestList=LINEPROXYREQUESTLIST(List=(9, 12)))
        found = decodeReply(agent.GetProxyStatus, encodeReply(answer, 0, request))
        self.assertEqual(found.message.lpLineProxyRequestList.List, (9, 12))

    def test_valueTooLarge(self) -> None:
        """A number that is no DWORD is an EncodeError."""
        request = line.Initialize()
        self.assertRaises(EncodeError, encodeReply, attrs.evolve(request, hLineApp=-1), 0, request)

    def test_truncated(self) -> None:
        """A reply that is cut off is refused or complete, whatever it carries."""
        for cls in byFunction.values():
            original = example(cls, 1)
            filled: dict[str, object] = {}
            for field in fieldsOf(cls):
                if isinstance(field.kind, Room):
                    filled[field.name] = instance(field.kind.structure, Random(2))
                    original = attrs.evolve(original, **{field.name: 0x10000})
                elif isinstance(field.kind, Returned):
                    filled[field.name] = UUID(int=5).bytes
            octets = encodeReply(attrs.evolve(original, **filled), 0, original)
            whole = decodeReply(cls, octets).message
            for end in range(len(octets)):
                try:
                    found = decodeReply(cls, octets, 0, end).message
                except DecodeError as error:
                    self.assertIn(error.problem, PROBLEMS)
                else:
                    self.assertEqual(found, whole)
