"""
The states of sessions and agents, and which of them may follow which.

Three sets of [MS-TRP] speak of the same thing: LINEAGENTSESSIONSTATE (2.2.3.1.8, a session),
LINEAGENTSTATE (2.2.3.1.10, the agent at an address) and LINEAGENTSTATEEX (2.2.3.1.11, an agent).  A
session's state is the one that is kept; the other two are read from `SIDE_BY_SIDE`.  What a request
may set is in `TRANSITIONS`.  Both tables are at the end of this file.
"""

from collections.abc import Iterable

from attrs import frozen

from tapiproxy.tapi.lineconstants import (
    LINEAGENTSESSIONSTATE_BUSYONCALL,
    LINEAGENTSESSIONSTATE_BUSYWRAPUP,
    LINEAGENTSESSIONSTATE_ENDED,
    LINEAGENTSESSIONSTATE_NOTREADY,
    LINEAGENTSESSIONSTATE_READY,
    LINEAGENTSESSIONSTATE_RELEASED,
    LINEAGENTSTATE_BUSYACD,
    LINEAGENTSTATE_BUSYINCOMING,
    LINEAGENTSTATE_BUSYOTHER,
    LINEAGENTSTATE_BUSYOUTBOUND,
    LINEAGENTSTATE_LOGGEDOFF,
    LINEAGENTSTATE_NOTREADY,
    LINEAGENTSTATE_READY,
    LINEAGENTSTATE_WORKINGAFTERCALL,
    LINEAGENTSTATEEX_BUSYACD,
    LINEAGENTSTATEEX_BUSYINCOMING,
    LINEAGENTSTATEEX_BUSYOUTGOING,
    LINEAGENTSTATEEX_NOTREADY,
    LINEAGENTSTATEEX_READY,
    LINEAGENTSTATEEX_RELEASED,
)

__all__ = [
    "BUSYONCALL",
    "BUSYWRAPUP",
    "ENDED",
    "INCOMING",
    "LIVE",
    "NOTREADY",
    "OTHER",
    "OUTGOING",
    "READY",
    "RELEASED",
    "RESTING",
    "SIDE_BY_SIDE",
    "TRANSITIONS",
    "Row",
    "Transition",
    "busiest",
    "fromAgentState",
    "fromAgentStateEx",
    "toAgentStates",
]

# The states of a session, without their prefix: they are on every second line of this package.
NOTREADY = LINEAGENTSESSIONSTATE_NOTREADY
READY = LINEAGENTSESSIONSTATE_READY
BUSYONCALL = LINEAGENTSESSIONSTATE_BUSYONCALL
BUSYWRAPUP = LINEAGENTSESSIONSTATE_BUSYWRAPUP
ENDED = LINEAGENTSESSIONSTATE_ENDED
RELEASED = LINEAGENTSESSIONSTATE_RELEASED

#: Directions of a call that did not come from a queue of this ACD.
INCOMING = "incoming"
OUTGOING = "outgoing"
OTHER = "other"

#: A session that counts as logged on.
LIVE = NOTREADY | READY | BUSYONCALL | BUSYWRAPUP

#: The states in which a session stays until somebody changes them.
RESTING = NOTREADY | READY


@frozen
class Row:
    """
    One condition of an agent in the words of the three sets.

    :param condition: a LINEAGENTSESSIONSTATE_, or the direction of a non-ACD call.
    :param agentState: the LINEAGENTSTATE_ that LINEAGENTSTATUS shows.
    :param agentStateEx: the LINEAGENTSTATEEX_ that LINEAGENTINFO shows.
    """

    condition: int | str
    agentState: int
    agentStateEx: int


@frozen
class Transition:
    """
    What a request may set on a session that is in one state.

    :param state: the states that it may take at once; always its own, which changes nothing.
    :param next: the states that may be planned for the end of the call and its wrap-up.
    """

    state: int
    next: int


def busiest(conditions: Iterable[int | str]) -> Row | None:
    """
    Choose the row that speaks for several sessions and calls: the one that stands highest.

    :param conditions: session states and directions of non-ACD calls.
    :returns: the row, or None if there is no condition at all.
    """
    rank = min((_RANK[condition] for condition in conditions), default=None)
    return None if rank is None else SIDE_BY_SIDE[rank]


