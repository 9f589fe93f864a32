"""The broker: availability, messages, handlers that come and go."""

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tapiproxy.interfaces import (
    IAgentProxyHandler,
    IPartialProxyHandler,
    IProxyHandlerLifecycle,
    IProxyHost,
)
from tapiproxy.proxy.broker import Assignment, Broker
from tapiproxy.proxy.host import ProxyHost
from tapiproxy.tapi.lineerr import LINEERR_OPERATIONUNAVAIL
from tapiproxy.tapi.proxymessages import LINE_AGENTSTATUS, LINE_GROUPSTATUS, ProxyMessage
from tapiproxy.trp.events import LINE_CLOSE, LINE_PROXYSTATUS
from tapiproxy.trp.principals import NOBODY
from tapiproxy.trp.proxies import ClientToken
from tapiproxy.trp.requests import agent
from tapiproxy.trp.settings import Settings
from tests.trp.support import ASSIGNMENTS, LINES, FakeHandler, makeHarness

SALES, SUPPORT, BARE = LINES


class Listening:
    """A session layer that writes down what it is told."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], ProxyMessage]] = []
        self.changes: list[tuple[str, LINE_PROXYSTATUS]] = []
        self.removed: list[Any] = []

    def proxyMessage(self, lines: Any, message: ProxyMessage) -> None:
        self.messages.append(([line.name for line in lines], message))

    def proxyStatusChanged(self, line: Any, changes: Any) -> None:
        self.changes += [(line.name, change) for change in changes]

    def handlerRemoved(self, service: Any) -> None:
        self.removed.append(service.line.name)


@implementer(IProxyHandlerLifecycle)
class SlowHandler(FakeHandler):
    """A handler that has something to open first."""

    def start(self) -> Deferred[None]:
        return succeed(None)

    def stop(self) -> Deferred[None]:
        return succeed(None)


@implementer(IPartialProxyHandler)
class PartialHandler(FakeHandler):
    """A handler of two requests."""

    requestTypes = frozenset({4, 9})


class BrokerTestCase(TestCase):
    """A broker with three lines, of which two name a handler."""

    def setUp(self) -> None:
        self.broker = Broker()
        self.broker.assign(ASSIGNMENTS)
        self.listener = Listening()
        self.broker.listen(self.listener)
        self.host = ProxyHost("acd", self.broker, None, None, {})  # type: ignore[arg-type]

    def types(self, line: Any = SALES) -> tuple[int, ...]:
        return self.broker.service(line).requestTypes()


class Availability(BrokerTestCase):
    """Who answers what, and when."""

    def test_none(self) -> None:
        """A line without handler, or whose handler is not made yet, has none registered."""
        for line in LINES:
            self.assertFalse(self.broker.service(line).registered)
            self.assertEqual(self.types(line), ())

    def test_added(self) -> None:
        """A handler answers what it provides from the moment it is added."""
        self.broker.addHandler("acd", FakeHandler())
        self.assertEqual(self.types(), tuple(range(1, 21)))
        self.assertTrue(self.broker.service(SALES).registered)
        self.assertFalse(self.broker.service(BARE).registered)
        last = [change for name, change in self.listener.changes if name == "Sales"][-1]
        self.assertEqual(last, LINE_PROXYSTATUS(4))

    def test_lifecycle(self) -> None:
        """A handler with a lifecycle answers when it has started."""
        self.broker.addHandler("acd", SlowHandler())
        self.assertEqual(self.types(), ())
        self.broker.handlerStarted("acd")
        self.assertEqual(len(self.types()), 20)

    def test_partial(self) -> None:
        """A handler may answer a part of an interface."""
        self.broker.addHandler("acd", PartialHandler())
        self.assertEqual(self.types(), (4, 9))

    def test_setAvailable(self) -> None:
        """What a handler says of itself counts, for a line or for all."""
        self.broker.addHandler("acd", FakeHandler())
        self.host.setAvailable([9], [SALES])
        self.assertEqual((self.types(SALES), len(self.types(SUPPORT))), ((9,), 20))
        self.host.setAvailable([])
        self.assertEqual((self.types(SALES), self.types(SUPPORT)), ((), ()))

    def test_ofLinesToCome(self) -> None:
        """What a handler says of all its lines holds for those that a reload adds."""
        self.broker.addHandler("acd", FakeHandler())
        self.host.setAvailable([])
        self.broker.assign([*ASSIGNMENTS[:2], Assignment(line=BARE, handler="acd")])
        self.assertEqual(self.types(BARE), ())
        self.host.setAvailable([9])
        self.assertEqual(self.types(BARE), (9,))

    def test_ofLinesThatWent(self) -> None:
        """What it said of one line is forgotten with the line, and not true when it comes again."""
        self.broker.addHandler("acd", FakeHandler())
        self.host.setAvailable([], [SALES])
        for other in (ASSIGNMENTS[1:], [Assignment(line=SALES, handler="other")]):
            self.broker.assign(other)
            self.broker.assign(ASSIGNMENTS)
            self.assertEqual(len(self.types(SALES)), 20)
            self.host.setAvailable([], [SALES])

    def test_setBeforeItIsMade(self) -> None:
        """A handler may say it while it is being made."""
        self.host.setAvailable([9])
        self.broker.addHandler("acd", FakeHandler())
        self.assertEqual(self.types(), (9,))

    def test_wrong(self) -> None:
        """Types that are not provided, and others' lines, are ValueErrors."""
        self.broker.addHandler("acd", PartialHandler())
        self.assertRaises(ValueError, self.host.setAvailable, [5])
        self.assertRaises(ValueError, self.host.setAvailable, [9], [BARE])
        self.assertEqual(self.types(), (4, 9))

    def test_unavailableIsRefused(self) -> None:
        """A request of a type that is not available fails at once, and nobody is asked."""
        harness = makeHarness()
        app = harness.application().ready()
        harness.host.setAvailable([10])
        message = agent.CreateAgent(hLine=app.hLine)
        self.assertEqual(app.result(message), LINEERR_OPERATIONUNAVAIL)
        self.assertEqual(harness.handler.requests, [])

    def test_removed(self) -> None:
        """A handler that is taken away ends its requests, and its lines answer nothing."""
        self.broker.addHandler("acd", FakeHandler())
        self.listener.changes.clear()
        self.broker.removeHandler("acd")
        self.assertEqual(self.listener.removed, ["Sales", "Support"])
        self.assertFalse(self.broker.service(SALES).registered)
        self.assertEqual({change.dwProxyStatus for _, change in self.listener.changes}, {2})
        self.broker.removeHandler("acd")


