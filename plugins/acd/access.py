"""
Who may use an agent's handle, and whether a PIN is right.

A handle is no secret: status events carry it to everybody on the line.  So each use is checked
against the principal, and PINs against guessing.
"""

from collections import deque
from typing import ClassVar

from attrs import define
from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from tapiproxy import pins
from tapiproxy.errors import TAPIError
from tapiproxy.interfaces import IPrincipal
from tapiproxy.plugins.acd.model import Agent
from tapiproxy.plugins.acd.site import AgentSettings, Site
from tapiproxy.tapi import lineerr

__all__ = ["MOST_CHECKS", "MOST_FAILURES", "PINCheck", "isOwn", "mayUse"]

#: Wrong PINs of one agent in `_FAILURES_SPAN`; after that each PIN is wrong until time has passed.
MOST_FAILURES = 5

#: Milliseconds.
_FAILURES_SPAN = 60_000

#: Comparisons that wait for a thread, 40 ms of CPU each; a request beyond that is refused.
MOST_CHECKS = 64

#: Compared with when there is no such agent or he has no PIN: the same work, and nothing fits.
_NOBODY = f"scrypt$ln=14,r=8,p=1${'A' * 22}${'A' * 43}"


def isOwn(site: Site, settings: AgentSettings, principal: IPrincipal) -> bool:
    """
    Whether a principal may use an agent without ever having shown the PIN.

    True for the agent's ``user`` and for supervisors; never for somebody without a name, who may
    be anybody.
    """
    if not principal.name:
        return False
    return (
        principal.name == settings.user
        or principal.name in site.supervisors
        or not site.supervisors.isdisjoint(principal.groups)
    )


def mayUse(site: Site, agent: Agent, principal: IPrincipal) -> bool:
    """
    Whether a principal may use an agent's handles.

    True for those of `isOwn`, and for the principals that created the agent with the PIN.  Without
    authentication all clients are one principal, whose name is empty: what one of them has created,
    each of them may use.
    """
    settings = site.agents.get(agent.id)
    if settings is None:
        return False
    return principal.name in agent.principals or isOwn(site, settings, principal)


@define(eq=False)
class PINCheck:
    """Compares PINs off the reactor thread, and stops guessing."""

    _reactor: object
    _failures: dict[str, deque[int]]
    _checking: int = 0

    _log: ClassVar[Logger] = Logger(namespace="tapiproxy.acd")

    @classmethod
    def of(cls, reactor: object) -> "PINCheck":
        """Make one, without failures; a reactor without threads compares in place."""
        return cls(reactor, {})

    def right(
        self, settings: AgentSettings | None, pin: str, now: int, client: str = ""
    ) -> "Deferred[bool]":
        """
        Whether a PIN is an agent's.

        :param settings: the agent; None if there is none, which costs the same time.
        :param pin: what was entered.
        :param now: in milliseconds.
        :param client: who asks, for the log.
        :returns: a Deferred of a bool; always False while there were too many failures.
        :raises TAPIError: LINEERR_RESOURCEUNAVAIL: too many PINs are being compared.
        """
        if self._checking >= MOST_CHECKS:
            raise TAPIError(lineerr.LINEERR_RESOURCEUNAVAIL, f"{MOST_CHECKS} PINs are compared")
        stored = settings.pin if settings is not None and settings.pin else _NOBODY
        failures: deque[int] = deque(maxlen=MOST_FAILURES)
        if settings is not None:
            failures = self._failures.setdefault(settings.id, failures)
        while failures and failures[0] <= now - _FAILURES_SPAN:
            failures.popleft()
        locked = len(failures) == MOST_FAILURES
        if locked or len(pin) > pins.LONGEST_PIN:
            stored = _NOBODY
        if not locked:
            # Counted as a failure until it is none: guesses that run side by side count as well.
            failures.append(now)
        self._checking += 1

        def compared(result: bool) -> bool:
            if result:
                failures.clear()
            elif settings is not None and not locked:
                # Not while it is locked: so no client decides how long the log becomes.
                last = len(failures) == MOST_FAILURES
                self._log.warn(
                    "agent {agent}: wrong PIN from {client}{locked}",
                    agent=settings.id,
                    client=client,
                    locked="; no PIN is right for a while" if last else "",
                )
            return result

        return self._compare(pin[: pins.LONGEST_PIN], stored).addCallback(compared)

    def _compare(self, pin: str, stored: str) -> "Deferred[bool]":
        def compare() -> bool:
            return pins.verifyPIN(pin, stored)

        answer: Deferred[bool] = Deferred()

        def done(result: bool | Failure) -> None:
            self._checking -= 1
            answer.callback(result)

        if IReactorThreads.providedBy(self._reactor):
            pool = self._reactor.getThreadPool()
            comparing: Deferred[bool] = deferToThreadPool(self._reactor, pool, compare)
        else:
            comparing = execute(compare)
        # Two Deferreds: who cancels the answer does not take the comparison out of its thread, so
        # it counts until that has done with it.
        comparing.addBoth(done)
        return answer