def fromAgentState(agentState: int) -> int:
    """
    Read the LINEAGENTSTATE_ of SetAgentState as a session state.

    :returns: the session state, or 0 if no request can set that state.
    """
    return _FROM_AGENT_STATE.get(agentState, 0)


def fromAgentStateEx(agentStateEx: int) -> int:
    """
    Read the LINEAGENTSTATEEX_ of SetAgentStateEx as a session state.

    :returns: the session state, or 0 if no request can set that state.
    """
    return _FROM_AGENT_STATE_EX.get(agentStateEx, 0)


def toAgentStates(mask: int) -> int:
    """Translate a mask of session states into one of LINEAGENTSTATE_, for LINEAGENTSTATUS."""
    states = 0
    for row in SIDE_BY_SIDE:
        if isinstance(row.condition, int) and row.condition & mask:
            states |= row.agentState
    return states


#: The three sets side by side, the busiest first.  Wrap-up belongs to the call (LINEAGENTINFO
#: counts it as call time), so LINEAGENTSTATEEX, which has no word for it, shows BUSYACD; and it has
#: none for a personal call either.
SIDE_BY_SIDE: tuple[Row, ...] = (
    Row(BUSYONCALL, LINEAGENTSTATE_BUSYACD, LINEAGENTSTATEEX_BUSYACD),
    Row(INCOMING, LINEAGENTSTATE_BUSYINCOMING, LINEAGENTSTATEEX_BUSYINCOMING),
    Row(OUTGOING, LINEAGENTSTATE_BUSYOUTBOUND, LINEAGENTSTATEEX_BUSYOUTGOING),
    Row(OTHER, LINEAGENTSTATE_BUSYOTHER, LINEAGENTSTATEEX_BUSYOUTGOING),
    Row(BUSYWRAPUP, LINEAGENTSTATE_WORKINGAFTERCALL, LINEAGENTSTATEEX_BUSYACD),
    Row(READY, LINEAGENTSTATE_READY, LINEAGENTSTATEEX_READY),
    Row(NOTREADY, LINEAGENTSTATE_NOTREADY, LINEAGENTSTATEEX_NOTREADY),
    Row(ENDED, LINEAGENTSTATE_LOGGEDOFF, LINEAGENTSTATEEX_RELEASED),
    Row(RELEASED, LINEAGENTSTATE_LOGGEDOFF, LINEAGENTSTATEEX_RELEASED),
)

#: What requests may do.  Only facts lead into BUSYONCALL and out of it; RELEASED gives the handle
#: back, so nothing follows.
TRANSITIONS: dict[int, Transition] = {
    NOTREADY: Transition(
        state=NOTREADY | READY | BUSYWRAPUP | ENDED | RELEASED,
        next=NOTREADY | READY | BUSYWRAPUP | ENDED,
    ),
    READY: Transition(
        state=NOTREADY | READY | BUSYWRAPUP | ENDED | RELEASED,
        next=NOTREADY | READY | BUSYWRAPUP | ENDED,
    ),
    BUSYONCALL: Transition(
        state=BUSYONCALL,
        next=NOTREADY | READY | BUSYWRAPUP | ENDED,
    ),
    BUSYWRAPUP: Transition(
        state=NOTREADY | READY | BUSYWRAPUP | ENDED | RELEASED,
        next=NOTREADY | READY | ENDED,
    ),
    ENDED: Transition(state=ENDED | RELEASED, next=ENDED),
    RELEASED: Transition(state=0, next=0),
}

_RANK = {row.condition: rank for rank, row in enumerate(SIDE_BY_SIDE)}

_FROM_AGENT_STATE = {
    LINEAGENTSTATE_LOGGEDOFF: ENDED,
    LINEAGENTSTATE_NOTREADY: NOTREADY,
    LINEAGENTSTATE_READY: READY,
    LINEAGENTSTATE_WORKINGAFTERCALL: BUSYWRAPUP,
}

_FROM_AGENT_STATE_EX = {
    LINEAGENTSTATEEX_NOTREADY: NOTREADY,
    LINEAGENTSTATEEX_READY: READY,
    LINEAGENTSTATEEX_RELEASED: ENDED,
}
