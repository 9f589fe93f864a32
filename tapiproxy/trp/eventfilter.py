"""
Which client gets which event: versions, RSPSetEventFilterMasks, SetStatusMessages.

Events are known here by Msg number and parameters; the packets are made in ``events``, queued in
``delivery``.  [MS-TRP] 2.2.4.2.1, 2.2.4.1.8.3, 2.2.4.1.3.75
"""

from attrs import frozen

from tapiproxy.tapi import eventmasks as em
from tapiproxy.tapi.lineconstants import LINEDEVSTATE_REINIT
from tapiproxy.tapi.versions import TAPI_1_3, TAPI_1_4, TAPI_2_0, TAPI_2_2, TAPI_3_0

__all__ = ["GATES", "EventFilter", "Gate"]


@frozen
class Gate:
    """
    What an event must pass.

    :ivar name: of the packet, for people.
    :ivar since: the negotiated version of a handle that gets it.
    :ivar mask: its bit of RSPSetEventFilterMasks.
    :ivar what: the place of the parameter that says what changed (0 to 2), which dwSubMasks is
        compared with; -1 if there is none.
    """

    name: str
    since: int
    mask: int
    what: int


class EventFilter:
    """
    The filter of one handle (or of a whole client), as RSPSetEventFilterMasks has set it.

    Everything passes until it is set; it holds for handles of version 3.0 and later only.
    """

    __slots__ = ("_mask", "_subMasks")

    def __init__(self) -> None:
        self._mask = em.EM_ALL
        self._subMasks: dict[int, int] = {}

    def set(self, mask: int) -> None:
        """
        Let the events of a mask pass and no others.

        :param mask: EM_ bits.
        """
        self._mask = mask
        self._subMasks = {}

    def setSubMask(self, bit: int, subMask: int) -> None:
        """
        Let an event pass only when one of the given things changed.

        :param bit: the event's one EM_ bit.
        :param subMask: LINEDEVSTATE_ bits for LINE_LINEDEVSTATE, and so on.
        """
        self._mask |= bit
        self._subMasks = {**self._subMasks, bit: subMask}

    def take(self, other: "EventFilter") -> None:
        """Become as another one: that of the handle above."""
        self._mask = other._mask
        self._subMasks = other._subMasks

    def passes(self, gate: Gate, params: tuple[int, int, int]) -> bool:
        """Tell whether an event may go out."""
        if not gate.mask & self._mask:
            return False
        if gate.what < 0 or gate.mask not in self._subMasks:
            return True
        return bool(params[gate.what] & self._subMasks[gate.mask])


def allowed(gate: Gate, version: int, filters: EventFilter, params: tuple[int, int, int]) -> bool:
    """
    Tell whether a handle's version and filter let an event pass.

    :param version: dwNegotiatedVersion of an HLINE, dwAPIVersion of an HLINEAPP.
    """
    if version < gate.since:
        return False
    return version < TAPI_3_0 or filters.passes(gate, params)


def wantsState(params: tuple[int, int, int], states: int) -> bool:
    """
    Tell whether SetStatusMessages lets a LINE_LINEDEVSTATE pass; REINIT always does.

    :param states: dwLineStates.
    """
    return bool(params[0] & (states | LINEDEVSTATE_REINIT))


# The events that this server has, by Msg.
GATES: dict[int, Gate] = {
    0x00: Gate("LINE_ADDRESSSTATE", TAPI_1_3, em.EM_LINE_ADDRESSSTATE, 1),
    0x03: Gate("LINE_CLOSE", TAPI_1_3, em.EM_LINE_CLOSE, -1),
    0x08: Gate("LINE_LINEDEVSTATE", TAPI_1_3, em.EM_LINE_LINEDEVSTATE, 0),
    0x13: Gate("LINE_CREATE", TAPI_1_4, em.EM_LINE_CREATE, -1),
    0x15: Gate("LINE_AGENTSPECIFIC", TAPI_2_0, em.EM_LINE_AGENTSPECIFIC, -1),
    0x16: Gate("LINE_AGENTSTATUS", TAPI_2_0, em.EM_LINE_AGENTSTATUS, 1),
    0x19: Gate("LINE_REMOVE", TAPI_1_4, em.EM_LINE_REMOVE, -1),
    0x1B: Gate("LINE_AGENTSESSIONSTATUS", TAPI_2_2, em.EM_LINE_AGENTSESSIONSTATUS, 1),
    0x1C: Gate("LINE_QUEUESTATUS", TAPI_2_2, em.EM_LINE_QUEUESTATUS, 1),
    0x1D: Gate("LINE_AGENTSTATUSEX", TAPI_2_2, em.EM_LINE_AGENTSTATUSEX, 1),
    0x1E: Gate("LINE_GROUPSTATUS", TAPI_2_2, em.EM_LINE_GROUPSTATUS, 1),
    0x1F: Gate("LINE_PROXYSTATUS", TAPI_2_2, em.EM_LINE_PROXYSTATUS, 0),
}
