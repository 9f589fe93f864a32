"""
A server in operation: start, re-reading the configuration, drain and stop, in this order.

Handlers start before anything listens, and stop when no request is outstanding any more.
"""

import signal
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import attrs
from twisted.application.service import Service
from twisted.internet import defer
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from tapiproxy.assembly import Parts, assignments, join, lines
from tapiproxy.changes import Changes, compare
from tapiproxy.config import Configuration
from tapiproxy.configkeys import ConfigurationError
from tapiproxy.control import ControlError, ControlServer, Verb
from tapiproxy.datadirectory import DataDirectory, DataDirectoryError
from tapiproxy.dcerpc.addresses import shown
from tapiproxy.dcerpc.authnames import levelName
from tapiproxy.dcerpc.interface import RPC_C_AUTHN_LEVEL_CONNECT
from tapiproxy.descriptors import clientRoom, raiseDescriptorLimit
from tapiproxy.errors import HandlerArgumentError
from tapiproxy.handlers import Catalogue, HandlerLoadError
from tapiproxy.interfaces import IDemonstration, IReloadable
from tapiproxy.lifecycle import HandlerStartError, RunningHandler
from tapiproxy.listeners import ListenerError, serverEndpoint
from tapiproxy.privatefile import PrivateFileError
from tapiproxy.provisional import ProvisionalHost
from tapiproxy.proxy.lines import StaticLines
from tapiproxy.usersfile import UsersFileError

__all__ = ["TelephonyService"]

#: What can be wrong with a configuration that is re-read; each has a text for the administrator.
_REFUSALS = (
    ConfigurationError,
    DataDirectoryError,
    HandlerArgumentError,
    HandlerLoadError,
    HandlerStartError,
    PrivateFileError,
    UsersFileError,
)

#: What can go wrong at the start by the administrator's doing, each with a text for him.
_NO_START = (CannotListenError, ControlError, HandlerStartError, ListenerError, OSError)


