"""The agent requests octet by octet, and what their offsets are refused for."""

import struct
from uuid import UUID

from twisted.trial.unittest import TestCase

from tapiproxy.tapi.agentstructs import LINEAGENTGROUPENTRY, LINEAGENTGROUPLIST
from tapiproxy.trp.requests import agent
from tapiproxy.trp.templates import Request, decodeRequest, encodeRequest
from tapiproxy.wire.errors import (
    BEYOND,
    MISALIGNED,
    OUTSIDE,
    TOOSMALL,
    UNTERMINATED,
    DecodeError,
)

GROUP = UUID("00112233-4455-6677-8899-aabbccddeeff")
GROUP_OCTETS = "33221100554477668899aabbccddeeff"

#: The three sizes, one entry of 24 octets at 24; its GUID, its name of 4 octets at 48.
GROUP_LIST = (
    "340000003400000034000000010000001800000018000000"
    + GROUP_OCTETS
    + "0400000030000000"
    + "41000000"
)

ONE_GROUP = LINEAGENTGROUPLIST(List=(LINEAGENTGROUPENTRY(GroupID=GROUP, Name="A"),))

#: Each of the 21 requests: the DWORDs behind Req_Func and Reserved1, and VarData.
GOLDEN: list[tuple[Request, list[int], str]] = [
    (agent.SetAgentGroup(1, 2, 3, ONE_GROUP), [67, 1, 2, 3, 0], GROUP_LIST),
    (agent.SetAgentState(1, 2, 3, 4, 8), [68, 1, 2, 3, 4, 8], ""),
    (agent.SetAgentActivity(1, 2, 3, 4), [66, 1, 2, 3, 4], ""),
    (agent.GetAgentCaps(1, 2, 3, 4, 5, 0x20002, 7, 8), [25, 1, 2, 3, 4, 5, 0x20002, 7, 8], ""),
    (agent.GetAgentStatus(1, 2, 3, 4, 5, 6), [27, 1, 2, 3, 4, 5, 6], ""),
    (agent.AgentSpecific(1, 2, 3, 4, 5, 6, b"abcde"),
     [6, 1, 2, 3, 4, 5, 6, 0, 5], "6162636465000000"),
    (agent.GetAgentActivityList(1, 2, 3, 4, 5, 6), [24, 1, 2, 3, 4, 5, 6], ""),
    (agent.GetAgentGroupList(1, 2, 3, 4, 5, 6), [26, 1, 2, 3, 4, 5, 6], ""),
    (agent.CreateAgent(1, 2, 3, "A", "B", 4), [146, 1, 2, 3, 0, 4, 4], "4100000042000000"),
    (agent.SetAgentMeasurementPeriod(1, 2, 3, 4), [154, 1, 2, 3, 4], ""),
    (agent.GetAgentInfo(1, 2, 3, 4, 5, 6), [148, 1, 2, 3, 4, 5, 6], ""),
    (agent.CreateAgentSession(1, 2, 3, 4, None, 5, GROUP, 6),
     [147, 1, 2, 3, 4, 0xFFFFFFFF, 5, 0, 16, 6], GROUP_OCTETS),
    (agent.GetAgentSessionList(1, 2, 3, 4, 5, 6), [150, 1, 2, 3, 4, 5, 6], ""),
    (agent.SetAgentSessionState(1, 2, 3, 4, 8), [155, 1, 2, 3, 4, 8], ""),
    (agent.GetAgentSessionInfo(1, 2, 3, 4, 5, 6), [149, 1, 2, 3, 4, 5, 6], ""),
    (agent.GetQueueList(1, 2, 3, GROUP, 4, 5), [153, 1, 2, 3, 0, 16, 4, 5], GROUP_OCTETS),
    (agent.SetQueueMeasurementPeriod(1, 2, 3, 4), [156, 1, 2, 3, 4], ""),
    (agent.GetQueueInfo(1, 2, 3, 4, 5, 6), [151, 1, 2, 3, 4, 5, 6], ""),
    (agent.GetGroupList(1, 2, 3, 4, 5), [152, 1, 2, 3, 4, 5], ""),
    (agent.SetAgentStateEx(1, 2, 3, 4, 8), [157, 1, 2, 3, 4, 8], ""),
    (agent.GetProxyStatus(1, 2, 0x20002, 4), [158, 1, 2, 0x20002, 4], ""),
]  # fmt: skip


