"""
The server logs on to agents' remotesp endpoints by Kerberos, from a keytab or a cache.

Who accepts is pyspnego over MIT's library; the realm is a KDC on loopback.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("gssapi", reason="python-gssapi is missing: pip install -e '.[kerberostest]'")
pytest.importorskip("krb5", reason="krb5 is missing: pip install -e '.[kerberostest]'")

from tapiproxy.dcerpc.interface import AuthenticationFailed
from tapiproxy.dcerpc.kdcthreads import KDCThreads
from tests.assembled import assembled
from tests.dcerpc.ntlmpeers import shake
from tests.live import kdc as realms
from tests.live.demosite import sessionForAGroup
from tests.live.packets import LINEERR_OPERATIONFAILED
from tests.live.pdus import GSS_KERBEROS, GSS_NEGOTIATE, PKT_PRIVACY, accounts
from tests.live.peer import Agent
from tests.live.ports import freePort
from tests.live.securedremotesp import SecuredRemoteSP
from tests.live.server import Server

#: What the client calls itself; it has a key in the realm.
MACHINE = "PC7"
PASSWORD = "call back"

CONFIGURATION = """
[callback]
user = "{user}"
{more}
"""

LISTENER = """
[listeners.guarded]
endpoint = "tcp:{port}:interface=127.0.0.1"
minimum_level = "privacy"
[authentication]
keytab = "{keytab}"
domains = {{ DOM = "dom.example" }}
[lines.hers]
addresses = ["1000"]
users = ['DOM\\{user}']
"""

TAPIPROXY = Path(sys.executable).with_name("tapiproxy")


class Realm:
    """A server's account and a client's machine in a realm that this process uses."""

    def __init__(self, kdc, directory):
        self.user = f"tapi@{kdc.realm}"
        self.directory = directory
        kdc.addPrincipal("tapi", PASSWORD)
        kdc.addPrincipal(f"host/{MACHINE}")
        self.keytab = kdc.keytab("tapi")
        self.ccache = kdc.ccache("tapi")
        self.hostKeytab = kdc.keytab(f"host/{MACHINE}")
        self.password = directory / "password"
        self.password.touch(0o600)
        self.password.write_text(PASSWORD)

    @contextlib.contextmanager
    def server(self, name, *more, user=None):
        """A server with such lines in ``[callback]``."""
        directory = self.directory / name
        directory.mkdir()
        config = CONFIGURATION.format(user=user or self.user, more="\n".join(more))
        server = Server(directory, config=config)
        try:
            yield server.start()
            server.stop()
        finally:
            server.cleanUp()
        server.checkLog()


@pytest.fixture(scope="module")
def realm(kdc, tmp_path_factory):
    """The realm, while this process and those that it starts use it."""
    with kdc.inUse(), pytest.MonkeyPatch.context() as patch:
        made = Realm(kdc, tmp_path_factory.mktemp("kerberoscallback"))
        patch.setenv("KRB5_KTNAME", f"FILE:{made.hostKeytab}")
        yield made


@contextlib.contextmanager
def called(server, remotesp, machine=MACHINE):
    """An agent application that is called back at an endpoint, while the block runs."""
    agent = Agent(server.port, machine, remotesp=remotesp)
    try:
        yield agent
    finally:
        agent.close()


@pytest.mark.parametrize("credentials", ["keytab", "ccache"])
@pytest.mark.parametrize("authType", [GSS_NEGOTIATE, GSS_KERBEROS], ids=["negotiate", "kerberos"])
def test_exchange(realm, credentials, authType):
    """4.12 with events that the client has verified."""
    mechanism = {GSS_NEGOTIATE: "negotiate", GSS_KERBEROS: "kerberos"}[authType]
    remotesp = SecuredRemoteSP(realm.user, authType=authType)
    with (
        realm.server(
            f"{mechanism}-{credentials}",
            f'mechanism = "{mechanism}"',
            f'{credentials} = "{getattr(realm, credentials)}"',
        ) as server,
        called(server, remotesp) as agent,
    ):
        agent.establish()
        sessionForAGroup(agent)
        assert agent.clientDetach() == bytes(20)
        remotesp.waitFor("lost")
    assert remotesp.complaints == []
    assert remotesp.verified >= 3


def test_noTicket(realm):
    """A client that the realm does not know is refused, where there is nothing else to try."""
    with (
        realm.server("noticket", f'keytab = "{realm.keytab}"') as server,
        called(server, SecuredRemoteSP(realm.user), "NOWHERE") as agent,
    ):
        assert agent.clientAttach()[1] == LINEERR_OPERATIONFAILED
        server.waitForLog("no ticket for host/NOWHERE@")


def test_otherwiseNTLM(realm, tmp_path):
    """With a password besides, such a client is logged on to by NTLM."""
    remotesp = SecuredRemoteSP(realm.user)
    with (
        accounts(tmp_path, f"\\{realm.user}", PASSWORD),
        realm.server(
            "ntlm", f'keytab = "{realm.keytab}"', f'password_file = "{realm.password}"'
        ) as server,
        called(server, remotesp, "NOWHERE") as agent,
    ):
        agent.establish()
        sessionForAGroup(agent)
    assert remotesp.complaints == []


def test_silentKDC(realm, tmp_path, monkeypatch):
    """A KDC that does not answer costs half of the call-back's time, and NTLM has the rest."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
    ):
        port = silent.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        config = tmp_path / "krb5.conf"
        config.write_text(
            f"[libdefaults]\ndefault_realm = {realms.REALM}\ndns_lookup_kdc = false\n"
            f"[realms]\n{realms.REALM} = {{\nkdc = 127.0.0.1:{port}\n}}\n"
        )
        monkeypatch.setenv("KRB5_CONFIG", str(config))
        with (
            accounts(tmp_path, f"\\{realm.user}", PASSWORD),
            realm.server(
                "silent", f'keytab = "{realm.keytab}"', f'password_file = "{realm.password}"'
            ) as server,
            called(server, SecuredRemoteSP(realm.user)) as agent,
        ):
            began = time.monotonic()
            agent.establish()
            assert 1.4 < time.monotonic() - began < 3.0
            sessionForAGroup(agent)
            # Else the server ends only when the library has given up, after half a minute.
            silent.close()
            udp.close()


