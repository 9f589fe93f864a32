"""Names of accounts, and what a logon proves."""

import struct

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.identity import MAX_NAME, NTLMLogon, UnacceptableName, principalName
from tests.dcerpc.ntlmvectors import GOLDEN, NT_HASH


def goldenLogon() -> NTLMLogon:
    """The logon of the captured session."""
    length, _, offset = struct.unpack_from("<HHI", GOLDEN.authenticate, 20)
    return NTLMLogon(
        domain=GOLDEN.domain,
        user=GOLDEN.user,
        workstation="",
        serverChallenge=GOLDEN.challenge[24:32],
        ntResponse=GOLDEN.authenticate[offset : offset + length],
    )


class PrincipalNameTests(TestCase):
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


class NTLMLogonTests(TestCase):
    def test_golden(self) -> None:
        """The captured client knew the password."""
        self.assertEqual(goldenLogon().sessionBaseKey(NT_HASH), GOLDEN.sessionBaseKey)

    def test_wrongHash(self) -> None:
        """Another password proves nothing."""
        self.assertIsNone(goldenLogon().sessionBaseKey(bytes(range(16))))

    def test_unknownAccount(self) -> None:
        """An account that does not exist proves nothing, not even to who guesses what stands in."""
        logon = goldenLogon()
        self.assertIsNone(logon.sessionBaseKey(None))
        self.assertIsNone(attrs.evolve(logon, ntResponse=b"").sessionBaseKey(None))

    def test_otherChallenge(self) -> None:
        """A response to another challenge proves nothing."""
        logon = attrs.evolve(goldenLogon(), serverChallenge=b"\0" * 8)
        self.assertIsNone(logon.sessionBaseKey(NT_HASH))

    def test_userWithoutCase(self) -> None:
        """The user's name counts without case, the domain's with it."""
        logon = goldenLogon()
        self.assertEqual(
            attrs.evolve(logon, user="ALICE").sessionBaseKey(NT_HASH), GOLDEN.sessionBaseKey
        )
        self.assertIsNone(attrs.evolve(logon, domain="dom").sessionBaseKey(NT_HASH))

    def test_nothingSecretInItsText(self) -> None:
        """What proves is not shown."""
        logon = goldenLogon()
        self.assertNotIn(repr(logon.ntResponse), repr(logon))
        self.assertNotIn("ntResponse", repr(logon))
