"""Logons of a domain by ntlm_auth: its protocol, its processes, whose word is taken."""

import base64
from errno import ENOENT

from hypothesis import given
from hypothesis import strategies as st
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import LoginDenied, UnauthorizedLogin
from twisted.internet.defer import CancelledError
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tapiproxy import winbind
from tapiproxy.logons import NTLMResponse
from tapiproxy.winbind import (
    ANSWER_SECONDS,
    PROCESSES,
    Answer,
    Answers,
    DomainChecker,
    Winbind,
    WinbindError,
    encodeLogon,
)
from tests.dcerpc.ntlmvectors import GOLDEN
from tests.dcerpc.test_identity import goldenLogon
from tests.logons import makeLogon

#: As Samba 4.17.12's ntlm_auth has answered to the captured session's logon.
YES = b"Authenticated: Yes\nUser-Session-Key: 94A7865F300D66CCD0ECCCA05A6FF130\n.\n"
NO = b"Authenticated: No\n.\n"
#: The same where no winbindd was running, period by period.
UNREACHABLE = b"Authenticated: No\nAuthentication-Error: Reading winbind reply failed!\n.\n.\n"

ACCEPTED = Answer(sessionBaseKey=GOLDEN.sessionBaseKey, problem="")
REFUSED = Answer(sessionBaseKey=None, problem="")


class EncodeTests(SynchronousTestCase):
    def test_golden(self):
        """The captured session's logon, as ntlm_auth has accepted it."""
        logon = goldenLogon()
        self.assertEqual(
            encodeLogon(logon).decode().split("\n"),
            [
                "Username:: YWxpY2U=",
                "NT-Domain:: RE9N",
                f"LANMAN-Challenge: {logon.serverChallenge.hex()}",
                f"NT-Response: {logon.ntResponse.hex()}",
                "Request-User-Session-Key: Yes",
                ".",
                "",
            ],
        )

    @given(st.text(min_size=1, max_size=30))
    def test_names(self, name):
        """No name, whatever is in it, can add a line."""
        lines = encodeLogon(makeLogon(name, "D", "x")).split(b"\n")
        self.assertEqual(len(lines), 7)
        self.assertEqual(base64.b64decode(lines[0][11:]).decode(), name)


class AnswersTests(SynchronousTestCase):
    def answers(self, *pieces):
        answers = Answers()
        return [answer for piece in pieces for answer in answers.feed(piece)]

    def test_recorded(self):
        """Yes with the key, no, and no with a reason and a period more."""
        unreachable = Answer(sessionBaseKey=None, problem="Reading winbind reply failed!")
        self.assertEqual(
            self.answers(YES + NO + UNREACHABLE + YES),
            [ACCEPTED, REFUSED, unreachable, ACCEPTED],
        )

    def test_pieces(self):
        """They may come octet by octet."""
        octets = YES + UNREACHABLE
        self.assertEqual(
            self.answers(*(octets[at : at + 1] for at in range(len(octets)))),
            self.answers(octets),
        )

    def test_base64(self):
        """A value may be in base64."""
        self.assertEqual(self.answers(b"Authenticated:: Tm8=\n.\n"), [REFUSED])

    def test_secret(self):
        """The key is not shown."""
        self.assertEqual(repr(ACCEPTED), "Answer(problem='')")

    def test_wrong(self):
        """What is no answer is refused, above all a yes without a key."""
        for octets in (
            b"Authenticated: Yes\n.\n",
            b"Authenticated: Yes\nUser-Session-Key: 94A7\n.\n",
            b"Authenticated: yes\nUser-Session-Key: 94A7865F300D66CCD0ECCCA05A6FF130\n.\n",
            b"User-Session-Key: 94A7865F300D66CCD0ECCCA05A6FF130\n.\n",
            b"Authenticated: No\nAuthenticated: Yes\n.\n",
            b"Authenticated:: *\n.\n",
            b"Error: No username supplied!\n.\n",
            b"hello\n",
            b"x" * 9000,
        ):
            self.assertRaises(WinbindError, self.answers, octets)

    @given(st.binary(max_size=100))
    def test_anything(self, octets):
        """No octets that lack a yes let anybody in."""
        try:
            found = self.answers(octets)
        except WinbindError:
            return
        self.assertEqual([each for each in found if each.sessionBaseKey], [])


