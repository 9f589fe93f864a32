"""Tests for tapiproxy.kerberoslogons: who comes with a ticket, and which groups are his."""

from twisted.cred.error import LoginDenied, UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tapiproxy.accounts import IGroups
from tapiproxy.dcerpc.identity import IKerberosCredentials, KerberosLogon
from tapiproxy.dcerpc.pac import decodeLogonInformation
from tapiproxy.failedlogons import FailedLogons, LogonLimits
from tapiproxy.kerberoslogons import (
    IKerberosTicket,
    KerberosLogons,
    KerberosTicket,
    TicketChecker,
)
from tapiproxy.logons import LOGON_SECONDS, Principals
from tapiproxy.trp.principals import Principal
from tests.dcerpc.test_pac import ALICE
from tests.logons import Store

DOMAINS = {"DOM.EXAMPLE": "DOM"}


@implementer(IGroups)
class SlowGroups:
    """Groups that nobody finds."""

    def groupsOf(self, name):
        return Deferred()


class Refusing(TicketChecker):
    """Lets nobody in."""

    def __init__(self, error):
        self.error = error

    def requestAvatarId(self, credentials):
        return fail(self.error)


class KerberosLogonsTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.failed = FailedLogons(self.clock, LogonLimits(failedLogonsPerAddress=3))
        self.logged = []
        observer = lambda event: self.logged.append(formatEvent(event))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def logons(self, *groups, checker=None, address="192.0.2.7"):
        portal = Portal(Principals(groups), [checker or TicketChecker()])
        return KerberosLogons(portal, self.failed, DOMAINS, self.clock).of(address)

    def logOn(self, name, logons=None, logonInformation=None):
        """What becomes of a ticket."""
        found = []
        logon = KerberosLogon(name=name, logonInformation=logonInformation)
        (logons or self.logons()).logOn(logon, found.append)
        [outcome] = found
        return outcome

    def test_interfaces(self):
        """They are what they say."""
        verifyObject(IKerberosCredentials, self.logons())
        logon = KerberosLogon(name="a@B", logonInformation=None)
        verifyObject(IKerberosTicket, KerberosTicket("B\\a", logon))

    def test_names(self):
        """A realm that is named has its short name, another one its own; case does not count."""
        for name, account in (
            ("alice@DOM.EXAMPLE", "DOM\\alice"),
            ("Alice@dom.example", "DOM\\alice"),
            ("bob@THERE.EXAMPLE", "THERE.EXAMPLE\\bob"),
            ("PC7$@DOM.EXAMPLE", "DOM\\pc7$"),
        ):
            self.assertEqual(self.logOn(name), Principal(account, frozenset()))

    def test_noUsers(self):
        """Services, administrative instances and odd names are nobody here, and the log says it."""
        for number, name in enumerate(
            (
                "host/pc@DOM.EXAMPLE",
                "alice/admin@DOM.EXAMPLE",
                "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS",
                r"alice\@dom.example@DOM.EXAMPLE",
                r"DOM\\alice@DOM.EXAMPLE",
                "alice@",
                "@DOM.EXAMPLE",
                " @DOM.EXAMPLE",
                "a" * 300 + "@DOM.EXAMPLE",
            )
        ):
            self.logged.clear()
            logons = self.logons(address=number)
            self.assertIsNone(self.logOn(name, logons), name)
            [line] = self.logged
            self.assertIn(f"Kerberos principal {name!r} from {number} is refused", line)
            self.assertIn("no user's name", line)

    def test_groups(self):
        """The groups of the store and the SIDs of the ticket's PAC add up."""
        store = Store({}, {"DOM\\alice": ["Sales"]})
        sids = decodeLogonInformation(ALICE).sids
        self.assertTrue(sids)
        principal = self.logOn("alice@DOM.EXAMPLE", self.logons(store), ALICE)
        self.assertEqual(principal, Principal("DOM\\alice", frozenset({"Sales", *sids})))

    def test_noPAC(self):
        """Winbind is asked for groups where the ticket has no PAC, and there alone."""
        sids = decodeLogonInformation(ALICE).sids
        domain = Store({}, {"DOM\\alice": ["S-1-5-21-7"]})
        for octets, groups in ((None, {"S-1-5-21-7"}), (ALICE, sids), (b"", set())):
            portal = Portal(Principals([], [domain]), [TicketChecker()])
            logons = KerberosLogons(portal, self.failed, DOMAINS, self.clock).of("192.0.2.7")
            principal = self.logOn("alice@DOM.EXAMPLE", logons, octets)
            self.assertEqual(principal, Principal("DOM\\alice", frozenset(groups)))

    def test_brokenPAC(self):
        """A PAC that cannot be read gives no groups, and the log says so."""
        for octets in (b"", ALICE[:-20], bytes(100)):
            self.logged.clear()
            principal = self.logOn("alice@DOM.EXAMPLE", logonInformation=octets)
            self.assertEqual(principal, Principal("DOM\\alice", frozenset()))
            [line] = self.logged
            self.assertIn("the ticket of DOM\\alice tells no groups", line)

    def test_otherAccount(self):
        """A ticket by a name that is not that of its PAC's account is refused, which is logged."""
        for name in ("bob@DOM.EXAMPLE", "alice$@DOM.EXAMPLE", "al@DOM.EXAMPLE"):
            self.logged.clear()
            self.assertIsNone(self.logOn(name, logonInformation=ALICE))
            [line] = self.logged
            self.assertIn(f"Kerberos principal {name!r} from 192.0.2.7 is refused", line)
            self.assertIn("is by its PAC of the account 'alice'", line)
        self.assertIsNotNone(self.logOn("ALICE@DOM.EXAMPLE", logonInformation=ALICE))

    def test_requirePAC(self):
        """Where a PAC is required a ticket without one is refused, or with one of no use."""
        logons = self.logons(checker=TicketChecker(requirePAC=True))
        for octets, said in ((None, "has no PAC"), (ALICE[:-20], "its ticket is of no use")):
            self.logged.clear()
            self.assertIsNone(self.logOn("alice@DOM.EXAMPLE", logons, octets))
            [line] = self.logged
            self.assertIn(said, line)
            self.clock.advance(60)
        principal = self.logOn("alice@DOM.EXAMPLE", logons, ALICE)
        self.assertEqual(principal.name, "DOM\\alice")

    def test_failures(self):
        """Tickets that prove nothing count for their address alone, among wrong passwords."""
        logons, other = self.logons(), self.logons(address="192.0.2.8")
        for _ in range(3):
            self.assertTrue(logons.permits())
            logons.failed()
        self.assertFalse(logons.permits())
        self.assertTrue(self.failed.refuses("alice", "192.0.2.7"))
        self.assertTrue(other.permits())
        self.assertFalse(self.failed.refuses("alice", "192.0.2.8"))
        self.clock.advance(60)
        self.assertTrue(logons.permits())

    def test_guessedPasswords(self):
        """Whoever guesses at an account's password does not keep its owner's tickets out."""
        for number in range(100):
            self.failed.add("alice", f"192.0.2.{number}")
        self.assertTrue(self.failed.refuses("alice", "198.51.100.1"))
        logons = self.logons(address="198.51.100.1")
        self.assertTrue(logons.permits())
        self.assertIsNotNone(self.logOn("alice@DOM.EXAMPLE", logons))

    def test_checkers(self):
        """A checker of a site's own may refuse; the log says why, once a minute and address."""
        for error, reason in (
            (UnauthorizedLogin(), "no checker of this server lets it in"),
            (LoginDenied(), "the server's log tells why"),
        ):
            self.logged.clear()
            logons = self.logons(checker=Refusing(error))
            for _ in range(3):
                self.assertIsNone(self.logOn("alice@DOM.EXAMPLE", logons))
            [line] = self.logged
            self.assertIn(reason, line)

    def test_bug(self):
        """A checker that fails refuses, and is logged as what it is."""
        logons = self.logons(checker=Refusing(ZeroDivisionError()))
        self.assertIsNone(self.logOn("alice@DOM.EXAMPLE", logons))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_deadline(self):
        """Where groups are not found in time, the logon is refused."""
        found = []
        logon = KerberosLogon(name="alice@DOM.EXAMPLE", logonInformation=None)
        self.logons(SlowGroups()).logOn(logon, found.append)
        self.clock.advance(LOGON_SECONDS - 0.1)
        self.assertEqual(found, [])
        self.clock.advance(0.1)
        self.assertEqual(found, [None])
        self.assertIn("not found within 8 seconds", self.logged[-1])
