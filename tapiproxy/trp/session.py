"""
One attached client: its handles, its requests, its events.  [MS-TRP] 3.1.1, Client List

State only: what a packet does with it is in ``actions``, how it comes and goes in ``server``.
"""

from collections import Counter
from typing import Any

from attrs import define
from twisted.internet.interfaces import IReactorTime

from tapiproxy.interfaces import ILine, IPrincipal
from tapiproxy.tapi.linestructs import LINEDEVCAPS
from tapiproxy.tapi.versions import TAPI_3_1
from tapiproxy.trp import events, pending
from tapiproxy.trp.completions import encode
from tapiproxy.trp.delivery import Delivery, DeliveryCounts
from tapiproxy.trp.devices import Devices
from tapiproxy.trp.eventfilter import GATES, EventFilter, allowed, wantsState
from tapiproxy.trp.events import LINE_CLOSE, LINE_LINEDEVSTATE, Event, Recipient
from tapiproxy.trp.handles import HandleNumbers, HandleTable
from tapiproxy.trp.lineregister import LineRegister
from tapiproxy.trp.pending import Ending, PendingRequests
from tapiproxy.trp.proxies import Broker, ClientToken, ProxyService, Requester
from tapiproxy.trp.settings import Settings

__all__ = ["Client", "LineApp", "OpenLine", "PhoneApp", "newClient", "printable"]

# One for all clients: each `frozenset()` is a new object, of 216 octets.
_NONE: frozenset[int] = frozenset()


@define(eq=False)
class PhoneApp:
    """
    A client's usage handle for phones (HPHONEAPP).

    :ivar initContext: for its events, of which there are none while there are no phones.
    """

    handle: int
    initContext: int
    version: int


class LineApp:
    """
    A client's usage handle for lines (HLINEAPP).

    :ivar recipient: its values in events that belong to no line: InitContext.
    :ivar version: the highest version that the application knows, dwAPIVersion.
    """

    __slots__ = ("client", "devices", "filter", "handle", "lines", "name", "recipient", "version")

    def __init__(
        self, client: "Client", handle: int, devices: Devices, initContext: int, version: int
    ) -> None:
        self.client = client
        self.handle = handle
        self.devices = devices
        self.recipient = Recipient(initContext)
        self.version = version
        self.filter = EventFilter()
        self.filter.take(client.filter)
        self.lines: dict[int, OpenLine] = {}
        self.name = ""

    def complete(self, message: Any, requestID: int, result: int, value: Any) -> None:
        """Queue the LINE_REPLY of a request that belongs to no line (GetAgentCaps)."""
        packet = encode(message, requestID, self.recipient, result, value, message.dwAppAPIVersion)
        self.client.delivery.reply(packet, self)

    def event(self, event: Event) -> None:
        """Queue an event about devices, if version and filter let it pass."""
        if allowed(GATES[event.Msg], self.version, self.filter, event.params()):
            self.client.delivery.event(events.encode(event, self.recipient), self)

    def describe(self) -> str:
        """Name it for the log."""
        return self.client.name

    def requester(self, line: ILine, version: int) -> Requester:
        """Say who asks, for a request that belongs to no line."""
        client = self.client
        return Requester(line, None, client.principal, client.machine, client.user, version)