def octets(words: list[int], varData: str) -> bytes:
    """Lay a request out by hand: Req_Func, Reserved1, thirteen parameters, VarData."""
    parameters = [*words[1:], *[0] * (14 - len(words))]
    return struct.pack("<15I", words[0], 0, *parameters) + bytes.fromhex(varData)


class Golden(TestCase):
    """The 21 packets."""

    def test_octets(self) -> None:
        """Each packet has the octets that were laid out by hand, in both directions."""
        self.assertEqual(len(GOLDEN), 21)
        for message, words, varData in GOLDEN:
            expected = octets(words, varData)
            self.assertEqual(encodeRequest(message), expected, message)
            self.assertEqual(decodeRequest(expected), message)


class OffsetTests(TestCase):
    """A packet that is accepted, changed in one place."""

    def refused(self, words: list[int], varData: str) -> tuple[str, str]:
        error = self.assertRaises(DecodeError, decodeRequest, octets(words, varData))
        return error.problem, error.field


class AgentSpecificOffsets(OffsetTests):
    """Rules 6.1 and 6.2."""

    def words(self, offset: int, size: int) -> list[int]:
        return [6, 1, 2, 3, 4, 5, 6, offset, size]

    def test_accepted(self) -> None:
        """A block at the end of VarData is accepted."""
        message = decodeRequest(octets(self.words(4, 4), "0000000061626364"))
        self.assertEqual(message.lpParams, b"abcd")

    def test_6_1(self) -> None:
        """6.1: the block begins at a DWORD, and within VarData."""
        self.assertEqual(
            self.refused(self.words(2, 4), "0000000061626364"),
            (MISALIGNED, "AgentSpecific.lpParams"),
        )
        self.assertEqual(
            self.refused(self.words(8, 0), "0000000061626364"), (OUTSIDE, "AgentSpecific.lpParams")
        )

    def test_6_2(self) -> None:
        """6.2: the block ends within VarData."""
        self.assertEqual(
            self.refused(self.words(4, 5), "0000000061626364"), (BEYOND, "AgentSpecific.lpParams")
        )


class CreateAgentOffsets(OffsetTests):
    """Rules 146.1 and 146.2."""

    STRINGS = "4100000042000000"

    def words(self, agentID: int, agentPIN: int) -> list[int]:
        return [146, 1, 2, 3, agentID, agentPIN, 4]

    def test_accepted(self) -> None:
        """Strings may share octets, and either may be missing."""
        message = decodeRequest(octets(self.words(4, 4), self.STRINGS))
        self.assertEqual((message.lpszAgentID, message.lpszAgentPIN), ("B", "B"))
        message = decodeRequest(octets(self.words(0xFFFFFFFF, 0xFFFFFFFF), ""))
        self.assertEqual((message.lpszAgentID, message.lpszAgentPIN), (None, None))

    def test_146_1(self) -> None:
        """146.1: the PIN is aligned, terminated, and within VarData."""
        field = "CreateAgent.lpszAgentPIN"
        self.assertEqual(self.refused(self.words(0, 1), self.STRINGS), (MISALIGNED, field))
        self.assertEqual(self.refused(self.words(0, 8), self.STRINGS), (OUTSIDE, field))
        unterminated = "4100000042004300"
        self.assertEqual(self.refused(self.words(0, 4), unterminated), (UNTERMINATED, field))

    def test_146_2(self) -> None:
        """146.2: the agent's identifier is aligned, terminated, and within VarData."""
        field = "CreateAgent.lpszAgentID"
        self.assertEqual(self.refused(self.words(3, 4), self.STRINGS), (MISALIGNED, field))
        self.assertEqual(self.refused(self.words(10, 4), self.STRINGS), (OUTSIDE, field))
        unterminated = "4100000042004300"
        self.assertEqual(self.refused(self.words(4, 0), unterminated), (UNTERMINATED, field))


