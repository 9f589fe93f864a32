"""
Rules of the twenty requests that a proxy function handler answers.  [MS-TRP] 2.2.4.1.3

Whether an agent, session, group, queue or activity exists, only the handler knows: it answers those
rules in LINE_REPLY.
"""

from typing import Any

from tapiproxy.tapi.agentstructs import (
    LINEAGENTACTIVITYLIST,
    LINEAGENTCAPS,
    LINEAGENTGROUPLIST,
    LINEAGENTINFO,
    LINEAGENTSESSIONINFO,
    LINEAGENTSESSIONLIST,
    LINEAGENTSTATUS,
    LINEQUEUEINFO,
    LINEQUEUELIST,
)
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSESSIONSTATE,
    LINEAGENTSTATE,
    LINEAGENTSTATEEX,
)
from tapiproxy.tapi.lineerr import (
    LINEERR_BADDEVICEID,
    LINEERR_INCOMPATIBLEAPIVERSION,
    LINEERR_INVALADDRESSID,
    LINEERR_INVALAGENTSTATE,
    LINEERR_INVALAPPHANDLE,
    LINEERR_INVALLINEHANDLE,
    LINEERR_INVALPARAM,
    LINEERR_NODEVICE,
    LINEERR_OPERATIONUNAVAIL,
    LINEERR_STRUCTURETOOSMALL,
)
from tapiproxy.tapi.versions import TAPI_2_0, VALID_VERSIONS
from tapiproxy.trp.rules.predicates import (
    badAddress,
    badAddressOfDevice,
    badDevice,
    below,
    noApp,
    noHandler,
    noHandlerOfDevice,
    noLine,
    notHandled,
    notHandledOfDevice,
    oneOf,
    removedDevice,
    tooLarge,
    unknownVersion,
    zero,
)
from tapiproxy.trp.rules.rule import (
    ANY_PROBLEM,
    PacketRules,
    check,
    codec,
    effect,
    forHandler,
    packet,
    slip,
)
from tapiproxy.wire.errors import BADVALUE, BEYOND, MISALIGNED, OUTSIDE, TOOSMALL

__all__ = ["RULES"]

_SENT = "tapiproxy.trp.actions.agent.proxyRequest"
_SINCE_2_0 = tuple(version for version in VALID_VERSIONS if version >= TAPI_2_0)


def badWorkingAddress(message: Any, client: Any, room: int) -> bool:
    """The line has no address of which the session could be."""
    opened = client.lines.get(message.hLine)
    return opened is not None and message.dwWorkingAddressID >= len(opened.line.addresses)


def blockTooLarge(message: Any, client: Any, room: int) -> bool:
    """The parameter block is larger than the server passes on."""
    return bool(len(message.lpParams) > client.settings.agentSpecificBytes)


def _line(number: int) -> Any:
    return check(number, LINEERR_INVALLINEHANDLE, noLine)


def _handler(first: int) -> tuple[Any, ...]:
    """Declare the rules that the line has a handler, and that it handles the request."""
    return (
        check(first, LINEERR_OPERATIONUNAVAIL, noHandler),
        check(first + 1, LINEERR_OPERATIONUNAVAIL, notHandled),
    )


def _address(number: int | str = "dwAddressID") -> Any:
    return check(
        number,
        LINEERR_INVALADDRESSID,
        badAddress,
        note="whether an agent is on the address, the handler knows" if number == 2 else "",
    )


def _room(largest: int, least: int, size: str, structure: type) -> tuple[Any, ...]:
    """Declare the rules of the room for an answer: at most 0x40000, at least the fixed part."""
    return (
        check(largest, LINEERR_INVALPARAM, tooLarge(size), size=True),
        check(least, LINEERR_STRUCTURETOOSMALL, below(size, structure), size=True),
    )


def _agentState(zeroNumber: int, code: int, state: str, nextState: str, values: Any) -> Any:
    """Declare the rules of a pair of states: not both 0, each 0 or one constant."""
    return (
        check(zeroNumber, LINEERR_INVALPARAM, zero(state, nextState)),
        check(zeroNumber + 1, code, oneOf(state, values)),
        check(zeroNumber + 2, code, oneOf(nextState, values)),
    )


