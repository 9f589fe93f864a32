"""
The tests behind `tapiproxy.testing.makeProxyHandlerTests`.

Each says in its docstring what it shows, and fails with a sentence for the handler's author: what
the handler did, what it should do, and what a client would have met.
"""

import inspect
import traceback
from collections.abc import Callable, Generator
from typing import Any, cast

from attrs import frozen
from twisted.internet import defer, task
from twisted.logger import ILogObserver, LogEvent, eventAsText, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface.interface import InterfaceClass

from tapiproxy import interfaces, messagecheck, verify
from tapiproxy.errors import HandlerArgumentError, TAPIError
from tapiproxy.fakes import FakeClient, FakeProxyHost, makeRequest
from tapiproxy.samplerequests import (
    BLOCK,
    MEMBERS,
    NO_AGENT,
    NO_HANDLE,
    UNKNOWN,
    WRONG_PIN,
    Known,
    KnownAgent,
)
from tapiproxy.tapi import lineerr
from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS
from tapiproxy.tapi.versions import TAPI_2_0, VALID_VERSIONS
from tapiproxy.wire.structs import pack

__all__ = ["Outcome", "ProxyHandlerTests"]

#: The deadlines that the server gives, in seconds.
_REQUEST, _START, _STOP = 5.0, 20.0, 10.0

#: The most room that a client can name for an answer ([MS-TRP] 3.1.4.2).
_MOST_ROOM = 0x40000

_NO_OPTION = {"no_such_option_7e57ab1e": 1}

_ROWS = {row.method: row for row in PROXY_REQUESTS}

_Steps = Generator[Any, Any, Any]


@frozen
class Outcome:
    """
    How a request ended.

    :param value: what the handler answered.
    :param error: what it refused or failed with, or None.
    """

    value: Any
    error: BaseException | None


