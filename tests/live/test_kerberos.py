"""The acceptor of Kerberos, with tickets of a real KDC and clients that are not ours."""

import contextlib
import os

import pytest

from tapiproxy.dcerpc.interface import RPC_S_SEC_PKG_ERROR, AuthenticationFailed, Fault
from tapiproxy.dcerpc.spnegotokens import KERBEROS
from tests.dcerpc.ntlmpeers import LEVELS, PROTECTING, answerOf, legOf, shake
from tests.live.environment import changed
from tests.live.kdc import realm

pytest.importorskip("gssapi", reason="python-gssapi is missing: pip install -e '.[kerberostest]'")
pytest.importorskip("krb5", reason="krb5 is missing: pip install -e '.[kerberostest]'")

from tapiproxy.dcerpc.kerberos import (  # after the skips, as all below
    KerberosAcceptor,
    KeytabError,
    kerberosServer,
)
from tapiproxy.dcerpc.kerberoscontext import requiredFlags
from tests.live.kerberospeers import (
    BODY,
    DCE,
    FULL,
    HEAD,
    PLACES,
    TRAILER,
    Accounts,
    GSSClient,
    SpnegoClient,
    assertEachBitCounts,
    framed,
)

CLIENTS = {
    "python-gssapi": lambda site, level: site.client(level),
    "python-gssapi, not in DCE style": lambda site, level: site.client(level, FULL),
    "pyspnego": lambda site, level: SpnegoClient(level, "kerberos"),
    "pyspnego, not in DCE style": lambda site, level: SpnegoClient(level, "kerberos", False),
    "pyspnego, negotiating": lambda site, level: SpnegoClient(level, "negotiate"),
    "pyspnego, negotiating, not in DCE style": lambda site, level: SpnegoClient(
        level, "negotiate", False
    ),
}


def refusal(client, acceptor):
    """Why a handshake fails."""
    with pytest.raises(AuthenticationFailed) as caught:
        shake(client, acceptor)
    assert not acceptor.complete
    assert acceptor.principal is None
    return str(caught.value)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("make", CLIENTS.values(), ids=CLIENTS)
def test_clients(site, make, level):
    """Each client logs on at each level; both sides take what the other one protects."""
    for headerSigning in (True, False):
        client, accounts = make(site, level), Accounts()
        server = site.server if headerSigning else site.lenient
        accept = site.acceptor if client.authType == 16 else site.negotiating
        acceptor = accept(level, accounts, server)
        shake(client, acceptor)
        assert client.complete
        assert acceptor.complete
        assert acceptor.principal == "alice@DOM.EXAMPLE"
        assert accounts.failures == 0
        if level not in PROTECTING:
            continue
        for sender, taker in ((client, acceptor), (acceptor, client), (client, acceptor)):
            sent, token = sender.protect(HEAD, BODY, TRAILER, headerSigning)
            assert len(token) == acceptor.tokenSize
            assert (sent == BODY) == (level < 6)
            assert taker.unprotect(HEAD, sent, TRAILER, token, headerSigning) == BODY


@pytest.mark.parametrize("level", PROTECTING)
def test_unsignedHeaders(site, level):
    """Requests without header signing are refused with the reason, unless that is permitted."""
    client, accounts = site.client(level), Accounts()
    acceptor = site.acceptor(level, accounts)
    shake(client, acceptor)
    sent, token = client.protect(HEAD, BODY, TRAILER, False)
    with pytest.raises(Fault, match="fault 0x00000721"):
        acceptor.unprotect(HEAD, sent, TRAILER, token, False)
    [(name, why)] = accounts.refusals
    assert name == "alice@DOM.EXAMPLE"
    assert "PFC_SUPPORT_HEADER_SIGN" in why
    with pytest.raises(Fault):
        acceptor.protect(HEAD, BODY, TRAILER, False)


@pytest.mark.parametrize("level", PROTECTING)
@pytest.mark.parametrize("place", range(4), ids=PLACES)
def test_flippedBits(site, level, place):
    """One bit of a PDU flipped, whichever: it is refused, and nothing else happens."""
    sender, taker = site.client(level), site.acceptor(level)
    shake(sender, taker)
    assertEachBitCounts(sender, taker, place)


