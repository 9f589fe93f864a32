"""
The agent application of the terminal: who is asked for, and the session with the server.

It takes the steps of [MS-TRP] 4.1, 4.11 and 4.2 when a command first needs them, so that every
command may simply ask for the line or for the agent.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from uuid import UUID

from attrs import evolve, frozen
from attrs import field as attribute
from twisted.internet.defer import TimeoutError as DeferredTimeout

from tapiproxy.cli.agent_words import handle, parseNumber
from tapiproxy.cli.main import CommandError
from tapiproxy.client.connect import connect
from tapiproxy.client.errors import ClientError
from tapiproxy.client.line import OpenLine
from tapiproxy.client.observing import Observer
from tapiproxy.client.telephony import TelephonyClient
from tapiproxy.dcerpc.security import IAuthenticationService, ISecurityContext
from tapiproxy.tapi.agentstructs import (
    LINEAGENTGROUPENTRY,
    LINEAGENTSESSIONENTRY,
    LINEQUEUEENTRY,
)
from tapiproxy.tapi.lineconstants import LINEAGENTSESSIONSTATE_ENDED
from tapiproxy.trp.events import LINE_CLOSE, Event

__all__ = ["AgentApplication", "Wanted", "only"]

_Entry = TypeVar("_Entry")

#: What Initialize tells the server's administrator about us.
FRIENDLY_NAME = "tapiproxy agent"


@frozen(kw_only=True)
class Wanted:
    """
    Where to go and as whom.

    :param host: the server's name or address.
    :param port: its TCP port.
    :param dwDeviceID: the line, counted from 0 in the order of ``lines``.
    :param dwAddressID: the address on the line.
    :param agentID: the agent's number; None leaves it to the server to know the user.
    :param pin: the agent's PIN; None if there is none.
    :param newContext: gives the initiator of a logon to the server, by its name; None to go as
        nobody.
    :param servers: which servers may call back; None for one that does not log on.
    """

    host: str
    port: int
    dwDeviceID: int = 0
    dwAddressID: int = 0
    agentID: str | None = None
    pin: str | None = attribute(default=None, repr=False)
    newContext: Callable[[str], ISecurityContext] | None = attribute(default=None, repr=False)
    servers: IAuthenticationService | None = attribute(default=None, repr=False)

    @property
    def server(self) -> str:
        """The server, for people."""
        return f"{self.host} port {self.port}"


class AgentApplication:
    """
    One session of one agent with one server; when it is lost, the next command begins another.

    :param reactor: for connections and time.
    :param wanted: where to go and as whom.
    :param write: takes the text that the agent reads, without the line's end.
    :param onEvent: takes events.
    :param onEnded: takes the reason when a session is lost, not when it is left.
    :param observer: takes every packet.

    :ivar wanted: as given; `login` changes agent and PIN.
    """

    def __init__(
        self,
        reactor: Any,
        wanted: Wanted,
        write: Callable[[str], None],
        *,
        onEvent: Callable[[Event], None] | None = None,
        onEnded: Callable[[ClientError], None] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.reactor = reactor
        self.wanted = wanted
        self.write = write
        self._onEvent = onEvent
        self._onEnded = onEnded
        self._observer = observer
        self._client: TelephonyClient | None = None
        self._line: OpenLine | None = None
        self._hAgent: int | None = None
        self._version: int | None = None

    async def client(self) -> TelephonyClient:
        """
        Attach and initialize, at the first call and after a loss.

        :raises ClientError: the server is not there or does not let us in.
        """
        if self._client is None:
            client = await connect(
                self.reactor,
                self.wanted.host,
                self.wanted.port,
                onEvent=self._received,
                observer=self._observer,
                newContext=self.wanted.newContext,
                servers=self.wanted.servers,
            )
            try:
                await client.initialize(FRIENDLY_NAME)
            except BaseException:
                client.abort()
                raise
            self._client = client
            client.whenEnded().addCallback(self._ended, client)
        return self._client

    def _received(self, event: Event, hRemoteLine: int) -> None:
        if isinstance(event, LINE_CLOSE):
            self._line = None
        if self._onEvent is not None:
            self._onEvent(event)

    def _ended(self, reason: ClientError, client: TelephonyClient) -> None:
        if client is self._client:
            self._client = self._line = self._hAgent = self._version = None
            if self._onEnded is not None:
                self._onEnded(reason)

    async def version(self) -> int:
        """
        Negotiate the TAPI version of the line, at the first call.

        :raises CommandError: the server shows no lines, or not that one.
        """
        client = await self.client()
        lines = client.dwNumDevs
        if not lines:
            raise CommandError(
                "the server shows no lines to this user: its configuration must name a line, and "
                "that line's users or groups must include this user"
            )
        if self.wanted.dwDeviceID >= lines:
            raise CommandError(
                f"there is no line {self.wanted.dwDeviceID}: the server shows {lines}, "
                "numbered from 0 (see `lines`)"
            )
        if self._version is None:
            negotiated = await client.negotiateAPIVersion(self.wanted.dwDeviceID)
            self._version = negotiated.dwNegotiatedVersion
        return self._version

    async def line(self) -> OpenLine:
        """Open the line, at the first call."""
        if self._line is None:
            version = await self.version()
            client = await self.client()
            self._line = await client.open(self.wanted.dwDeviceID, version)
        return self._line

    async def agent(self) -> int:
        """
        Log in, at the first call: CreateAgent gives the same handle every time.

        :returns: the HAGENT.
        """
        if self._hAgent is None:
            line = await self.line()
            self._hAgent = await line.createAgent(self.wanted.agentID, self.wanted.pin)
        return self._hAgent

    async def login(self, agentID: str, pin: str | None) -> int:
        """Log in as another agent from now on; the old one stays if the new one is refused."""
        line = await self.line()
        hAgent = await line.createAgent(agentID, pin)
        self.wanted = evolve(self.wanted, agentID=agentID, pin=pin)
        self._hAgent = hAgent
        return hAgent

    async def group(self, text: str) -> LINEAGENTGROUPENTRY:
        """Find a group by name or GUID."""
        groups = (await (await self.line()).getGroupList()).List
        try:
            wanted: UUID | None = UUID(text)
        except ValueError:
            wanted = None
        found = [g for g in groups if g.GroupID == wanted or (g.Name or "").lower() == text.lower()]
        return only(found, text, "group", [g.Name or str(g.GroupID) for g in groups])

    async def queue(self, text: str) -> LINEQUEUEENTRY:
        """Find a queue of any group by name or number."""
        line = await self.line()
        queues: dict[int, LINEQUEUEENTRY] = {}
        for group in (await line.getGroupList()).List:
            for queue in (await line.getQueueList(group.GroupID)).List:
                queues[queue.dwQueueID] = queue
        found = [
            q
            for q in queues.values()
            if str(q.dwQueueID) == text or (q.Name or "").lower() == text.lower()
        ]
        return only(found, text, "queue", [q.Name or str(q.dwQueueID) for q in queues.values()])

    async def session(self, text: str) -> int:
        """
        Find a session of the agent by handle, or one that has not ended by its group's name.

        :returns: the HAGENTSESSION.
        """
        if text[:1].isdigit():
            return parseNumber(text, "the handle of a session")
        line = await self.line()
        sessions = (await line.getAgentSessionList(await self.agent())).List
        GroupID = (await self.group(text)).GroupID
        found = []
        for each in sessions:
            if each.GroupID == GroupID:
                info = await line.getAgentSessionInfo(each.hAgentSession)
                if info.dwAgentSessionState != LINEAGENTSESSIONSTATE_ENDED:
                    found.append(each)
        names = [handle(s.hAgentSession) for s in found or sessions]
        chosen: LINEAGENTSESSIONENTRY = only(found, text, "session", names)
        return chosen.hAgentSession

    async def pause(self, seconds: float | None) -> None:
        """
        Wait while events come in.

        :param seconds: how long; None for ever.
        :raises ClientError: the session ended meanwhile.
        """
        client = await self.client()
        waiting = client.whenEnded()
        if seconds is not None:
            waiting.addTimeout(seconds, self.reactor)
        try:
            raise await waiting
        except DeferredTimeout:
            return

    async def leave(self) -> None:
        """
        Take leave as [MS-TRP] 4.2 says: Close, ShutDown, ClientDetach.

        :raises ClientError: the server did not take it as it should.
        """
        client, self._client = self._client, None
        line, self._line = self._line, None
        self._hAgent = self._version = None
        if client is not None:
            try:
                if line is not None:
                    await line.close()
                await client.shutDown()
                await client.detach()
            finally:
                client.abort()

    async def stop(self) -> None:
        """Take leave; a server that is gone by then is no error, everything was said before."""
        with suppress(ClientError):
            await self.leave()


def only(found: Sequence[_Entry], text: str, what: str, names: Sequence[str]) -> _Entry:
    """
    Choose the one thing that was named.

    :param found: those of that name.
    :param names: of all that there are, for the message.
    :raises CommandError: there is none, or more than one.
    """
    if len(found) == 1:
        return found[0]
    choice = ", ".join(names) if names else "none"
    if found:
        raise CommandError(f"{text!r} is the name of several: choose one of {choice}")
    raise CommandError(f"there is no {what} {text!r}; there are: {choice}")
