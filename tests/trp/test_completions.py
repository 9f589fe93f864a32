"""LINE_REPLY and its special forms."""

import struct
from random import Random

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.tapi.agentstructs import LINEAGENTCAPS, LINEAGENTINFO, LINEAGENTSESSIONLIST
from tapiproxy.tapi.lineerr import LINEERR_INVALAGENTID
from tapiproxy.tapi.versions import TAPI_2_0
from tapiproxy.trp.completions import SPECIAL, decode, encode
from tapiproxy.trp.events import LINE_REPLY, Recipient, decodeList
from tapiproxy.trp.requests import agent, byFunction
from tapiproxy.trp.templates import LATER
from tapiproxy.wire.errors import BADVALUE, BEYOND, TOOSMALL, DecodeError, EncodeError
from tapiproxy.wire.structs import pack
from tests.fuzz.instances import instance

LINE = Recipient(0x11, 0x22, 0x33)


def words(octets: bytes) -> list[int]:
    return [word for (word,) in struct.iter_unpack("<I", octets)]


class Encoding(TestCase):
    """encode()."""

    def test_plain(self) -> None:
        """A request without special completion gets the ten DWORDs of LINE_REPLY."""
        octets = encode(agent.SetAgentStateEx(9, 2, 3, 1, 0), 7, LINE)
        self.assertEqual(words(octets), [40, 0x11, 0, 0x22, 0x0C, 0x33, 7, 0, 0, 0])
        octets = encode(agent.SetAgentState(9, 2, 3, 1, 0), 7, LINE, LINEERR_INVALAGENTID)
        self.assertEqual(words(octets)[6:], [7, LINEERR_INVALAGENTID, 0, 0])

    def test_handle(self) -> None:
        """A handle is one DWORD of VarData, and the packet is padded to a multiple of 8."""
        for request in (
            agent.CreateAgent(9, 0x44, 1, "1001", "1234", 0x55),
            agent.CreateAgentSession(9, 0x44, 1, 2, None, 0, lphAgentSessionContext=0x55),
        ):
            octets = encode(request, 7, LINE, 0, 0xAABBCCDD)
            self.assertEqual(
                words(octets),
                [48, 0x11, 0x44, 0x22, 0x0C, 0x33, 7, 0, 0x55, 4, 0xAABBCCDD, 0],
            )

    def test_noHandle(self) -> None:
        """Zero and what is no DWORD are no handles."""
        for value in (0, -1, 1 << 32, None, "1"):
            self.assertRaises(EncodeError, encode, agent.CreateAgent(), 7, LINE, 0, value)

    def test_failure(self) -> None:
        """After an error the context comes back, a size of 0, and no VarData."""
        for cls, special in SPECIAL.items():
            request = attrs.evolve(cls(), lpContext=0x44, **{special.context: 0x55})
            octets = encode(request, 7, LINE, LINEERR_INVALAGENTID)
            self.assertEqual(
                words(octets),
                [40, 0x11, 0x44, 0x22, 0x0C, 0x33, 7, LINEERR_INVALAGENTID, 0x55, 0],
            )

    def test_struct(self) -> None:
        """A struct is VarData: its total is the room that the client named, dwSize what is used."""
        caps = LINEAGENTCAPS(AgentHandlerInfo="ACD", dwFeatures=1)
        request = agent.GetAgentCaps(9, 0x44, 1, 0, 0, TAPI_2_0, 0x55, 500)
        octets = encode(request, 7, Recipient(0x11), 0, caps, TAPI_2_0)
        self.assertEqual(words(octets)[:10], [104, 0x11, 0x44, 0, 0x0C, 0, 7, 0, 0x55, 64])
        self.assertEqual(octets[40:104], pack(caps, 500, TAPI_2_0))
        self.assertEqual(words(octets[40:52]), [500, 64, 64])

    def test_padding(self) -> None:
        """TotalSize is a multiple of 8; the zeros that fill it up are not counted in dwSize."""
        request = agent.GetAgentSessionInfo(lpAgentSessionInfo=100)
        session = SPECIAL[agent.GetAgentSessionInfo].content()
        octets = encode(request, 7, LINE, 0, session)
        self.assertEqual((words(octets)[0], len(octets), words(octets)[9]), (120, 120, 76))
        self.assertEqual(octets[-4:], bytes(4))

    def test_tooLittleRoom(self) -> None:
        """A list that does not fit comes without entries, with the size that it needs."""
        value = instance(LINEAGENTSESSIONLIST, Random(1))
        needed = len(pack(value))
        self.assertGreater(needed, 24)
        request = agent.GetAgentSessionList(lpAgentSessionList=24)
        octets = encode(request, 7, LINE, 0, value)
        self.assertEqual(words(octets)[9:13], [24, 24, needed, 24])

    def test_noRoom(self) -> None:
        """Less room than the fixed part is the caller's to refuse beforehand."""
        request = agent.GetAgentInfo(lpAgentInfo=55)
        error = self.assertRaises(DecodeError, encode, request, 7, LINE, 0, LINEAGENTINFO())
        self.assertEqual(error.problem, TOOSMALL)

    def test_wrongStruct(self) -> None:
        """What is not the struct of the request is an EncodeError."""
        for value in (None, LINEAGENTCAPS(), 5):
            request = agent.GetAgentInfo(lpAgentInfo=100)
            self.assertRaises(EncodeError, encode, request, 7, LINE, 0, value)

    def test_block(self) -> None:
        """AgentSpecific gets its block back, as it was or with new content that is not longer."""
        request = agent.AgentSpecific(9, 0x44, 1, 0, 0, 0x55, b"abcde")
        for value, expected in ((None, b"abcde"), (b"xyz", b"xyz"), (b"", b"")):
            octets = encode(request, 7, LINE, 0, value)
            self.assertEqual(len(octets) % 8, 0)
            self.assertEqual(words(octets[:40])[8:], [0x55, len(expected)])
            self.assertEqual(octets[40:].rstrip(b"\0"), expected)
        for value in (b"abcdef", "abc", 5):
            self.assertRaises(EncodeError, encode, request, 7, LINE, 0, value)