class OpenLine:
    """
    An open line of a client (HLINE).

    :ivar line: what is open.
    :ivar service: its proxy handler.
    :ivar version: dwNegotiatedVersion.
    :ivar recipient: its values in events: hRemoteLine or the HLINE, and the two contexts.
    :ivar lineStates: LINEDEVSTATE_ bits that SetStatusMessages asked for; `LineRegister.watch`.
    :ivar addressStates: LINEADDRESSSTATE_ bits that it asked for.
    :ivar requester: what its requests say to the handler.
    """

    __slots__ = (
        "addressStates",
        "app",
        "client",
        "dwMediaModes",
        "dwPrivileges",
        "filter",
        "handle",
        "line",
        "lineStates",
        "recipient",
        "requester",
        "service",
        "token",
        "version",
    )

    def __init__(
        self, app: LineApp, handle: int, line: ILine, service: ProxyService, message: Any
    ) -> None:
        self.app = app
        self.client = app.client
        self.handle = handle
        self.line = line
        self.service = service
        self.version: int = message.dwNegotiatedVersion
        self.recipient = Recipient(
            app.recipient.InitContext, message.hRemoteLine or handle, message.OpenContext
        )
        self.dwPrivileges: int = message.dwPrivileges
        self.dwMediaModes: int = message.dwMediaModes
        self.lineStates = 0
        self.addressStates = 0
        self.filter = EventFilter()
        self.filter.take(app.filter)
        self.token = ClientToken(f"{app.client.name} line {line.name!r}")
        self.requester = self._requester()

    def complete(self, message: Any, requestID: int, result: int, value: Any) -> None:
        """Queue the LINE_REPLY of a request."""
        packet = encode(message, requestID, self.recipient, result, value, self.version)
        self.client.delivery.reply(packet, self)

    def event(self, event: Event) -> None:
        """Queue an event, if version, filter and SetStatusMessages let it pass."""
        params = event.params()
        if not allowed(GATES[event.Msg], self.version, self.filter, params):
            return
        if event.Msg == LINE_LINEDEVSTATE.Msg and not wantsState(params, self.lineStates):
            return
        self.client.delivery.event(events.encode(event, self.recipient), self)

    def closed(self) -> None:
        """Queue LINE_CLOSE, which is not dropped: the handle means nothing after it."""
        event = LINE_CLOSE()
        if allowed(GATES[event.Msg], self.version, self.filter, event.params()):
            self.client.delivery.reply(events.encode(event, self.recipient), self)

    def replace(self, line: ILine, service: ProxyService) -> None:
        """Take over what a reload made of the line."""
        self.line = line
        self.service = service
        self.requester = self._requester()

    def describe(self) -> str:
        """Name client and line for the log."""
        return f"{self.client.name} line {self.line.name!r}"

    def _requester(self) -> Requester:
        client = self.client
        return Requester(
            self.line, self.token, client.principal, client.machine, client.user, self.version
        )