class FakeProcess:
    """The transport of a process that the test plays."""

    def __init__(self, protocol):
        self.protocol = protocol
        self.written = []
        self.killed = 0
        self.exited = False
        protocol.makeConnection(self)

    def write(self, data):
        self.written.append(data)

    def signalProcess(self, signal):
        if self.exited:
            raise ProcessExitedAlready
        self.killed += 1

    def loseConnection(self):
        """Nothing else holds the pipes here."""

    def ends(self):
        """The process ends by itself."""
        self.exited = True
        self.protocol.processEnded(Failure(ProcessDone(None)))


class FakeReactor(Clock):
    """Time and processes."""

    def __init__(self):
        super().__init__()
        self.processes = []
        self.missing = False

    def spawnProcess(self, protocol, executable, args, env):
        if self.missing:
            raise FileNotFoundError(ENOENT, "No such file or directory")
        assert (executable, args, env) == ("/ntlm_auth", ["/ntlm_auth", "-x"], {})
        self.processes.append(FakeProcess(protocol))


class WinbindTests(SynchronousTestCase):
    def setUp(self):
        self.reactor = FakeReactor()
        self.winbind = Winbind(self.reactor, ["/ntlm_auth", "-x"])

    def verify(self, times=1):
        return [self.winbind.verify(goldenLogon()) for _ in range(times)]

    def test_one(self):
        """A logon starts a process, is asked, and gets its answer; the next uses it again."""
        for number, (octets, answer) in enumerate([(YES, ACCEPTED), (NO, REFUSED)], 1):
            [asked] = self.verify()
            [process] = self.reactor.processes
            self.assertEqual(process.written, [encodeLogon(goldenLogon())] * number)
            self.assertNoResult(asked)
            process.protocol.outReceived(octets)
            self.assertEqual(self.successResultOf(asked), answer)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_missing(self):
        """While the program cannot be started logons fail with the reason; then they go on."""
        self.reactor.missing = True
        for asked in self.verify(PROCESSES + 1):
            failure = self.failureResultOf(asked, WinbindError)
            self.assertIn("cannot be started: No such file", failure.getErrorMessage())
        self.reactor.missing = False
        [asked] = self.verify()
        [process] = self.reactor.processes
        self.assertEqual(len(process.written), 1)
        process.protocol.outReceived(YES)
        self.assertEqual(self.successResultOf(asked), ACCEPTED)

    def test_several(self):
        """So many processes work at one time; what waits gets the first that is free."""
        asked = self.verify(PROCESSES + 1)
        self.assertEqual(len(self.reactor.processes), PROCESSES)
        last = self.reactor.processes[-1]
        self.assertEqual(len(last.written), 1)
        last.protocol.outReceived(YES)
        self.assertEqual(self.successResultOf(asked[-2]), ACCEPTED)
        self.assertEqual(len(last.written), 2)
        last.protocol.outReceived(NO)
        self.assertEqual(self.successResultOf(asked[-1]), REFUSED)

    def test_full(self):
        """Where too many wait, one more is refused at once."""
        self.patch(winbind, "MOST_WAITING", 2)
        asked = self.verify(PROCESSES + 3)
        self.assertNoResult(asked[-2])
        self.failureResultOf(asked[-1], WinbindError)

    def test_deadline(self):
        """A process that does not answer is killed; its late answer counts for nobody."""
        [asked] = self.verify()
        self.reactor.advance(ANSWER_SECONDS)
        self.failureResultOf(asked, WinbindError)
        [process] = self.reactor.processes
        self.assertEqual(process.killed, 1)
        [again] = self.verify()
        process.protocol.processEnded(Failure(ProcessDone(None)))
        self.assertEqual(len(self.reactor.processes), 2)
        self.assertNoResult(again)

    def test_unasked(self):
        """A process that answers what nobody has asked is killed, and not asked again."""
        [asked] = self.verify()
        self.reactor.processes[0].protocol.outReceived(NO + YES)
        self.assertEqual(self.successResultOf(asked), REFUSED)
        self.assertEqual(self.reactor.processes[0].killed, 1)
        self.verify()
        self.assertEqual(len(self.reactor.processes), 2)

    def test_nonsense(self):
        """A process that says what is no answer is killed, and its logon fails."""
        [asked] = self.verify()
        self.reactor.processes[0].protocol.outReceived(b"hello\n")
        self.failureResultOf(asked, WinbindError)
        self.assertEqual(self.reactor.processes[0].killed, 1)

    def test_ends(self):
        """When a process ends, its logon fails, and those that wait get a new one."""
        asked = self.verify(PROCESSES + 1)
        self.reactor.processes[0].ends()
        self.failureResultOf(asked[0], WinbindError)
        self.reactor.advance(0)
        self.assertEqual(len(self.reactor.processes), PROCESSES + 1)
        self.reactor.processes[-1].protocol.outReceived(YES)
        self.assertEqual(self.successResultOf(asked[-1]), ACCEPTED)

    def test_cancelled(self):
        """A logon that is cancelled waits no more; one that was asked takes its process along."""
        asked = self.verify(PROCESSES + 2)
        for each in (asked[0], asked[-1]):
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.assertEqual([each.killed for each in self.reactor.processes], [1, 0, 0, 0])
        self.reactor.advance(0)
        self.reactor.processes[-1].protocol.outReceived(YES)
        self.assertEqual(self.successResultOf(asked[-2]), ACCEPTED)

    def test_stop(self):
        """At the end all processes are killed, all logons fail, and nothing is left."""
        asked = self.verify(PROCESSES + 1)
        self.reactor.processes[0].exited = True
        self.winbind.stop()
        for each in asked + self.verify():
            self.failureResultOf(each, WinbindError)
        self.assertEqual([each.killed for each in self.reactor.processes], [0, 1, 1, 1])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_complaints(self):
        """What it complains about does not disturb."""
        [asked] = self.verify()
        [process] = self.reactor.processes
        process.protocol.errReceived(b"could not obtain winbind separator!\n")
        process.protocol.outReceived(YES)
        self.assertEqual(self.successResultOf(asked), ACCEPTED)


