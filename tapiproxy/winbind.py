"""
Accounts of a domain, verified by winbind's ``ntlm_auth`` in its protocol ``ntlm-server-1``.

Lines "Parameter: value", or "Parameter:: value" in base64, up to a line with one period, each way:
ntlm_auth(1).  What it answers was seen from Samba 4.17's: "Authenticated: Yes" or "No", the session
key in hexadecimal digits, "Authentication-Error" or "Error" with a text; after an
Authentication-Error, one period more.  The program is given one logon at a time and never another
before it has answered, so that no answer is taken for that of another client.
"""

import base64
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import define, field, frozen
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import LoginDenied, UnauthorizedLogin
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from tapiproxy.accountnames import UnacceptableName, principalName
from tapiproxy.dcerpc.identity import NTLMLogon
from tapiproxy.logons import INTLMResponse, NTLMResponse

__all__ = [
    "ANSWER_SECONDS",
    "MOST_WAITING",
    "PROCESSES",
    "Answer",
    "Answers",
    "DomainChecker",
    "Winbind",
    "WinbindError",
    "encodeLogon",
]

#: For one logon, by a domain controller that is perhaps another continent's; less than a whole
#: logon may take.
ANSWER_SECONDS = 5.0

#: Logons that are asked at one time: each takes some milliseconds at the domain controller.
PROCESSES = 4

#: Logons that wait for a process; what comes beyond that would be late anyhow.
MOST_WAITING = 256

#: Octets of an answer: a few short lines.
_LONGEST_ANSWER = 8192

_KEY = re.compile(r"[0-9A-Fa-f]{32}")


class WinbindError(Exception):
    """A logon could not be verified; the text is for the administrator."""


@frozen(kw_only=True)
class Answer:
    """
    What the program says of a logon.

    :param sessionBaseKey: 16 octets; None if it was refused.
    :param problem: its reason, possibly empty.
    """

    sessionBaseKey: bytes | None = field(repr=False)
    problem: str


def encodeLogon(logon: NTLMLogon) -> bytes:
    """A logon as the program is asked; names are in base64, since they may hold anything."""

    def name(text: str) -> bytes:
        return base64.b64encode(text.encode("utf-8", "surrogatepass"))

    return b"".join(
        (
            b"Username:: %b\n" % name(logon.user),
            b"NT-Domain:: %b\n" % name(logon.domain),
            b"LANMAN-Challenge: %b\n" % logon.serverChallenge.hex().encode("ascii"),
            b"NT-Response: %b\n" % logon.ntResponse.hex().encode("ascii"),
            b"Request-User-Session-Key: Yes\n.\n",
        )
    )


