"""The one spelling of accounts: as administrators and as clients write them."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.accountnames import MAX_NAME, UnacceptableName, accountName, principalName


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


class PrincipalNameTests(SynchronousTestCase):
    def test_oneSpelling(self) -> None:
        """However a client writes an account, its name is one."""
        for domain, user in (
            ("DOM", "alice"),
            ("dom", "ALICE"),
            ("Dom", "Alice"),
            ("", "alice@dom"),
            ("", "Alice@DOM"),
        ):
            self.assertEqual(principalName(domain, user), "DOM\\alice")

    def test_shortNames(self) -> None:
        """A domain that is known by its DNS name goes by its short one."""
        domains = {"DOM.TEST": "dom"}
        self.assertEqual(principalName("", "alice@dom.test", domains), "DOM\\alice")
        self.assertEqual(principalName("Dom.Test", "alice", domains), "DOM\\alice")
        self.assertEqual(principalName("other.test", "alice", domains), "OTHER.TEST\\alice")

    def test_noDomain(self) -> None:
        """An account of no domain has a name without backslash, and no domain can make it up."""
        self.assertEqual(principalName("", "Alice"), "alice")

    def test_composed(self) -> None:
        """A letter and its accent are the letter with the accent."""
        self.assertEqual(principalName("D", "re\u0301my"), principalName("D", "R\u00c9MY"))

    def test_differentAccountsStayDifferent(self) -> None:
        """A sharp s is not two s: they are two accounts of Windows."""
        self.assertNotEqual(principalName("D", "stra\u00dfe"), principalName("D", "strasse"))

    def test_unacceptable(self) -> None:
        """A name that could pass for another one is refused."""
        for domain, user in (
            ("DOM", ""),
            ("", ""),
            ("", "alice@"),
            ("DOM", "alice@DOM"),
            ("", "a@b@c"),
            ("DOM", "OTHER\\alice"),
            ("DOM\\X", "alice"),
            ("DOM", "alice\n"),
            ("DOM", "al\x00ice"),
            ("DOM", " alice"),
            ("DOM", "alice "),
            ("DOM", "a:b"),
            ("DOM", "host/alice"),
            ("DOM", "\u202ealice"),
            ("D" * (MAX_NAME + 1), "alice"),
            ("DOM", "a" * (MAX_NAME + 1)),
        ):
            self.assertRaises(UnacceptableName, principalName, domain, user)

    @given(st.text(max_size=20), st.text(max_size=20))
    def test_normalising(self, domain: str, user: str) -> None:
        """Normalising a name again changes nothing, and it has one backslash at most."""
        try:
            name = principalName(domain, user)
        except UnacceptableName:
            return
        domain, _, user = name.rpartition("\\")
        self.assertNotIn("\\", domain)
        self.assertEqual(principalName(domain, user), name)