class Client:
    """
    An attached client.

    :ivar name: for the log: machine name and number.
    :ivar machine: its machine's name, from pszMachine.
    :ivar user: its user's account, from pszDomainUser or its authentication.
    :ivar level: at which it has asked to attach, in words.
    :ivar mechanism: by what it had logged on then; empty for nobody.
    :ivar register: the lines of the server.
    :ivar lines: its HLINEs.
    :ivar apps: its HLINEAPPs.
    :ivar phoneApps: its HPHONEAPPs.
    :ivar connections: the tapsrv connections that it has used and that are still there.
    :ivar unavailable: Req_Func numbers without a service that it was told of in the log.
    :ivar unserved: how often each was asked for, of all clients.
    :ivar draining: the server is about to stop: nothing new is begun.
    :ivar ended: it is being torn down, nothing can be asked any more.
    """

    __slots__ = (
        "apps",
        "connections",
        "delivery",
        "draining",
        "ended",
        "filter",
        "level",
        "lines",
        "machine",
        "mechanism",
        "name",
        "pending",
        "phoneApps",
        "principal",
        "register",
        "settings",
        "unavailable",
        "unserved",
        "user",
    )

    def __init__(
        self,
        *,
        number: int,
        machine: str,
        user: str,
        principal: IPrincipal,
        level: str,
        mechanism: str,
        delivery: Delivery,
        pending: PendingRequests,
        register: LineRegister,
        settings: Settings,
        unserved: Counter[int],
    ) -> None:
        self.name = f"{printable(machine)} #{number}"
        self.machine = machine
        self.user = user
        self.principal = principal
        self.level = level
        self.mechanism = mechanism
        self.delivery = delivery
        self.pending = pending
        self.register = register
        self.settings = settings
        numbers = HandleNumbers()
        self.apps: HandleTable[LineApp] = HandleTable(numbers)
        self.lines: HandleTable[OpenLine] = HandleTable(numbers)
        self.phoneApps: HandleTable[PhoneApp] = HandleTable(numbers)
        self.filter = EventFilter()
        self.connections: list[Any] = []
        self.unavailable = _NONE
        self.unserved = unserved
        self.draining = False
        self.ended = False

    @property
    def broker(self) -> Broker:
        """Who answers for the lines."""
        return self.register.broker

    def mediaModes(self, line: ILine) -> int:
        """Tell the media modes that a line can be opened for."""
        caps: LINEDEVCAPS = self.register.provider.devCaps(line, TAPI_3_1)
        return caps.dwMediaModes

    def device(self, message: Any) -> ILine | None:
        """Find the line that a request means by hLineApp and dwDeviceID; None for none."""
        app = self.apps.get(message.hLineApp)
        return None if app is None else app.devices.line(message.dwDeviceID)

    def opened(self, openLine: OpenLine) -> None:
        """Enter a line that Open has made."""
        self.lines[openLine.handle] = openLine
        openLine.app.lines[openLine.handle] = openLine
        self.register.add(openLine)
        self.broker.clientOpened(openLine.token, openLine.line, self.principal)

    def close(self, openLine: OpenLine, ending: Ending, reason: str) -> None:
        """
        Close a line, after ending its requests.

        :param ending: how they end; with a reply, LINE_CLOSE follows it.
        :param reason: for the handler: ``close``, ``detach``, ``lost`` or ``forced``.
        """
        self._close(openLine, ending, reason)
        if not ending.reply:
            self.delivery.withdraw({openLine})

    def shutDown(self, app: LineApp, ending: Ending, reason: str) -> None:
        """Close the lines of an HLINEAPP, and then itself."""
        sources: set[object] = {app, *app.lines.values()}
        for openLine in tuple(app.lines.values()):
            self._close(openLine, ending, reason)
        self.pending.end(ending, owner=app)
        if not ending.reply:
            self.delivery.withdraw(sources)
        del self.apps[app.handle]

    def end(self, ending: Ending, reason: str) -> None:
        """Close everything, and forget what waits: the client has detached or gone."""
        self.ended = True
        self.delivery.stop()
        for app in tuple(self.apps.values()):
            self.shutDown(app, ending, reason)
        self.phoneApps.clear()

    def _close(self, openLine: OpenLine, ending: Ending, reason: str) -> None:
        self.pending.end(ending, owner=openLine)
        del self.lines[openLine.handle]
        del openLine.app.lines[openLine.handle]
        self.register.remove(openLine)
        if ending.reply:
            openLine.closed()
        self.broker.clientClosed(openLine.token, reason)

    def status(self) -> dict[str, Any]:
        """Describe the client for ``tapiproxy status``."""
        return {
            "name": self.name,
            "user": self.user,
            "principal": self.principal.name,
            "level": self.level,
            "mechanism": self.mechanism,
            "apps": len(self.apps),
            "phoneApps": len(self.phoneApps),
            "lines": sorted(openLine.line.name for openLine in self.lines.values()),
            "requests": len(self.pending.entries),
            "queued": len(self.delivery),
            "queuedBytes": self.delivery.size,
        }


def printable(text: str) -> str:
    """Make text of a client's fit for a line of the log."""
    return "".join(character if character.isprintable() else "?" for character in text)


def newClient(
    *,
    number: int,
    machine: str,
    user: str,
    principal: IPrincipal,
    level: str,
    mechanism: str,
    clock: IReactorTime,
    register: LineRegister,
    settings: Settings,
    outcomes: pending.Outcomes,
    counts: DeliveryCounts,
    unserved: Counter[int],
) -> Client:
    """Make a client with its queue of events and its table of requests."""
    delivery = Delivery(clock, counts, settings.queuedEvents, settings.pushBytes)
    return Client(
        number=number,
        machine=machine,
        user=user,
        principal=principal,
        level=level,
        mechanism=mechanism,
        delivery=delivery,
        pending=PendingRequests(clock, outcomes, delivery, settings.requestsInFlight),
        register=register,
        settings=settings,
        unserved=unserved,
    )