class TelephonyService(Service):
    """
    A server, from start to stop.

    :param configuration: what it runs.
    :param readAgain: reads and checks the configuration anew, for SIGHUP.
    :param catalogue: the handlers that are installed.
    :param directory: the data directory, ours.
    :param parts: the server, put together from the configuration.
    :param giveUp: ends the process, since the start has failed.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        configuration: Configuration,
        readAgain: Callable[[], Configuration],
        catalogue: Catalogue,
        directory: DataDirectory,
        parts: Parts,
        reactor: Any,
        giveUp: Callable[[], object],
    ) -> None:
        self.configuration = configuration
        self.parts = parts
        self._readAgain = readAgain
        self._catalogue = catalogue
        self._directory = directory
        self._reactor = reactor
        self._giveUp = giveUp
        self._ports: list[IListeningPort] = []
        self._control = ControlServer(reactor)
        self._control.register("status", self.status)
        self._began = reactor.seconds()
        # What is under way: the start, then at most one reload, in this order.
        self._busy: defer.Deferred[None] = defer.succeed(None)
        self._reloadWanted = False
        self._stopping = False
        # Those whose start has succeeded: only they are stopped.
        self._started: list[RunningHandler] = []
        self._hangupBefore: Any = None

    def startService(self) -> None:
        """Start; the rest happens when the reactor runs."""
        super().startService()  # type: ignore[no-untyped-call]  # Twisted's
        self._busy = defer.Deferred.fromCoroutine(self._start())
        self._busy.addErrback(self._startFailed)

    def stopService(self) -> "defer.Deferred[None]":
        """
        Drain and stop.

        :returns: a Deferred that fires when nothing is left.
        """
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted's
        self._stopping = True
        self._busy.cancel()
        return defer.Deferred.fromCoroutine(self._stop())

    def reload(self) -> None:
        """Re-read the configuration, as soon as nothing else is under way (SIGHUP)."""
        if self._stopping or self._reloadWanted:
            return
        self._reloadWanted = True

        def begin(result: object) -> "defer.Deferred[None]":
            self._reloadWanted = False
            return defer.Deferred.fromCoroutine(self._reload())

        self._busy.addCallback(begin)
        self._busy.addErrback(self._reloadFailed)

    def status(self, argument: dict[str, Any]) -> dict[str, Any]:
        """What ``tapiproxy status`` shows: plain dicts, lists, strings and numbers."""
        return {
            "version": version("tapiproxy"),
            "seconds": round(self._reactor.seconds() - self._began),
            "configuration": self.configuration.source,
            "data": str(self._directory.path),
            "listen": [shown(port.getHost()) for port in self._ports],
            "connections": sum(len(each.connections) for each in set(self.parts.factories)),
            "connectionsRefused": sum(each.refused for each in set(self.parts.factories)),
            "limits": {
                **attrs.asdict(self.parts.limits),
                "attachedClients": self.parts.settings.attachedClients,
                "requestsInFlight": self.parts.settings.requestsInFlight,
                "queuedEvents": self.parts.settings.queuedEvents,
            },
            "deadline": self.configuration.deadline,
            "deadlines": dict(self.configuration.deadlines),
            "handlerFiles": {
                name: {"plugin": each.table.plugin, "file": each.file}
                for name, each in self.parts.handlers.items()
            },
            **self.parts.server.status(),
        }

    async def _start(self) -> None:
        room = clientRoom(raiseDescriptorLimit())
        self._directory.signed()
        for each in self.parts.handlers.values():
            verbs = each.controlVerbs()
            await each.start(self._reactor)
            self._begun(each, verbs)
        listeners = zip(self.configuration.listeners, self.parts.factories, strict=True)
        for listener, factory in listeners:
            await self._listen(listener.endpoint, factory)
        await self._tellOfEndpoints()
        self._control.listen(self._directory.controlSocket)
        self._hangupBefore = signal.signal(signal.SIGHUP, self._hangup)
        if self.configuration.allowUnauthenticated:
            self._log.warn("allow_unauthenticated: whoever reaches a listener is served")
        self._sayCallback()
        most = self.parts.settings.attachedClients
        self._log.info(
            "{lines} lines, data directory {path}, configuration {source}; room for {room} clients",
            lines=len(self.configuration.lines),
            path=self._directory.path,
            source=self.configuration.source,
            room=min(room, most, self.parts.limits.connections),
        )
        if room < most and "attachedClients" in self.configuration.limits:
            self._log.warn(
                "the limit of open files holds {room} clients, two for each; [limits] "
                "attachedClients is {most}",
                room=room,
                most=most,
            )

    def _sayCallback(self) -> None:
        table = self.configuration.callback
        if table is None:
            self._log.info(
                "clients are called back without a logon; those that want one, as Windows' may, "
                "cannot attach: see [callback]"
            )
            return
        self._log.info(
            "clients are called back as {user} at level {minimum}; those that do not take that are "
            "{otherwise}",
            user=table.user,
            minimum=levelName(table.level),
            otherwise="refused" if table.required else "called back without a logon",
        )
        if table.level == RPC_C_AUTHN_LEVEL_CONNECT:
            self._log.warn(
                "at level connect a client that hands the server's logon on is let in elsewhere as "
                '{user}: level = "privacy" in [callback]',
                user=table.user,
            )

    async def _listen(self, endpoint: str, factory: IProtocolFactory) -> None:
        port = await serverEndpoint(self._reactor, endpoint).listen(factory)
        self._ports.append(port)
        self._log.info("listening on {host}", host=shown(port.getHost()))

    async def _tellOfEndpoints(self) -> None:
        """Listen as an endpoint mapper too, if there is to be one: the ports are known now."""
        mapper, endpoint = self.parts.endpointMapper, self.configuration.endpointMapper
        if mapper is None or endpoint is None:
            return
        for port in self._ports:
            address = port.getHost()
            if isinstance(address, (IPv4Address, IPv6Address)):
                mapper.map.register(self.parts.server.interface, address.host, address.port)
        await self._listen(endpoint, mapper.factory)

    def _begun(self, each: RunningHandler, verbs: Mapping[str, Verb]) -> None:
        """A handler has started: it answers from now on."""
        name = each.table.name
        self._started.append(each)
        self.parts.broker.handlerStarted(name)
        for verb, function in verbs.items():
            self._control.register(f"{name}.{verb}", function, f"handler {name}")
        self._log.info(
            "handler {handler}: {plugin} of {file}, {lines} lines",
            handler=name,
            plugin=each.table.plugin,
            file=each.file,
            lines=len(each.host.lines),
        )
        if each.demo:
            self._log.warn(
                "handler {handler} is a demonstration: its agents and their PINs are in the "
                "documentation; give it a site of its own before real agents use it",
                handler=name,
            )

    def _startFailed(self, failure: Failure) -> None:
        if self._stopping:
            return
        if isinstance(failure.value, _NO_START):
            self._log.critical("not started: {reason}", reason=str(failure.value))
        else:
            self._log.failure("not started", failure)
        self._giveUp()

    def _hangup(self, number: int, frame: object) -> None:
        # A signal comes in the middle of anything.
        self._reactor.callFromThread(self.reload)

    async def _reload(self) -> None:
        """Take over a re-read configuration, whole or not at all."""
        new = self._readAgain()
        changes = compare(self.configuration, new)
        configured = lines(new)
        problems = [*changes.refused, *self._checked(new, changes)]
        if problems:
            raise ConfigurationError(
                f"{new.source}: {'; '.join(problems)}: that needs a restart of the server"
            )
        takeOverSecrets = self._rereadSecrets()
        if not changes.said:
            takeOverSecrets()
            self._log.info("configuration {source} re-read: nothing changed", source=new.source)
            return
        joined: dict[RunningHandler, Mapping[str, Verb]] = {}
        try:
            for table in changes.added:
                each = join(new, table, self.parts, self._catalogue, self._directory, self._reactor)
                verbs = each.controlVerbs()
                await each.start(self._reactor)
                joined[each] = verbs
        except BaseException:
            for each in joined:
                await each.stop(self._reactor)
            raise
        self._takeOver(new, StaticLines(configured), joined, changes)
        takeOverSecrets()
        for said in changes.said:
            self._log.info("configuration re-read: {change}", change=said)
        for name in changes.removed:
            gone = self.parts.handlers.pop(name)
            self._started.remove(gone)
            await gone.stop(self._reactor)

    def _checked(self, new: Configuration, changes: Changes) -> list[str]:
        """Ask handlers about their new options; those that cannot take any need a restart."""
        problems = []
        for table in changes.changed:
            handler = self.parts.handlers[table.name].handler
            if not IReloadable.providedBy(handler):
                problems.append(f"[handlers.{table.name}] has changed")
                continue
            try:
                handler.check(table.options)
            except HandlerArgumentError as error:
                place = table.place.below(*error.key) if table.place else new.source
                raise ConfigurationError(f"{place}: [handlers.{table.name}] {error}") from None
            # Whether it would be a demonstration now, only a handler that is made can say.
            if IDemonstration.providedBy(handler):
                join(new, table, self.parts, self._catalogue, self._directory, self._reactor)
        return problems

    def _takeOver(
        self,
        new: Configuration,
        provider: StaticLines,
        joined: Mapping[RunningHandler, Mapping[str, Verb]],
        changes: Changes,
    ) -> None:
        """From here on nothing is refused any more."""
        parts = self.parts
        before = {name: each.host.lines for name, each in parts.handlers.items()}
        for each in joined:
            parts.handlers[each.table.name] = each
            parts.broker.addHandler(each.table.name, each.handler)
        parts.broker.assign(assignments(new, provider.lines()))
        for each, verbs in joined.items():
            if isinstance(each.host, ProvisionalHost):
                each.host.commit()
            self._begun(each, verbs)
        self.configuration = new
        for table in new.handlers:
            running = parts.handlers[table.name]
            moved = before.get(table.name, running.host.lines) != running.host.lines
            if table not in changes.changed and not moved:
                continue
            running.host.options = table.options
            if not IReloadable.providedBy(running.handler):
                continue  # its options are as they were
            try:
                running.handler.reload(table.options)
            except Exception:  # noqa: BLE001  # a frontier: the handler is called
                self._log.failure("handler {handler} failed to reload", handler=table.name)
        # Before the handlers go: they are told of the clients of their lines.
        parts.server.linesChanged(provider)
        for name in changes.removed:
            self._control.forget(f"{name}.")
            parts.broker.removeHandler(name)

    def _rereadSecrets(self) -> Callable[[], None]:
        """
        Read the users file and the password file anew.

        :returns: what takes them over.
        """
        accounts, callbackLogon = self.parts.accounts, self.parts.callbackLogon
        users = None if accounts is None else accounts.reread()
        initiators = None if callbackLogon is None else callbackLogon.reread()

        def takeOver() -> None:
            if accounts is not None and users is not None:
                accounts.takeOver(users)
                self._log.info("users file {path} re-read", path=accounts.path)
            if callbackLogon is not None and initiators is not None:
                callbackLogon.takeOver(initiators)
                for path in callbackLogon.files:
                    self._log.info("{path} of [callback] re-read", path=path)

        return takeOver

    def _reloadFailed(self, failure: Failure) -> None:
        if self._stopping:
            return
        if isinstance(failure.value, _REFUSALS):
            self._log.error(
                "the configuration stays as it was: {reason}", reason=str(failure.value)
            )
        else:
            self._log.failure("re-reading the configuration failed; it stays as it was", failure)

    async def _stop(self) -> None:
        ports, self._ports = self._ports, []
        for port in ports:
            await defer.maybeDeferred(port.stopListening)
        await self.parts.server.drain()
        for each in self._started:
            await each.stop(self._reactor)
        mapper = self.parts.endpointMapper
        for factory in {*self.parts.factories, *([] if mapper is None else [mapper.factory])}:
            factory.abortConnections("the server stops")
        if self.parts.winbind is not None:
            self.parts.winbind.stop()
        if self.parts.domainGroups is not None:
            self.parts.domainGroups.stop()
        await self._control.close()
        if self._hangupBefore is not None:
            signal.signal(signal.SIGHUP, self._hangupBefore)
        self._directory.close()
        self._log.info("stopped")