class CreateAgentSessionOffsets(OffsetTests):
    """Rules 147.1 to 147.4."""

    VARDATA = "41000000" + GROUP_OCTETS

    def words(self, agentPIN: int = 0, group: int = 4, size: int = 16) -> list[int]:
        return [147, 1, 2, 3, 4, agentPIN, 5, group, size, 6]

    def test_accepted(self) -> None:
        """A PIN and a GUID in VarData are accepted."""
        message = decodeRequest(octets(self.words(), self.VARDATA))
        self.assertEqual((message.lpszAgentPIN, message.lpGroupID), ("A", GROUP))

    def test_147_1(self) -> None:
        """147.1: the PIN is aligned, terminated, and within VarData."""
        field = "CreateAgentSession.lpszAgentPIN"
        self.assertEqual(self.refused(self.words(agentPIN=1), self.VARDATA), (MISALIGNED, field))
        self.assertEqual(self.refused(self.words(agentPIN=20), self.VARDATA), (OUTSIDE, field))
        self.assertEqual(self.refused(self.words(agentPIN=4), self.VARDATA), (UNTERMINATED, field))

    def test_147_2(self) -> None:
        """147.2: the GUID begins at a DWORD, and within VarData."""
        field = "CreateAgentSession.lpGroupID"
        self.assertEqual(self.refused(self.words(group=2), self.VARDATA), (MISALIGNED, field))
        self.assertEqual(self.refused(self.words(group=20), self.VARDATA), (OUTSIDE, field))

    def test_147_3(self) -> None:
        """147.3: the GUID ends within VarData."""
        field = "CreateAgentSession.lpGroupID"
        self.assertEqual(self.refused(self.words(size=17), self.VARDATA), (BEYOND, field))
        self.assertEqual(self.refused(self.words(group=8), self.VARDATA), (BEYOND, field))

    def test_147_4(self) -> None:
        """147.4: the size is that of a GUID at least."""
        field = "CreateAgentSession.lpGroupID"
        self.assertEqual(self.refused(self.words(size=15), self.VARDATA), (TOOSMALL, field))


class GetQueueListOffsets(OffsetTests):
    """Rules 153.2 and 153.3."""

    VARDATA = "00000000" + GROUP_OCTETS

    def words(self, group: int = 4, size: int = 16) -> list[int]:
        return [153, 1, 2, 3, group, size, 4, 5]

    def test_153_2(self) -> None:
        """153.2: the GUID begins at a DWORD, and within VarData."""
        field = "GetQueueList.pGroupID"
        self.assertEqual(self.refused(self.words(group=1), self.VARDATA), (MISALIGNED, field))
        self.assertEqual(self.refused(self.words(group=24), self.VARDATA), (OUTSIDE, field))

    def test_153_3(self) -> None:
        """153.3: the GUID ends within VarData."""
        field = "GetQueueList.pGroupID"
        self.assertEqual(self.refused(self.words(size=17), self.VARDATA), (BEYOND, field))

    def test_noGuid(self) -> None:
        """A size that is no GUID's is refused, though no rule says so."""
        field = "GetQueueList.pGroupID"
        self.assertEqual(self.refused(self.words(size=4), self.VARDATA), (TOOSMALL, field))


class SetAgentGroupOffsets(OffsetTests):
    """Rules 67.2 and 67.3."""

    def words(self, offset: int) -> list[int]:
        return [67, 1, 2, 3, offset]

    def test_67_2(self) -> None:
        """67.2: the list begins at a DWORD, and within VarData."""
        field = "SetAgentGroup.lpAgentGroupList"
        self.assertEqual(
            self.refused(self.words(2), "0000" + GROUP_LIST + "0000"), (MISALIGNED, field)
        )
        self.assertEqual(self.refused(self.words(52), GROUP_LIST), (OUTSIDE, field))
        self.assertEqual(self.refused(self.words(0xFFFFFFFC), GROUP_LIST), (OUTSIDE, field))

    def test_67_3(self) -> None:
        """67.3: VarData holds the list, its fixed part and its dwTotalSize."""
        field = "SetAgentGroup.lpAgentGroupList"
        self.assertEqual(self.refused(self.words(0), GROUP_LIST[:40]), (TOOSMALL, field))
        self.assertEqual(self.refused(self.words(0), GROUP_LIST[:-2]), (TOOSMALL, field))

    def test_withoutAList(self) -> None:
        """There is no SetAgentGroup without a list; TAPI_NO_DATA is an offset outside."""
        problem, _ = self.refused(self.words(0xFFFFFFFF), GROUP_LIST)
        self.assertEqual(problem, MISALIGNED)
