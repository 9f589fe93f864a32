"""Legs that may wait for a KDC: in a thread, one at a time, with a deadline."""

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.interface import AuthenticationFailed
from tapiproxy.dcerpc.kdcthreads import MAX_LEGS, MAX_WAITING, SECONDS, KDCThreads, Outcome


class Reactor(Clock):
    """A reactor whose threads do nothing until the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Callable[[], None]] = []

    def getThreadPool(self) -> "Reactor":
        """Itself."""
        return self

    def callInThreadWithCallback(
        self, onResult: Callable[[bool, Any], None], f: Callable[[], Any]
    ) -> None:
        """Keep it."""

        def run() -> None:
            try:
                result = f()
            except ZeroDivisionError:
                onResult(False, Failure())
            else:
                onResult(True, result)

        self.held.append(run)

    def callFromThread(self, f: Callable[..., object], *args: object) -> None:
        """At once."""
        f(*args)


class Threads(TestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.threads = KDCThreads(self.reactor)
        self.outcomes: list[Outcome] = []

    def failure(self) -> str:
        """Why the only leg was refused."""
        (outcome,) = self.outcomes
        assert isinstance(outcome, AuthenticationFailed)
        return str(outcome)

    def test_outcome(self) -> None:
        """What a leg comes to is handed on, and nothing waits after it."""
        for outcome in (b"token", AuthenticationFailed("no ticket", reason=8)):
            self.threads.call(lambda outcome=outcome: outcome, self.outcomes.append)
            self.assertEqual(self.outcomes, [])
            self.reactor.held.pop()()
            self.assertEqual(self.outcomes, [outcome])
            self.outcomes.clear()
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_deadline(self) -> None:
        """A leg that is late is refused once, whatever it still comes to."""
        self.threads.call(lambda: b"token", self.outcomes.append)
        self.reactor.advance(SECONDS - 0.1)
        self.assertEqual(self.outcomes, [])
        self.reactor.advance(0.1)
        self.assertIn("within 5 seconds", self.failure())
        self.reactor.held.pop()()
        self.assertEqual(len(self.outcomes), 1)

    def test_bound(self) -> None:
        """No more legs than threads for them; a late one keeps its thread until it is back."""
        others: list[Outcome] = []
        for _ in range(MAX_LEGS):
            self.threads.call(lambda: b"", others.append)
        self.reactor.advance(SECONDS)
        self.assertEqual(len(others), MAX_LEGS)
        self.threads.call(lambda: b"one", self.outcomes.append)
        self.assertEqual(len(self.reactor.held), MAX_LEGS)
        self.reactor.held.pop(0)()
        self.assertEqual(self.outcomes, [])
        self.reactor.held.pop()()
        self.assertEqual(self.outcomes, [b"one"])

    def test_waiting(self) -> None:
        """Legs wait for a thread in their order, as long as they have time, and so many."""
        for number in range(MAX_LEGS + MAX_WAITING):
            leg = bytes((number & 0xFF,))
            self.threads.call(lambda leg=leg: leg, self.outcomes.append)
        refused: list[Outcome] = []
        self.threads.call(lambda: b"", refused.append)
        self.assertIn("wait for a KDC already", str(refused[0]))
        while self.reactor.held:
            self.assertLessEqual(len(self.reactor.held), MAX_LEGS)
            self.reactor.held.pop(0)()
        self.assertEqual(
            self.outcomes, [bytes((number & 0xFF,)) for number in range(MAX_LEGS + MAX_WAITING)]
        )
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_lateInTheQueue(self) -> None:
        """A leg whose time passes while it waits is refused, and never begun."""
        for _ in range(MAX_LEGS):
            self.threads.call(lambda: b"", lambda outcome: None)
        begun: list[int] = []
        self.threads.call(lambda: begun.append(1) or b"", self.outcomes.append)
        self.reactor.advance(SECONDS)
        self.assertIn("within 5 seconds", self.failure())
        while self.reactor.held:
            self.reactor.held.pop()()
        self.assertEqual((begun, len(self.outcomes)), ([], 1))

    def test_silentKDC(self) -> None:
        """While a KDC is silent one thread hangs in it, however many legs have come and gone."""
        begun: list[int] = []
        for number in range(20):
            self.threads.call(
                lambda number=number: begun.append(number) or b"", self.outcomes.append
            )
            self.reactor.advance(SECONDS)
        self.assertEqual((len(self.outcomes), len(self.reactor.held)), (20, 1))
        self.reactor.held.pop()()
        self.assertEqual((begun, self.reactor.held), ([0], []))

    def test_bug(self) -> None:
        """A leg that raises is logged and refused; so is what follows one, and nothing is stuck."""

        def fail(*arguments: object) -> bytes:
            raise ZeroDivisionError

        self.threads.call(fail, self.outcomes.append)
        self.reactor.held.pop()()
        self.assertIn("a failure of this program", self.failure())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.threads.call(lambda: b"", fail)
        self.reactor.held.pop()()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
