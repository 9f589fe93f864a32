"""Tests for tapiproxy.dcerpc.authnames."""

from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.authnames import LEVELS, levelName, mechanismName, providerName
from tapiproxy.dcerpc.pipe import PipeContext
from tests.dcerpc.ntlmpeers import legOf, ntlmAcceptor, spnegoAcceptor, spnegoInitiator


class Names(TestCase):
    def test_levels(self) -> None:
        """The word of each level is what the configuration calls it; others are numbers."""
        for name, level in LEVELS.items():
            self.assertEqual(levelName(level), name)
        self.assertEqual([levelName(3), levelName(99)], ["3", "99"])

    def test_providers(self) -> None:
        """Providers by name, others by number."""
        found = [providerName(number) for number in (9, 10, 16, 68)]
        self.assertEqual(found, ["Negotiate", "NTLM", "Kerberos", "68"])

    def test_mechanism(self) -> None:
        """What was negotiated is named once it is known."""
        self.assertEqual(mechanismName(None), "")
        self.assertEqual(mechanismName(PipeContext(principal="alice", authLevel=6)), "SMB")
        self.assertEqual(mechanismName(ntlmAcceptor(6)), "NTLM")
        acceptor = spnegoAcceptor(6)
        self.assertEqual(mechanismName(acceptor), "Negotiate")
        legOf(acceptor, legOf(spnegoInitiator(6), b""))
        self.assertEqual(mechanismName(acceptor), "Negotiate (NTLM)")
