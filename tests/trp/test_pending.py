"""Requests that complete later: identifiers, deadlines, and exactly one outcome each."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import TestCase

from tapiproxy.errors import InvalidAgentID, TAPIError
from tapiproxy.tapi.lineerr import (
    LINEERR_INVALAGENTID,
    LINEERR_INVALPARAM,
    LINEERR_OPERATIONFAILED,
    LINEERR_RESOURCEUNAVAIL,
)
from tapiproxy.tapi.proxymessages import LINE_QUEUESTATUS
from tapiproxy.trp.requests import agent, line
from tapiproxy.trp.settings import Settings
from tests.trp.support import ASSIGNMENTS, Application, Harness, makeHarness


def createAgent(app: Application, dwRequestID: int = 0) -> int:
    """Send CreateAgent; Ack_ReturnValue."""
    return app.result(agent.CreateAgent(dwRequestID=dwRequestID, hLine=app.hLine))


class PendingTestCase(TestCase):
    """A ready application whose handler answers when the test says so."""

    def setUp(self) -> None:
        self.harness = makeHarness(Settings(requests={"GetQueueInfo": 2.0}))
        self.app = self.harness.application().ready()
        self.waiting: list[Deferred[Any]] = []
        self.harness.handler.answers["createAgent"] = self.later
        self.harness.handler.answers["getQueueInfo"] = self.later

    def later(self, request: Any) -> Deferred[Any]:
        self.waiting.append(Deferred())
        return self.waiting[-1]


class Identifiers(PendingTestCase):
    """dwRequestID."""

    def test_ownIsUsed(self) -> None:
        """A client's own identifier is the acknowledgement and stands in LINE_REPLY."""
        self.assertEqual(createAgent(self.app, 0x7FFFFFFF), 0x7FFFFFFF)
        self.waiting[0].callback(1)
        (event,) = self.app.replies()
        self.assertEqual(event.Param1, 0x7FFFFFFF)

    def test_outstandingIsRefused(self) -> None:
        """An identifier that is outstanding cannot be used again before it is answered."""
        createAgent(self.app, 7)
        self.assertEqual(createAgent(self.app, 7), LINEERR_INVALPARAM)
        self.waiting[0].callback(1)
        self.assertEqual(createAgent(self.app, 7), 7)

    def test_negativeIsRefused(self) -> None:
        """An identifier above 0x7FFFFFFF would look like an error; it is one."""
        self.assertEqual(createAgent(self.app, 0x80000000), LINEERR_INVALPARAM)

    def test_generatedSkipOutstanding(self) -> None:
        """A generated identifier is none that the client has outstanding."""
        first = createAgent(self.app)
        createAgent(self.app, first + 1)
        self.assertEqual(createAgent(self.app), first + 2)

    def test_generatedAreNotReused(self) -> None:
        """An identifier that is free again is not generated again soon."""
        seen = set()
        for _ in range(300):
            seen.add(createAgent(self.app))
            self.waiting[-1].callback(1)
            self.app.settle()
        self.assertEqual(len(seen), 300)

    def test_perClient(self) -> None:
        """Two clients may use the same identifier at the same time."""
        other = self.harness.application().ready()
        self.assertEqual(createAgent(self.app, 7), 7)
        self.assertEqual(createAgent(other, 7), 7)


class Bounds(PendingTestCase):
    """Requests in flight."""

    def setUp(self) -> None:
        super().setUp()
        self.harness = makeHarness(Settings(requestsInFlight=3))
        self.app = self.harness.application().ready()

    def test_outstanding(self) -> None:
        """One request more than the bound is refused with RESOURCEUNAVAIL, and not asked."""
        self.harness.handler.answers["createAgent"] = self.later
        for _ in range(3):
            self.assertLess(createAgent(self.app), 0x80000000)
        self.assertEqual(createAgent(self.app), LINEERR_RESOURCEUNAVAIL)
        self.assertEqual(len(self.waiting), 3)
        self.waiting[0].callback(1)
        self.app.settle()
        self.assertLess(createAgent(self.app), 0x80000000)

    def test_unreadReplies(self) -> None:
        """A client that does not take its replies cannot make more of them."""
        self.app.callback.answering = False
        for _ in range(3):
            self.assertLess(createAgent(self.app), 0x80000000)
        self.assertEqual(createAgent(self.app), LINEERR_RESOURCEUNAVAIL)

    def test_otherClients(self) -> None:
        """One client's fill is not another's."""
        self.app.callback.answering = False
        for _ in range(4):
            createAgent(self.app)
        other = self.harness.application().ready()
        self.assertLess(createAgent(other), 0x80000000)


