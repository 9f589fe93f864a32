"""Logons through twisted.cred."""

import attrs
from twisted.cred.checkers import (
    ANONYMOUS,
    ICredentialsChecker,
    InMemoryUsernamePasswordDatabaseDontUse,
)
from twisted.cred.credentials import IUsernameHashedPassword
from twisted.cred.error import LoginDenied, UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tapiproxy.accounts import IAccounts, IGroups
from tapiproxy.dcerpc.identity import INTLMCredentials, NTLMLogon, Verified
from tapiproxy.failedlogons import FailedLogons, LogonLimits
from tapiproxy.logons import (
    LOGON_SECONDS,
    AccountsChecker,
    INTLMResponse,
    InTurn,
    Logons,
    Member,
    NTLMResponse,
    Principals,
)
from tapiproxy.nthash import ntHash
from tapiproxy.trp.principals import Principal
from tests.dcerpc.ntlmvectors import GOLDEN, NT_HASH
from tests.dcerpc.test_identity import goldenLogon
from tests.logons import Store, makeLogon


@implementer(ICredentialsChecker)
class Answers:
    """A checker that says what it is told to."""

    credentialInterfaces = (INTLMResponse,)

    def __init__(self, answer):
        self.answer = answer

    def requestAvatarId(self, credentials):
        return self.answer


class NTLMResponseTests(SynchronousTestCase):
    def setUp(self):
        self.credentials = NTLMResponse(goldenLogon(), b"DOM\\alice")

    def test_provided(self):
        """They are credentials for checkers of NTLM and for those that know passwords."""
        verifyObject(INTLMResponse, self.credentials)
        verifyObject(IUsernameHashedPassword, self.credentials)

    def test_hash(self):
        """The right hash gives the session's key; a wrong one and none do not."""
        for wrong in (bytes(16), None):
            self.assertFalse(self.credentials.checkNTHash(wrong))
            self.assertIsNone(self.credentials.sessionBaseKey)
        self.assertTrue(self.credentials.checkNTHash(NT_HASH))
        self.assertEqual(self.credentials.sessionBaseKey, GOLDEN.sessionBaseKey)

    def test_password(self):
        """The same by the password itself; one that can be nobody's is a wrong one."""
        for password in (b"Secret", b"", b"\xff", b"p" * 1000):
            self.assertFalse(self.credentials.checkPassword(password))
        self.assertTrue(self.credentials.checkPassword(GOLDEN.password.encode()))
        self.assertEqual(self.credentials.sessionBaseKey, GOLDEN.sessionBaseKey)


class AccountsCheckerTests(SynchronousTestCase):
    def check(self, logon, passwords):
        store = Store(passwords)
        verifyObject(IAccounts, store)
        checker = AccountsChecker(store)
        verifyObject(ICredentialsChecker, checker)
        self.credentials = NTLMResponse(logon, b"")
        return checker.requestAvatarId(self.credentials)

    def test_right(self):
        """Who knows the password of the account that he names is let in under its name."""
        checked = self.check(makeLogon("alice", "D", "secret"), {("D", "alice"): "secret"})
        self.assertEqual(self.successResultOf(checked), b"D\\alice")
        self.assertEqual(len(self.credentials.sessionBaseKey), 16)

    def test_wrong(self):
        """A wrong password and an account that does not exist are refused in the same way."""
        for passwords in ({("D", "alice"): "other"}, {}):
            checked = self.check(makeLogon("alice", "D", "secret"), passwords)
            self.failureResultOf(checked, UnauthorizedLogin)
            self.assertIsNone(self.credentials.sessionBaseKey)

    def test_sameWork(self):
        """For an account that does not exist as much is computed as for one that does."""
        computed = []
        prove = NTLMLogon.prove

        def counted(logon, ntHash):
            computed.append(ntHash)
            return prove(logon, ntHash)

        logon = makeLogon("alice", "D", "secret")
        self.patch(NTLMLogon, "prove", counted)
        for passwords in ({("D", "alice"): "other"}, {}):
            self.failureResultOf(self.check(logon, passwords), UnauthorizedLogin)
        self.assertEqual(len(computed), 2)


