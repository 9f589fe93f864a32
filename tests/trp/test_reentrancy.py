"""Handlers that act while they are being told something: exactly one outcome all the same."""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tapiproxy.proxy.broker import Assignment
from tapiproxy.proxy.lines import StaticLines
from tapiproxy.tapi.proxymessages import LINE_GROUPSTATUS
from tapiproxy.trp.requests import agent, line
from tapiproxy.trp.settings import Settings
from tests.trp.support import ASSIGNMENTS, LINES, Application, FakeHandler, makeHarness


class RestlessHandler(FakeHandler):
    """
    A handler that never only does what it is asked.

    While it answers, while a Deferred of its own is cancelled and while it hears of clients, it
    answers other requests, sends messages, cancels, and changes what is available.
    """

    def __init__(self, random: Random, host: Any) -> None:
        super().__init__()
        self.random = random
        self.host = host
        self.waiting: list[Deferred[Any]] = []
        self.answers["createAgent"] = self.create

    def clientOpened(self, client: Any, line: Any, principal: Any) -> None:
        self.act()

    def clientClosed(self, client: Any, reason: str) -> None:
        self.act()

    def act(self) -> None:
        choice = self.random.randrange(6)
        open = [deferred for deferred in self.waiting if not deferred.called]
        if choice == 0 and self.host.lines:
            self.host.proxyMessage(self.host.lines[0], LINE_GROUPSTATUS(1))
        elif choice == 1:
            self.host.setAvailable([] if self.random.random() < 0.3 else range(1, 21))
        elif choice == 2 and open:
            self.random.choice(open).callback(self.random.choice([0x7001, None, "nonsense"]))
        elif choice == 3 and open:
            self.random.choice(open).errback(ZeroDivisionError())
        elif choice == 4 and open:
            self.random.choice(open).cancel()

    def canceller(self, deferred: Deferred[Any]) -> None:
        self.waiting.remove(deferred)
        self.act()
        if self.random.random() < 0.3:
            deferred.callback(0x7002)

    def create(self, request: Any) -> Any:
        self.act()
        choice = self.random.randrange(5)
        if choice == 0:
            return 0x7003
        if choice == 1:
            raise ZeroDivisionError
        deferred: Deferred[Any] = Deferred(self.canceller)
        self.waiting.append(deferred)
        return self.later(deferred) if choice == 2 else deferred

    async def later(self, deferred: Deferred[Any]) -> Any:
        return await deferred


class Schedule:
    """Three clients of such a handler, whose lines close, go and change hands."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.harness = makeHarness(Settings(requestsInFlight=8, queuedEvents=5))
        handler = RestlessHandler(self.random, self.harness.host)
        self.harness.broker.addHandler("acd", handler)
        self.applications = [self.harness.application().ready() for _ in range(3)]
        self.accepted: set[tuple[Application, int]] = set()
        self.seen: list[tuple[Application, int]] = []

    def step(self, number: int) -> None:
        """Do one thing to one client that is still there, or to all of them."""
        harness, choice = self.harness, self.random.randrange(12)
        app = self.random.choice(self.applications)
        app.callback.answering = self.random.random() < 0.8
        gone = app.connection.aborted or not app.group.connections or not len(app.group.handles)
        if choice == 0:
            harness.clock.advance(self.random.choice([0, 1, 6]))
        elif choice == 1 and harness.host.lines:
            harness.server.closeLine(harness.host.lines[0])
        elif choice == 2:
            handler = self.random.choice(["acd", "new", ""])
            harness.broker.assign([Assignment(line=LINES[0], handler=handler), *ASSIGNMENTS[1:]])
            harness.server.linesChanged(StaticLines(LINES))
        elif gone:
            return
        elif choice == 3:
            app.result(line.Close(hLine=app.hLine))
        elif choice == 4:
            self.random.choice([app.detach, app.connection.lose])()
        elif choice == 5:
            app.open(self.random.randrange(2))
        elif app.result(agent.CreateAgent(dwRequestID=number, hLine=app.hLine)) == number:
            self.accepted.add((app, number))
        self.collect()

    def collect(self) -> None:
        for app in self.applications:
            self.seen += [(app, event.Param1) for event in app.replies()]

    def end(self) -> None:
        """Let every deadline pass, and everybody take what waits."""
        for app in self.applications:
            app.callback.answering = True
        for _ in range(8):
            self.harness.clock.advance(1)
            self.collect()


class Reentrancy(TestCase):
    """The laws of `tapiproxy.trp.pending` under such a handler."""

    @given(st.integers(0, 2**32))
    def test_anyOrder(self, seed: int) -> None:
        """Outcomes add up, no LINE_REPLY comes twice or for nothing, and nothing is left over."""
        schedule = Schedule(seed)
        for number in range(1, 40):
            schedule.step(number)
        schedule.end()
        self.flushLoggedErrors()
        status = schedule.harness.server.status()
        counted = status["outcomes"]
        del counted["late"]
        accepted = counted.pop("accepted")
        self.assertEqual((accepted, status["outstanding"]), (len(schedule.accepted), 0))
        self.assertEqual(sum(counted.values()), accepted)
        self.assertEqual(len(schedule.seen), len(set(schedule.seen)))
        self.assertLessEqual(set(schedule.seen), schedule.accepted)
        for client in status["clients"]:
            self.assertEqual((client["queued"], client["queuedBytes"]), (0, 0))
