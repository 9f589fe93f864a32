"""The structs that handlers return, octet by octet."""

import struct
from uuid import UUID

from twisted.trial.unittest import TestCase

from tapiproxy.tapi.agentstructs import (
    LINEAGENTCAPS,
    LINEAGENTGROUPENTRY,
    LINEAGENTGROUPLIST,
    LINEAGENTINFO,
    LINEAGENTSESSIONINFO,
    LINEAGENTSTATUS,
    LINEPROXYREQUESTLIST,
)
from tapiproxy.tapi.extensionids import LINEEXTENSIONID
from tapiproxy.tapi.versions import TAPI_2_0, TAPI_2_2
from tapiproxy.wire.structs import pack, unpack

GROUP = UUID("00112233-4455-6677-8899-aabbccddeeff")


class Octets(TestCase):
    """Where the specification, tapi.h and the decisions of docs/specification.md meet."""

    def test_groupList(self) -> None:
        """dwGroupID1 to 4 are the GUID's octets; names count from the start of the list."""
        value = LINEAGENTGROUPLIST(List=(LINEAGENTGROUPENTRY(GroupID=GROUP, Name="Sales"),))
        expected = (
            struct.pack("<6I", 500, 60, 60, 1, 24, 24)
            + bytes.fromhex("33221100554477668899aabbccddeeff")
            + struct.pack("<2I", 12, 48)
            + "Sales\0".encode("utf-16-le")
        )
        self.assertEqual(pack(value, 500), expected)
        self.assertEqual(unpack(LINEAGENTGROUPLIST, expected), value)

    def test_agentInfo(self) -> None:
        """cyOverallCallRate is eight octets, in ten-thousandths."""
        value = LINEAGENTINFO(
            dwAgentState=2, cyOverallCallRate=125000, dwNumberOfACDCalls=3, dwTotalACDWrapUpTime=9
        )
        expected = struct.pack("<6Iq6I", 56, 56, 56, 2, 0, 0, 125000, 3, 0, 0, 0, 0, 9)
        self.assertEqual(pack(value, 56), expected)

    def test_agentSessionInfo(self) -> None:
        """dateSessionStartTime is a double, cyACDCallRate eight octets, both unaligned."""
        value = LINEAGENTSESSIONINFO(
            dateSessionStartTime=46000.5,
            dwSessionDuration=1,
            cyACDCallRate=-1,
            dwAverageTimeToAnswer=7,
        )
        expected = struct.pack(
            "<5Id8Iq2I", 76, 76, 76, 0, 0, 46000.5, 1, 0, 0, 0, 0, 0, 0, 0, -1, 0, 7
        )
        self.assertEqual(pack(value, 76), expected)

    def test_agentCaps(self) -> None:
        """ProxyGUID comes with TAPI 2.2; before it the struct ends at 56 octets."""
        value = LINEAGENTCAPS(
            dwCapsVersion=TAPI_2_2,
            AgentExtensionIDList=(LINEEXTENSIONID(dwExtensionID0=1, dwExtensionID3=4),),
            ProxyGUID=GROUP,
        )
        octets = pack(value, 500, TAPI_2_2)
        self.assertEqual(octets[56:72], GROUP.bytes_le)
        self.assertEqual(struct.unpack_from("<3I", octets, 44), (1, 16, 72))
        self.assertEqual(octets[72:], struct.pack("<4I", 1, 0, 0, 4))
        older = pack(value, 500, TAPI_2_0)
        self.assertEqual(struct.unpack_from("<3I", older, 44), (1, 16, 56))
        self.assertEqual(len(older), 72)

    def test_agentStatus(self) -> None:
        """Groups come first, then the activity's text."""
        value = LINEAGENTSTATUS(
            GroupList=(LINEAGENTGROUPENTRY(GroupID=GROUP),), dwState=4, Activity="Mail"
        )
        octets = pack(value)
        self.assertEqual(
            struct.unpack_from("<11I", octets, 12), (1, 24, 56, 4, 0, 0, 10, 80, 0, 0, 0)
        )
        self.assertEqual(octets[80:90], "Mail\0".encode("utf-16-le"))

    def test_proxyRequestList(self) -> None:
        """The types are DWORDs behind the fixed part."""
        octets = pack(LINEPROXYREQUESTLIST(List=(9, 12)), 100)
        self.assertEqual(octets, struct.pack("<8I", 100, 32, 32, 2, 8, 24, 9, 12))