@pytest.mark.parametrize("level", PROTECTING)
def test_order(site, level):
    """A PDU that comes twice, late or too early is refused."""
    for order in ((0, 0), (1,), (0, 2), (1, 0)):
        client, acceptor = site.client(level), site.acceptor(level)
        shake(client, acceptor)
        sent = {number: client.protect(HEAD, BODY, TRAILER, True) for number in range(3)}
        *before, last = [(HEAD, body, TRAILER, token) for body, token in map(sent.get, order)]
        for parts in before:
            with contextlib.suppress(Fault):
                acceptor.unprotect(*parts, True)
        with pytest.raises(Fault):
            acceptor.unprotect(*last, True)


@pytest.mark.parametrize("level", PROTECTING)
def test_lengths(site, level):
    """Bodies and tokens of other lengths are refused; an empty body is one like any."""
    client, acceptor = site.client(level), site.acceptor(level)
    shake(client, acceptor)
    body, token = client.protect(HEAD, b"", TRAILER, True)
    assert acceptor.unprotect(HEAD, body, TRAILER, token, True) == b""
    for shorter in (b"", b"\0", b"\5\4", bytes(15), bytes(16), bytes(200)):
        body, token = client.protect(HEAD, BODY, TRAILER, True)
        for parts in ((body, shorter), (shorter, token), (shorter, shorter)):
            with pytest.raises(Fault):
                acceptor.unprotect(HEAD, parts[0], TRAILER, parts[1], True)


def test_sealing(site):
    """At PKT_PRIVACY what is signed but not sealed is refused."""
    client, acceptor = site.client(6), site.acceptor(6)
    shake(client, acceptor)
    client.authLevel = 5
    body, token = client.protect(HEAD, BODY, TRAILER, True)
    with pytest.raises(Fault):
        acceptor.unprotect(HEAD, body, TRAILER, token, True)


@pytest.mark.parametrize("level", LEVELS)
def test_flags(site, level):
    """A client that leaves out a flag that its level wants can make no call; at CONNECT any can."""
    wanted = {2: 0, 4: 0x2E, 5: 0x2E, 6: 0x3E}[level]
    assert requiredFlags(level) == wanted
    # MIT's clients say in any case that they can sign and seal; in DCE style all are mutual.
    for flag in (0x02, 0x04, 0x08):
        client, acceptor = site.client(level, int(FULL) & ~flag), site.acceptor(level)
        if wanted & flag and level == 6:
            assert "too weak for level" in refusal(client, acceptor)
        elif wanted & flag:
            shake(client, acceptor)
            assert (acceptor.complete, acceptor.integrity) == (True, False)
            body, token = client.protect(HEAD, BODY, TRAILER, True)
            with pytest.raises(Fault) as refused:
                acceptor.unprotect(HEAD, body, TRAILER, token, True)
            assert refused.value.status == RPC_S_SEC_PKG_ERROR
        else:
            shake(client, acceptor)
            assert acceptor.complete


def test_framed(site):
    """A frame around a token in DCE style, as of impacket, is taken off; one more is not."""
    client, acceptor = site.client(6), site.acceptor(6)
    shake(client, acceptor, lambda leg, token: framed(token) if leg == 0 else token)
    assert acceptor.complete
    for change in (lambda t: framed(framed(t)), lambda t: framed(t)[:20], lambda t: framed(b"")):
        accounts = Accounts()
        refused = answerOf(site.acceptor(6, accounts), change(legOf(site.client(6), b"")))
        assert isinstance(refused, AuthenticationFailed)
        assert accounts.failures == 1


@pytest.mark.parametrize("flags", [DCE, FULL], ids=["DCE style", "not"])
@pytest.mark.parametrize("frame", [True, False], ids=["framed", "as it is"])
def test_replay(site, flags, frame):
    """An AP-REQ that was taken is not taken again, by no acceptor of this host."""
    token = legOf(site.client(6, flags), b"")
    if frame and flags == DCE:
        token = framed(token)
    legOf(site.acceptor(6), token)
    again = kerberosServer(str(site.keytab), permitUnsignedHeaders=True)
    for server in (site.server, again):
        accounts = Accounts()
        assert "is a replay" in str(answerOf(site.acceptor(6, accounts, server), token))
        assert accounts.failures == 1


