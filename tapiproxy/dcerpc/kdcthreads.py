"""
Where legs wait that may talk to a KDC: for a thread of the reactor's, one at a time, with a
deadline.

No Kerberos here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from tapiproxy.dcerpc.interface import AuthenticationFailed
from tapiproxy.dcerpc.pdu import NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED

SECONDS = 5.0
"""For one leg.  A KDC of the site answers in milliseconds; for one that is down the library waits
half a minute, and its thread with it."""

MAX_LEGS = 1
"""At one time.  Those of one account have to take turns, and one that waited for its turn in a
thread would still ask a KDC when nobody wants to know any more, for half a minute each: here it is
dropped when its time is over."""

MAX_WAITING = 256
"""Legs that wait for one of these, within their own deadline: all clients of a site come at once
after a restart, and a KDC that is there has answered for as many in a second."""

Outcome = bytes | AuthenticationFailed
"""What :meth:`tapiproxy.dcerpc.security.ISecurityContext.step` comes to."""


class _Leg:
    """
    A leg, waiting or in its thread.

    :ivar deadline: None once it has passed.
    """

    __slots__ = ("deadline", "done", "run")

    def __init__(self, run: Callable[[], Outcome], done: Callable[[Outcome], object]) -> None:
        self.run = run
        self.done = done
        self.deadline: IDelayedCall | None = None


class KDCThreads:
    """
    The legs of a process.

    :param reactor: has the threads and the time.
    :param seconds: for one leg.
    """

    _log = Logger()

    def __init__(self, reactor: Any, seconds: float = SECONDS) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._legs = 0
        self._waiting: deque[_Leg] = deque()

    def call(self, leg: Callable[[], Outcome], done: Callable[[Outcome], object]) -> None:
        """
        Call *leg* in a thread, and *done* with its outcome in the reactor's, once.

        A leg that is not back in time is a refusal, and what it still comes to is dropped.
        """
        if len(self._waiting) >= MAX_WAITING:
            done(_refused(f"{MAX_WAITING} logons wait for a KDC already"))
            return
        waiting = _Leg(leg, done)
        waiting.deadline = self._reactor.callLater(self._seconds, self._expired, waiting)
        self._waiting.append(waiting)
        self._next()

    def _expired(self, leg: _Leg) -> None:
        leg.deadline = None
        if leg in self._waiting:
            self._waiting.remove(leg)
        leg.done(_refused(f"no answer of a KDC within {self._seconds:g} seconds"))

    def _next(self) -> None:
        while self._waiting and self._legs < MAX_LEGS:
            leg = self._waiting.popleft()
            self._legs += 1
            pool = self._reactor.getThreadPool()
            called: Deferred[Outcome] = deferToThreadPool(self._reactor, pool, leg.run)
            called.addBoth(self._ended, leg)
            called.addErrback(
                lambda failure: self._log.failure("what follows a leg failed", failure)
            )

    def _ended(self, outcome: Outcome | Failure, leg: _Leg) -> None:
        self._legs -= 1
        self._next()
        if leg.deadline is None:
            return
        leg.deadline.cancel()
        if isinstance(outcome, Failure):
            self._log.failure("a leg of Kerberos failed", outcome)
            outcome = _refused("a failure of this program")
        leg.done(outcome)


def _refused(detail: str) -> AuthenticationFailed:
    return AuthenticationFailed(detail, reason=NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED)
