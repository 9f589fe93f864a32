"""
The broker: which handler answers a request of a line, and whether it can now.

It calls the handler and turns whatever comes of that into a value or a refusal; identifiers,
deadlines and the one outcome of each request are ``trp.pending``'s, octets ``trp.completions``'.
"""

from collections.abc import Iterable, Mapping
from types import CoroutineType
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from tapiproxy.errors import TAPIError
from tapiproxy.interfaces import (
    IClientObserver,
    ILine,
    IPrincipal,
    IProxyHandlerLifecycle,
)
from tapiproxy.proxy.routes import BY_FUNCTION
from tapiproxy.tapi.lineconstants import (
    LINEPROXYREQUEST_CREATEAGENT,
    LINEPROXYREQUEST_SETAGENTSTATEEX,
    LINEPROXYSTATUS_ALLOPENFORACD,
    LINEPROXYSTATUS_CLOSE,
    LINEPROXYSTATUS_OPEN,
)
from tapiproxy.tapi.lineerr import LINEERR, LINEERR_OPERATIONFAILED
from tapiproxy.tapi.proxymessages import (
    LINE_AGENTSPECIFIC,
    LINE_AGENTSTATUS,
    PROXY_MESSAGES,
    ProxyMessage,
)
from tapiproxy.trp.events import LINE_PROXYSTATUS, Recipient, encode
from tapiproxy.trp.pending import CANCELLED, Refusal
from tapiproxy.trp.proxies import ClientToken, Listener, RequestContext
from tapiproxy.trp.settings import Settings
from tapiproxy.verify import providedRequestTypes

__all__ = ["Assignment", "Broker", "LineService"]

_FAILED = Refusal(LINEERR_OPERATIONFAILED, failed=True)

#: The request types that a call centre needs (2.2.3.1.49: ALLOPENFORACD).
_FOR_ACD = frozenset(range(LINEPROXYREQUEST_CREATEAGENT, LINEPROXYREQUEST_SETAGENTSTATEEX + 1))

#: What a handler may return that is not the answer yet.
_LATER = (Deferred, CoroutineType)


@frozen(kw_only=True)
class Assignment:
    """
    Which handler a line names, and how much time its requests have.

    :ivar handler: the configured name; empty for none.
    :ivar seconds: for every request, instead of the server's default.
    :ivar requests: for some requests, by name: ``{"CreateAgent": 10.0}``.
    """

    line: ILine
    handler: str = ""
    seconds: float | None = None
    requests: Mapping[str, float] = field(factory=dict)


class _Handler:
    """
    A configured handler.

    :ivar provider: the handler itself, None until it is made and after it was taken away.
    :ivar provided: the request types that it is registered for.
    :ivar started: it can answer, unless it says otherwise.
    """

    __slots__ = ("failures", "name", "provided", "provider", "refusals", "started", "wanted")

    def __init__(self, name: str) -> None:
        self.name = name
        self.provider: Any = None
        self.provided: frozenset[int] = frozenset()
        self.started = False
        # What setAvailable said, by the name of the line.
        self.wanted: dict[str, frozenset[int]] = {}
        self.refusals = 0
        self.failures = 0

    def available(self, line: ILine) -> frozenset[int]:
        """Tell what it answers on a line now."""
        wanted = self.wanted.get(line.name)
        if wanted is None:
            return self.provided if self.started else frozenset()
        return wanted & self.provided


