"""Names of accounts, and what a logon proves."""

import struct

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.identity import NTLMLogon
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