def test_expired(site):
    """A ticket that has expired, beyond what clocks may differ, is refused."""
    accounts = Accounts()
    with changed({"KRB5_CONFIG": str(site.strict)}):
        why = refusal(GSSClient(site.outlived(), 6), site.acceptor(6, accounts))
    assert why == "Ticket expired"
    assert accounts.failures == 1


@pytest.mark.parametrize("seconds", [-400, -200, 200, 400])
def test_clock(site, seconds):
    """A client's clock may differ by 300 seconds, as MIT has it."""
    accounts = Accounts()
    token = legOf(GSSClient(site.skewed(seconds), 6), b"")
    outcome = answerOf(site.acceptor(6, accounts), token)
    if abs(seconds) < 300:
        assert isinstance(outcome, bytes)
    else:
        assert str(outcome) == "Clock skew too great"
        assert accounts.failures == 1


def test_keys(site):
    """A ticket for a service without key here, of an old key or of another service, is refused."""
    kdc = site.kdc
    kdc.admin(*(f"addprinc -randkey host/{name}" for name in ("other", "changed")))
    other, old = kdc.keytab("host/other"), kdc.keytab("host/changed")
    kdc.admin("cpw -randkey host/changed")
    both = kdc.keytab("host/localhost", "host/other")
    for keytab, service, ticket in (
        (other, None, "host/localhost"),
        (old, None, "host/changed"),
        (both, "host/localhost@DOM.EXAMPLE", "host/other"),
    ):
        server, accounts = kerberosServer(str(keytab), service), Accounts()
        client = GSSClient(site.ccache, 6, service=ticket)
        why = refusal(client, site.acceptor(6, accounts, server))
        assert ticket in why, why
        assert accounts.failures == 1
    for service in (None, "host/other@DOM.EXAMPLE"):
        server = kerberosServer(str(both), service)
        acceptor = site.acceptor(6, server=server)
        shake(GSSClient(site.ccache, 6, service="host/other"), acceptor)
        assert acceptor.complete


def test_weakKeys(tmp_path):
    """A session key of RC4 is refused, although the realm has it."""
    weak = "aes256-cts:normal arcfour-hmac:normal"
    defaults = """allow_weak_crypto = true
    allow_rc4 = true
    permitted_enctypes = aes256-cts arcfour-hmac"""
    with realm(tmp_path / "kdc", enctypes=weak, defaults=defaults) as kdc:
        only = tmp_path / "rc4.conf"
        text = kdc.configFile.read_text()
        only.write_text(text.replace("= aes256-cts arcfour-hmac\n", "= arcfour-hmac\n"))
        # A service's keys limit those of its sessions, unless this says more.
        for name in ("krbtgt/DOM.EXAMPLE", "host/localhost"):
            kdc.admin(f"setstr {name} session_enctypes aes256-cts,arcfour-hmac")
        with kdc.inUse():
            keytab = kdc.keytab("host/localhost")
            server = kerberosServer(str(keytab))
            kdc.environment["KRB5_CONFIG"] = str(only)
            with kdc.inUse():
                client = GSSClient(kdc.ccache("alice"), 6)
                token = legOf(client, b"")
            acceptor = KerberosAcceptor(server, Accounts(), 6)
            answer = legOf(acceptor, token)
            failure = answerOf(acceptor, legOf(client, answer))
            assert "encryption type 23" in str(failure)
            assert not acceptor.complete


def test_unknown(site):
    """Whoever is let in by the KDC and by nobody here is refused."""
    accounts = Accounts()
    accounts.known = False
    assert "no principal" in refusal(site.client(6), site.acceptor(6, accounts))
    assert accounts.failures == 0


def test_tooManyFailures(site):
    """Where no logon may be tried, no ticket is looked at: it is good for the next one."""
    accounts = Accounts()
    accounts.open = False
    token = legOf(site.client(6), b"")
    assert "too many failed logons" in str(answerOf(site.acceptor(6, accounts), token))
    accounts.open = True
    assert isinstance(answerOf(site.acceptor(6, accounts), token), bytes)


