"""
``tapiproxy agent demo``: the exchange of [MS-TRP] 4.12 against a server, each packet in words.

It establishes the session (4.1), creates an agent (4.11), asks for his groups, opens an agent
session (4.12) and takes its leave (4.2).  The client checks every answer on its way; what it does
not look at, the order and the events' contents, is printed for whoever reads.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import attrs
from twisted.internet.interfaces import IReactorTime

from tapiproxy.cli.agent_application import AgentApplication
from tapiproxy.cli.agent_packets import eventWords, replyWords, requestWords, structWords
from tapiproxy.cli.agent_words import handle, shown, version
from tapiproxy.cli.main import CommandError
from tapiproxy.client.errors import TelephonyError
from tapiproxy.client.observing import Passed
from tapiproxy.tapi import lineerr
from tapiproxy.tapi.agentstructs import LINEAGENTGROUPENTRY
from tapiproxy.tapi.lineconstants import LINEAGENTSESSIONSTATE_ENDED
from tapiproxy.trp.completions import Completion
from tapiproxy.trp.events import Event
from tapiproxy.trp.templates import Request

__all__ = ["PacketPrinter", "demo"]

_T = TypeVar("_T")

#: Seconds after the exchange in which events are still printed.
EVENTS_AFTERWARDS = 1.0


class PacketPrinter:
    """
    Prints packets in words, with the time since the first.

    :param clock: what the times are read from.
    :param write: takes lines.
    """

    def __init__(self, clock: IReactorTime, write: Callable[[str], None]) -> None:
        self._clock = clock
        self._write = write
        self._begun: float | None = None
        self._sent: Request | None = None

    def show(self, passed: Passed) -> None:
        """Print one packet; given to the client as its observer."""
        now = self._clock.seconds()
        if self._begun is None:
            self._begun = now
        arrow = "client -> server" if passed.sent else "client <- server"
        self._write(f"{now - self._begun:8.3f} s  {arrow}  {passed.name}{self._result(passed)}")
        for line in self._content(passed):
            self._write(" " * 14 + line)

    def _result(self, passed: Passed) -> str:
        if passed.result is None:
            return ""
        if passed.result == 0:
            return ": success"
        if passed.result < 0x80000000 and passed.name != "LINE_REPLY":
            return f": acknowledged, request ID {passed.result}"
        return f": {lineerr.name(passed.result)}"

    def _content(self, passed: Passed) -> list[str]:
        packet = passed.packet
        if packet is None:
            return []
        if isinstance(packet, Request):
            if passed.sent:
                self._sent = packet
                return requestWords(packet)
            return replyWords(packet, self._sent or packet)
        if isinstance(packet, Completion):
            lines = [f"dwRequestID = {packet.dwRequestID}", f"lpContext = {packet.lpContext}"]
            if attrs.has(type(packet.value)):
                lines.append(f"VarData = {type(packet.value).__name__}")
                lines += ["  " + line for line in structWords(packet.value)]
            elif isinstance(packet.value, int):
                lines.append(f"VarData = {handle(packet.value)}")
            return lines
        return eventWords(cast(Event, packet))


async def demo(app: AgentApplication, group: str | None) -> None:
    """
    Run the exchange; every packet is printed by the application's observer.

    :param group: the group to serve; None for the first that the agent may serve.
    :raises CommandError: an answer is not what the specification says.
    :raises ClientError: a request failed.
    """
    write, wanted = app.write, app.wanted
    write("4.1 Establish the session: ClientAttach, Initialize")
    client = await app.client()
    write("4.1 Negotiate the version and ask for capabilities")
    versions = await client.negotiateAPIVersionForAllDevices()
    negotiated = await app.version()
    if negotiated != versions[wanted.dwDeviceID]:
        raise CommandError(
            f"NegotiateAPIVersion gives {version(negotiated)}, "
            f"NegotiateAPIVersionForAllDevices {version(versions[wanted.dwDeviceID])}"
        )
    await client.getDevCaps(wanted.dwDeviceID, negotiated)
    await client.getAddressCaps(wanted.dwDeviceID, wanted.dwAddressID, negotiated)
    write("4.1 Open the line")
    line = await app.line()
    write("4.11 Create the agent")
    hAgent = await app.agent()
    write("4.12 Ask for the agent's groups")
    groups = (await line.getAgentGroupList(wanted.dwAddressID)).List
    chosen = _choose(groups, group)
    write("4.12 Create the agent session")
    hAgentSession = await line.createAgentSession(
        hAgent, chosen.GroupID, wanted.dwAddressID, wanted.pin
    )
    listed = await _ifAnswered(app, line.getAgentSessionList(hAgent))
    if listed is not None and hAgentSession not in {each.hAgentSession for each in listed.List}:
        raise CommandError(
            f"the server does not list the session {handle(hAgentSession)} that it has created"
        )
    write(f"4.12 done: session {handle(hAgentSession)} in {shown(chosen.Name or chosen.GroupID)}")
    write("Afterwards: end the agent session, so that the next demo finds things as this one did")
    await _ifAnswered(app, line.setAgentSessionState(hAgentSession, LINEAGENTSESSIONSTATE_ENDED))
    await app.pause(EVENTS_AFTERWARDS)
    write("4.2 Terminate the session: Close, ShutDown, ClientDetach")
    await app.leave()
    write("All went as the specification says.")


async def _ifAnswered(app: AgentApplication, step: Awaitable[_T]) -> _T | None:
    """Take a step beyond 4.12, which a small handler need not answer."""
    try:
        return await step
    except TelephonyError as error:
        if error.completed or error.code != lineerr.LINEERR_OPERATIONUNAVAIL:
            raise
        app.write(f"The handler does not answer {error.request}; 4.12 does not need it")
        return None


def _choose(groups: tuple[LINEAGENTGROUPENTRY, ...], wanted: str | None) -> LINEAGENTGROUPENTRY:
    found = [
        each
        for each in groups
        if wanted is None or wanted.lower() in ((each.Name or "").lower(), str(each.GroupID))
    ]
    if not found:
        raise CommandError(
            "the agent may serve no group"
            if wanted is None
            else f"the agent may not serve {shown(wanted)}"
        )
    return found[0]