class LineService:
    """
    The handler of one line: what the session layer knows as `trp.proxies.ProxyService`.

    :param line: the line.
    :param settings: the server's deadlines.
    """

    __slots__ = ("_default", "_handler", "_methods", "_seconds", "_types", "line")

    _log = Logger()

    def __init__(self, line: ILine, settings: Settings) -> None:
        self.line = line
        self._handler: _Handler | None = None
        self._methods: dict[int, Any] = {}
        self._types: frozenset[int] = frozenset()
        self._default = settings.request
        self._seconds: dict[int, float] = {}

    @property
    def name(self) -> str:
        """The handler's name, for the log."""
        return self._handler.name if self._handler is not None else ""

    @property
    def registered(self) -> bool:
        """Whether the line has a handler at all."""
        return self._handler is not None and self._handler.provider is not None

    def handles(self, Req_Func: int) -> bool:
        """Tell whether the handler answers a request now."""
        return Req_Func in self._methods

    def requestTypes(self) -> tuple[int, ...]:
        """Name what it answers now, in ascending order."""
        return tuple(sorted(self._types))

    def seconds(self, message: Any) -> float:
        """Give the time that the handler has for a request."""
        return self._seconds.get(message.Req_Func, self._default)

    def request(self, message: Any, requester: Any, deadline: float) -> Any:
        """
        Ask the handler.

        :returns: what it answers, a `Refusal`, or a Deferred of either that never fails.
        """
        route = BY_FUNCTION[message.Req_Func]
        try:
            answer = self._methods[message.Req_Func](
                route.row.arm(RequestContext(requester, deadline), *route.members(message))
            )
        except TAPIError as error:
            return self._refusal(error, message, requester)
        except Exception:  # noqa: BLE001 -- a frontier: the handler is called
            return self._failure(Failure(), message, requester)
        if isinstance(answer, _LATER):
            return self._later(answer, message, requester)
        return answer

    def _later(self, answer: Any, message: Any, requester: Any) -> Any:
        later: Deferred[Any]
        later = answer if isinstance(answer, Deferred) else Deferred.fromCoroutine(answer)
        later.addErrback(self._failed, message, requester)
        # One that has its result already is no reason for a deadline.
        if later.called and not later.paused and not isinstance(later.result, _LATER):
            return later.result
        return later

    def _failed(self, failure: Failure, message: Any, requester: Any) -> Refusal:
        if failure.check(CancelledError):
            return CANCELLED
        if isinstance(failure.value, TAPIError):
            return self._refusal(failure.value, message, requester)
        return self._failure(failure, message, requester)

    def _refusal(self, error: TAPIError, message: Any, requester: Any) -> Refusal:
        if error.code not in LINEERR:
            return self._failure(Failure(error), message, requester)
        if self._handler is not None:
            self._handler.refusals += 1
        return Refusal(error.code)

    def _failure(self, failure: Failure, message: Any, requester: Any) -> Refusal:
        if self._handler is not None:
            self._handler.failures += 1
        self._log.failure(
            "{client} line {line!r}: handler {handler} failed on {request}",
            failure=failure,
            client=requester.clientMachineName,
            line=self.line.name,
            handler=self.name,
            request=type(message).__name__,
        )
        return _FAILED

    def _assign(self, assignment: Assignment, handler: _Handler | None, settings: Settings) -> None:
        """Take the line, the handler and the deadlines of a configuration."""
        self.line = assignment.line
        self._handler = handler
        self._default = settings.request if assignment.seconds is None else assignment.seconds
        # The line's word counts before the server's, a request's before that of all requests;
        # what a line says of all its requests counts before what the server says of one.
        seconds = {} if assignment.seconds is not None else dict(settings.requests)
        seconds.update(assignment.requests)
        self._seconds = {
            Req_Func: seconds[route.row.name]
            for Req_Func, route in BY_FUNCTION.items()
            if route.row.name in seconds
        }

    def _refresh(self) -> list[LINE_PROXYSTATUS]:
        """Work out what can be asked now, and what is to be told of the change."""
        handler = self._handler
        types = frozenset() if handler is None else handler.available(self.line)
        before, self._types = self._types, types
        self._methods = {
            Req_Func: getattr(handler.provider, route.row.method)
            for Req_Func, route in BY_FUNCTION.items()
            if handler is not None and route.row.requestType in types
        }
        opened, closed = sorted(types - before), sorted(before - types)
        changes = [LINE_PROXYSTATUS(LINEPROXYSTATUS_OPEN, each) for each in opened]
        changes += [LINE_PROXYSTATUS(LINEPROXYSTATUS_CLOSE, each) for each in closed]
        if types >= _FOR_ACD and not before >= _FOR_ACD:
            changes.append(LINE_PROXYSTATUS(LINEPROXYSTATUS_ALLOPENFORACD))
        return changes


