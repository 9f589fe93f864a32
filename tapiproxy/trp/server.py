"""
The telephony server: who is attached, and what happens to all of them at once.  [MS-TRP] 3.1.1

Clients that come and go, a reload's lines, closing by the server, draining, and the figures for
``tapiproxy status``.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from attrs import asdict
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from tapiproxy.dcerpc.authnames import levelName
from tapiproxy.dcerpc.interface import Call, Connection, Interface
from tapiproxy.interfaces import ILine, ILineProvider, IPrincipal
from tapiproxy.tapi.lineconstants import LINEDEVSTATE_REINIT
from tapiproxy.tapi.proxymessages import ProxyMessage
from tapiproxy.tapi.versions import TAPI_1_4
from tapiproxy.trp import idl
from tapiproxy.trp.attaching import MAX_NAME, Attaching, hostOf
from tapiproxy.trp.delivery import DeliveryCounts
from tapiproxy.trp.departures import Departures
from tapiproxy.trp.events import LINE_CREATE, LINE_LINEDEVSTATE, LINE_PROXYSTATUS, LINE_REMOVE
from tapiproxy.trp.lineregister import LineRegister
from tapiproxy.trp.pending import CLOSED, FORCED, HANDLER_REMOVED, LOST, Outcomes, Service
from tapiproxy.trp.principals import NOBODY
from tapiproxy.trp.proxies import Broker
from tapiproxy.trp.remotesp import Callback, Connector, Machine
from tapiproxy.trp.requests import names
from tapiproxy.trp.session import Client, LineApp, newClient
from tapiproxy.trp.settings import Settings
from tapiproxy.trp.tapsrv import Attached, makeInterface

__all__ = ["TelephonyServer"]


class TelephonyServer:
    """
    The clients of one server process.

    :param clock: the reactor.
    :param provider: where lines come from.
    :param broker: who answers for them.
    :param connector: connects to a client's remotesp endpoint.
    :param otherwise: does so for clients that do not take the logon of *connector*; None to refuse
        them.
    :ivar interface: tapsrv, for the runtime.
    :ivar clients: those that are attached.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        provider: ILineProvider,
        broker: Broker,
        connector: Connector,
        settings: Settings | None = None,
        otherwise: Connector | None = None,
    ) -> None:
        self._clock = clock
        self._settings = settings or Settings()
        self._register = LineRegister(clock, provider, broker)
        self._outcomes = Outcomes()
        self._counts = DeliveryCounts()
        self._unserved: Counter[int] = Counter()
        self._callbacks: dict[Client, Callback] = {}
        self._departures = Departures()
        self._attaching = Attaching(
            clock, connector, otherwise, self._settings, self._departures, self._enter
        )
        self._numbers = 0
        self._lost = 0
        self._draining = False
        # With the addresses that they attached from.
        self.clients: dict[Client, str] = {}
        self.interface: Interface = makeInterface(self)
        broker.listen(self)

    # Coming

    def attach(
        self, call: Call, request: idl.AttachRequest, attached: Callable[[Attached], None]
    ) -> None:
        """As `tapsrv.Attachments`."""
        self._attaching.attach(call, request, attached)

    def _enter(
        self,
        machine: Machine,
        request: idl.AttachRequest,
        call: Call,
        callback: Callback | None,
    ) -> Client:
        self._numbers += 1
        principal: IPrincipal = call.principal or NOBODY
        client = newClient(
            number=self._numbers,
            machine=machine.name[:MAX_NAME],
            user=principal.name or request.pszDomainUser,
            principal=principal,
            level=levelName(call.authLevel),
            mechanism=call.mechanism,
            clock=self._clock,
            register=self._register,
            settings=self._settings,
            outcomes=self._outcomes,
            counts=self._counts,
            unserved=self._unserved,
        )
        client.draining = self._draining
        host = hostOf(call.connection)
        self.clients[client] = host
        self._attaching.entered(host)
        if callback is not None:
            self._callbacks[client] = callback
            client.delivery.pushTo(callback.send)
            callback.begin(client.delivery.delivered, partial(self._callbackLost, client))
        self._log.info(
            "client {client} attached: {logon}", client=client.name, logon=_logon(client)
        )
        return client

    def joined(self, client: Client, connection: Connection) -> None:
        """Note that a client uses a connection, which lives as long as the client."""
        client.connections.append(connection)
        self._departures.watch(connection, client.connections.remove)
        connection.setAttached(True)

    # Going

    def detached(self, client: Client) -> Callable[[], None]:
        """
        End a client that detaches.  [MS-TRP] 3.1.4.3

        :returns: what calls RemoteSPDetach, once the client has its answer.
        """
        connections = tuple(client.connections)
        callback = self._forget(client, CLOSED, "detach")
        for connection in connections:
            if not len(connection.group.handles):
                connection.setAttached(False)
        self._log.info("client {client} detached", client=client.name)
        return callback.detach if callback is not None else _nothing

    def runDown(self, client: Client) -> None:
        """End a client whose last connection has closed."""
        if client in self.clients:
            callback = self._forget(client, LOST, "lost")
            if callback is not None:
                callback.close()
            self._log.info("client {client} has gone with its connection", client=client.name)

    def _callbackLost(self, client: Client, reason: str) -> None:
        if client not in self.clients:
            return
        self._lost += 1
        self._log.info(
            "client {client} has gone: {reason}; its connections are closed",
            client=client.name,
            reason=reason,
        )
        connections = tuple(client.connections)
        self._forget(client, LOST, "lost")
        for connection in connections:
            connection.abort("its call-back failed")

    def _forget(self, client: Client, ending: Any, reason: str) -> Callback | None:
        host = self.clients.pop(client, None)
        if host is not None:
            self._attaching.left(host)
        client.end(ending, reason)
        for connection in client.connections:
            self._departures.forget(connection, client.connections.remove)
        client.connections.clear()
        return self._callbacks.pop(client, None)

    # What the broker tells

    def proxyMessage(self, lines: Iterable[ILine], message: ProxyMessage) -> None:
        """Send an event of a handler to whoever has the lines open."""
        for line in lines:
            self._register.tell(line, message)

    def proxyStatusChanged(self, line: ILine, changes: Iterable[LINE_PROXYSTATUS]) -> None:
        """Tell whoever has the line open what can be asked now."""
        for change in changes:
            self._register.tell(line, change)

    def handlerRemoved(self, service: Service) -> None:
        """End what the handler of a line has not answered."""
        for client in tuple(self.clients):
            client.pending.end(HANDLER_REMOVED, service=service)

    # What the administrator does

    def linesChanged(self, provider: ILineProvider) -> None:
        """
        Take over the lines of a re-read configuration.

        A line that is gone, or that its principal may not see any more, is closed; one that stays
        stays open.  The broker knows the new lines already.
        """
        self._register.provider = provider
        for client in tuple(self.clients):
            for app in tuple(client.apps.values()):
                self._follow(app)

    def _follow(self, app: LineApp) -> None:
        client = app.client
        changes = app.devices.follow(self._register.provider)
        for openLine in tuple(app.lines.values()):
            dwDeviceID = app.devices.find(openLine.line)
            line = None if dwDeviceID is None else app.devices.line(dwDeviceID)
            if line is None:
                client.close(openLine, FORCED, "forced")
            else:
                openLine.replace(line, self._register.broker.service(line))
        # GetAgentCaps has its identifier from the HLINEAPP, and goes with the line all the same.
        client.pending.end(FORCED, owner=app, devices=changes.removed)
        for dwDeviceID in changes.removed:
            app.event(LINE_REMOVE(dwDeviceID))
        for dwDeviceID in changes.created:
            app.event(LINE_CREATE(dwDeviceID))
        if app.version < TAPI_1_4 and (changes.removed or changes.created):
            app.event(LINE_LINEDEVSTATE(LINEDEVSTATE_REINIT))
        self._register.wake(client.delivery)

    def closeLine(self, line: ILine) -> None:
        """Close a line for everyone who has it open: LINE_REPLY for each request, LINE_CLOSE."""
        for openLine in self._register.opened(line):
            openLine.client.close(openLine, FORCED, "forced")

    def drain(self, timeout: float | None = None) -> Deferred[None]:
        """
        Stop: nothing new is begun, what is outstanding is ended, every line is closed.

        :param timeout: seconds for the clients to take what they have to be told.
        :returns: a Deferred that fires when they have, or when the time is over; the clients are
            gone then.
        """
        self._draining = True
        self._attaching.stop()
        waiting = []
        for client in tuple(self.clients):
            client.draining = True
            for app in tuple(client.apps.values()):
                for openLine in tuple(app.lines.values()):
                    client.close(openLine, FORCED, "forced")
            client.pending.end(FORCED)
            waiting.append(client.delivery.whenDrained())
        flushed: Deferred[Any] = DeferredList(waiting, consumeErrors=True)
        seconds = self._settings.drainFlush if timeout is None else timeout
        flushed.addTimeout(seconds, self._clock, lambda result, timeout: None)
        return flushed.addCallback(self._end)

    def _end(self, result: Any) -> None:
        for client in tuple(self.clients):
            callback = self._forget(client, LOST, "forced")
            if callback is not None:
                callback.close()

    def status(self) -> dict[str, Any]:
        """
        Describe the server for ``tapiproxy status``: plain dicts, lists, strings and numbers.
        """
        return {
            "draining": self._draining,
            "attached": len(self.clients),
            "attaching": len(self._attaching),
            "attachedEver": self._numbers,
            "attachRefused": self._attaching.refused,
            "callbacksLost": self._lost,
            "outstanding": sum(len(client.pending.entries) for client in self.clients),
            "outcomes": asdict(self._outcomes),
            "events": asdict(self._counts),
            "unserved": {_name(number): count for number, count in self._unserved.items()},
            "lines": self._register.status(),
            "handlers": self._register.broker.status(),
            "clients": [client.status() for client in self.clients],
        }


def _name(Req_Func: int) -> str:
    # Eleven names are both a line's and a phone's.
    name, device = names.REQUEST_NAMES.get(Req_Func, ("", ""))
    return f"{device} {name}" if name else "unknown"


def _logon(client: Client) -> str:
    """Say who has logged on, and how."""
    if not client.principal.name:
        return "nobody has logged on"
    return f"{client.principal.name} by {client.mechanism} at level {client.level}"


def _nothing() -> None:
    """What there is to do after the answer for a client without call-back."""
