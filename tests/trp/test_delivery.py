"""The queue of events of one client: push, pull, bounds."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from tapiproxy.trp import templates
from tapiproxy.trp.delivery import Delivery, DeliveryCounts
from tapiproxy.trp.requests import agent, generic, line
from tapiproxy.trp.settings import Settings
from tests.trp.support import FakeConnection, makeHarness


class Queue(TestCase):
    """A queue with a push that the test watches."""

    def setUp(self) -> None:
        self.counts = DeliveryCounts()
        self.delivery = Delivery(Clock(), self.counts, limit=3, pushBytes=8)
        self.pushed: list[bytes] = []

    def push(self) -> None:
        self.delivery.pushTo(self.pushed.append)
        self.delivery.pump()

    def test_oneInFlight(self) -> None:
        """A second push waits for the first; then everything goes together, in order."""
        self.push()
        self.delivery.reply(b"a", None)
        self.delivery.event(b"b", None)
        self.delivery.reply(b"c", None)
        self.assertEqual(self.pushed, [b"a"])
        self.delivery.delivered()
        self.assertEqual(self.pushed, [b"a", b"bc"])

    def test_pushBytes(self) -> None:
        """A push is bounded, but a single long event goes."""
        for packet in (b"aaaaa", b"bbb", b"c", b"d" * 20, b"e"):
            self.delivery.reply(packet, None)
        self.push()
        for _ in range(3):
            self.delivery.delivered()
        self.assertEqual(self.pushed, [b"aaaaabbb", b"c", b"d" * 20, b"e"])

    def test_oldestIsDropped(self) -> None:
        """A full queue drops its oldest status event, and counts it."""
        for packet in (b"1", b"2", b"3", b"4", b"5"):
            self.delivery.event(packet, None)
        self.push()
        self.assertEqual(self.pushed, [b"345"])
        self.assertEqual(self.counts.dropped, 2)

    def test_repliesStay(self) -> None:
        """A LINE_REPLY is never dropped."""
        self.delivery.reply(b"R", None)
        for packet in (b"1", b"2", b"3", b"4"):
            self.delivery.event(packet, None)
        self.push()
        self.assertEqual(self.pushed, [b"R234"])

    def test_repliesCountUntilTaken(self) -> None:
        """A reply counts as undelivered until the client has answered the push."""
        self.push()
        self.delivery.reply(b"R", None)
        self.assertEqual(self.delivery.replies, 1)
        self.delivery.delivered()
        self.assertEqual(self.delivery.replies, 0)

    def test_poll(self) -> None:
        """Polling takes whole events that fit, and tells of all that waited."""
        for packet in (b"aaaa", b"bbbb", b"cccc"):
            self.delivery.event(packet, None)
        self.assertEqual(self.delivery.poll(9), (b"aaaabbbb", 12))
        self.assertEqual(self.delivery.poll(3), (b"", 4))
        self.assertEqual(self.delivery.poll(4), (b"cccc", 4))
        self.assertEqual(self.delivery.poll(4), (b"", 0))

    def test_withdraw(self) -> None:
        """What belongs to a closed handle goes, the rest stays."""
        mine, other = object(), object()
        self.delivery.reply(b"m", mine)
        self.delivery.event(b"m", mine)
        self.delivery.event(b"o", other)
        self.delivery.withdraw({mine})
        self.assertEqual((self.delivery.replies, len(self.delivery)), (0, 1))
        self.push()
        self.assertEqual(self.pushed, [b"o"])
        self.assertEqual(self.counts.withdrawn, 2)

    def test_stop(self) -> None:
        """After the client has gone nothing is pushed or kept."""
        self.push()
        self.delivery.reply(b"a", None)
        self.delivery.reply(b"b", None)
        self.delivery.stop()
        self.delivery.delivered()
        self.assertEqual((self.pushed, len(self.delivery)), ([b"a"], 0))

    @given(st.lists(st.sampled_from("rsepdw"), max_size=60))
    def test_accounts(self, steps: list[str]) -> None:
        """Sizes and counts are those of what is in the queue, whatever happened."""
        delivery = Delivery(Clock(), DeliveryCounts(), limit=3, pushBytes=8)
        sent: list[bytes] = []
        source = object()
        actions: dict[str, Any] = {
            "r": lambda: delivery.reply(b"rr", source),
            "s": lambda: delivery.event(b"s", None),
            "e": lambda: delivery.event(b"eee", source),
            "p": lambda: delivery.poll(5),
            "d": lambda: delivery.pushTo(sent.append) or delivery.delivered(),
            "w": lambda: delivery.withdraw({source}),
        }
        for step in steps:
            actions[step]()
            self.assertLessEqual(delivery.statuses, 3)
        delivery.pushTo(sent.append)
        while len(delivery):
            delivery.delivered()
        delivery.delivered()
        self.assertEqual((delivery.size, delivery.statuses, delivery.replies), (0, 0, 0))


class PushOrPull(TestCase):
    """An event is delivered by push or by pull, never both."""

    def test_pullTakesWhatWaits(self) -> None:
        """GetAsyncEvents takes what no push has taken."""
        app = makeHarness().application().ready()
        app.callback.answering = False
        for number in (1, 2, 3):
            app.result(agent.CreateAgent(dwRequestID=number, hLine=app.hLine))
        reply = app.request(generic.GetAsyncEvents(dwTotalBufferSize=50))
        self.assertEqual(reply.message.dwNeededBufferSize, 96)
        self.assertEqual(reply.message.dwUsedBufferSize, 48)
        app.callback.answering = True
        self.assertEqual([event.Param1 for event in app.replies()], [1, 3])

    def test_pullByAnotherConnection(self) -> None:
        """While an acknowledgement has not left one connection, its reply goes by no other."""
        harness = makeHarness(Settings(pollWithoutCallback=True))
        app = harness.application()
        app.attach("PC-1")
        app.initialize()
        app.open()
        app.connection.blocked = True
        app.result(agent.CreateAgent(dwRequestID=7, hLine=app.hLine))
        second = FakeConnection(app.group)
        poll = templates.encodeRequest(generic.GetAsyncEvents(dwTotalBufferSize=1024))

        def used() -> int:
            answer = app.raw(poll, connection=second)
            reply: Any = templates.decodeReply(generic.GetAsyncEvents, answer).message
            self.assertEqual(reply.dwNeededBufferSize, reply.dwUsedBufferSize)
            return int(reply.dwUsedBufferSize)

        self.assertEqual(used(), 0)
        app.connection.unblock()
        self.assertEqual(used(), 48)

    def test_closeWithdraws(self) -> None:
        """After Close nothing for the handle follows, what was answered already included."""
        app = makeHarness().application().ready()
        app.connection.blocked = True
        app.result(agent.CreateAgent(dwRequestID=7, hLine=app.hLine))
        app.result(line.Close(hLine=app.hLine))
        app.connection.unblock()
        self.assertEqual(app.events(), [])

    def test_manyEvents(self) -> None:
        """A client that takes nothing has a bounded queue; its replies are in it."""
        harness = makeHarness(Settings(queuedEvents=10))
        app = harness.application().ready()
        app.callback.answering = False
        app.result(agent.CreateAgent(dwRequestID=7, hLine=app.hLine))
        for _ in range(3):
            harness.host.setAvailable([])
            harness.host.setAvailable(range(1, 21))
        app.result(agent.CreateAgent(dwRequestID=8, hLine=app.hLine))
        self.assertEqual(harness.server.status()["clients"][0]["queued"], 11)
        app.callback.answering = True
        self.assertEqual([event.Param1 for event in app.replies()], [7, 8])