def test_legs(site):
    """After its end, good or bad, a handshake takes no more."""
    client, acceptor = site.client(6), site.acceptor(6)
    shake(client, acceptor)
    assert "too many" in str(answerOf(acceptor, b"x"))
    acceptor = site.acceptor(6)
    answerOf(acceptor, b"x")
    assert "too many" in str(answerOf(acceptor, legOf(site.client(6), b"")))


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"x",
        b"`\x03\x06\x01\x01",
        b"NTLMSSP\0\1\0\0\0" + bytes(30),
        # SPNEGO, which only SPNEGO's own acceptor takes
        bytes.fromhex("602806062b0601050502a01e301ca01a3018060a2b06010401823702020a"),
        bytes(5000),
        b"n" * 5000,
    ],
    ids=lambda token: token[:8].hex(),
)
def test_noToken(site, token):
    """What is no token is refused, and counted."""
    accounts = Accounts()
    assert isinstance(answerOf(site.acceptor(6, accounts), token), AuthenticationFailed)
    assert accounts.failures == 1


def test_otherMessage(site):
    """A frame around something else than an AP-REQ is refused, and counted."""
    accounts = Accounts()
    token = legOf(site.client(6, FULL), b"").replace(
        KERBEROS + b"\x01\x00", KERBEROS + b"\x02\x00", 1
    )
    assert str(answerOf(site.acceptor(6, accounts), token)) == "no AP-REQ"
    assert accounts.failures == 1


def test_reasons(site):
    """A reason may quote a name of the client's choice, but nothing that is no text."""
    site.kdc.addPrincipal("host/reasons")
    server = kerberosServer(str(site.kdc.keytab("host/reasons")))
    for name in (b"local\xffost", b"loc\x1b\n\0ost"):
        token = legOf(site.client(6), b"").replace(b"localhost", name)
        failure = answerOf(site.acceptor(6, server=server), token)
        assert isinstance(failure, AuthenticationFailed)
        assert str(failure).isprintable()


def test_names(site):
    """A principal is handed on as Kerberos writes it, whatever it is of; without PAC no groups."""
    kdc = site.kdc
    for name, written in (
        ("host/pc", "host/pc@DOM.EXAMPLE"),
        ("Upper", "Upper@DOM.EXAMPLE"),
        ("pc$", "pc$@DOM.EXAMPLE"),
        (r"at\@sign", r"at\@sign@DOM.EXAMPLE"),
    ):
        kdc.admin(f"addprinc -randkey {name}")
        accounts = Accounts()
        shake(GSSClient(kdc.ccache(name), 6), site.acceptor(6, accounts))
        [logon] = accounts.logons
        assert logon.name == written
        assert logon.logonInformation is None


def test_otherRealm(tmp_path):
    """A client of a realm that is trusted comes with its own realm's name."""
    here = realm(tmp_path / "here")
    there = realm(tmp_path / "there", realm="THERE.EXAMPLE")
    with here as kdc, there as other:
        secret = os.urandom(16).hex()
        for each in (kdc, other):
            each.addPrincipal("krbtgt/DOM.EXAMPLE@THERE.EXAMPLE", secret)
        joined = kdc.configFile.read_text().replace(
            "[realms]\n",
            f"[realms]\n    THERE.EXAMPLE = {{\n        kdc = 127.0.0.1:{other.port}\n    }}\n",
        )
        kdc.configFile.write_text(joined)
        cache = other.ccache("alice")
        with kdc.inUse():
            server = kerberosServer(str(kdc.keytab("host/localhost")))
            accounts = Accounts()
            acceptor = KerberosAcceptor(server, accounts, 6)
            shake(GSSClient(cache, 6, service="host/localhost@DOM.EXAMPLE"), acceptor)
            assert acceptor.principal == "alice@THERE.EXAMPLE"


def test_keytab(site, tmp_path):
    """A keytab that is none, is empty or has no key of the service is said to be so."""
    empty = tmp_path / "empty"
    empty.write_bytes(b"\5\2")
    broken = tmp_path / "broken"
    broken.write_bytes(b"\5\2\xff\xff\xff\xff" + bytes(40))
    for file in (tmp_path / "nowhere", empty, broken, tmp_path):
        with pytest.raises(KeytabError, match="nonexistent or empty"):
            kerberosServer(str(file))
    with pytest.raises(KeytabError, match="No key table entry found for host/nobody"):
        kerberosServer(str(site.keytab), "host/nobody@DOM.EXAMPLE")
    with pytest.raises(KeytabError):
        kerberosServer(str(site.keytab), "host/a@b@c")
