"""Names of accounts as administrators write them."""

from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.accounts import Account, accountName
from tapiproxy.dcerpc.identity import UnacceptableName


class AccountNameTests(SynchronousTestCase):
    def test_forms(self):
        """Domain and user, user at domain, and user alone have the spelling of principals."""
        self.assertEqual(accountName("dom\\Alice"), "DOM\\alice")
        self.assertEqual(accountName("Alice@dom.test"), "DOM.TEST\\alice")
        self.assertEqual(accountName("Alice"), "alice")

    def test_unacceptable(self):
        """What can be no account's name is refused."""
        for written in ("", "DOM\\", "A\\B\\c", "DOM\\a@b", "a:b"):
            self.assertRaises(UnacceptableName, accountName, written)


class AccountTests(SynchronousTestCase):
    def test_secret(self):
        """A hash is not shown with its account."""
        self.assertEqual(repr(Account(name="alice", ntHash=b"\1" * 16)), "Account(name='alice')")
