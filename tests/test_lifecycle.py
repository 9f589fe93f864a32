"""Handlers are started and stopped, each within its deadline."""

from twisted.internet import defer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tapiproxy.config import HandlerTable
from tapiproxy.interfaces import IProxyHandlerLifecycle
from tapiproxy.lifecycle import HandlerStartError, RunningHandler


@implementer(IProxyHandlerLifecycle)
class Handler:
    """Starts and stops as the test says."""

    def __init__(self, step):
        self.start = self.stop = step


class LifecycleTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()

    def run_(self, method, step):
        running = RunningHandler(HandlerTable(name="a", plugin="a"), "/a.py", None, Handler(step))
        return defer.ensureDeferred(getattr(running, method)(self.clock))

    def test_noLife(self):
        """A handler without a life of its own is started and stopped by doing nothing."""
        running = RunningHandler(HandlerTable(name="a", plugin="a"), "/a.py", None, object())
        for method in (running.start, running.stop):
            self.assertIsNone(self.successResultOf(defer.ensureDeferred(method(self.clock))))

    def test_coroutine(self):
        """A coroutine will do for a Deferred; no timer is left behind."""

        async def step():
            pass

        for method in ("start", "stop"):
            self.successResultOf(self.run_(method, step))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_raises(self):
        """A start that raises at once is refused with its text; such a stop is only logged."""

        def step():
            raise OSError("no switch")

        failure = self.failureResultOf(self.run_("start", step), HandlerStartError)
        self.assertEqual(str(failure.value), "handler 'a' did not start: OSError: no switch")
        self.successResultOf(self.run_("stop", step))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 2)

    def test_deadlines(self):
        """A start has 20 seconds, a stop 10; what has not ended by then is cancelled."""
        for method, seconds in (("start", 20), ("stop", 10)):
            cancelled = []
            done = self.run_(method, lambda cancelled=cancelled: defer.Deferred(cancelled.append))
            self.clock.advance(seconds - 0.1)
            self.assertNoResult(done)
            self.clock.advance(0.1)
            self.assertEqual(len(cancelled), 1)
            if method == "start":
                self.failureResultOf(done, HandlerStartError)
            else:
                self.successResultOf(done)

    def test_cancelled(self):
        """A start that is given up ends as cancelled, and is no failure of the handler."""
        starting = self.run_("start", defer.Deferred)
        starting.cancel()
        self.failureResultOf(starting, defer.CancelledError)
        self.assertEqual(self.flushLoggedErrors(), [])