class ProxyHandlerTests(TestCase):
    """The tests that do not depend on what a handler provides; the rest is added per request."""

    factory: Callable[[], Any]
    provides: tuple[InterfaceClass, ...] = ()
    argString = ""
    options: dict[str, Any] = {}
    lines: tuple[Any, ...] = ()
    agent = KnownAgent()
    makeReactor: Callable[[], Any] = staticmethod(task.Clock)

    def setUp(self) -> None:
        """Prepare a host; the handler is made by `begin`."""
        self.host = FakeProxyHost(
            lines=self.lines, reactor=self.makeReactor(), options=self.options, name="conformance"
        )
        self.handler: Any = None
        self.logged: list[LogEvent] = []
        observer = cast(ILogObserver, self.logged.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def test_factory(self) -> None:
        """The factory has its attributes and a makeHandler of two arguments."""
        self._none(verify.factoryProblems(self.factory()), "the factory")

    @defer.inlineCallbacks
    def test_provides(self) -> _Steps:
        """The handler provides what it is meant to, and starts and stops in time."""
        yield self.begin()
        provided = [each for each in verify.HANDLER_INTERFACES if each.providedBy(self.handler)]
        if set(provided) != set(self.provides):
            self.fail(f"the handler provides {_names(provided)}, not {_names(self.provides)}")

    def test_arguments(self) -> None:
        """Arguments that the factory does not understand are refused with HandlerArgumentError."""
        for arguments, options in (("\x00 no such argument", {}), (self.argString, _NO_OPTION)):
            host = FakeProxyHost(
                lines=self.lines, reactor=self.makeReactor(), options={**self.options, **options}
            )
            try:
                self.factory().makeHandler(arguments, host)
            except HandlerArgumentError as error:
                if not str(error):
                    self.fail("makeHandler raised a HandlerArgumentError without a text")
            except Exception as error:  # noqa: BLE001  # the handler's: any failure is told
                self.fail(
                    f"makeHandler({arguments!r}) with options {options} raised {_told(error)}: "
                    "an administrator is shown only the text of a HandlerArgumentError"
                )

    @defer.inlineCallbacks
    def test_sameAgent(self) -> _Steps:
        """An agent that is created twice is the same agent: it has the same handle."""
        yield self.begin()
        if not self.answers("createAgent"):
            return
        first, second = (yield self.known()), (yield self.known())
        if first.hAgent != second.hAgent:
            self.fail(
                f"createAgent gave agent {self.agent.AgentID!r} the handle {first.hAgent}, then "
                f"{second.hAgent}: an application that attaches again finds its agent by that"
            )

    @defer.inlineCallbacks
    def test_unknownAgent(self) -> _Steps:
        """Who is nobody, or has the wrong PIN, is refused with a TAPIError; no log shows a PIN."""
        yield self.begin()
        if not self.answers("createAgent"):
            return
        for agentID in (NO_AGENT, self.agent.AgentID, None, ""):
            outcome = yield self.ask("createAgent", AgentID=agentID, AgentPIN=WRONG_PIN)
            self.judge("createAgent", outcome)
            known = agentID == self.agent.AgentID
            if self.agent.strict and agentID and outcome.error is None:
                whom = "an agent with a wrong PIN" if known else f"the unknown agent {agentID!r}"
                self.fail(f"createAgent accepted {whom}: raise InvalidAgentID or InvalidPassword")

    @defer.inlineCallbacks
    def test_unknownHandles(self) -> _Steps:
        """Agents, sessions, groups and queues that do not exist are refused with a TAPIError."""
        yield self.begin()
        known = yield self.known()
        for method, member, value in UNKNOWN:
            if not self.answers(method):
                continue
            members = {**MEMBERS[method](known), member: value}
            outcome = yield self.ask(method, **members)
            self.judge(method, outcome)
            if outcome.error is None:
                self.fail(
                    f"{method} answered for {member} {value}, which the handler has never given to "
                    "anybody: raise a TAPIError"
                )

    @defer.inlineCallbacks
    def test_cancel(self) -> _Steps:
        """A request that is cancelled ends at once, and the handler goes on answering."""
        yield self.begin()
        known = yield self.known()
        for method in _ROWS:
            if self.answers(method):
                yield self._cancelled(method, MEMBERS[method](known))
        for method in ("createAgent", "getGroupList", "getAgentGroupList"):
            if self.answers(method):
                self.judge(method, (yield self.ask(method, **MEMBERS[method](known))))

    @defer.inlineCallbacks
    def test_clients(self) -> _Steps:
        """Applications come, ask, and go for each of the four reasons."""
        yield self.begin()
        known = yield self.known()
        observer = interfaces.IClientObserver.providedBy(self.handler)
        for reason in ("close", "detach", "lost", "forced"):
            client = FakeClient()
            if observer:
                self._called("clientOpened", client, self.host.lines[0], self.agent.principal)
            for method in _ROWS:
                if self.answers(method) and method != "getAgentCaps":
                    members = MEMBERS[method](known)
                    self.judge(method, (yield self.ask(method, client=client, **members)))
            if observer:
                self._called("clientClosed", client, reason)

    @defer.inlineCallbacks
    def test_reload(self) -> _Steps:
        """A handler that takes new options checks them, uses them, and goes on answering."""
        yield self.begin()
        if not interfaces.IReloadable.providedBy(self.handler):
            return
        for method in ("check", "reload"):
            self._called(method, dict(self.options))
        try:
            self.handler.check({**self.options, **_NO_OPTION})
        except HandlerArgumentError:
            self.assertIsNotNone((yield self.known()))
        except Exception as error:  # noqa: BLE001  # the handler's: any failure is told
            self.fail(f"check raised {_told(error)} for options that it does not know")

    @defer.inlineCallbacks
    def test_verbs(self) -> _Steps:
        """The administrator's commands have proper names, and refuse nonsense in words."""
        yield self.begin()
        if not interfaces.IControllable.providedBy(self.handler):
            return
        for verb, function in dict(self.handler.controlVerbs()).items():
            if not isinstance(verb, str) or not verify.HANDLER_NAME.fullmatch(verb):
                self.fail(f"the verb {verb!r} has another form than [a-z][a-z0-9_]*")
            call = defer.maybeDeferred(function, dict(_NO_OPTION))
            outcome = yield self._awaited(call, _REQUEST, f"the verb {verb}")
            if outcome.error is not None:
                if not isinstance(outcome.error, HandlerArgumentError):
                    self.fail(f"the verb {verb} raised {_told(outcome.error)}")
            elif not isinstance(outcome.value, dict):
                self.fail(f"the verb {verb} returned {_kind(outcome.value)}; it returns a dict")

    # The steps that tests are made of.

    @defer.inlineCallbacks
    def checkRequest(self, method: str) -> _Steps:
        """
        Ask one thing, and look at the answer.

        :param method: the handler's method.
        """
        yield self.begin()
        if self.answers(method):
            known = yield self.known()
            self.judge(method, (yield self.ask(method, **MEMBERS[method](known))))

    @defer.inlineCallbacks
    def begin(self) -> _Steps:
        """Make the handler and start it; `end` is done when the test is over."""
        factory = self.factory()
        self._none(verify.factoryProblems(factory), "the factory")
        try:
            self.handler = factory.makeHandler(self.argString, self.host)
        except Exception as error:  # noqa: BLE001  # the handler's: any failure is told
            self.fail(f"makeHandler({self.argString!r}) raised {_told(error)}")
        self._none(verify.handlerProblems(self.handler), "the handler")
        self.host.handler = self.handler
        self.addCleanup(self.end)
        if interfaces.IProxyHandlerLifecycle.providedBy(self.handler):
            yield self._lifecycle("start", _START)

    @defer.inlineCallbacks
    def end(self) -> _Steps:
        """Stop the handler, and look at what it has said and left behind."""
        if interfaces.IProxyHandlerLifecycle.providedBy(self.handler):
            yield self._lifecycle("stop", _STOP)
            if isinstance(self.host.reactor, task.Clock):
                left = [str(call) for call in self.host.reactor.getDelayedCalls()]
                self._none(left, "after stop() calls still wait in host.reactor")
        provided = verify.providedRequestTypes(self.handler)
        for line, types in self.host.available.items():
            if not types <= provided:
                self.fail(f"setAvailable on {line!r} had types that the handler does not provide")
        for line, message in self.host.messages:
            self._none(messagecheck.problems(line, message), f"proxyMessage with {message}")
        for event in self.logged:
            if WRONG_PIN in eventAsText(event):
                self.fail("a log entry shows the PIN that createAgent was given")

    def answers(self, method: str) -> bool:
        """Tell whether the handler says that it answers a request."""
        return _ROWS[method].requestType in verify.providedRequestTypes(self.handler)

    @defer.inlineCallbacks
    def ask(self, method: str, client: object = None, **members: Any) -> _Steps:
        """
        Ask the handler.

        :returns: a Deferred of an `Outcome`.
        """
        principal = self.agent.principal
        request = makeRequest(
            method, self.host, client=client, principal=principal, seconds=_REQUEST, **members
        )
        call = defer.maybeDeferred(getattr(self.handler, method), request)
        return (yield self._awaited(call, _REQUEST, method))

    def judge(self, method: str, outcome: Outcome) -> None:
        """
        Look at an answer.

        :param method: what was asked.
        :param outcome: as `ask` gives it.
        """
        result, value = _ROWS[method].result, outcome.value
        if outcome.error is not None:
            self._judgeRefusal(method, outcome.error)
        elif result is None:
            if value is not None:
                self.fail(f"{method} returned {_kind(value)}; it returns None")
        elif result is int:
            if type(value) is not int or not 1 <= value <= 0xFFFFFFFF:
                self.fail(
                    f"{method} returned {_kind(value)} {value!r}; it returns a handle, an int from "
                    "1 to 0xFFFFFFFF"
                )
        elif result is bytes:
            if value is not None and (type(value) is not bytes or len(value) > len(BLOCK)):
                self.fail(
                    f"{method} returned {_kind(value)}; it returns None, or bytes that are not "
                    "longer than Params"
                )
        else:
            self._judgeStruct(method, result, value)

    @defer.inlineCallbacks
    def known(self) -> _Steps:
        """Find a group, a queue, an agent and a session, as an application would."""
        known = Known(self.agent)
        for method in ("getGroupList", "getAgentGroupList"):
            if self.answers(method) and not known.groups:
                listed = yield self._get(method, known)
                known.groups = listed.List if listed else ()
        if known.groups:
            known.group = known.groups[0].GroupID
        if self.answers("createAgent"):
            known.hAgent = yield self._get("createAgent", known, must=True)
        if self.answers("createAgentSession"):
            known.hAgentSession = (yield self._get("createAgentSession", known)) or NO_HANDLE
        for method, member, name in (
            ("getQueueList", "queue", "dwQueueID"),
            ("getAgentActivityList", "activity", "dwID"),
        ):
            if self.answers(method):
                listed = yield self._get(method, known)
                if listed and listed.List:
                    setattr(known, member, getattr(listed.List[0], name))
        return known

    @defer.inlineCallbacks
    def _get(self, method: str, known: Known, must: bool = False) -> _Steps:
        outcome = yield self.ask(method, **MEMBERS[method](known))
        self.judge(method, outcome)
        if outcome.error is None:
            return outcome.value
        if must:
            self.fail(
                f"{method} refused {known.agent} ({outcome.error}): give makeProxyHandlerTests an "
                "agent= that the handler knows"
            )
        return None

    def _judgeRefusal(self, method: str, error: BaseException) -> None:
        if not isinstance(error, TAPIError):
            self.fail(
                f"{method} failed with {_told(error)}: the client gets LINEERR_OPERATIONFAILED; to "
                "refuse a request, raise TAPIError"
            )
        if error.code not in lineerr.LINEERR:
            self.fail(f"{method} refused with {error.code!r}, which is no LINEERR_ code")

    def _judgeStruct(self, method: str, result: type, outcome: object) -> None:
        if type(outcome) is not result:
            self.fail(f"{method} returned {_kind(outcome)}; it returns a {result.__name__}")
        for version in VALID_VERSIONS:
            if version < TAPI_2_0:
                continue
            try:
                size = len(pack(outcome, version=version))
            except Exception as error:  # noqa: BLE001  # of values that are the handler's
                self.fail(f"the {result.__name__} of {method} cannot be sent: {_told(error)}")
            if size > _MOST_ROOM:
                self.fail(
                    f"the {result.__name__} of {method} has {size} octets: no client can give room "
                    f"for more than {_MOST_ROOM}"
                )

    @defer.inlineCallbacks
    def _cancelled(self, method: str, members: dict[str, Any]) -> _Steps:
        request = makeRequest(method, self.host, principal=self.agent.principal, **members)
        answer: defer.Deferred[Any] = defer.maybeDeferred(getattr(self.handler, method), request)
        if answer.called and not answer.paused:
            self.judge(method, (yield self._awaited(answer, _REQUEST, method)))
            return
        try:
            answer.cancel()
        except Exception as error:  # noqa: BLE001  # a canceller is the handler's
            self.fail(f"cancelling {method} raised {_told(error)}")
        outcome = yield self._awaited(answer, 1.0, f"{method}, after it was cancelled,")
        if outcome.error is None:
            self.fail(
                f"{method} answered after it was cancelled: the client is gone, or has been told "
                "that the request failed; let the CancelledError pass"
            )

    @defer.inlineCallbacks
    def _lifecycle(self, method: str, seconds: float) -> _Steps:
        try:
            result = getattr(self.handler, method)()
        except Exception as error:  # noqa: BLE001  # the handler's: any failure is told
            self.fail(f"{method}() raised {_told(error)}")
        if inspect.iscoroutine(result):
            result = defer.ensureDeferred(result)
        if not isinstance(result, defer.Deferred):
            self.fail(f"{method}() returned {_kind(result)}; it returns a Deferred")
        outcome = yield self._awaited(result, seconds, f"{method}()")
        if outcome.error is not None:
            self.fail(f"{method}() failed with {_told(outcome.error)}")

    def _called(self, method: str, *arguments: object) -> None:
        try:
            getattr(self.handler, method)(*arguments)
        except Exception as error:  # noqa: BLE001  # the handler's: any failure is told
            self.fail(f"{method} raised {_told(error)}")

    def _awaited(
        self, awaited: "defer.Deferred[Any]", seconds: float, what: str
    ) -> "defer.Deferred[Outcome]":
        """Let time pass until a Deferred has fired."""
        reactor = self.host.reactor
        done: defer.Deferred[Outcome] = defer.Deferred()

        def fired(result: Any) -> None:
            error = result.value if isinstance(result, Failure) else None
            if not done.called:
                done.callback(Outcome(None if error else result, error))

        def late() -> None:
            text = f"{what} has not answered within {seconds:g} seconds"
            done.errback(self.failureException(text))

        awaited.addBoth(fired)
        if not isinstance(reactor, task.Clock):
            timer = reactor.callLater(seconds, late)
            done.addBoth(lambda result: (timer.active() and timer.cancel(), result)[1])
            return done
        for _ in range(100):
            if done.called:
                return done
            reactor.advance(seconds / 100)
        if not done.called:
            late()
        return done

    def _none(self, problems: list[str], subject: str) -> None:
        if problems:
            self.fail(f"{subject}: " + "; ".join(problems))


def _told(error: BaseException | None) -> str:
    """An exception in words, with the place where it came from."""
    if error is None:
        return "nothing"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _names(provided: "list[InterfaceClass] | tuple[InterfaceClass, ...]") -> str:
    return " and ".join(sorted(each.__name__ for each in provided)) or "neither interface"