@pytest.mark.parametrize("authType", [GSS_NEGOTIATE, GSS_KERBEROS], ids=["negotiate", "kerberos"])
def test_handedBack(realm, tmp_path, monkeypatch, authType):
    """A client that calls itself as the server is called gets it no logon at the server."""
    monkeypatch.setattr(KDCThreads, "call", lambda self, leg, done: done(leg()))
    mechanism = {GSS_NEGOTIATE: "negotiate", GSS_KERBEROS: "kerberos"}[authType]
    # The server is what the client is elsewhere here.
    authentication = f"[authentication]\nkeytab = '{realm.hostKeytab}'\n"
    callback = CONFIGURATION.format(
        user=realm.user, more=f"mechanism = '{mechanism}'\nkeytab = '{realm.keytab}'"
    )

    def handOn(parts, other):
        authentication = other.factories[0].endpoint.authentication
        acceptor = authentication.newContext(authType, PKT_PRIVACY, "peer")
        shake(parts.callbackLogon.newContext("127.0.0.1", MACHINE), acceptor)
        return acceptor.principal

    parts = assembled(authentication + callback, tmp_path / "server")
    with pytest.raises(AuthenticationFailed):
        handOn(parts, parts)
    other = assembled(authentication, tmp_path / "other")
    assert handOn(parts, other).name == "DOM.EXAMPLE\\tapi"


@pytest.mark.parametrize("mechanism", ["negotiate", "kerberos"])
def test_agent(kdc, tmp_path, mechanism):
    """The terminal's agent logs on with the tickets of kinit, and says what it lacks."""
    principals = (f"agent-{mechanism}", "host/127.0.0.1")
    with contextlib.suppress(AssertionError):
        # The service is the same for both.
        kdc.addPrincipal(principals[1])
    kdc.addPrincipal(principals[0])
    port = freePort()
    config = LISTENER.format(port=port, keytab=kdc.keytab(principals[1]), user=principals[0])

    def lines(ccache):
        done = subprocess.run(
            [
                *(str(TAPIPROXY), "agent", "--server", f"127.0.0.1:{port}"),
                *("--mechanism", mechanism, "lines"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, "KRB5CCNAME": f"FILE:{ccache}"},
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    with kdc.inUse():
        server = Server(tmp_path, config=config, port=port)
        try:
            server.start()
            code, said = lines(kdc.ccache(principals[0]))
            assert code == 0, said
            assert "hers" in said
            code, said = lines(tmp_path / "none")
            assert code == 1
            assert "no ticket for host/127.0.0.1" in said
            server.stop()
        finally:
            server.cleanUp()
        server.checkLog()
