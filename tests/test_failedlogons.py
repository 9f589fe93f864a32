"""Failed logons are counted, and too many are refused."""

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy import failedlogons
from tapiproxy.failedlogons import FailedLogons, LogonLimits


class FailedLogonsTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        limits = LogonLimits(failedLogonsPerAccount=3, failedLogonsPerAddress=6)
        self.failed = FailedLogons(self.clock, limits)
        self.events = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def fail(self, user, address, times):
        for _ in range(times):
            self.assertFalse(self.failed.refuses(user, address))
            self.failed.add(user, address)

    def told(self):
        return [each["log_format"].format(**each) for each in self.events]

    def test_account(self):
        """An account has so many failures, wherever they come from; another one has its own."""
        self.fail("alice", "a", 1)
        self.fail("alice", "b", 2)
        self.assertTrue(self.failed.refuses("alice", "c"))
        self.assertFalse(self.failed.refuses("bob", "c"))

    def test_address(self):
        """An address has so many failures, whoever they are of; another one has its own."""
        for user in "123456":
            self.fail(user, "a", 1)
        self.assertTrue(self.failed.refuses("7", "a"))
        self.assertFalse(self.failed.refuses("7", "b"))

    def test_time(self):
        """After a third of a minute one of three is forgotten; never more than three are."""
        self.fail("alice", "a", 3)
        for _ in range(5):
            self.failed.add("alice", "a")
        self.clock.advance(19.9)
        self.assertTrue(self.failed.refuses("alice", "a"))
        self.clock.advance(0.2)
        self.fail("alice", "b", 1)
        self.assertTrue(self.failed.refuses("alice", "b"))
        self.clock.advance(60)
        self.fail("alice", "c", 3)

    def test_toldOnce(self):
        """A spell is logged once, and the next one again."""
        for _ in range(2):
            self.fail("alice", "a", 3)
            for _ in range(5):
                self.assertTrue(self.failed.refuses("alice", "a"))
            self.clock.advance(61)
        text = (
            "too many failed logons of alice: refusing all, with the right password too, save one "
            "every 20 seconds, until it is quiet"
        )
        self.assertEqual(self.told(), [text] * 2)

    def test_both(self):
        """Where account and address have too many, both are said."""
        for user in "123":
            self.fail(user, "a", 1)
        self.fail("alice", "a", 3)
        self.failed.refuses("alice", "a")
        self.assertEqual([text.split()[4] for text in self.told()], ["of", "from"])

    def test_bound(self):
        """Of more accounts than are remembered the one that failed longest ago is forgotten."""
        self.patch(failedlogons, "MOST_BUCKETS", 2)
        self.fail("alice", "a", 3)
        self.fail("bob", "b", 3)
        self.failed.add("alice", "c")
        self.fail("carol", "d", 1)
        self.assertTrue(self.failed.refuses("alice", "x"))
        self.assertFalse(self.failed.refuses("bob", "x"))
