"""Principals by smbd's word."""

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import eventAsText, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tapiproxy.dcerpc.namedpipeauth import decodeRequest
from tapiproxy.dcerpc.pipe import IPipePrincipals
from tapiproxy.logons import LOGON_SECONDS
from tapiproxy.pipeprincipals import PipePrincipals
from tapiproxy.trp.principals import Principal
from tests.dcerpc.pipeclients import ALICE, Client
from tests.logons import Store


class Answers:
    """Groups that are one answer to everything."""

    def __init__(self, answer):
        self.answer = answer

    def groupsOf(self, name):
        return self.answer


class PipePrincipalsTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.log = EventLoggingObserver()
        globalLogPublisher.addObserver(self.log)
        self.addCleanup(globalLogPublisher.removeObserver, self.log)

    def identify(self, groups=(), own=frozenset(), **client):
        """What is made of a client."""
        principals = PipePrincipals(groups, self.clock, own=own)
        verifyObject(IPipePrincipals, principals)
        found = []
        principals.identify(decodeRequest(Client(**client).request()), found.append)
        return found

    def told(self):
        return eventAsText([*self.log][-1], includeTimestamp=False)

    def test_groups(self):
        """A principal has smbd's SIDs without Samba's own, and the groups that are known here."""
        store = Store({}, {"TAPISRV\\alice": ["Sales"]})
        sids = {ALICE, "S-1-5-21-1-2-3-513", "S-1-1-0", "S-1-5-2", "S-1-5-11"}
        self.assertEqual(
            self.identify([store], account="Alice", domain="TapiSrv"),
            [Principal("TAPISRV\\alice", frozenset({"Sales", *sids}))],
        )
        self.assertEqual(self.identify(), [Principal("TAPISRV\\alice", frozenset(sids))])

    def test_names(self):
        """Whoever has a name that nobody has is nobody."""
        for account, domain in (("", "D"), ("a:b", "D"), ("alice", "D/E"), (None, None)):
            self.assertEqual(self.identify(account=account, domain=domain), [None])
            self.assertIn("can be no principal", self.told())

    def test_own(self):
        """Nobody comes as the account of [callback], whose logon can be handed on to smbd."""
        own = frozenset({"TAPISRV\\alice"})
        self.assertEqual(self.identify(own=own, account="Alice"), [None])
        self.assertIn("TAPISRV\\alice is this server's own account", eventAsText(self.log[0]))
        self.assertEqual(len(self.identify(own=own, account="Bob")), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_slow(self):
        """Groups that are not found in time refuse the client, as they do a logon."""
        cancelled = []
        found = self.identify([Answers(Deferred(cancelled.append))])
        self.clock.advance(LOGON_SECONDS - 0.1)
        self.assertEqual(found, [])
        self.clock.advance(0.2)
        self.assertEqual((found, len(cancelled)), ([None], 1))
        self.assertIn("the groups of TAPISRV\\alice were not found within 8 seconds", self.told())

    def test_broken(self):
        """Groups that cannot be found refuse the client, and the reason is logged."""
        self.assertEqual(self.identify([Answers(fail(ZeroDivisionError()))]), [None])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
