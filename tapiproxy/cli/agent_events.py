"""
Events in words: one line for each, as `watch` and the shell print them.
"""

from collections.abc import Callable
from typing import Any

from tapiproxy.cli.agent_words import handle, words
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSESSIONSTATE,
    LINEAGENTSESSIONSTATUS,
    LINEAGENTSTATE,
    LINEAGENTSTATEEX,
    LINEAGENTSTATUS,
    LINEAGENTSTATUSEX,
    LINEDEVSTATE,
    LINEGROUPSTATUS,
    LINEPROXYREQUEST,
    LINEPROXYSTATUS,
    LINEQUEUESTATUS,
)
from tapiproxy.tapi.proxymessages import (
    LINE_AGENTSESSIONSTATUS,
    LINE_AGENTSPECIFIC,
    LINE_AGENTSTATUS,
    LINE_AGENTSTATUSEX,
    LINE_GROUPSTATUS,
    LINE_QUEUESTATUS,
)
from tapiproxy.trp.events import (
    LINE_CLOSE,
    LINE_CREATE,
    LINE_LINEDEVSTATE,
    LINE_PROXYSTATUS,
    LINE_REMOVE,
    Event,
)

__all__ = ["eventLine"]


def eventLine(event: Event) -> str:
    """Say what an event means, on one line."""
    return _WORDS[type(event)](event)


def _agentStatus(event: LINE_AGENTSTATUS) -> str:
    text = f"address {event.dwAddressID}: {words(LINEAGENTSTATUS, event.dwAgentStatus)}"
    return text + _now(words(LINEAGENTSTATE, event.dwAgentState), event.dwAgentState)


def _agentStatusEx(event: LINE_AGENTSTATUSEX) -> str:
    text = f"agent {handle(event.hAgent)}: {words(LINEAGENTSTATUSEX, event.dwAgentStatus)}"
    return text + _now(words(LINEAGENTSTATEEX, event.dwAgentState), event.dwAgentState)


def _sessionStatus(event: LINE_AGENTSESSIONSTATUS) -> str:
    what = words(LINEAGENTSESSIONSTATUS, event.dwAgentSessionStatus)
    text = f"session {handle(event.hAgentSession)}: {what}"
    state = event.dwAgentSessionState
    return text + _now(words(LINEAGENTSESSIONSTATE, state), state)


def _now(state: str, value: int) -> str:
    return f", now {state}" if value else ""


def _specific(event: LINE_AGENTSPECIFIC) -> str:
    return (
        f"extension {event.dwAgentExtensionIDIndex}: 0x{event.dwHandlerSpecific1:X} "
        f"0x{event.dwHandlerSpecific2:X}"
    )


def _proxyStatus(event: LINE_PROXYSTATUS) -> str:
    text = f"requests: {words(LINEPROXYSTATUS, event.dwProxyStatus)}"
    if event.dwRequestType:
        text += f" {LINEPROXYREQUEST.names(event.dwRequestType)}"
    return text


#: Every event that a server's side can send to this client.
_WORDS: dict[type, Callable[[Any], str]] = {
    LINE_AGENTSTATUS: _agentStatus,
    LINE_AGENTSTATUSEX: _agentStatusEx,
    LINE_AGENTSESSIONSTATUS: _sessionStatus,
    LINE_AGENTSPECIFIC: _specific,
    LINE_QUEUESTATUS: lambda e: f"queue {e.dwQueueID}: {words(LINEQUEUESTATUS, e.dwQueueStatus)}",
    LINE_GROUPSTATUS: lambda e: f"groups: {words(LINEGROUPSTATUS, e.dwGroupStatus)}",
    LINE_PROXYSTATUS: _proxyStatus,
    LINE_LINEDEVSTATE: lambda e: f"line: {words(LINEDEVSTATE, e.dwDeviceState)}",
    LINE_CLOSE: lambda e: "line: closed by the server",
    LINE_CREATE: lambda e: f"line {e.dwDeviceID}: new",
    LINE_REMOVE: lambda e: f"line {e.dwDeviceID}: removed",
}
