"""The initiator of Kerberos, with tickets of a real KDC, to servers of others and to ours."""

import socket
import threading

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    AuthenticationFailed,
    Fault,
)
from tapiproxy.dcerpc.kdcthreads import KDCThreads
from tapiproxy.dcerpc.spnegoinitiator import Choice, SPNEGOInitiator
from tapiproxy.dcerpc.spnegotokens import KERBEROS, NTLMSSP, decodeInit
from tests.dcerpc.ntlmpeers import (
    LEVELS,
    PROTECTING,
    answerOf,
    legOf,
    ntlmInitiator,
    shake,
    spnegoAcceptor,
)
from tests.folders import makeFolder
from tests.live.environment import changed
from tests.live.kdc import KDC, realm

pytest.importorskip("gssapi", reason="python-gssapi is missing: pip install -e '.[kerberostest]'")
pytest.importorskip("krb5", reason="krb5 is missing: pip install -e '.[kerberostest]'")

from gssapi.raw import RequirementFlag

from tapiproxy.dcerpc.kerberos import KerberosAcceptor, kerberosServer
from tapiproxy.dcerpc.kerberosinitiator import KerberosAccount, KerberosInitiator
from tests.live.kerberospeers import (
    BODY,
    FULL,
    HEAD,
    PLACES,
    TRAILER,
    Accounts,
    PyspnegoAcceptor,
    assertEachBitCounts,
)


def negotiating(initiator, *others):
    """SPNEGO with Kerberos, and what else is offered."""
    choices = [Choice(KERBEROS, lambda: initiator), *others]
    return SPNEGOInitiator(choices, initiator.authLevel)


def atOnce(leg, done):
    """Call a leg without a thread."""
    done(leg())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("protocol", ["kerberos", "negotiate"])
@pytest.mark.parametrize("ours", [False, True], ids=["pyspnego", "ours"])
def test_servers(site, level, protocol, ours):
    """It proves itself to each server at each level; both take what the other one protects."""
    client = site.initiator(level)
    if protocol == "negotiate":
        client = negotiating(client)
    with changed({"KRB5_KTNAME": f"FILE:{site.keytab}"}):
        if ours:
            accept = site.acceptor if protocol == "kerberos" else site.negotiating
            acceptor = accept(level)
        else:
            acceptor = PyspnegoAcceptor(protocol)
            acceptor.authLevel = level
        shake(client, acceptor)
    assert client.complete
    assert acceptor.complete
    assert client.principal == "host/localhost"
    if level not in PROTECTING:
        return
    assert client.needsHeaderSigning
    for sender, taker in ((client, acceptor), (acceptor, client), (client, acceptor)):
        sent, token = sender.protect(HEAD, BODY, TRAILER, True)
        assert len(token) == client.tokenSize
        assert taker.unprotect(HEAD, sent, TRAILER, token, True) == BODY
    with pytest.raises(Fault):
        client.protect(HEAD, BODY, TRAILER, False)


def test_sameKey(site):
    """Both sides know the same key and the same flags."""
    client, acceptor = site.initiator(6), site.acceptor(6)
    assert client.principal is None
    shake(client, acceptor)
    assert client.sessionKey == acceptor.sessionKey != b""
    assert client.flags == acceptor.flags
    assert client.flags & int(FULL) == int(FULL)


@pytest.mark.parametrize("level", LEVELS)
def test_confidentiality(site, level):
    """It is claimed where requests are sealed, and nowhere else."""
    client, acceptor = site.initiator(level), site.acceptor(level)
    shake(client, acceptor)
    claimed = acceptor.flags & int(RequirementFlag.confidentiality)
    assert bool(claimed) == (level == RPC_C_AUTHN_LEVEL_PKT_PRIVACY)


@pytest.mark.parametrize("level", PROTECTING)
@pytest.mark.parametrize("place", range(4), ids=PLACES)
def test_flippedBits(site, level, place):
    """One bit of a response flipped, whichever: it is refused."""
    taker, sender = site.initiator(level), site.acceptor(level)
    shake(taker, sender)
    assertEachBitCounts(sender, taker, place)


