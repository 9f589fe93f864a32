"""
The broker: which handler answers for a line, and whether it can now.

It knows the configured handlers and the lines that name them; calling a handler is the business of
``lineservice``, identifiers, deadlines and the one outcome of each request that of ``trp.pending``.
"""

from collections.abc import Iterable
from typing import Any

from attrs import define
from twisted.logger import Logger

from tapiproxy.interfaces import IClientObserver, ILine, IPrincipal, IProxyHandlerLifecycle
from tapiproxy.proxy.lineservice import Assignment, ConfiguredHandler, LineService
from tapiproxy.tapi.proxymessages import (
    LINE_AGENTSPECIFIC,
    LINE_AGENTSTATUS,
    PROXY_MESSAGES,
    ProxyMessage,
)
from tapiproxy.trp.events import Recipient, encode
from tapiproxy.trp.proxies import ClientToken, Listener
from tapiproxy.trp.settings import Settings
from tapiproxy.verify import providedRequestTypes

__all__ = ["Assignment", "Broker", "LineService"]


@define(eq=False)
class _OpenLine:
    """
    A line that an application has open.

    :ivar told: the handler that was told of it, which is told of its end too.
    """

    line: ILine
    principal: IPrincipal
    told: ConfiguredHandler | None = None


class Broker:
    """
    All handlers and all lines; see `trp.proxies.Broker` for what the session layer asks.

    In this order: `assign` the lines, give each handler its host, `addHandler`, `handlerStarted`.

    :param settings: the server's deadlines.
    """

    _log = Logger()

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._handlers: dict[str, ConfiguredHandler] = {}
        self._services: dict[str, LineService] = {}
        self._listener: Listener | None = None
        self._clients: dict[ClientToken, _OpenLine] = {}

    # The configuration

    def assign(self, assignments: Iterable[Assignment]) -> None:
        """
        Take the lines of a configuration, the first or a re-read one.

        A line that names another handler than before ends what the former has not answered, and
        its clients are closed for the former and opened for the new one.  Lines that are gone have
        no handler from now on.
        """
        taken = [
            (each, self._entry(each.handler) if each.handler else None) for each in assignments
        ]
        # The former handlers are told while everything is still as they know it.
        self._leave(
            [
                service
                for assignment, handler in taken
                if (service := self._services.get(assignment.line.name)) is not None
                and service.handler not in (None, handler)
            ]
        )
        gone, self._services = self._services, {}
        for assignment, handler in taken:
            name = assignment.line.name
            service = gone.pop(name, None) or LineService(assignment.line, self._settings)
            service.assign(assignment, handler, self._settings)
            self._services[name] = service
        for service in gone.values():
            service.assign(Assignment(line=service.line), None, self._settings)
        for entry in self._handlers.values():
            entry.keepOnly(line.name for line in self.linesOf(entry.name))
        for service in (*self._services.values(), *gone.values()):
            self._tell(service)
        for client, openLine in tuple(self._clients.items()):
            self._tellOpened(client, openLine)

    def addHandler(self, name: str, handler: Any) -> None:
        """
        Register a handler for every line that names it.

        It answers from now on, or, if it provides `IProxyHandlerLifecycle`, from `handlerStarted`.

        :param name: as in the configuration.
        :param handler: made and verified.
        """
        entry = self._entry(name)
        entry.provider = handler
        entry.provided = providedRequestTypes(handler)
        entry.started = not IProxyHandlerLifecycle.providedBy(handler)
        self._refresh(entry)

    def handlerStarted(self, name: str) -> None:
        """Say that a handler's ``start`` has succeeded."""
        entry = self._entry(name)
        entry.started = True
        self._refresh(entry)

    def removeHandler(self, name: str) -> None:
        """Take a handler away: what it has not answered ends, its lines answer nothing."""
        entry = self._handlers.pop(name, None)
        if entry is None:
            return
        for service in self._servicesOf(entry):
            if self._listener is not None:
                self._listener.handlerRemoved(service)
        entry.provided = frozenset()
        self._refresh(entry)
        entry.provider = None
        for service in self._servicesOf(entry):
            service.handler = None

    # What hosts ask

    def linesOf(self, name: str) -> tuple[ILine, ...]:
        """List the lines that name a handler."""
        return tuple(service.line for service in self._services.values() if service.name == name)

    def proxyMessage(self, name: str, line: ILine, message: ProxyMessage) -> None:
        """
        Send a message of a handler; see `IProxyHost.proxyMessage`.

        :param name: the handler's.
        """
        if type(message) not in PROXY_MESSAGES:
            known = ", ".join(each.__name__ for each in PROXY_MESSAGES)
            raise TypeError(f"proxyMessage takes one of {known}, not {type(message).__name__}")
        lines = self.linesOf(name)
        self._checkLines(name, [line], lines)
        encode(message, _NOBODY)  # a value that does not fit is the caller's to hear of
        if self._listener is not None:
            ofLine = isinstance(message, LINE_AGENTSTATUS | LINE_AGENTSPECIFIC)
            self._listener.proxyMessage([line] if ofLine else lines, message)

    def setAvailable(
        self, name: str, requestTypes: Iterable[int], lines: Iterable[ILine] | None
    ) -> None:
        """
        Say what a handler can answer now; see `IProxyHost.setAvailable`.

        :param name: the handler's.
        """
        types = frozenset(requestTypes)
        entry = self._entry(name)
        if entry.provider is not None and not types <= entry.provided:
            raise ValueError(
                f"request types {sorted(types - entry.provided)} are not provided by "
                f"handler {name!r}"
            )
        if lines is None:
            entry.general = types
            entry.wanted.clear()
        else:
            chosen = tuple(lines)
            self._checkLines(name, chosen, self.linesOf(name))
            entry.wanted.update((line.name, types) for line in chosen)
        self._refresh(entry)

    # What the session layer asks

    def listen(self, listener: Listener) -> None:
        """Take who is told of messages and changes."""
        self._listener = listener

    def service(self, line: ILine) -> LineService:
        """Find the handler of a line; a line that no configuration names has none."""
        service = self._services.get(line.name)
        return LineService(line, self._settings) if service is None else service

    def clientOpened(self, client: ClientToken, line: ILine, principal: IPrincipal) -> None:
        """Tell the line's handler that an application opened it, if it wants to know."""
        openLine = self._clients[client] = _OpenLine(line, principal)
        self._tellOpened(client, openLine)

    def clientClosed(self, client: ClientToken, reason: str) -> None:
        """Tell the line's handler that an application closed it, or has gone."""
        openLine = self._clients.pop(client, None)
        if openLine is not None:
            self._tellClosed(client, openLine, reason)

    def status(self) -> dict[str, Any]:
        """Describe the handlers for ``tapiproxy status``, by name."""
        return {
            name: {
                "provided": sorted(entry.provided),
                "started": entry.started,
                "lines": [line.name for line in self.linesOf(name)],
                "refusals": entry.refusals,
                "failures": entry.failures,
            }
            for name, entry in self._handlers.items()
        }

    # Inside

    def _entry(self, name: str) -> ConfiguredHandler:
        entry = self._handlers.get(name)
        if entry is None:
            entry = self._handlers[name] = ConfiguredHandler(name)
        return entry

    def _servicesOf(self, entry: ConfiguredHandler) -> list[LineService]:
        return [service for service in self._services.values() if service.handler is entry]

    def _refresh(self, entry: ConfiguredHandler) -> None:
        for service in self._servicesOf(entry):
            self._tell(service)

    def _tell(self, service: LineService) -> None:
        changes = service.refresh()
        if changes and self._listener is not None:
            self._listener.proxyStatusChanged(service.line, changes)

    def _leave(self, services: list[LineService]) -> None:
        """Take lines from their handlers."""
        for service in services:
            if self._listener is not None:
                self._listener.handlerRemoved(service)
        names = {service.line.name for service in services}
        for client, openLine in tuple(self._clients.items()):
            if openLine.line.name in names:
                self._tellClosed(client, openLine, "forced")

    def _tellOpened(self, client: ClientToken, openLine: "_OpenLine") -> None:
        """Tell the handler of an open line, unless it knows."""
        service = self._services.get(openLine.line.name)
        entry = None if service is None else service.handler
        if (
            service is None
            or entry is None
            or openLine.told is not None
            or not IClientObserver.providedBy(entry.provider)
        ):
            return
        openLine.line, openLine.told = service.line, entry
        self._observe(entry, "clientOpened", client, service.line, openLine.principal)

    def _tellClosed(self, client: ClientToken, openLine: "_OpenLine", reason: str) -> None:
        entry, openLine.told = openLine.told, None
        if entry is not None and entry.provider is not None:
            self._observe(entry, "clientClosed", client, reason)

    def _checkLines(self, name: str, lines: Iterable[ILine], mine: tuple[ILine, ...]) -> None:
        names = {line.name for line in mine}
        for line in lines:
            if getattr(line, "name", None) not in names:
                raise ValueError(f"{line!r} is not a line of handler {name!r}")

    def _observe(
        self, entry: ConfiguredHandler, method: str, client: ClientToken, *more: Any
    ) -> None:
        try:
            getattr(entry.provider, method)(client, *more)
        except Exception:  # noqa: BLE001 -- a frontier: the handler is called
            self._log.failure(
                "handler {handler} failed on {method} of {client!r}",
                handler=entry.name,
                method=method,
                client=client,
            )


_NOBODY = Recipient(0)
