"""LINEPROXYREQUEST octet by octet."""

import struct
from typing import Any
from uuid import UUID

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.tapi import proxyrequest as p
from tapiproxy.tapi.agentstructs import LINEAGENTGROUPENTRY, LINEAGENTGROUPLIST
from tapiproxy.tapi.proxybytes import decode, encode
from tapiproxy.tapi.proxyrequest import LINEPROXYREQUEST, PROXY_REQUESTS, Arm
from tapiproxy.wire.errors import BADTEXT, BADVALUE, BEYOND, TOOSMALL, DecodeError, EncodeError
from tapiproxy.wire.structs import fixedSize, pack

GROUP = UUID("00112233-4455-6677-8899-aabbccddeeff")
GROUP_OCTETS = GROUP.bytes_le.hex()
NAMED = LINEAGENTGROUPENTRY(GroupID=GROUP, Name="A")
LIST = pack(LINEAGENTGROUPLIST(List=(NAMED,))).hex()

#: Who asks; opaque to the octets.
NOBODY: Any = None

#: Each arm, and the octets of the union without the room for an answer.
GOLDEN: list[tuple[Arm, str]] = [
    (p.SetAgentGroupArm(NOBODY, 1, (NAMED,)), "01000000" + LIST),
    (p.SetAgentStateArm(NOBODY, 1, 2, 4), "010000000200000004000000"),
    (p.SetAgentActivityArm(NOBODY, 1, 2), "0100000002000000"),
    (p.GetAgentCapsArm(NOBODY, 1), "01000000"),
    (p.GetAgentStatusArm(NOBODY, 1), "01000000"),
    (p.AgentSpecificArm(NOBODY, 1, 2, b"abcde"), "0100000002000000050000006162636465000000"),
    (p.GetAgentActivityListArm(NOBODY, 1), "01000000"),
    (p.GetAgentGroupListArm(NOBODY, 1), "01000000"),
    # hAgent is the handler's; both strings count from it.
    (p.CreateAgentArm(NOBODY, "A", "B"),
     "00000000" "04000000" "14000000" "04000000" "18000000" "41000000" "42000000"),
    (p.SetAgentMeasurementPeriodArm(NOBODY, 1, 2), "0100000002000000"),
    (p.GetAgentInfoArm(NOBODY, 1), "01000000"),
    # hAgentSession is the handler's; the PIN counts from it.
    (p.CreateAgentSessionArm(NOBODY, "B", 1, GROUP, 2),
     "00000000" "04000000" "24000000" "01000000" + GROUP_OCTETS + "02000000" "42000000"),
    (p.GetAgentSessionListArm(NOBODY, 1), "01000000"),
    (p.SetAgentSessionStateArm(NOBODY, 1, 2, 4), "010000000200000004000000"),
    (p.GetAgentSessionInfoArm(NOBODY, 1), "01000000"),
    (p.GetQueueListArm(NOBODY, GROUP), GROUP_OCTETS),
    (p.SetQueueMeasurementPeriodArm(NOBODY, 1, 2), "0100000002000000"),
    (p.GetQueueInfoArm(NOBODY, 1), "01000000"),
    (p.GetGroupListArm(NOBODY), ""),
    (p.SetAgentStateExArm(NOBODY, 1, 2, 4), "010000000200000004000000"),
]  # fmt: skip


def whole(arm: Arm) -> LINEPROXYREQUEST:
    return LINEPROXYREQUEST("PC", "ann", 0x20002, arm)


