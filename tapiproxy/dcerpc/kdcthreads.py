"""
Where legs wait that may talk to a KDC: in threads of the reactor's, few of them, with a deadline.

No Kerberos here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from tapiproxy.dcerpc.interface import AuthenticationFailed
from tapiproxy.dcerpc.pdu import NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED

SECONDS = 5.0
"""For one leg.  A KDC of the site answers in milliseconds; for one that is down the library waits
half a minute, and its thread with it."""

MAX_LEGS = 6
"""At one time, and no queue: more are refused at once, since what keeps these waiting would keep
them as well.  The reactor has ten threads, and names are looked up in them too."""

Outcome = bytes | AuthenticationFailed
"""What :meth:`tapiproxy.dcerpc.security.ISecurityContext.step` comes to."""


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

    def call(self, leg: Callable[[], Outcome], done: Callable[[Outcome], object]) -> None:
        """
        Call *leg* in a thread, and *done* with its outcome in the reactor's, once.

        A leg that is not back in time is a refusal, and what it still comes to is dropped.
        """
        if self._legs >= MAX_LEGS:
            done(_refused(f"{MAX_LEGS} logons wait for a KDC already"))
            return
        self._legs += 1
        late = False

        def expired() -> None:
            nonlocal late
            late = True
            done(_refused(f"no answer of a KDC within {self._seconds:g} seconds"))

        deadline = self._reactor.callLater(self._seconds, expired)

        def ended(outcome: Outcome | Failure) -> None:
            self._legs -= 1
            if late:
                return
            deadline.cancel()
            if isinstance(outcome, Failure):
                self._log.failure("a leg of Kerberos failed", outcome)
                outcome = _refused("a failure of this program")
            done(outcome)

        called = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), leg)
        called.addBoth(ended)
        called.addErrback(lambda failure: self._log.failure("what follows a leg failed", failure))


def _refused(detail: str) -> AuthenticationFailed:
    return AuthenticationFailed(detail, reason=NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED)