class Messages(BrokerTestCase):
    """proxyMessage."""

    def test_scope(self) -> None:
        """An event of an address is its line's, others are all lines' of the handler."""
        self.host.proxyMessage(SALES, LINE_AGENTSTATUS(0, 1, 4))
        self.host.proxyMessage(SALES, LINE_GROUPSTATUS(1))
        lines = [names for names, _ in self.listener.messages]
        self.assertEqual(lines, [["Sales"], ["Sales", "Support"]])

    def test_wrong(self) -> None:
        """Other messages are TypeErrors, others' lines and values that do not fit ValueErrors."""
        self.assertRaises(TypeError, self.host.proxyMessage, SALES, LINE_CLOSE())
        self.assertRaises(ValueError, self.host.proxyMessage, BARE, LINE_GROUPSTATUS(1))
        self.assertRaises(ValueError, self.host.proxyMessage, SALES, LINE_GROUPSTATUS(1 << 32))
        self.assertEqual(self.listener.messages, [])


class Observers(TestCase):
    """IClientObserver."""

    def setUp(self) -> None:
        self.harness = makeHarness()
        self.handler = self.harness.handler

    def test_toldOfBothEnds(self) -> None:
        """The token of clientOpened is that of the requests and of clientClosed."""
        app = self.harness.application().ready()
        app.result(agent.CreateAgent(hLine=app.hLine))
        app.detach()
        ((opened, name),) = self.handler.opened
        self.assertEqual(name, "Sales")
        self.assertIs(self.handler.requests[0].client, opened)
        self.assertEqual(self.handler.closed, [(opened, "detach")])

    def test_lineIsGone(self) -> None:
        """A client of a line that no configuration names any more is closed for its handler."""
        broker = Broker()
        broker.assign(ASSIGNMENTS)
        broker.addHandler("acd", self.handler)
        token = ClientToken("PC-1")
        broker.clientOpened(token, SALES, NOBODY)
        broker.assign([])
        broker.clientClosed(token, "forced")
        self.assertEqual(self.handler.closed, [(token, "forced")])

    def test_otherHandler(self) -> None:
        """A line that changes its handler while it is open is closed for one, opened for other."""
        app = self.harness.application().ready()
        new = FakeHandler()
        self.harness.broker.addHandler("new", new)
        self.harness.broker.assign([Assignment(line=SALES, handler="new"), *ASSIGNMENTS[1:]])
        ((token, _),) = self.handler.opened
        self.assertEqual(self.handler.closed, [(token, "forced")])
        self.assertEqual(new.opened, [(token, "Sales")])
        app.detach()
        self.assertEqual(self.handler.closed, [(token, "forced")])
        self.assertEqual(new.closed, [(token, "detach")])

    def test_sameHandler(self) -> None:
        """A line that keeps its handler is opened for it once."""
        self.harness.application().ready()
        self.harness.broker.assign(ASSIGNMENTS)
        self.assertEqual((len(self.handler.opened), self.handler.closed), (1, []))

    def test_whileItChanges(self) -> None:
        """A handler that loses a line has all its lines while it is told so, and none after."""
        app = self.harness.application().ready()
        seen: list[tuple[str, ...]] = []

        def cancelled(deferred: Deferred[int]) -> None:
            seen.append(tuple(line.name for line in self.harness.host.lines))

        self.handler.answers["createAgent"] = lambda request: Deferred(cancelled)
        app.result(agent.CreateAgent(hLine=app.hLine))
        self.harness.broker.assign(
            [ASSIGNMENTS[1], Assignment(line=SALES, handler="new"), ASSIGNMENTS[2]]
        )
        self.assertEqual(seen, [("Sales", "Support")])
        self.assertEqual(self.harness.host.lines, (SUPPORT,))

    def test_failure(self) -> None:
        """An observer that fails is logged; the client opens its line all the same."""

        class Failing(FakeHandler):
            def clientOpened(self, client: Any, line: Any, principal: Any) -> None:
                raise ZeroDivisionError

        self.harness.broker.addHandler("acd", Failing())
        self.assertTrue(self.harness.application().ready().hLine)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Deadlines(TestCase):
    """Time for requests: the server's, a line's, a request's."""

    def seconds(self, settings: Settings, **line: Any) -> float:
        broker = Broker(settings)
        broker.assign([Assignment(line=SALES, handler="acd", **line)])
        return broker.service(SALES).seconds(agent.CreateAgent())

    def test_precedence(self) -> None:
        """The more special counts: line before server, request before all requests."""
        server = Settings(request=1.0, requests={"CreateAgent": 2.0})
        self.assertEqual(self.seconds(Settings(request=1.0)), 1.0)
        self.assertEqual(self.seconds(server), 2.0)
        self.assertEqual(self.seconds(server, seconds=3.0), 3.0)
        self.assertEqual(self.seconds(server, seconds=3.0, requests={"CreateAgent": 4.0}), 4.0)


class Hosts(BrokerTestCase):
    """IProxyHost."""

    def test_provides(self) -> None:
        """The host is what handlers were promised, and follows a reload."""
        self.assertTrue(verifyObject(IProxyHost, self.host))
        self.assertTrue(IAgentProxyHandler.providedBy(FakeHandler()))
        self.assertEqual(self.host.lines, (SALES, SUPPORT))
        self.broker.assign(ASSIGNMENTS[1:])
        self.assertEqual(self.host.lines, (SUPPORT,))