class Endings(PendingTestCase):
    """The ways in which a request ends."""

    def outcome(self, **expected: int) -> None:
        """What has happened since the start, and that it adds up."""
        counted = self.harness.outcomes()
        accepted = counted.pop("accepted")
        self.assertEqual(counted, expected)
        counted.pop("late", None)
        self.assertEqual(sum(counted.values()), accepted)

    def test_answer(self) -> None:
        """An answer is LINE_REPLY with 0."""
        createAgent(self.app, 7)
        self.waiting[0].callback(5)
        (event,) = self.app.replies()
        self.assertEqual((event.Param1, event.Param2), (7, 0))
        self.outcome(answered=1)

    def test_refusal(self) -> None:
        """A refusal is LINE_REPLY with the handler's code, whether it comes at once or later."""
        self.harness.handler.answers["createAgent"] = InvalidAgentID("unknown")
        createAgent(self.app, 7)
        self.harness.handler.answers["createAgent"] = self.later
        createAgent(self.app, 8)
        self.waiting[0].errback(TAPIError(LINEERR_INVALAGENTID))
        self.assertEqual(
            [(event.Param1, event.Param2) for event in self.app.replies()],
            [(7, LINEERR_INVALAGENTID), (8, LINEERR_INVALAGENTID)],
        )
        self.outcome(refused=2)

    def test_failure(self) -> None:
        """Any other exception is logged with the handler's name and told as OPERATIONFAILED."""
        self.harness.handler.answers["createAgent"] = ZeroDivisionError("secret")
        createAgent(self.app, 7)
        self.harness.handler.answers["createAgent"] = self.later
        createAgent(self.app, 8)
        self.waiting[0].errback(ZeroDivisionError())
        codes = [event.Param2 for event in self.app.replies()]
        self.assertEqual(codes, [LINEERR_OPERATIONFAILED] * 2)
        self.outcome(failed=2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_nonsense(self) -> None:
        """A value that the completion cannot hold is a failure, not the end of the connection."""
        for nonsense in ("a string", -1, 1 << 32, None, object()):
            self.harness.handler.answers["createAgent"] = nonsense
            createAgent(self.app)
            (event,) = self.app.replies()
            self.assertEqual(event.Param2, LINEERR_OPERATIONFAILED)
        self.assertEqual(len(self.flushLoggedErrors()), 5)
        self.outcome(failed=5)

    def test_unknownCode(self) -> None:
        """A code that is no LINEERR_ is a failure of the handler."""
        self.harness.handler.answers["createAgent"] = TAPIError(42)
        createAgent(self.app)
        (event,) = self.app.replies()
        self.assertEqual(event.Param2, LINEERR_OPERATIONFAILED)
        self.flushLoggedErrors(TAPIError)
        self.outcome(failed=1)

    def test_deadline(self) -> None:
        """No answer in time is OPERATIONFAILED, and the handler's Deferred is cancelled."""
        createAgent(self.app, 7)
        self.harness.clock.advance(4.9)
        self.assertEqual(self.app.replies(), [])
        self.assertFalse(self.waiting[0].called)
        self.harness.clock.advance(0.1)
        (event,) = self.app.replies()
        self.assertEqual((event.Param1, event.Param2), (7, LINEERR_OPERATIONFAILED))
        self.assertTrue(self.waiting[0].called)
        self.outcome(deadline=1)

    def test_deadlineOfRequest(self) -> None:
        """A request type may have a deadline of its own."""
        self.app.result(agent.GetQueueInfo(hLine=self.app.hLine, lpQueueInfo=1024))
        self.harness.clock.advance(2)
        self.outcome(deadline=1)
        self.assertEqual(self.harness.handler.requests[0].deadline, 2.0)

    def test_late(self) -> None:
        """What a canceller answers after the deadline is dropped and counted."""
        self.harness.handler.answers["createAgent"] = lambda request: Deferred(
            lambda deferred: deferred.callback(5)
        )
        createAgent(self.app, 7)
        self.harness.clock.advance(5)
        (event,) = self.app.replies()
        self.assertEqual(event.Param2, LINEERR_OPERATIONFAILED)
        self.outcome(deadline=1, late=1)

    def test_cancellerFails(self) -> None:
        """A canceller that raises is logged; the outcome stands."""

        def canceller(deferred: Deferred[Any]) -> None:
            raise ZeroDivisionError

        self.harness.handler.answers["createAgent"] = lambda request: Deferred(canceller)
        createAgent(self.app)
        self.harness.clock.advance(5)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.outcome(deadline=1)

    def test_close(self) -> None:
        """The client's own Close ends a request without LINE_REPLY, and cancels it."""
        createAgent(self.app)
        self.app.result(line.Close(hLine=self.app.hLine))
        self.assertTrue(self.waiting[0].called)
        self.assertEqual(self.app.events(), [])
        self.outcome(cancelled=1)

    def test_closeOfAnother(self) -> None:
        """Close ends the requests of its own handle and no other."""
        first = self.app.hLine
        createAgent(self.app)
        self.app.open()
        createAgent(self.app)
        self.app.result(line.Close(hLine=first))
        self.assertTrue(self.waiting[0].called)
        self.assertFalse(self.waiting[1].called)

    def test_shutDown(self) -> None:
        """ShutDown ends the requests of its lines and its own (GetAgentCaps)."""
        self.harness.handler.answers["getAgentCaps"] = self.later
        createAgent(self.app)
        self.app.result(
            agent.GetAgentCaps(
                hLineApp=self.app.hLineApp, dwAppAPIVersion=0x20000, lpAgentCapsSize=1024
            )
        )
        self.app.result(line.ShutDown(hLineApp=self.app.hLineApp))
        self.assertEqual(self.app.events(), [])
        self.outcome(cancelled=2)

    def test_detach(self) -> None:
        """ClientDetach ends requests without LINE_REPLY."""
        createAgent(self.app)
        self.app.detach()
        self.assertEqual(self.app.events(), [])
        self.outcome(cancelled=1)

    def test_connectionLoss(self) -> None:
        """A lost client's requests are cancelled."""
        createAgent(self.app)
        self.app.connection.lose()
        self.assertTrue(self.waiting[0].called)
        self.outcome(lost=1)

    def test_forcedClose(self) -> None:
        """Where the server closes a line, each request has its LINE_REPLY before LINE_CLOSE."""
        createAgent(self.app, 7)
        createAgent(self.app, 8)
        self.harness.server.closeLine(self.harness.host.lines[0])
        events = self.app.events()
        self.assertEqual([event.Msg for event in events], [0x0C, 0x0C, 0x03])
        self.assertEqual([event.Param2 for event in events[:2]], [LINEERR_OPERATIONFAILED] * 2)
        self.outcome(forced=2)

    def test_handlerRemoval(self) -> None:
        """Without its handler a request is OPERATIONFAILED."""
        createAgent(self.app, 7)
        self.harness.broker.removeHandler("acd")
        (event,) = self.app.replies()
        self.assertEqual((event.Param1, event.Param2), (7, LINEERR_OPERATIONFAILED))
        self.outcome(handlerRemoved=1)

    def test_firedAlready(self) -> None:
        """A Deferred that has its result is an answer like any other: no deadline, no wait."""
        self.harness.handler.answers["createAgent"] = lambda request: succeed(5)
        createAgent(self.app)
        self.app.settle()
        self.assertEqual(self.harness.clock.getDelayedCalls()[1:], [])
        self.outcome(answered=1)

    def test_coroutine(self) -> None:
        """A handler may be a coroutine function."""

        async def answer(request: Any) -> int:
            return int(await self.later(request))

        self.harness.handler.answers["createAgent"] = answer
        createAgent(self.app)
        self.waiting[0].callback(5)
        self.assertEqual(len(self.app.replies()), 1)
        self.outcome(answered=1)


class Ordering(PendingTestCase):
    """A handler that answers at once never overtakes its own acknowledgement."""

    def setUp(self) -> None:
        super().setUp()
        self.harness.handler.answers["createAgent"] = 5

    def test_afterAcknowledgement(self) -> None:
        """LINE_REPLY is not handed on while the acknowledgement waits in the server."""
        self.app.connection.blocked = True
        createAgent(self.app, 7)
        self.assertEqual(self.app.events(), [])
        self.app.connection.unblock()
        self.assertEqual(len(self.app.replies()), 1)

    def test_sameTurn(self) -> None:
        """With the client's own identifier, LINE_REPLY follows in the same turn."""
        createAgent(self.app, 7)
        self.assertEqual(len(self.app.callback.buffers), 1)

    def test_generatedWaitsForATurn(self) -> None:
        """With a generated identifier, LINE_REPLY waits for the next turn of the reactor."""
        createAgent(self.app)
        self.assertEqual(self.app.callback.buffers, [])
        self.harness.clock.advance(0)
        self.assertEqual(len(self.app.callback.buffers), 1)

    def test_messageWhileAnswering(self) -> None:
        """What a handler sends while it answers leaves after the acknowledgement too."""

        def answer(request: Any) -> int:
            self.harness.host.proxyMessage(request.line, LINE_QUEUESTATUS(1, 1))
            return 5

        self.harness.handler.answers["createAgent"] = answer
        self.app.connection.blocked = True
        createAgent(self.app, 7)
        self.assertEqual(self.app.events(), [])
        self.app.connection.unblock()
        self.assertEqual([event.Msg for event in self.app.events()], [0x1C, 0x0C])


STEPS = (
    "request",
    "request",
    "requestSecond",
    "answer",
    "refuse",
    "fail",
    "nonsense",
    "wait",
    "longWait",
    "close",
    "shutDown",
    "forced",
    "removeHandler",
    "detach",
    "loseConnection",
    "loseCallback",
    "stubborn",
)


class ExactlyOne(TestCase):
    """Whatever happens in whatever order, each accepted request has exactly one outcome."""

    @given(
        st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 7)), max_size=30),
    )
    def test_anyOrder(self, steps: list[tuple[str, int]]) -> None:
        """The outcomes add up, and each is seen as the right number of LINE_REPLYs."""
        schedule = Schedule(makeHarness())
        for step, number in steps:
            getattr(schedule, step)(number)
            schedule.collect()
        schedule.longWait(0)
        schedule.collect()
        self.flushLoggedErrors()
        counted = schedule.harness.server.status()["outcomes"]
        silent = counted["cancelled"] + counted["lost"]
        del counted["late"]
        accepted = counted.pop("accepted")
        self.assertEqual(accepted, schedule.accepted)
        self.assertEqual(sum(counted.values()), accepted)
        self.assertEqual(schedule.harness.server.status()["outstanding"], 0)
        self.assertEqual(len(schedule.seen), accepted - silent)
        self.assertEqual(len(set(schedule.seen)), len(schedule.seen))


