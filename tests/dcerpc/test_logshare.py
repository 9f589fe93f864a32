"""Tests for tapiproxy.dcerpc.logshare: what each address may have written into the log."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.dcerpc.logshare import MAX_ADDRESSES, SECONDS, LogShare


class LogShareTests(SynchronousTestCase):
    """Lines, asked for."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.share = LogShare(self.clock)

    def test_oncePerMinute(self) -> None:
        """An address has one line in a minute; the next one says how many it went without."""
        self.assertEqual(self.share.take("a"), "")
        self.assertEqual([self.share.take("a") for _ in range(3)], [None] * 3)
        self.clock.advance(SECONDS - 1)
        self.assertIsNone(self.share.take("a"))
        self.clock.advance(1)
        self.assertEqual(self.share.take("a"), " (4 more of it left unsaid before)")
        self.clock.advance(SECONDS)
        self.assertEqual(self.share.take("a"), "")

    def test_others(self) -> None:
        """One address does not use up another's line."""
        self.share.take("a")
        self.assertEqual(self.share.take("b"), "")

    def test_full(self) -> None:
        """Lines and memory are bounded whatever the number of addresses; the oldest make room."""
        for number in range(MAX_ADDRESSES - 1):
            self.assertEqual(self.share.take(number), "")
        self.clock.advance(1)
        self.share.take("last")
        self.assertIsNone(self.share.take("none"))
        self.clock.advance(SECONDS - 1)
        self.assertIsNone(self.share.take("last"))
        fresh = [self.share.take(("new", number)) for number in range(MAX_ADDRESSES)]
        self.assertEqual(fresh, [""] * (MAX_ADDRESSES - 1) + [None])
        self.assertEqual(len(self.share._said), MAX_ADDRESSES)
