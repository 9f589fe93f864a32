"""
Groups of a domain's users, by winbind's ``wbinfo``.

A process for each question: the SID of a name, then the SIDs of its groups.  wbinfo(1); what it
prints was seen from Samba 4.17's.
"""

import re
from collections.abc import Iterable
from typing import Any, NoReturn

from twisted.cred.error import LoginDenied
from twisted.internet.defer import Deferred, DeferredSemaphore, TimeoutError, succeed
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from tapiproxy.accounts import IGroups
from tapiproxy.winbind import MOST_WAITING, PROCESSES, WinbindError

__all__ = ["GROUPS_SECONDS", "DomainGroups"]

#: For all that is asked of one user, who has perhaps used up the most of his logon's by then.
GROUPS_SECONDS = 2.5

#: Octets of an answer: 1024 SIDs, as many as a user of Windows can have.
_LONGEST_ANSWER = 1024 * 200

#: Octets of what it complains about: for the log.
_LONGEST_COMPLAINT = 500

_SID = re.compile(r"S-1-[0-9]+(-[0-9]+){1,15}")


class _NoTime(Exception):
    """There was no time for an answer, or nobody to ask for one; the text says why."""


class _Question(ProcessProtocol):
    """
    One process.

    :ivar answer: a Deferred of what it prints; it fails with `WinbindError`, and to cancel it is to
        kill the process.
    """

    transport: Any

    def __init__(self) -> None:
        self.answer: Deferred[str] = Deferred(lambda _: self._kill())
        self._said = b""
        self._complaint = b""

    def outReceived(self, data: bytes) -> None:
        """Keep what it prints, which has an end."""
        self._said += data
        if len(self._said) > _LONGEST_ANSWER:
            self.end(WinbindError("its answer has no end"))

    def errReceived(self, data: bytes) -> None:
        """Keep the beginning of what it complains about."""
        self._complaint = (self._complaint + data)[:_LONGEST_COMPLAINT]

    def processEnded(self, reason: Failure) -> None:
        """Answer, if somebody waits still."""
        if self.answer.called:
            return
        if reason.check(ProcessDone):
            self.answer.callback(self._said.decode("utf-8", "replace"))
        else:
            complaint = self._complaint.decode("utf-8", "replace").strip()
            self.answer.errback(WinbindError(complaint or str(reason.value)))

    def end(self, problem: Exception) -> None:
        """Kill it, with a reason for who waits."""
        self._kill()
        if not self.answer.called:
            self.answer.errback(problem)

    def _kill(self) -> None:
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            # Something that it has started holds its pipes.
            self.transport.loseConnection()


@implementer(IGroups)
class DomainGroups:
    """
    The SIDs of the groups of a domain's users; of others it knows none.

    Whoever winbind does not know is in none of the domain's groups, and the log says so.  Where
    there is no time to ask, the logon is refused: it may be tried again, whereas a client whose
    lines are hidden from it would not know why.

    :param reactor: has processes and time.
    :param program: the path of wbinfo.
    :param domains: short names of the domains.
    """

    _log = Logger()

    def __init__(self, reactor: Any, program: str, domains: Iterable[str]) -> None:
        self._reactor = reactor
        self._program = program
        self._domains = frozenset(name.upper() for name in domains)
        self._turns = DeferredSemaphore(PROCESSES)
        self._questions: set[_Question] = set()
        self._stopped = False

    def groupsOf(self, name: str) -> "Deferred[frozenset[str]]":
        """As `IGroups`."""
        if name.rpartition("\\")[0] not in self._domains:
            return succeed(frozenset())
        found = Deferred.fromCoroutine(self._ask(name))
        found.addTimeout(GROUPS_SECONDS, self._reactor)
        found.addErrback(self._unanswered, name)
        return found

    def stop(self) -> None:
        """Kill all processes, and start no other."""
        self._stopped = True
        for question in tuple(self._questions):
            question.end(_NoTime("the server stops"))

    def _unanswered(self, failure: Failure, name: str) -> NoReturn:
        reason = f"no answer within {GROUPS_SECONDS:g} seconds"
        if not failure.check(TimeoutError):
            failure.trap(_NoTime)
            reason = str(failure.value)
        self._log.error(
            "wbinfo has not told the groups of {name}, whose logon is refused: {reason}",
            name=name,
            reason=reason,
        )
        raise LoginDenied

    async def _ask(self, name: str) -> frozenset[str]:
        if len(self._turns.waiting) >= MOST_WAITING:
            raise _NoTime("too many logons wait for it")
        await self._turns.acquire()
        try:
            # The name begins with a domain: it is no option.
            sid, _, kind = (await self._run("--name-to-sid", name)).partition(" ")
            if not kind.startswith(("SID_USER ", "SID_COMPUTER ")):
                raise WinbindError(f"it says that this is {kind[:100]!r}")
            sids = (await self._run("--user-sids", sid)).split()
            if not sids or not all(map(_SID.fullmatch, sids)):
                raise WinbindError(f"it says {' '.join(sids)[:100]!r}")
        except WinbindError as error:
            self._log.error(
                "wbinfo tells no groups of {name}: {reason}", name=name, reason=str(error)
            )
            return frozenset()
        finally:
            self._turns.release()
        return frozenset(sids)

    async def _run(self, option: str, value: str) -> str:
        if self._stopped:
            raise _NoTime("the server stops")
        question = _Question()
        self._questions.add(question)
        try:
            try:
                self._reactor.spawnProcess(
                    question, self._program, [self._program, option, value], env={}
                )
            except OSError as error:
                raise _NoTime(f"it cannot be started: {error.strerror}") from None
            return await question.answer
        finally:
            self._questions.remove(question)