RULES: tuple[PacketRules, ...] = (
    packet(
        6,
        "AgentSpecific",
        codec(1, LINEERR_INVALPARAM, "lpParams", MISALIGNED, OUTSIDE),
        codec(2, LINEERR_INVALPARAM, "lpParams", BEYOND),
        _line(3),
        _address(),
        check("dwSize", LINEERR_INVALPARAM, blockTooLarge, size=True, note="a limit of ours"),
        *_handler(4),
        effect(6, _SENT),
    ),
    packet(
        146,
        "CreateAgent",
        codec(1, LINEERR_INVALPARAM, "lpszAgentPIN", *ANY_PROBLEM),
        codec(2, LINEERR_INVALPARAM, "lpszAgentID", *ANY_PROBLEM),
        _line(3),
        *_handler(4),
        effect(6, _SENT),
    ),
    packet(
        147,
        "CreateAgentSession",
        codec(1, LINEERR_INVALPARAM, "lpszAgentPIN", *ANY_PROBLEM),
        codec(2, LINEERR_INVALPARAM, "lpGroupID", MISALIGNED, OUTSIDE),
        codec(3, LINEERR_INVALPARAM, "lpGroupID", BEYOND),
        codec(4, LINEERR_INVALPARAM, "lpGroupID", TOOSMALL, BADVALUE),
        _line(5),
        check(6, LINEERR_INVALADDRESSID, badWorkingAddress),
        *_handler(7),
        effect(9, _SENT),
    ),
    packet(
        24,
        "GetAgentActivityList",
        _line(1),
        _address(2),
        *_handler(3),
        *_room(5, 6, "lpAgentActivityList", LINEAGENTACTIVITYLIST),
        effect(7, _SENT),
    ),
    packet(
        25,
        "GetAgentCaps",
        check(1, LINEERR_INVALAPPHANDLE, noApp),
        check("dwDeviceID", LINEERR_BADDEVICEID, badDevice),
        check("dwDeviceID removed", LINEERR_NODEVICE, removedDevice, note="decision 14"),
        check("dwAddressID", LINEERR_INVALADDRESSID, badAddressOfDevice),
        slip(2, 3, "the packet has no VarData: lpAgentCapsSize is what is checked"),
        check(4, LINEERR_INCOMPATIBLEAPIVERSION, unknownVersion("dwAppAPIVersion", _SINCE_2_0)),
        check(
            3,
            LINEERR_STRUCTURETOOSMALL,
            below("lpAgentCapsSize", LINEAGENTCAPS, "dwAppAPIVersion"),
            size=True,
        ),
        check(5, LINEERR_OPERATIONUNAVAIL, noHandlerOfDevice),
        check(6, LINEERR_OPERATIONUNAVAIL, notHandledOfDevice),
        check(
            "lpAgentCapsSize",
            LINEERR_INVALPARAM,
            tooLarge("lpAgentCapsSize"),
            size=True,
            note="as for the other packets of the family",
        ),
        effect(7, _SENT),
    ),
    packet(
        26,
        "GetAgentGroupList",
        _line(1),
        _address(2),
        *_handler(3),
        *_room(5, 6, "lpAgentGroupListSize", LINEAGENTGROUPLIST),
        effect(7, _SENT),
    ),
    packet(
        148,
        "GetAgentInfo",
        *_room(1, 2, "lpAgentInfo", LINEAGENTINFO),
        _line(3),
        forHandler(4),
        *_handler(5),
        effect(7, _SENT),
    ),
    packet(
        149,
        "GetAgentSessionInfo",
        *_room(1, 2, "lpAgentSessionInfo", LINEAGENTSESSIONINFO),
        _line(3),
        forHandler(4),
        *_handler(5),
        effect(7, _SENT),
    ),
    packet(
        150,
        "GetAgentSessionList",
        *_room(1, 2, "lpAgentSessionList", LINEAGENTSESSIONLIST),
        _line(3),
        forHandler(4),
        *_handler(5),
        effect(7, _SENT),
    ),
    packet(
        27,
        "GetAgentStatus",
        _line(1),
        _address(2),
        *_handler(3),
        *_room(5, 6, "lpAgentStatusSize", LINEAGENTSTATUS),
        effect(7, _SENT),
    ),
    packet(
        152,
        "GetGroupList",
        *_room(1, 2, "lpAgentGroupListSize", LINEAGENTGROUPLIST),
        slip(3, 2, "the packet has no VarData: lpAgentGroupListSize is what is checked"),
        _line(4),
        *_handler(5),
        effect(7, _SENT),
    ),
    packet(
        151,
        "GetQueueInfo",
        *_room(3, 1, "lpQueueInfo", LINEQUEUEINFO),
        _line(2),
        *_handler(4),
        effect(6, _SENT),
    ),
    packet(
        153,
        "GetQueueList",
        check(
            1,
            LINEERR_STRUCTURETOOSMALL,
            below("lpQueueList", LINEQUEUELIST),
            size=True,
            note="VarData holds 16 octets: lpQueueList is what is checked",
        ),
        codec(2, LINEERR_INVALPARAM, "pGroupID", MISALIGNED, OUTSIDE),
        codec(3, LINEERR_INVALPARAM, "pGroupID", BEYOND),
        codec("cbGUID", LINEERR_INVALPARAM, "pGroupID", TOOSMALL, BADVALUE),
        check(
            "lpQueueList",
            LINEERR_INVALPARAM,
            tooLarge("lpQueueList"),
            size=True,
            note="as for the other packets of the family",
        ),
        _line(4),
        *_handler(5),
        effect(7, _SENT),
    ),
    packet(66, "SetAgentActivity", _line(1), _address(), *_handler(2), effect(4, _SENT)),
    packet(
        67,
        "SetAgentGroup",
        codec(2, LINEERR_INVALPARAM, "lpAgentGroupList", MISALIGNED, OUTSIDE),
        codec(
            3,
            LINEERR_INVALPARAM,
            "lpAgentGroupList LINEAGENTGROUPLIST",
            TOOSMALL,
            note="a list that begins outside VarData has no room in it either: rule 67.2",
        ),
        codec(
            "lpAgentGroupList",
            LINEERR_INVALPARAM,
            "LINEAGENTGROUPLIST.List LINEAGENTGROUPENTRY.Name",
            OUTSIDE,
            BEYOND,
            TOOSMALL,
            note="2.2.6.11, the entries and their names lie within the list",
        ),
        _line(1),
        _address(),
        *_handler(4),
        effect(6, _SENT),
    ),
    packet(
        154,
        "SetAgentMeasurementPeriod",
        _line(1),
        check(2, LINEERR_INVALPARAM, zero("dwMeasurementPeriod")),
        *_handler(3),
        effect(5, _SENT),
    ),
    packet(
        155,
        "SetAgentSessionState",
        _line(1),
        *_agentState(
            2,
            LINEERR_INVALAGENTSTATE,
            "dwAgentSessionState",
            "dwNextAgentSessionState",
            LINEAGENTSESSIONSTATE,
        ),
        *_handler(5),
        effect(7, _SENT),
    ),
    packet(
        68,
        "SetAgentState",
        _line(1),
        _address(),
        # Rules 68.3 and 68.4 name LINEAGENTSESSIONSTATE; the packet takes LINEAGENTSTATE.
        *_agentState(
            2, LINEERR_INVALAGENTSTATE, "dwAgentState", "dwNextAgentState", LINEAGENTSTATE
        ),
        *_handler(5),
        effect(7, _SENT),
    ),
    packet(
        157,
        "SetAgentStateEx",
        _line(1),
        # Rule 157.4 says dwBearerMode for dwNextAgentState.
        *_agentState(
            2, LINEERR_INVALAGENTSTATE, "dwAgentState", "dwNextAgentState", LINEAGENTSTATEEX
        ),
        *_handler(5),
    ),
    packet(
        156,
        "SetQueueMeasurementPeriod",
        check(1, LINEERR_INVALPARAM, zero("dwMeasurementPeriod")),
        _line(2),
        *_handler(3),
        effect(5, _SENT),
    ),
)