class Answers:
    """Takes what the program says apart."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: dict[str, str] = {}

    def feed(self, data: bytes) -> Iterator[Answer]:
        """
        The answers that are complete with these octets.

        :raises WinbindError: it is no answer of the protocol.
        """
        self._rest += data
        if len(self._rest) > _LONGEST_ANSWER:
            raise WinbindError("its answer has no end")
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            if line == b".":
                found, self._lines = self._lines, {}
                # A period more is what it says after an error.
                if found:
                    yield _answer(found)
            else:
                self._take(line)

    def _take(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        parameter, colon, value = text.partition(":")
        if not colon or parameter in self._lines:
            raise WinbindError(f"it says {text[:100]!r}")
        if value.startswith(":"):
            try:
                value = base64.b64decode(value[1:].strip(), validate=True).decode("utf-8")
            except ValueError:
                raise WinbindError(f"it says {text[:100]!r}") from None
        self._lines[parameter] = value.strip()


def _answer(lines: Mapping[str, str]) -> Answer:
    if "Error" in lines:
        raise WinbindError(f"it does not understand: {lines['Error'][:100]!r}")
    authenticated = lines.get("Authenticated")
    if authenticated == "No":
        return Answer(sessionBaseKey=None, problem=lines.get("Authentication-Error", ""))
    key = lines.get("User-Session-Key", "")
    if authenticated != "Yes" or not _KEY.fullmatch(key):
        raise WinbindError("its answer says neither yes, with a key, nor no")
    return Answer(sessionBaseKey=bytes.fromhex(key), problem="")


@define(eq=False)
class _Question:
    octets: bytes = field(repr=False)
    answer: "Deferred[Answer]"
    process: "_Process | None" = None


class _Process(ProcessProtocol):
    """One process, with one question at a time."""

    _log = Logger(namespace="tapiproxy.winbind")
    transport: Any

    def __init__(self, reactor: Any, free: Callable[[], object], gone: Callable[..., object]):
        self._reactor = reactor
        self._free = free
        self._gone = gone
        self._answers = Answers()
        self._deadline: IDelayedCall | None = None
        self._problem = "it has ended"
        self._ended = False
        self.question: _Question | None = None

    @property
    def idle(self) -> bool:
        """Whether it can be asked."""
        return self.question is None and not self._ended

    def ask(self, question: _Question) -> None:
        """Ask; the question is answered or failed in time."""
        self.question = question
        question.process = self
        self._deadline = self._reactor.callLater(
            ANSWER_SECONDS, self.end, f"no answer within {ANSWER_SECONDS:g} seconds"
        )
        self.transport.write(question.octets)

    def outReceived(self, data: bytes) -> None:
        """Take answers."""
        try:
            for answer in self._answers.feed(data):
                if self.question is None:
                    raise WinbindError("it answers what nobody has asked")
                self._leave().callback(answer)
        except WinbindError as error:
            self.end(str(error))
        else:
            self._free()

    def errReceived(self, data: bytes) -> None:
        """Log what it complains about."""
        self._log.debug("ntlm_auth: {text!r}", text=data[:500])

    def processEnded(self, reason: Failure) -> None:
        """Fail what was asked."""
        self._finish()

    def end(self, problem: str) -> None:
        """Kill it: its answer, should one come still, would be taken for another."""
        self._problem = problem
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            self._log.debug("ntlm_auth has gone by itself")
        self._finish()

    def drop(self) -> None:
        """End without failing what was asked: nobody waits for it any more."""
        self._leave()
        self.end("")

    def _leave(self) -> "Deferred[Answer]":
        assert self.question is not None
        question, self.question = self.question, None
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        return question.answer

    def _finish(self) -> None:
        if self._ended:
            return
        self._ended = True
        answer = None if self.question is None else self._leave()
        self._gone(self)
        if answer is not None:
            answer.errback(WinbindError(self._problem))


class Winbind:
    """
    Some processes of the program, started when they are needed, and the logons that wait for one.

    :param reactor: has processes and time.
    :param command: the program and its arguments.
    """

    def __init__(self, reactor: Any, command: Sequence[str]) -> None:
        self._reactor = reactor
        self._command = command
        self._processes: list[_Process] = []
        self._waiting: deque[_Question] = deque()
        self._stopped = False

    def verify(self, logon: NTLMLogon) -> "Deferred[Answer]":
        """
        Ask about a logon.

        :returns: a Deferred of the answer; it fails with `WinbindError` where there is none.
        """
        if self._stopped:
            return fail(WinbindError("the server stops"))
        if len(self._waiting) >= MOST_WAITING:
            return fail(WinbindError("too many logons wait for it"))
        question = _Question(encodeLogon(logon), Deferred(lambda _: self._cancel(question)))
        self._waiting.append(question)
        self._serve()
        return question.answer

    def stop(self) -> None:
        """Kill all processes; what is outstanding fails."""
        self._stopped = True
        waiting, self._waiting = self._waiting, deque()
        for question in waiting:
            question.answer.errback(WinbindError("the server stops"))
        for process in tuple(self._processes):
            process.end("the server stops")

    def _serve(self) -> None:
        while self._waiting:
            process = next((each for each in self._processes if each.idle), None)
            if process is None:
                if len(self._processes) >= PROCESSES:
                    return
                try:
                    process = self._spawn()
                except OSError as error:
                    # While a package is upgraded, say: the next logon tries again.
                    problem = WinbindError(f"it cannot be started: {error.strerror}")
                    self._waiting.popleft().answer.errback(problem)
                    continue
            process.ask(self._waiting.popleft())

    def _spawn(self) -> _Process:
        process = _Process(self._reactor, self._serve, self._gone)
        self._reactor.spawnProcess(process, self._command[0], self._command, env={})
        self._processes.append(process)
        return process

    def _gone(self, process: _Process) -> None:
        self._processes.remove(process)
        if self._waiting:
            # Not at once: it may end faster than it is started.
            self._reactor.callLater(0, self._serve)

    def _cancel(self, question: _Question) -> None:
        if question.process is not None:
            question.process.drop()
        else:
            self._waiting.remove(question)


@implementer(ICredentialsChecker)
class DomainChecker:
    """
    Lets in the users of domains whom winbind lets in.

    Only domains that are named, and only under the account's own name: ``user@domain`` may be
    another account's than that of ``user``, and winbind does not say whose.

    :param domains: short names of domains by their DNS names in capitals.
    """

    _log = Logger()

    credentialInterfaces = (INTLMResponse,)

    def __init__(self, winbind: Winbind, domains: Mapping[str, str]) -> None:
        self._winbind = winbind
        self._domains = domains
        self._short = frozenset(name.upper() for name in domains.values())
        self._broken = False

    def requestAvatarId(self, credentials: NTLMResponse) -> "Deferred[bytes | tuple[()]]":
        """As `ICredentialsChecker`: the account's name."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: NTLMResponse) -> bytes | tuple[()]:
        logon = credentials.logon
        try:
            name = principalName(logon.domain, logon.user, self._domains)
        except UnacceptableName:
            raise UnauthorizedLogin from None
        if name.rpartition("\\")[0] not in self._short or "@" in logon.user:
            raise UnauthorizedLogin
        try:
            answer = await self._winbind.verify(logon)
        except WinbindError as error:
            if not self._broken:
                # Once per spell: every logon of the domain fails now.
                self._broken = True
                self._log.error("ntlm_auth cannot verify logons: {reason}", reason=str(error))
            raise LoginDenied from None
        self._broken = False
        if answer.sessionBaseKey is None:
            self._log.debug("ntlm_auth refuses {name}: {why}", name=name, why=answer.problem)
            raise UnauthorizedLogin
        credentials.proven(answer.sessionBaseKey)
        return name.encode("utf-8")
