"""Accounts."""

from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.accounts import Account


class AccountTests(SynchronousTestCase):
    def test_secret(self):
        """A hash is not shown with its account."""
        self.assertEqual(repr(Account(name="alice", ntHash=b"\1" * 16)), "Account(name='alice')")
