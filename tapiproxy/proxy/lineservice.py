"""
The proxy handler of one line: the call of the handler, and what comes of it.

Whatever a handler returns or raises ends here as a value, a refusal or a Deferred of these; its
failures are logged with its name, and their text goes no further.
"""

from collections.abc import Iterable, Mapping
from types import CoroutineType
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from tapiproxy.errors import TAPIError
from tapiproxy.interfaces import ILine
from tapiproxy.proxy.routes import BY_FUNCTION
from tapiproxy.tapi.lineconstants import (
    LINEPROXYREQUEST_CREATEAGENT,
    LINEPROXYREQUEST_SETAGENTSTATEEX,
    LINEPROXYSTATUS_ALLOPENFORACD,
    LINEPROXYSTATUS_CLOSE,
    LINEPROXYSTATUS_OPEN,
)
from tapiproxy.tapi.lineerr import LINEERR, LINEERR_OPERATIONFAILED
from tapiproxy.trp.events import LINE_PROXYSTATUS
from tapiproxy.trp.pending import CANCELLED, Refusal
from tapiproxy.trp.proxies import RequestContext
from tapiproxy.trp.settings import Settings

__all__ = ["Assignment", "ConfiguredHandler", "LineService"]

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


class ConfiguredHandler:
    """
    A configured handler.

    :ivar provider: the handler itself, None until it is made and after it was taken away.
    :ivar provided: the request types that it is registered for.
    :ivar started: it can answer, unless it says otherwise.
    """

    __slots__ = (
        "failures",
        "general",
        "name",
        "provided",
        "provider",
        "refusals",
        "started",
        "wanted",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.provider: Any = None
        self.provided: frozenset[int] = frozenset()
        self.started = False
        # What setAvailable said of all lines, those to come included, and of some by their names.
        self.general: frozenset[int] | None = None
        self.wanted: dict[str, frozenset[int]] = {}
        self.refusals = 0
        self.failures = 0

    def available(self, line: ILine) -> frozenset[int]:
        """Tell what it answers on a line now."""
        wanted = self.wanted.get(line.name, self.general)
        if wanted is None:
            return self.provided if self.started else frozenset()
        return wanted & self.provided

    def keepOnly(self, names: Iterable[str]) -> None:
        """Forget what it said of lines that are not its own any more."""
        self.wanted = {name: self.wanted[name] for name in names if name in self.wanted}


class LineService:
    """
    The handler of one line: what the session layer knows as `trp.proxies.ProxyService`.

    :param settings: the server's deadlines.
    :ivar line: the line.
    :ivar handler: who answers, None for nobody.
    """

    __slots__ = ("_default", "_methods", "_seconds", "_types", "handler", "line")

    _log = Logger()

    def __init__(self, line: ILine, settings: Settings) -> None:
        self.line = line
        self.handler: ConfiguredHandler | None = None
        self._methods: dict[int, Any] = {}
        self._types: frozenset[int] = frozenset()
        self._default = settings.request
        self._seconds: dict[int, float] = {}

    @property
    def name(self) -> str:
        """The handler's name, for the log."""
        return self.handler.name if self.handler is not None else ""

    @property
    def registered(self) -> bool:
        """Whether the line has a handler at all."""
        return self.handler is not None and self.handler.provider is not None

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
            if error.code in LINEERR:
                return self._refusal(error)
            return self._failure(message, requester)
        except Exception:  # noqa: BLE001 -- a frontier: the handler is called
            return self._failure(message, requester)
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
        error = failure.value
        if isinstance(error, CancelledError):
            return CANCELLED
        if isinstance(error, TAPIError) and error.code in LINEERR:
            return self._refusal(error)
        return self._failure(message, requester, failure)

    def _refusal(self, error: TAPIError) -> Refusal:
        if self.handler is not None:
            self.handler.refusals += 1
        return Refusal(error.code)

    def _failure(self, message: Any, requester: Any, failure: Failure | None = None) -> Refusal:
        # Without a failure: called while the exception is being handled.
        if self.handler is not None:
            self.handler.failures += 1
        self._log.failure(
            "{client} line {line!r}: handler {handler} failed on {request}",
            failure=failure,
            client=requester.clientMachineName,
            line=self.line.name,
            handler=self.name,
            request=type(message).__name__,
        )
        return _FAILED

    def assign(
        self, assignment: Assignment, handler: ConfiguredHandler | None, settings: Settings
    ) -> None:
        """Take the line, the handler and the deadlines of a configuration."""
        self.line = assignment.line
        self.handler = handler
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

    def refresh(self) -> list[LINE_PROXYSTATUS]:
        """Work out what can be asked now, and what is to be told of the change."""
        handler = self.handler
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