class DomainCheckerTests(SynchronousTestCase):
    def setUp(self):
        self.reactor = FakeReactor()
        self.checker = DomainChecker(
            Winbind(self.reactor, ["/ntlm_auth", "-x"]), {"DOM.TEST": "DOM"}
        )
        self.logged = []
        observer = lambda event: self.logged.append(formatEvent(event))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def check(self, user, domain):
        self.credentials = NTLMResponse(makeLogon(user, domain, "x"), b"")
        return self.checker.requestAvatarId(self.credentials)

    def test_accepted(self):
        """Whom winbind lets in has the account's one name, and the key that winbind gives."""
        verifyObject(ICredentialsChecker, self.checker)
        for domain in ("dom", "Dom.Test"):
            checked = self.check("Alice", domain)
            self.reactor.processes[0].protocol.outReceived(YES)
            self.assertEqual(self.successResultOf(checked), b"DOM\\alice")
            self.assertEqual(self.credentials.sessionBaseKey, GOLDEN.sessionBaseKey)

    def test_refused(self):
        """Whom winbind refuses is refused, and the log can say why."""
        checked = self.check("alice", "DOM")
        self.reactor.processes[0].protocol.outReceived(UNREACHABLE)
        self.failureResultOf(checked, UnauthorizedLogin)
        self.assertIsNone(self.credentials.sessionBaseKey)
        self.assertIn("Reading winbind reply failed!", self.logged[-1])

    def test_notAsked(self):
        """Winbind is not asked about other domains, nor where it would not say whose account."""
        for user, domain in (
            ("alice", "OTHER"),
            ("alice", ""),
            ("alice@dom.test", ""),
            ("alice", "A\\B"),
        ):
            self.failureResultOf(self.check(user, domain), UnauthorizedLogin)
        self.assertEqual(self.reactor.processes, [])

    def test_broken(self):
        """While it does not work, nobody can be checked, and the log says it once."""
        for spell in (1, 2):
            for _ in range(3):
                checked = self.check("alice", "DOM")
                self.reactor.processes[-1].ends()
                self.failureResultOf(checked, LoginDenied)
            self.assertEqual(self.logged, ["ntlm_auth cannot verify logons: it has ended"] * spell)
            checked = self.check("alice", "DOM")
            self.reactor.processes[-1].protocol.outReceived(YES)
            self.successResultOf(checked)
            self.reactor.processes[-1].ends()