class Broker:
    """
    All handlers and all lines; see `trp.proxies.Broker` for what the session layer asks.

    In this order: `assign` the lines, give each handler its host, `addHandler`, `handlerStarted`.

    :param settings: the server's deadlines.
    """

    _log = Logger()

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._handlers: dict[str, _Handler] = {}
        self._services: dict[str, LineService] = {}
        self._listener: Listener | None = None

    # The configuration

    def assign(self, assignments: Iterable[Assignment]) -> None:
        """
        Take the lines of a configuration, the first or a re-read one.

        A line that names another handler than before ends what the former has not answered.  Lines
        that are gone have no handler from now on.
        """
        services = {}
        for assignment in assignments:
            name = assignment.line.name
            service = self._services.pop(name, None)
            if service is None:
                service = LineService(assignment.line, self._settings)
            services[name] = service
            handler = self._handler(assignment.handler) if assignment.handler else None
            if service._handler not in (None, handler) and self._listener is not None:
                self._listener.handlerRemoved(service)
            service._assign(assignment, handler, self._settings)
            self._tell(service)
        gone, self._services = self._services, services
        for service in gone.values():
            service._assign(Assignment(line=service.line), None, self._settings)
            self._tell(service)

    def addHandler(self, name: str, handler: Any) -> None:
        """
        Register a handler for every line that names it.

        It answers from now on, or, if it provides `IProxyHandlerLifecycle`, from `handlerStarted`.

        :param name: as in the configuration.
        :param handler: made and verified.
        """
        entry = self._handler(name)
        entry.provider = handler
        entry.provided = providedRequestTypes(handler)
        entry.started = not IProxyHandlerLifecycle.providedBy(handler)
        self._refresh(entry)

    def handlerStarted(self, name: str) -> None:
        """Say that a handler's ``start`` has succeeded."""
        entry = self._handler(name)
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
            service._handler = None

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
        entry = self._handler(name)
        if entry.provider is not None and not types <= entry.provided:
            raise ValueError(
                f"request types {sorted(types - entry.provided)} are not provided by "
                f"handler {name!r}"
            )
        mine = self.linesOf(name)
        chosen = mine if lines is None else tuple(lines)
        self._checkLines(name, chosen, mine)
        for line in chosen:
            entry.wanted[line.name] = types
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
        self._observe(line, "clientOpened", client, line, principal)

    def clientClosed(self, client: ClientToken, line: ILine, reason: str) -> None:
        """Tell the line's handler that an application closed it, or has gone."""
        self._observe(line, "clientClosed", client, reason)

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

    def _handler(self, name: str) -> _Handler:
        entry = self._handlers.get(name)
        if entry is None:
            entry = self._handlers[name] = _Handler(name)
        return entry

    def _servicesOf(self, entry: _Handler) -> list[LineService]:
        return [service for service in self._services.values() if service._handler is entry]

    def _refresh(self, entry: _Handler) -> None:
        for service in self._servicesOf(entry):
            self._tell(service)

    def _tell(self, service: LineService) -> None:
        changes = service._refresh()
        if changes and self._listener is not None:
            self._listener.proxyStatusChanged(service.line, changes)

    def _checkLines(self, name: str, lines: Iterable[ILine], mine: tuple[ILine, ...]) -> None:
        names = {line.name for line in mine}
        for line in lines:
            if getattr(line, "name", None) not in names:
                raise ValueError(f"{line!r} is not a line of handler {name!r}")

    def _observe(self, line: ILine, method: str, *arguments: Any) -> None:
        service = self._services.get(line.name)
        entry = None if service is None else service._handler
        if entry is None or not IClientObserver.providedBy(entry.provider):
            return
        try:
            getattr(entry.provider, method)(*arguments)
        except Exception:  # noqa: BLE001 -- a frontier: the handler is called
            self._log.failure(
                "handler {handler} failed on {method} of line {line!r}",
                handler=entry.name,
                method=method,
                line=line.name,
            )


_NOBODY = Recipient(0)