def test_everyBitOfTheAnswer(site):
    """A server's AP-REP of which a bit was changed proves nothing."""
    token = legOf(site.initiator(6), b"")
    answer = legOf(site.acceptor(6), token)
    # msg-type, RFC 4120 5.5.2: the tag before it has said the same, and alone is looked at.
    msgType = answer.index(bytes.fromhex("a10302010f")) + 4
    accepted = set()
    # Their lengths differ by an octet, as the numbers in them do.
    for bit in range((len(answer) - 2) * 8):
        client = site.initiator(6)
        changed = bytearray(legOf(site.acceptor(6), legOf(client, b"")))
        changed[bit // 8] ^= 1 << bit % 8
        if isinstance(answerOf(client, bytes(changed)), bytes):
            accepted.add(bit // 8)
    assert accepted <= {msgType}


def test_wrongServer(site):
    """A server that has the keys of another is none, and an AP-REP of another logon is not its."""
    one, other = site.initiator(6), site.initiator(6)
    legOf(one, b"")
    answer = legOf(site.acceptor(6), legOf(other, b""))
    assert isinstance(answerOf(one, answer), AuthenticationFailed)
    assert "too many" in str(answerOf(one, answer))
    assert one.principal is None


def test_noTicket(site, tmp_path):
    """Without ticket it cannot begin, and says whose was wanted and why there is none."""
    good = KerberosAccount(principal="", ccache=f"FILE:{site.ccache}")
    for account, target, why in (
        (good, "host/nobody@DOM.EXAMPLE", "not found in Kerberos database"),
        (good, "host/a@b@c", "Malformed"),
        (KerberosAccount(principal="", ccache=f"FILE:{tmp_path}/none"), "host/localhost", "cache"),
        (
            KerberosAccount(principal="bob@DOM.EXAMPLE", keytab=str(site.keytab)),
            "host/localhost",
            "bob@DOM.EXAMPLE",
        ),
        (
            KerberosAccount(principal="alice@NOWHERE.EXAMPLE", keytab=str(site.keytab)),
            "host/localhost",
            "NOWHERE.EXAMPLE",
        ),
    ):
        client = KerberosInitiator(account, atOnce, 6, target)
        failure = answerOf(client, b"")
        assert isinstance(failure, AuthenticationFailed)
        assert f"no ticket for {target}" in str(failure)
        assert why in str(failure)


def test_otherMechanism(site):
    """Where there is no ticket, SPNEGO offers what else there is."""
    account = KerberosAccount(principal="", ccache=f"FILE:{site.ccache}")
    client = negotiating(
        KerberosInitiator(account, atOnce, 6, "host/nobody@DOM.EXAMPLE"),
        Choice(NTLMSSP, lambda: ntlmInitiator(6)),
    )
    acceptor = spnegoAcceptor(6)
    tokens = shake(client, acceptor)
    assert decodeInit(tokens[0]).mechTypes == (NTLMSSP,)
    assert acceptor.principal == "DOM\\alice"


def test_own(tmp_path):
    """With a keytab it fetches tickets by itself, once; the last leg needs no KDC."""
    with realm(tmp_path / "kdc") as kdc, kdc.inUse():
        account = KerberosAccount(principal="alice@DOM.EXAMPLE", keytab=str(kdc.keytab("alice")))
        server = kerberosServer(str(kdc.keytab("host/localhost")))
        said = []
        for _ in range(2):
            client = KerberosInitiator(account, atOnce, 6, "host/localhost")
            acceptor = KerberosAcceptor(server, Accounts(), 6)
            shake(client, acceptor)
            assert acceptor.principal == "alice@DOM.EXAMPLE"
            assert client.principal == "host/localhost@DOM.EXAMPLE"
            said.append(kdc.log)
        assert said[0] == said[1]
        client = KerberosInitiator(account, atOnce, 6, "host/localhost")
        acceptor = KerberosAcceptor(server, Accounts(), 6)
        kdc.stop()
        shake(client, acceptor)
        assert client.complete


def test_threads(site, tmp_path):
    """Accounts that log on at one time, in threads, each get what is theirs."""
    outcomes = []
    keys = site.kdc.keytab("alice").read_bytes()
    for number in range(100):
        # Each has no tickets yet.
        keytab = tmp_path / f"{number}.keytab"
        keytab.write_bytes(keys)
        account = KerberosAccount(principal="alice@DOM.EXAMPLE", keytab=str(keytab))
        together = threading.Barrier(6)

        def logOn(account=account, together=together):
            together.wait(10)
            client = site.initiator(6, account)
            client.step(b"", outcomes.append)

        threads = [threading.Thread(target=logOn) for _ in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert len(outcomes) == 600
    assert [str(each) for each in outcomes if not isinstance(each, bytes)] == []


class SilentKDCTests(TestCase):
    """A KDC that takes questions and answers none."""

    timeout = 30

    async def test_deadline(self):
        """The reactor goes on, and the logon ends in time with what is known."""
        folder = makeFolder(self)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as hole:
            hole.bind(("127.0.0.1", 0))
            hole.listen()
            datagrams.bind(hole.getsockname())
            kdc = KDC(folder / "kdc")
            try:
                kdc.start()
                account = KerberosAccount(
                    principal="alice@DOM.EXAMPLE", keytab=str(self.keytabOf(kdc, "alice"))
                )
            finally:
                kdc.stop()
            text = kdc.configFile.read_text()
            port = hole.getsockname()[1]
            kdc.configFile.write_text(text.replace(f":{kdc.port}", f":{port}"))
            with kdc.inUse():
                threads = KDCThreads(reactor, 0.5)
                client = KerberosInitiator(account, threads.call, 6, "host/localhost")
                outcome = Deferred()
                turns = []
                ticking = LoopingCall(lambda: turns.append(None))
                ticking.start(0.05)
                client.step(b"", outcome.callback)
                failure = await outcome
                ticking.stop()
        self.assertIsInstance(failure, AuthenticationFailed)
        self.assertIn("no answer of a KDC within 0.5 seconds", str(failure))
        self.assertGreater(len(turns), 3)
        # The thread goes on until its sockets are gone, as they are now.
        while threads._legs:
            await deferLater(reactor, 0.05)

    def keytabOf(self, kdc, name):
        kdc.addPrincipal(name)
        return kdc.keytab(name)
