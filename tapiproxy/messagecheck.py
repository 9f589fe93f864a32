"""Whether a message of a handler says what applications can understand: one table."""

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from tapiproxy.tapi import lineconstants, proxymessages
from tapiproxy.tapi.proxymessages import ProxyMessage
from tapiproxy.wire.sets import FlagSet

__all__ = ["problems"]


@frozen
class _Form:
    """
    What a message's members are.

    :param status: the member with bits of ``bits``, at least one.
    :param state: the member that has one value of ``states`` if ``told`` is among the bits.
    """

    status: str
    bits: FlagSet
    state: str = ""
    states: FlagSet | None = None
    told: int = 0


def problems(line: Any, message: ProxyMessage) -> list[str]:
    """
    What is wrong with a message.

    :param line: the `ILine` that it was sent for.
    :param message: one of `tapiproxy.tapi.proxymessages`.
    :returns: sentences; none if all is well.
    """
    return list(_problems(line, message))


def _problems(line: Any, message: ProxyMessage) -> Iterator[str]:
    for value in message.params():
        if type(value) is not int or not 0 <= value <= 0xFFFFFFFF:
            yield f"{value!r} is no DWORD (an int from 0 to 0xFFFFFFFF)"
            return
    if isinstance(message, proxymessages.LINE_AGENTSTATUS):
        if message.dwAddressID >= len(line.addresses):
            yield f"dwAddressID {message.dwAddressID}: the line has {len(line.addresses)} addresses"
    form = _FORMS.get(type(message))
    if form is None:
        return
    status = getattr(message, form.status)
    if not status:
        yield f"{form.status} is 0: it says what changed, with {form.bits.name}_ bits"
    elif status not in form.bits:
        yield f"{form.status} has bits that are no {form.bits.name}_: {form.bits.names(status)}"
    if form.states is None:
        return
    state = getattr(message, form.state)
    if status & form.told:
        if not form.states.single(state):
            yield f"{form.state} is {state:#x}: it is one {form.states.name}_ value, the new state"
    elif state:
        yield f"{form.state} is {state:#x}, but {form.status} does not say that the state changed"


_FORMS: dict[type[ProxyMessage], _Form] = {
    proxymessages.LINE_AGENTSTATUS: _Form(
        "dwAgentStatus",
        lineconstants.LINEAGENTSTATUS,
        "dwAgentState",
        lineconstants.LINEAGENTSTATE,
        lineconstants.LINEAGENTSTATUS_STATE,
    ),
    proxymessages.LINE_AGENTSTATUSEX: _Form(
        "dwAgentStatus",
        lineconstants.LINEAGENTSTATUSEX,
        "dwAgentState",
        lineconstants.LINEAGENTSTATEEX,
        lineconstants.LINEAGENTSTATUSEX_STATE,
    ),
    proxymessages.LINE_AGENTSESSIONSTATUS: _Form(
        "dwAgentSessionStatus",
        lineconstants.LINEAGENTSESSIONSTATUS,
        "dwAgentSessionState",
        lineconstants.LINEAGENTSESSIONSTATE,
        lineconstants.LINEAGENTSESSIONSTATUS_STATE,
    ),
    proxymessages.LINE_QUEUESTATUS: _Form("dwQueueStatus", lineconstants.LINEQUEUESTATUS),
    proxymessages.LINE_GROUPSTATUS: _Form("dwGroupStatus", lineconstants.LINEGROUPSTATUS),
}
