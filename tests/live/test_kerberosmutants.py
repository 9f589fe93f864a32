"""
Ten thousand handshakes of Kerberos, and as many negotiated, of which somebody changed a token.

A handshake that both sides complete all the same must be the one that it was: the same principal,
level, flags and key on both sides; and what was changed must be of what nothing protects, listed
here.  One ticket serves all, with an authenticator of its own each.
"""

from random import Random

import attrs
import pytest
from impacket.krb5.asn1 import AP_REP, AP_REQ
from pyasn1.codec.der import decoder
from pyasn1.error import PyAsn1Error

from tapiproxy.dcerpc.interface import RPC_C_AUTHN_LEVEL_PKT, AuthenticationFailed
from tapiproxy.dcerpc.spnegoinitiator import Choice, SPNEGOInitiator
from tapiproxy.dcerpc.spnegotokens import KERBEROS, MS_KERBEROS, NTLMSSP, decodeInit, decodeResp
from tests.dcerpc.ntlmpeers import answerOf, legOf, ntlmInitiator, shake
from tests.dcerpc.test_handshakemutants import NOT_COVERED, changedFields
from tests.fuzz.mutation import mutate

pytest.importorskip("gssapi", reason="python-gssapi is missing: pip install -e '.[kerberostest]'")
pytest.importorskip("krb5", reason="krb5 is missing: pip install -e '.[kerberostest]'")

from tests.live.kerberospeers import FULL, Accounts

CASES = 10_000
SEED = 20_240_229

LEVELS = (6, 2)

UNREADABLE = "unreadable"
"""What a strict reader refuses and MIT's takes, with what is encrypted as it was: lengths in more
octets than needed, octets at the end, a msg-type that is not what the tag says (RFC 4120 5.5)."""

AP_REQ_NOT_COVERED = {
    UNREADABLE,
    # What is asked for here stands in the authenticator as well, and that counts: RFC 4121 4.1.1.
    "ap-options",
    # Which key opens the ticket: what it is for and whose it is stands inside, and no other key
    # opens it.
    "ticket.realm",
    "ticket.sname",
    "ticket.enc-part.kvno",
}
"""Fields of an AP-REQ beside what is encrypted, which is covered whole."""

AP_REQ_FRAMED = KERBEROS + b"\x01\x00"
"""How an AP-REQ begins in its frame: RFC 4121 4.1."""

AP_REP_NOT_COVERED = {UNREADABLE}
"""The same of an AP-REP."""

NEGOTIATION_NOT_COVERED = NOT_COVERED | {
    # It may be left out where what the client likes best was taken ([MS-SPNG] 3.3.5.1): clients of
    # CONNECT do; one that is there must be right.
    "mechListMIC",
}


NEGOTIATION_NOT_COVERED_AT_CONNECT = NEGOTIATION_NOT_COVERED | {
    # Nothing can be signed there: what carried Kerberos's messages decides nothing about who logged
    # on.  A first message that seems to be for another mechanism is dropped, whatever it says.
    "mechTypes",
}


def leaves(value, path=""):
    """The fields of a structure that have no fields themselves, by path."""
    if hasattr(value, "keys") and hasattr(value, "componentType") and len(value.componentType):
        found = {}
        for name in value:
            if value[name].isValue:
                found.update(leaves(value[name], f"{path}.{name}" if path else name))
        return found
    return {path: value.prettyPrint()}


def readToken(leg, token):
    """The fields of a Kerberos token; None if a strict reader refuses it."""
    try:
        found, rest = decoder.decode(token, asn1Spec=AP_REQ() if leg == 0 else AP_REP())
    except PyAsn1Error:
        return None
    return None if rest else leaves(found)


def changedInToken(leg, token, mutant):
    """The fields of a Kerberos token that differ."""
    one, other = readToken(leg, token), readToken(leg, mutant)
    assert one is not None
    if other is None:
        # What is encrypted is there as it was.
        ciphers = [name for name in one if name.endswith("cipher")]
        assert ciphers
        for name in ciphers:
            assert bytes.fromhex(one[name].removeprefix("0x")) in mutant, name
        return {UNREADABLE}
    names = {
        name.split(".name-string")[0].split(".name-type")[0]
        for name in {*one, *other}
        if one.get(name) != other.get(name)
    }
    return names or {UNREADABLE}


def allowedInToken(leg):
    """The fields that may differ."""
    return AP_REQ_NOT_COVERED if leg == 0 else AP_REP_NOT_COVERED