class Schedule:
    """A client that lives through the steps, and attaches anew whenever it is thrown out."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.waiting: list[Deferred[Any]] = []
        self.accepted = 0
        self.lives = 0
        self.seen: list[tuple[int, int]] = []
        harness.handler.answers["createAgent"] = self.later
        self.begin()

    def begin(self) -> None:
        self.lives += 1
        self.app = self.harness.application().ready()
        self.first = self.app.hLine
        self.second = self.app.open(1)

    def later(self, request: Any) -> Deferred[Any]:
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def collect(self) -> None:
        self.seen += [(self.lives, event.Param1) for event in self.app.replies()]

    def send(self, hLine: int) -> None:
        if self.app.result(agent.CreateAgent(hLine=hLine)) < 0x80000000:
            self.accepted += 1

    def request(self, number: int) -> None:
        self.harness.handler.answers["createAgent"] = self.later
        self.send(self.first)

    def requestSecond(self, number: int) -> None:
        self.harness.handler.answers["createAgent"] = 5 if number < 4 else self.later
        self.send(self.second)

    def stubborn(self, number: int) -> None:
        self.harness.handler.answers["createAgent"] = lambda request: Deferred(
            lambda deferred: deferred.callback(5)
        )
        self.send(self.first)

    def one(self, number: int) -> Deferred[Any]:
        open = [deferred for deferred in self.waiting if not deferred.called]
        return open[number % len(open)] if open else Deferred()

    def answer(self, number: int) -> None:
        self.one(number).callback(5)

    def refuse(self, number: int) -> None:
        deferred = self.one(number)
        deferred.errback(InvalidAgentID())
        deferred.addErrback(lambda failure: None)

    def fail(self, number: int) -> None:
        deferred = self.one(number)
        deferred.errback(ZeroDivisionError())
        deferred.addErrback(lambda failure: None)

    def nonsense(self, number: int) -> None:
        self.one(number).callback("nonsense")

    def wait(self, number: int) -> None:
        self.harness.clock.advance(number)

    def longWait(self, number: int) -> None:
        self.harness.clock.advance(20)

    def close(self, number: int) -> None:
        self.app.result(line.Close(hLine=self.first))
        self.first = self.app.open()

    def shutDown(self, number: int) -> None:
        self.app.result(line.ShutDown(hLineApp=self.app.hLineApp))
        self.app.initialize()
        self.first, self.second = self.app.open(), self.app.open(1)

    def forced(self, number: int) -> None:
        self.harness.server.closeLine(self.harness.host.lines[0])
        self.first = self.app.open()

    def removeHandler(self, number: int) -> None:
        self.harness.broker.removeHandler("acd")
        self.harness.broker.assign(ASSIGNMENTS)
        self.harness.broker.addHandler("acd", self.harness.handler)

    def detach(self, number: int) -> None:
        self.app.detach()
        self.collect()
        self.begin()

    def loseConnection(self, number: int) -> None:
        self.app.connection.lose()
        self.collect()
        self.begin()

    def loseCallback(self, number: int) -> None:
        self.app.callback.lose()
        self.harness.clock.advance(0)
        self.collect()
        self.begin()
