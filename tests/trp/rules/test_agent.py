"""
Rules of the requests that a line's proxy function handler answers.

What only the handler can know (whether an agent or a session exists) is in `test_handler`.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from tapiproxy.tapi.agentstructs import LINEAGENTGROUPENTRY, LINEAGENTGROUPLIST
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSESSIONSTATE_READY,
    LINEAGENTSTATE_NOTREADY,
    LINEAGENTSTATE_READY,
    LINEAGENTSTATEEX_READY,
)
from tapiproxy.tapi.lineerr import (
    LINEERR_BADDEVICEID,
    LINEERR_INCOMPATIBLEAPIVERSION,
    LINEERR_INVALAGENTSTATE,
    LINEERR_INVALPARAM,
    LINEERR_INVALPOINTER,
    LINEERR_OPERATIONUNAVAIL,
    LINEERR_STRUCTURETOOSMALL,
)
from tapiproxy.tapi.versions import TAPI_2_0, TAPI_2_1, TAPI_2_2, TAPI_3_1
from tapiproxy.trp.requests import agent
from tapiproxy.wire.layout import TAPI_NO_DATA
from tests.trp.rules.patterns import (
    atLeast,
    atMost,
    blocks,
    handler,
    noAddress,
    noApp,
    noLine,
    removedDevice,
    strings,
    version,
)
from tests.trp.rules.rows import Row, RuleTests, accepted, nameOfTest, refused
from tests.trp.rules.scene import (
    BARE,
    BEYOND_DEVICES,
    SUPPORT,
    TAIL,
    Change,
    Scene,
    withdrawn,
)
from tests.trp.support import GROUP


class AgentRuleTests(RuleTests):
    """
    The rules of a packet that goes to the handler.

    :cvar sent: the rule of success, the handler's method and the members of what it gets.
    """

    sent: ClassVar[tuple[str, str, dict[str, Any]]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        rule, method, members = cls.sent
        name = nameOfTest(rule, "the handler gets it") if rule else "test_sent"
        setattr(cls, name, _sending(rule, method, members))


def _sending(rule: str, method: str, members: dict[str, Any]) -> Callable[[AgentRuleTests], None]:
    def test(self: AgentRuleTests) -> None:
        scene = Scene()
        octets, needed = scene.compose(self.request(scene), Change(words={"dwRequestID": 77}))
        answer = scene.app.raw(octets, needed)
        self.assertEqual(int.from_bytes(answer[:4], "little"), 77)
        arms = scene.harness.handler.requests
        self.assertEqual([type(arm).__name__.lower() for arm in arms], [f"{method}arm".lower()])
        self.assertEqual({name: getattr(arms[0], name) for name in members}, members)
        self.assertEqual(arms[0].line.name, "Sales")
        replies = [(reply.Param1, reply.Param2) for reply in scene.replies()]
        self.assertEqual(replies, [(77, 0)])

    test.__doc__ = f"{rule or 'Success'}: {method} is called with what the client sent, once."
    return test


class AgentSpecific(AgentRuleTests):
    """2.2.4.1.3.3"""

    rows = (
        *blocks("6.1", "6.2", "lpParams", "dwSize", b"ping", LINEERR_INVALPARAM),
        *noLine("6.3"),
        *noAddress("6.dwAddressID"),
        accepted("6.dwSize", "0x40000", tail=bytes(0x40000), lpParams=4, dwSize=0x40000),
        refused("6.dwSize", "0x40001", LINEERR_INVALPARAM,
                tail=bytes(0x40001), lpParams=4, dwSize=0x40001),
        *handler("6.4", "6.5"),
    )  # fmt: skip
    sent = (
        "6.6",
        "agentSpecific",
        {"dwAddressID": 1, "dwAgentExtensionIDIndex": 3, "Params": b"ping"},
    )

    def request(self, scene: Scene) -> agent.AgentSpecific:
        return agent.AgentSpecific(
            hLine=scene.hLine, dwAddressID=1, dwAgentExtensionIDIndex=3, lpParams=b"ping"
        )


class CreateAgent(AgentRuleTests):
    """2.2.4.1.3.10"""

    rows = (
        *strings("146.1", "146.1", "146.1", "lpszAgentPIN", LINEERR_INVALPARAM),
        accepted("146.1", "TAPI_NO_DATA", lpszAgentPIN=TAPI_NO_DATA),
        *strings("146.2", "146.2", "146.2", "lpszAgentID", LINEERR_INVALPARAM),
        accepted("146.2", "TAPI_NO_DATA", lpszAgentID=TAPI_NO_DATA),
        *noLine("146.3"),
        *handler("146.4", "146.5"),
    )
    sent = ("146.6", "createAgent", {"AgentID": "1001", "AgentPIN": "1234"})

    def request(self, scene: Scene) -> agent.CreateAgent:
        return agent.CreateAgent(hLine=scene.hLine, lpszAgentID="1001", lpszAgentPIN="1234")


class CreateAgentSession(AgentRuleTests):
    """2.2.4.1.3.11; its table is exhaustive, without LINEERR_INVALADDRESSID"""

    rows = (
        *strings("147.1", "147.1", "147.1", "lpszAgentPIN", LINEERR_INVALPARAM),
        accepted("147.1", "TAPI_NO_DATA", lpszAgentPIN=TAPI_NO_DATA),
        *blocks("147.2", "147.3", "lpGroupID", "dwSize", GROUP.bytes_le, LINEERR_INVALPARAM),
        refused("147.4", "15 octets", LINEERR_INVALPARAM, dwSize=15),
        refused("147.4", "no octets", LINEERR_INVALPARAM, dwSize=0),
        accepted("147.4", "17 octets", dwSize=17),
        *noLine("147.5"),
        *noAddress("147.6", LINEERR_INVALPARAM, "dwWorkingAddressID"),
        *handler("147.7", "147.8"),
    )
    sent = (
        "147.9",
        "createAgentSession",
        {"AgentPIN": "1234", "hAgent": 9, "GroupID": GROUP, "dwWorkingAddressID": 1},
    )

    def request(self, scene: Scene) -> agent.CreateAgentSession:
        return agent.CreateAgentSession(
            hLine=scene.hLine,
            hAgent=9,
            lpszAgentPIN="1234",
            lpGroupID=GROUP,
            dwWorkingAddressID=1,
        )


class GetAgentActivityList(AgentRuleTests):
    """2.2.4.1.3.22; its table is exhaustive, without LINEERR_INVALPARAM"""

    rows = (
        *noLine("24.1"),
        *noAddress("24.2"),
        *handler("24.3", "24.4"),
        *atMost("24.5", "lpAgentActivityList", LINEERR_INVALPOINTER),
        *atLeast("24.6", "lpAgentActivityList", 24, LINEERR_STRUCTURETOOSMALL),
    )
    sent = ("24.7", "getAgentActivityList", {"dwAddressID": 1})

    def request(self, scene: Scene) -> agent.GetAgentActivityList:
        return agent.GetAgentActivityList(
            hLine=scene.hLine, dwAddressID=1, lpAgentActivityList=1024
        )


class GetAgentCaps(AgentRuleTests):
    """2.2.4.1.3.23; its table is exhaustive, without LINEERR_INVALPARAM"""

    rows = (
        *noApp("25.1"),
        accepted("25.dwDeviceID", "the last with a handler", dwDeviceID=SUPPORT, dwAddressID=0),
        refused("25.dwDeviceID", "the first beyond", LINEERR_BADDEVICEID,
                dwDeviceID=BEYOND_DEVICES),
        removedDevice(25),
        *noAddress("25.dwAddressID"),
        # As it is printed the packet has no VarData, and is accepted; for what the room is for, a
        # size is as good as any other.
        accepted("25.2", "no VarData and no room for an answer", needed=60),
        refused("25.2", "room for all but a small lpAgentCapsSize", LINEERR_STRUCTURETOOSMALL,
                needed=60 + 1024, lpAgentCapsSize=71),
        *atLeast("25.3", "lpAgentCapsSize", 72, LINEERR_STRUCTURETOOSMALL),
        *atLeast("25.3", "lpAgentCapsSize", 72, LINEERR_STRUCTURETOOSMALL,
                 dwAppAPIVersion=TAPI_2_2),
        *atLeast("25.3", "lpAgentCapsSize", 56, LINEERR_STRUCTURETOOSMALL,
                 dwAppAPIVersion=TAPI_2_1),
        *atLeast("25.3", "lpAgentCapsSize", 56, LINEERR_STRUCTURETOOSMALL,
                 dwAppAPIVersion=TAPI_2_0),
        *version("25.4", "dwAppAPIVersion", LINEERR_INCOMPATIBLEAPIVERSION, since2_0=True),
        refused("25.5", "a line without a handler", LINEERR_OPERATIONUNAVAIL,
                dwDeviceID=BARE, dwAddressID=0),
        refused("25.6", "the handler has withdrawn it", LINEERR_OPERATIONUNAVAIL,
                before=withdrawn),
        *atMost("25.lpAgentCapsSize", "lpAgentCapsSize", LINEERR_INVALPOINTER),
    )  # fmt: skip
    sent = ("25.7", "getAgentCaps", {"dwAddressID": 1, "client": None})

    def request(self, scene: Scene) -> agent.GetAgentCaps:
        return agent.GetAgentCaps(
            hLineApp=scene.hLineApp,
            dwAddressID=1,
            dwAppAPIVersion=TAPI_3_1,
            lpAgentCapsSize=1024,
        )


class GetAgentGroupList(AgentRuleTests):
    """2.2.4.1.3.24; its table is exhaustive, without LINEERR_INVALPARAM"""

    rows = (
        *noLine("26.1"),
        *noAddress("26.2"),
        *handler("26.3", "26.4"),
        *atMost("26.5", "lpAgentGroupListSize", LINEERR_INVALPOINTER),
        *atLeast("26.6", "lpAgentGroupListSize", 24, LINEERR_STRUCTURETOOSMALL),
    )
    sent = ("26.7", "getAgentGroupList", {"dwAddressID": 1})

    def request(self, scene: Scene) -> agent.GetAgentGroupList:
        return agent.GetAgentGroupList(hLine=scene.hLine, dwAddressID=1, lpAgentGroupListSize=1024)


class GetAgentInfo(AgentRuleTests):
    """2.2.4.1.3.25; its table is exhaustive, without LINEERR_STRUCTURETOOSMALL"""

    rows = (
        *atMost("148.1", "lpAgentInfo", LINEERR_INVALPARAM),
        *atLeast("148.2", "lpAgentInfo", 56, LINEERR_INVALPARAM),
        *noLine("148.3"),
        *handler("148.5", "148.6"),
    )
    sent = ("148.7", "getAgentInfo", {"hAgent": 9})

    def request(self, scene: Scene) -> agent.GetAgentInfo:
        return agent.GetAgentInfo(hLine=scene.hLine, hAgent=9, lpAgentInfo=1024)


class GetAgentSessionInfo(AgentRuleTests):
    """2.2.4.1.3.26; its table is exhaustive, without LINEERR_STRUCTURETOOSMALL"""

    rows = (
        *atMost("149.1", "lpAgentSessionInfo", LINEERR_INVALPARAM),
        *atLeast("149.2", "lpAgentSessionInfo", 76, LINEERR_INVALPARAM),
        *noLine("149.3"),
        *handler("149.5", "149.6"),
    )
    sent = ("149.7", "getAgentSessionInfo", {"hAgentSession": 9})

    def request(self, scene: Scene) -> agent.GetAgentSessionInfo:
        return agent.GetAgentSessionInfo(
            hLine=scene.hLine, hAgentSession=9, lpAgentSessionInfo=1024
        )


class GetAgentSessionList(AgentRuleTests):
    """2.2.4.1.3.27; its table is exhaustive, without LINEERR_STRUCTURETOOSMALL"""

    rows = (
        *atMost("150.1", "lpAgentSessionList", LINEERR_INVALPARAM),
        *atLeast("150.2", "lpAgentSessionList", 24, LINEERR_INVALPARAM),
        *noLine("150.3"),
        *handler("150.5", "150.6"),
    )
    sent = ("150.7", "getAgentSessionList", {"hAgent": 9})

    def request(self, scene: Scene) -> agent.GetAgentSessionList:
        return agent.GetAgentSessionList(hLine=scene.hLine, hAgent=9, lpAgentSessionList=1024)


class GetAgentStatus(AgentRuleTests):
    """2.2.4.1.3.28; its table is exhaustive, without LINEERR_INVALPARAM"""

    rows = (
        *noLine("27.1"),
        *noAddress("27.2"),
        *handler("27.3", "27.4"),
        *atMost("27.5", "lpAgentStatusSize", LINEERR_INVALPOINTER),
        *atLeast("27.6", "lpAgentStatusSize", 56, LINEERR_STRUCTURETOOSMALL),
    )
    sent = ("27.7", "getAgentStatus", {"dwAddressID": 1})

    def request(self, scene: Scene) -> agent.GetAgentStatus:
        return agent.GetAgentStatus(hLine=scene.hLine, dwAddressID=1, lpAgentStatusSize=1024)


class GetGroupList(AgentRuleTests):
    """2.2.4.1.3.34; its table is exhaustive, without LINEERR_STRUCTURETOOSMALL"""

    rows = (
        *atMost("152.1", "lpAgentGroupListSize", LINEERR_INVALPARAM),
        *atLeast("152.2", "lpAgentGroupListSize", 24, LINEERR_INVALPARAM),
        # As it is printed the packet has no VarData, and is accepted.
        accepted("152.3", "no VarData and no room for an answer", needed=60),
        refused("152.3", "room for all but a small lpAgentGroupListSize", LINEERR_INVALPARAM,
                needed=60 + 1024, lpAgentGroupListSize=23),
        *noLine("152.4"),
        *handler("152.5", "152.6"),
    )  # fmt: skip
    sent = ("152.7", "getGroupList", {})

    def request(self, scene: Scene) -> agent.GetGroupList:
        return agent.GetGroupList(hLine=scene.hLine, lpAgentGroupListSize=1024)


class GetQueueInfo(AgentRuleTests):
    """2.2.4.1.3.40; its table is exhaustive, without LINEERR_STRUCTURETOOSMALL"""

    rows = (
        *atLeast("151.1", "lpQueueInfo", 52, LINEERR_INVALPARAM),
        *noLine("151.2"),
        *atMost("151.3", "lpQueueInfo", LINEERR_INVALPARAM),
        *handler("151.4", "151.5"),
    )
    sent = ("151.6", "getQueueInfo", {"dwQueueID": 9})

    def request(self, scene: Scene) -> agent.GetQueueInfo:
        return agent.GetQueueInfo(hLine=scene.hLine, dwQueueID=9, lpQueueInfo=1024)


class GetQueueList(AgentRuleTests):
    """2.2.4.1.3.41; its table is exhaustive, without LINEERR_STRUCTURETOOSMALL"""

    rows = (
        # As it is printed VarData holds a GUID, 16 octets of the 24 of a LINEQUEUELIST, and is
        # accepted: lpQueueList is what is checked.
        accepted("153.1", "VarData of 16 octets", tail=b"", needed=60 + 16),
        *atLeast("153.1", "lpQueueList", 24, LINEERR_INVALPARAM),
        *blocks("153.2", "153.3", "pGroupID", "cbGUID", GROUP.bytes_le, LINEERR_INVALPARAM),
        refused("153.cbGUID", "15 octets", LINEERR_INVALPARAM, cbGUID=15),
        *atMost("153.lpQueueList", "lpQueueList", LINEERR_INVALPARAM),
        *noLine("153.4"),
        *handler("153.5", "153.6"),
    )
    sent = ("153.7", "getQueueList", {"GroupID": GROUP})

    def request(self, scene: Scene) -> agent.GetQueueList:
        return agent.GetQueueList(hLine=scene.hLine, pGroupID=GROUP, lpQueueList=1024)


class SetAgentActivity(AgentRuleTests):
    """2.2.4.1.3.57"""

    rows = (*noLine("66.1"), *noAddress("66.dwAddressID"), *handler("66.2", "66.3"))
    sent = ("66.4", "setAgentActivity", {"dwAddressID": 1, "dwActivityID": 2})

    def request(self, scene: Scene) -> agent.SetAgentActivity:
        return agent.SetAgentActivity(hLine=scene.hLine, dwAddressID=1, dwActivityID=2)


def _entry(name: str, value: int) -> dict[str, Any]:
    """A member of the first LINEAGENTGROUPENTRY, which stands behind the 24 octets of the list."""
    return {"members": {f"LINEAGENTGROUPENTRY.{name}": value}, "entry": 24}


def _list(**members: int) -> dict[str, Any]:
    return {"members": {f"LINEAGENTGROUPLIST.{name}": value for name, value in members.items()}}


class SetAgentGroup(AgentRuleTests):
    """2.2.4.1.3.58; a list of 24 octets, an entry of 24, a name of 6, 2 to align: 56"""

    rows = (
        *noLine("67.1"),
        *noAddress("67.dwAddressID"),
        refused("67.2", "an offset of 1", LINEERR_INVALPARAM, moved=1, lpAgentGroupList=1),
        refused("67.2", "an offset of 2", LINEERR_INVALPARAM, moved=2, lpAgentGroupList=2),
        accepted("67.2", "an offset of 4", moved=4, lpAgentGroupList=4),
        refused("67.2", "outside", LINEERR_INVALPARAM, lpAgentGroupList=56, tail=b""),
        refused("67.2", "far outside", LINEERR_INVALPARAM, lpAgentGroupList=0xFFFFFFFC),
        accepted("67.3", "dwTotalSize up to the end", tail=b"", **_list(dwTotalSize=56)),
        refused("67.3", "dwTotalSize beyond", LINEERR_INVALPARAM,
                tail=b"", **_list(dwTotalSize=57)),
        refused("67.3", "23 octets left", LINEERR_INVALPARAM,
                tail=bytes(23), lpAgentGroupList=TAIL),
        accepted("67.3", "24 octets left", lpAgentGroupList=TAIL,
                 tail=b"\x18\0\0\0" * 3 + bytes(12)),
        refused("67.3", "dwTotalSize below the fixed part", LINEERR_INVALPARAM,
                **_list(dwTotalSize=23, dwNumEntries=0)),
        refused("67.lpAgentGroupList", "an entry larger than dwListSize", LINEERR_INVALPARAM,
                **_list(dwListSize=23)),
        refused("67.lpAgentGroupList", "the entries beyond the list", LINEERR_INVALPARAM,
                **_list(dwListOffset=36)),
        refused("67.lpAgentGroupList", "the entries outside the list", LINEERR_INVALPARAM,
                tail=bytes(24), **_list(dwListOffset=56)),
        accepted("67.lpAgentGroupList", "a name up to the end", **_entry("dwNameSize", 8)),
        refused("67.lpAgentGroupList", "a name beyond the list", LINEERR_INVALPARAM,
                **_entry("dwNameSize", 9)),
        refused("67.lpAgentGroupList", "a name outside", LINEERR_INVALPARAM,
                **_entry("dwNameOffset", 56)),
        *handler("67.4", "67.5"),
    )  # fmt: skip
    sent = (
        "67.6",
        "setAgentGroup",
        {"dwAddressID": 1, "GroupList": (LINEAGENTGROUPENTRY(GroupID=GROUP, Name="AB"),)},
    )

    def request(self, scene: Scene) -> agent.SetAgentGroup:
        groups = LINEAGENTGROUPLIST(List=(LINEAGENTGROUPENTRY(GroupID=GROUP, Name="AB"),))
        return agent.SetAgentGroup(hLine=scene.hLine, dwAddressID=1, lpAgentGroupList=groups)


class SetAgentMeasurementPeriod(AgentRuleTests):
    """2.2.4.1.3.59"""

    rows = (
        *noLine("154.1"),
        accepted("154.2", "1", dwMeasurementPeriod=1),
        refused("154.2", "0", LINEERR_INVALPARAM, dwMeasurementPeriod=0),
        *handler("154.3", "154.4"),
    )
    sent = ("154.5", "setAgentMeasurementPeriod", {"hAgent": 9, "dwMeasurementPeriod": 60})

    def request(self, scene: Scene) -> agent.SetAgentMeasurementPeriod:
        return agent.SetAgentMeasurementPeriod(hLine=scene.hLine, hAgent=9, dwMeasurementPeriod=60)


def states(
    both: str, first: str, second: str, state: str, nextState: str, constants: int, ready: int
) -> tuple[Row, ...]:
    """
    Say that two states are both 0, and that one of them is not exactly one constant.

    :param constants: how many there are: 1, 2, 4 ...
    """
    code = LINEERR_INVALAGENTSTATE
    values = [1 << bit for bit in range(constants)]
    above = 1 << constants
    return (
        refused(both, "both 0", LINEERR_INVALPARAM, **{state: 0}),
        accepted(both, f"only {nextState}", **{state: 0, nextState: ready}),
        *(accepted(first, f"{value:#x}", **{state: value}) for value in values),
        refused(first, "two bits", code, **{state: 3}),
        refused(first, "the first above", code, **{state: above}),
        refused(first, "one and the first above", code, **{state: 1 | above}),
        *(accepted(second, f"{value:#x}", **{nextState: value}) for value in values),
        refused(second, "two bits", code, **{nextState: 3}),
        refused(second, "the first above", code, **{nextState: above}),
        refused(second, "one and the first above", code, **{nextState: 1 | above}),
    )


class SetAgentSessionState(AgentRuleTests):
    """2.2.4.1.3.60"""

    rows = (
        *noLine("155.1"),
        *states("155.2", "155.3", "155.4", "dwAgentSessionState", "dwNextAgentSessionState",
                6, LINEAGENTSESSIONSTATE_READY),
        *handler("155.5", "155.6"),
    )  # fmt: skip
    sent = (
        "155.7",
        "setAgentSessionState",
        {"hAgentSession": 9, "dwAgentSessionState": 2, "dwNextAgentSessionState": 0},
    )

    def request(self, scene: Scene) -> agent.SetAgentSessionState:
        return agent.SetAgentSessionState(
            hLine=scene.hLine, hAgentSession=9, dwAgentSessionState=LINEAGENTSESSIONSTATE_READY
        )


class SetAgentState(AgentRuleTests):
    """2.2.4.1.3.61; its rules name LINEAGENTSESSIONSTATE, of 6 constants; the packet takes 10"""

    rows = (
        *noLine("68.1"),
        *noAddress("68.dwAddressID"),
        *states("68.2", "68.3", "68.4", "dwAgentState", "dwNextAgentState",
                10, LINEAGENTSTATE_READY),
        *handler("68.5", "68.6"),
    )  # fmt: skip
    sent = (
        "68.7",
        "setAgentState",
        {"dwAddressID": 1, "dwAgentState": LINEAGENTSTATE_NOTREADY, "dwNextAgentState": 0},
    )

    def request(self, scene: Scene) -> agent.SetAgentState:
        return agent.SetAgentState(
            hLine=scene.hLine, dwAddressID=1, dwAgentState=LINEAGENTSTATE_NOTREADY
        )


class SetAgentStateEx(AgentRuleTests):
    """2.2.4.1.3.62; the specification has no rule of success for it"""

    rows = (
        *noLine("157.1"),
        *states("157.2", "157.3", "157.4", "dwAgentState", "dwNextAgentState",
                7, LINEAGENTSTATEEX_READY),
        *handler("157.5", "157.6"),
    )  # fmt: skip
    sent = ("", "setAgentStateEx", {"hAgent": 9, "dwAgentState": 2, "dwNextAgentState": 0})

    def request(self, scene: Scene) -> agent.SetAgentStateEx:
        return agent.SetAgentStateEx(
            hLine=scene.hLine, hAgent=9, dwAgentState=LINEAGENTSTATEEX_READY
        )


class SetQueueMeasurementPeriod(AgentRuleTests):
    """2.2.4.1.3.74"""

    rows = (
        accepted("156.1", "1", dwMeasurementPeriod=1),
        refused("156.1", "0", LINEERR_INVALPARAM, dwMeasurementPeriod=0),
        *noLine("156.2"),
        *handler("156.3", "156.4"),
    )
    sent = ("156.5", "setQueueMeasurementPeriod", {"dwQueueID": 9, "dwMeasurementPeriod": 60})

    def request(self, scene: Scene) -> agent.SetQueueMeasurementPeriod:
        return agent.SetQueueMeasurementPeriod(
            hLine=scene.hLine, dwQueueID=9, dwMeasurementPeriod=60
        )