@attrs.frozen
class Campaign:
    """Handshakes of a client with an acceptor, each with one changed token."""

    makeClient: object
    makeAcceptor: object
    mechanismOf: object

    def run(self, check):
        """
        Change one token of each handshake.

        :param check: called with the level, the leg, the token as it was and the mutant of each
            that both sides have completed.
        :returns: how many.
        """
        random = Random(SEED)
        others = []
        expected = {}
        for level in LEVELS:
            client, acceptor = self.makeClient(level), self.makeAcceptor(level)
            others += shake(client, acceptor)
            expected[level] = self.outcomeOf(client, acceptor)
        legs = len(others) // len(LEVELS)
        completed = 0
        for number in range(CASES):
            level = LEVELS[number % len(LEVELS)]
            leg = random.randrange(legs)
            client, acceptor = self.makeClient(level), self.makeAcceptor(level)
            passed = []

            def change(at, token, leg=leg, passed=passed):
                if at != leg:
                    return token
                passed += [token, mutate(token, others, random)]
                return passed[1]

            try:
                shake(client, acceptor, change)
            except AuthenticationFailed:
                continue
            if not (client.complete and acceptor.complete) or passed[0] == passed[1]:
                continue
            completed += 1
            where = (
                f"case {number}: level {level}, token {leg}: {passed[0].hex()} {passed[1].hex()}"
            )
            assert self.outcomeOf(client, acceptor) == expected[level], where
            ours, theirs = self.mechanismOf(client), self.mechanismOf(acceptor)
            assert ours.sessionKey == theirs.sessionKey != b"", where
            check(level, leg, *passed, where)
        return completed

    def outcomeOf(self, client, acceptor):
        """What both sides believe."""
        ours, theirs = self.mechanismOf(client), self.mechanismOf(acceptor)
        return (
            acceptor.principal,
            client.principal,
            acceptor.authLevel,
            ours.flags,
            theirs.flags,
            len(theirs.sessionKey),
        )


def test_kerberos(site):
    """Of Kerberos's tokens only what is listed can be changed."""

    def check(level, leg, token, mutant, where):
        assert changedInToken(leg, token, mutant) <= allowedInToken(leg), where

    accounts = Accounts()
    campaign = Campaign(
        site.initiator, lambda level: site.acceptor(level, accounts), lambda context: context
    )
    # Some are completed, or what they have changed would not have been looked at.
    assert campaign.run(check) > 0


def test_negotiated(site):
    """Negotiated, only that and what SPNEGO leaves uncovered."""

    def check(level, leg, token, mutant, where):
        changed = changedFields(leg, token, mutant)
        inner = changed & {"mechToken", "responseToken"}
        if inner and "mechTypes" not in changed:
            (name,) = inner
            decode = decodeResp if leg else decodeInit
            before, after = (getattr(decode(each), name) for each in (token, mutant))
            assert changedInToken(leg, before, after) <= allowedInToken(leg), where
        uncovered = (
            NEGOTIATION_NOT_COVERED
            if level >= RPC_C_AUTHN_LEVEL_PKT
            else NEGOTIATION_NOT_COVERED_AT_CONNECT
        )
        assert changed - inner <= uncovered, where

    def client(level):
        choices = [
            Choice(KERBEROS, lambda: site.initiator(level)),
            Choice(MS_KERBEROS, lambda: site.initiator(level)),
            Choice(NTLMSSP, lambda: ntlmInitiator(level)),
        ]
        return SPNEGOInitiator(choices, level)

    accounts = Accounts()
    campaign = Campaign(
        client,
        lambda level: site.negotiating(level, accounts),
        lambda context: context.mechanism,
    )
    # Some are completed, or what they have changed would not have been looked at.
    assert campaign.run(check) > 0


@pytest.mark.parametrize("leg", [0, 2], ids=["AP-REQ", "last AP-REP"])
def test_everyBit(site, leg):
    """Each bit of what the client sends, flipped: the same holds."""
    accounts = Accounts()
    tokens = shake(site.initiator(6), site.acceptor(6, accounts))
    for bit in range((len(tokens[leg]) - 2) * 8):
        client, acceptor = site.initiator(6), site.acceptor(6, accounts)
        passed = []

        def flip(at, token, bit=bit, passed=passed):
            if at != leg:
                return token
            changed = bytearray(token)
            changed[bit // 8] ^= 1 << bit % 8
            passed += [token, bytes(changed)]
            return passed[1]

        try:
            shake(client, acceptor, flip)
        except AuthenticationFailed:
            continue
        where = f"bit {bit}: {passed[0].hex()}"
        assert acceptor.principal == "alice@DOM.EXAMPLE", where
        assert (client.flags, client.sessionKey) == (acceptor.flags, acceptor.sessionKey), where
        assert changedInToken(leg, *passed) <= allowedInToken(leg), where


def test_everyBitFramed(site):
    """Each bit of an AP-REQ that is not in DCE style: the same, and of its frame no bit."""
    accounts = Accounts()
    _, _, request = legOf(site.client(6, FULL), b"").partition(AP_REQ_FRAMED)
    size = len(request) - 2
    for bit in range((size + len(AP_REQ_FRAMED)) * 8):
        client, acceptor = site.client(6, FULL), site.acceptor(6, accounts)
        token = legOf(client, b"")
        start = token.index(AP_REQ_FRAMED)
        changed = bytearray(token)
        changed[start + bit // 8] ^= 1 << bit % 8
        if not isinstance(answerOf(acceptor, bytes(changed)), bytes):
            continue
        assert acceptor.principal == "alice@DOM.EXAMPLE"
        start += len(AP_REQ_FRAMED)
        where = f"bit {bit}: {token.hex()}"
        assert bytes(changed[:start]) == token[:start], where
        assert changedInToken(0, token[start:], bytes(changed[start:])) <= allowedInToken(0), where