class Golden(TestCase):
    """The twenty arms."""

    def test_octets(self) -> None:
        """Header, arm, room for the answer, and the two names, from the start of the whole."""
        names = "PC\0".encode("utf-16-le") + "ann\0".encode("utf-16-le")
        self.assertEqual(len(GOLDEN), 20)
        for row, (arm, union) in zip(PROXY_REQUESTS, GOLDEN, strict=True):
            self.assertIs(type(arm), row.arm)
            room = b""
            if row.result not in (None, int, bytes):
                room = pack(row.result(), 100) + bytes(100 - fixedSize(row.result))
            middle = bytes.fromhex(union) + room
            start = 28 + len(middle)
            header = (start + 14, 6, start, 8, start + 6, 0x20002, row.requestType)
            expected = struct.pack("<7I", *header) + middle + names
            self.assertEqual(encode(whole(arm), 100), expected, row.name)
            self.assertEqual(decode(expected, NOBODY), whole(arm))

    def test_answerOfItsFixedPart(self) -> None:
        """Without a room given there is room for the fixed part of the answer."""
        for row, (arm, union) in zip(PROXY_REQUESTS, GOLDEN, strict=True):
            fixed = 0 if row.result in (None, int, bytes) else fixedSize(row.result)
            self.assertEqual(len(encode(whole(arm))), 28 + len(union) // 2 + fixed + 14)

    def test_missingStrings(self) -> None:
        """A string that is not there has neither size nor offset."""
        octets = encode(whole(p.CreateAgentArm(NOBODY, None, None)))
        self.assertEqual(octets[28:48], bytes(20))
        self.assertEqual(decode(octets, NOBODY), whole(p.CreateAgentArm(NOBODY, None, None)))


class Refusals(TestCase):
    """Octets that are no LINEPROXYREQUEST, and values that are none."""

    CREATE = encode(whole(p.CreateAgentArm(NOBODY, "A", "B")))

    def changed(self, place: int, value: int) -> bytes:
        octets = bytearray(self.CREATE)
        struct.pack_into("<I", octets, place, value)
        return bytes(octets)

    def assertRefused(self, problem: str, field: str, octets: bytes) -> None:
        error = self.assertRaises(DecodeError, decode, octets, NOBODY)
        self.assertEqual((error.problem, error.field), (problem, f"LINEPROXYREQUEST.{field}"))

    def test_header(self) -> None:
        """The header is whole, its size is there, and its type exists."""
        self.assertRefused(TOOSMALL, "dwSize", self.CREATE[:27])
        self.assertRefused(BEYOND, "dwSize", self.CREATE[:-1])
        for requestType in (0, 21):
            self.assertRefused(BADVALUE, "dwRequestType", self.changed(24, requestType))

    def test_arm(self) -> None:
        """The arm's fixed part is there."""
        octets = struct.pack("<7I", 44, 0, 0, 0, 0, 0, 9) + bytes(16)
        self.assertRefused(TOOSMALL, "CreateAgent", octets)

    def test_strings(self) -> None:
        """Strings lie within the whole, and are UTF-16."""
        self.assertRefused(BEYOND, "ClientMachineName", self.changed(4, 1000))
        self.assertRefused(BEYOND, "CreateAgent.AgentID", self.changed(36, 1000))
        self.assertRefused(BADTEXT, "CreateAgent.AgentPIN", self.changed(52, 0xDC00))

    def test_unterminated(self) -> None:
        """Without a null the size rules."""
        found = decode(self.changed(48, 0x00420041), NOBODY).request
        self.assertEqual(found, p.CreateAgentArm(NOBODY, "AB", "B"))

    def test_block(self) -> None:
        """The block of AgentSpecific lies within the whole."""
        octets = bytearray(encode(whole(p.AgentSpecificArm(NOBODY, 1, 2, b"abc"))))
        struct.pack_into("<I", octets, 36, 1000)
        self.assertRefused(BEYOND, "AgentSpecific.Params", bytes(octets))

    def test_values(self) -> None:
        """A value that does not fit names the request."""
        for arm in (p.GetAgentInfoArm(NOBODY, -1), p.CreateAgentArm(NOBODY, "\ud800", None)):
            self.assertRaises(EncodeError, encode, whole(arm))
        self.assertRaises(
            EncodeError, encode, attrs.evolve(whole(GOLDEN[0][0]), ClientUserName="a\0b")
        )

    def test_truncated(self) -> None:
        """Cut off anywhere, it is refused."""
        for arm, _ in GOLDEN:
            octets = encode(whole(arm), 100)
            for end in range(len(octets)):
                self.assertRaises(DecodeError, decode, octets[:end], NOBODY)

    @given(st.integers(1, 20), st.lists(st.integers(0, 120), max_size=40))
    def test_anyNumbers(self, requestType: int, numbers: list[int]) -> None:
        """Any numbers behind a header are a request or a DecodeError, nothing else."""
        tail = struct.pack(f"<{len(numbers)}I", *numbers)
        octets = struct.pack("<7I", 28, 4, 28, 2, 28, 0, requestType) + tail
        try:
            found = decode(octets, NOBODY)
        except DecodeError:
            return
        self.assertIs(type(found.request), PROXY_REQUESTS[requestType - 1].arm)