class InTurnTests(SynchronousTestCase):
    def ask(self, *answers):
        checker = InTurn([Answers(answer) for answer in answers])
        verifyObject(ICredentialsChecker, checker)
        return checker.requestAvatarId(NTLMResponse(goldenLogon(), b""))

    def test_first(self):
        """The first that accepts counts, at once or later."""
        for one in (b"one", succeed(b"one")):
            asked = self.ask(fail(UnauthorizedLogin()), one, b"two")
            self.assertEqual(self.successResultOf(asked), b"one")

    def test_none(self):
        """Where nobody accepts, or there is nobody, it is refused."""
        for answers in ((), (fail(UnauthorizedLogin()), fail(UnauthorizedLogin()))):
            self.failureResultOf(self.ask(*answers), UnauthorizedLogin)

    def test_broken(self):
        """A checker that fails otherwise ends it: its word would have counted."""
        self.failureResultOf(self.ask(fail(ZeroDivisionError()), b"two"), ZeroDivisionError)


class PrincipalsTests(SynchronousTestCase):
    def principal(self, avatarId):
        realm = Principals(
            [Store({}, {"D\\alice": ["Sales"]}), Store({}, {"D\\alice": ["S-1-5-32-545"]})]
        )
        verifyObject(IRealm, realm)
        return realm.requestAvatar(avatarId, None)

    def test_groups(self):
        """A principal has one spelling, and the groups of all who know any."""
        verifyObject(IGroups, Store({}))
        for avatarId in (b"d\\Alice", "D\\alice"):
            _interface, principal, leave = self.successResultOf(self.principal(avatarId))
            self.assertEqual(principal, Principal("D\\alice", frozenset(["Sales", "S-1-5-32-545"])))
            self.assertIsNone(leave())

    def test_otherwise(self):
        """Of whom his checker knows groups, some are not asked; no group is an answer too."""
        realm = Principals(
            [Store({}, {"D\\alice": ["Sales"]})], [Store({}, {"D\\alice": ["S-1-5-21-7"]})]
        )
        for avatarId, groups in (
            ("D\\alice", {"Sales", "S-1-5-21-7"}),
            (Member("D\\alice", frozenset(["S-1-5-21-8"])), {"Sales", "S-1-5-21-8"}),
            (Member("D\\alice", frozenset()), {"Sales"}),
        ):
            found = self.successResultOf(realm.requestAvatar(avatarId, None))
            self.assertEqual(found[1], Principal("D\\alice", frozenset(groups)))

    def test_unknown(self):
        """Somebody of whom nothing is known has no group."""
        _interface, principal, _leave = self.successResultOf(self.principal("bob"))
        self.assertEqual(principal, Principal("bob"))

    def test_own(self):
        """The server's own account is nobody's here, and the log says whose it is."""
        realm = Principals([], own=frozenset({"D\\tapi"}))
        logged = []
        globalLogPublisher.addObserver(logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, logged.append)
        for avatarId in (b"d\\Tapi", Member("D\\tapi", frozenset({"Sales"}))):
            self.failureResultOf(realm.requestAvatar(avatarId, None), UnauthorizedLogin)
            self.assertIn("is this server's own account", formatEvent(logged.pop()))
        self.successResultOf(realm.requestAvatar("E\\tapi", None))

    def test_nameless(self):
        """Who has no name, or none that an account can have, is not let in."""
        for avatarId in (ANONYMOUS, b"", b"\xff", "a\\b\\c"):
            self.failureResultOf(self.principal(avatarId))


class LogonsTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.store = Store({("D", "alice"): "secret"}, {"D\\alice": ["Sales"]})
        self.events = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def logons(self, *checkers):
        portal = Portal(
            Principals([self.store]), [InTurn([AccountsChecker(self.store), *checkers])]
        )
        limits = LogonLimits(failedLogonsPerAccount=2, failedLogonsPerAddress=3)
        return Logons(portal, FailedLogons(self.clock, limits), self.clock)

    def logOn(self, logon, logons=None, address="10.0.0.7"):
        """Log on; the outcomes so far."""
        of = (logons or self.logons()).of(address)
        verifyObject(INTLMCredentials, of)
        outcomes = []
        of.logOn(logon, outcomes.append)
        return outcomes

    def told(self):
        return [each["log_format"].format(**each) for each in self.events]

    def test_right(self):
        """Who knows the password is a principal with his groups and the session's key."""
        logon = makeLogon("alice", "D", "secret")
        self.assertEqual(
            self.logOn(logon),
            [
                Verified(
                    principal=Principal("D\\alice", frozenset(["Sales"])),
                    sessionBaseKey=logon.sessionBaseKey(ntHash("secret")),
                )
            ],
        )
        self.assertEqual(self.told(), [])

    def test_wrong(self):
        """Who does not is refused, and the log says whom he named and where he is."""
        self.assertEqual(self.logOn(makeLogon("alice", "D", "wrong")), [None])
        self.assertEqual(
            self.told(),
            ["failed logon of 'D' 'alice' from 10.0.0.7, which calls itself 'PC7'"],
        )

    def test_unacceptable(self):
        """A name that can be nobody's is refused without asking anybody; it counts as a failure."""
        logons = self.logons()
        for _ in range(3):
            logon = attrs.evolve(makeLogon("alice", "D", "secret"), user="a:b")
            self.assertEqual(self.logOn(logon, logons), [None])
        self.assertEqual(self.store.asked, [])
        self.assertIn("too many failed logons", "".join(self.told()))

    def test_limit(self):
        """After too many failures nobody is asked, whatever domain is named, until time passes."""
        logons = self.logons()
        for domain in ("D", "E"):
            self.assertEqual(self.logOn(makeLogon("alice", domain, "wrong"), logons), [None])
        self.assertEqual(len(self.store.asked), 2)
        right = makeLogon("alice", "D", "secret")
        self.assertEqual(self.logOn(right, logons, "10.0.0.8"), [None])
        self.assertEqual(len(self.store.asked), 2)
        self.clock.advance(31)
        self.assertNotEqual(self.logOn(right, logons, "10.0.0.8"), [None])

    def test_successDoesNotForgive(self):
        """A success takes no failure back: whoever guesses would have his own account for that."""
        logons = self.logons()
        for password in ("wrong", "secret", "wrong"):
            self.logOn(makeLogon("alice", "D", password), logons)
        self.assertEqual(self.logOn(makeLogon("alice", "D", "secret"), logons), [None])

    def test_passwordChecker(self):
        """A checker of Twisted's that knows passwords will do."""
        checker = InMemoryUsernamePasswordDatabaseDontUse(**{"D\\carol": b"hello"})
        [verified] = self.logOn(makeLogon("Carol", "d", "hello"), self.logons(checker))
        self.assertEqual(verified.principal, Principal("D\\carol"))
        self.assertEqual(self.logOn(makeLogon("carol", "D", "other"), self.logons(checker)), [None])

    def test_unproven(self):
        """A checker that accepts without checking the password lets nobody in."""
        self.assertEqual(
            self.logOn(makeLogon("bob", "D", "x"), self.logons(Answers(b"bob"))), [None]
        )
        self.assertIn("checked no password", self.told()[-1])

    def test_broken(self):
        """A checker that fails lets nobody in; it is logged, and is no failure of the client's."""
        for _ in range(3):
            logons = self.logons(Answers(fail(ZeroDivisionError())))
            self.assertEqual(self.logOn(makeLogon("bob", "D", "x"), logons), [None])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)

    def test_unable(self):
        """Where a checker cannot check, nobody is let in, and no failure is counted."""
        for _ in range(4):
            logons = self.logons(Answers(fail(LoginDenied())))
            self.assertEqual(self.logOn(makeLogon("bob", "D", "x"), logons), [None])
        self.assertEqual(self.told(), ["a logon of bob could not be checked"] * 4)

    def test_slow(self):
        """A checker that does not answer is given up in time, and the client is refused once."""
        cancelled = []
        outcomes = self.logOn(
            makeLogon("bob", "D", "x"), self.logons(Answers(Deferred(cancelled.append)))
        )
        self.clock.advance(LOGON_SECONDS - 0.1)
        self.assertEqual((outcomes, cancelled), ([], []))
        self.clock.advance(0.2)
        self.assertEqual((outcomes, len(cancelled)), ([None], 1))
        self.assertIn("not decided within 8 seconds", self.told()[-1])

    def test_end(self):
        """What fails where the answer goes is logged, and not taken for a failed logon."""

        def done(outcome):
            raise CancelledError

        self.logons().of("a").logOn(makeLogon("alice", "D", "secret"), done)
        self.assertEqual(len(self.flushLoggedErrors(CancelledError)), 1)