class Decoding(TestCase):
    """decode()."""

    def value(self, content: type) -> object:
        if content is int:
            return 0x99
        if content is bytes:
            return b"abc"
        return instance(content, Random(4))

    def test_bothWays(self) -> None:
        """The client reads what the server was given, for every request that completes later."""
        for cls in (cls for cls in byFunction.values() if cls.completes == LATER):
            special = SPECIAL.get(cls)
            request = cls()
            value = None
            if special:
                more = {special.room: 0x10000} if special.room else {}
                request = attrs.evolve(request, lpContext=0x44, **{special.context: 0x55, **more})
                value = self.value(special.content)
            if isinstance(request, agent.AgentSpecific):
                request = attrs.evolve(request, lpParams=b"12345")
            (packet,) = decodeList(encode(request, 7, LINE, 0, value))
            self.assertEqual(packet.Msg, LINE_REPLY)
            found = decode(packet, cls)
            self.assertEqual((found.dwRequestID, found.Result), (7, 0))
            self.assertEqual(found.value, value)
            self.assertEqual(found.context, 0x55 if special else 0)
            self.assertEqual(found.lpContext, 0x44 if special else 0)

    def test_failure(self) -> None:
        """After an error there is no value."""
        request = agent.GetAgentInfo(lpContext=0x44, lpAgentInfoContext=0x55)
        (packet,) = decodeList(encode(request, 7, LINE, LINEERR_INVALAGENTID))
        found = decode(packet, agent.GetAgentInfo)
        self.assertEqual(found.Result, LINEERR_INVALAGENTID)
        self.assertEqual((found.context, found.value), (0x55, None))

    def test_wrongSizes(self) -> None:
        """A size beyond the packet, or one that is no handle's, is refused."""
        (packet,) = decodeList(encode(agent.CreateAgent(), 7, LINE, 0, 5))
        for size, problem in ((9, BEYOND), (8, BADVALUE), (0, BADVALUE)):
            wrong = attrs.evolve(packet, Param4=size)
            error = self.assertRaises(DecodeError, decode, wrong, agent.CreateAgent)
            self.assertEqual((error.problem, error.field), (problem, "CreateAgent.dwSize"))

    def test_truncated(self) -> None:
        """A struct that is cut off is refused, or it was padding that is missing."""
        value = instance(LINEAGENTCAPS, Random(3))
        request = agent.GetAgentCaps(lpAgentCapsSize=0x1000)
        (packet,) = decodeList(encode(request, 7, LINE, 0, value))
        for size in range(packet.Param4):
            try:
                found = decode(attrs.evolve(packet, Param4=size), agent.GetAgentCaps)
            except DecodeError:
                continue
            self.assertEqual(found.value, value)
