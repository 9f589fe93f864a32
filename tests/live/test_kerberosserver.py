"""
A server with a keytab, and clients that are not ours which log on to it by Kerberos.

pyspnego, which verifies every signature, and impacket, which has a Kerberos of its own.
"""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from impacket.dcerpc.v5 import rpcrt, transport
from impacket.uuid import uuidtup_to_bin
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.authentication import Authentication
from tapiproxy.dcerpc.server import ServerFactory
from tapiproxy.dcerpc.spnegotokens import KERBEROS
from tapiproxy.trp import idl
from tests.dcerpc.support import Calls
from tests.folders import makeFolder
from tests.live import kdc as realms
from tests.live.environment import changed
from tests.live.pdus import CONNECT, PKT_INTEGRITY, PKT_PRIVACY, Security
from tests.live.pdusclient import Faulted, PDUsClient
from tests.live.peer import PATIENCE, channelTo
from tests.live.ports import freePort
from tests.live.server import Server

pytest.importorskip("gssapi", reason="python-gssapi is missing: pip install -e '.[kerberostest]'")
pytest.importorskip("krb5", reason="krb5 is missing: pip install -e '.[kerberostest]'")

from tests.live.kerberospeers import Site, SpnegoClient

LEVELS = {"connect": 2, "packet": 4, "integrity": 5, "privacy": 6}

CONFIGURATION = """
poll_without_callback = true
{listeners}

[authentication]
keytab = "{keytab}"
{more}
domains = {{ DOM = "dom.example" }}

[handlers.acd]

[lines.hers]
addresses = ["1000"]
users = ['DOM\\alice']
"""
LISTENER = """
[listeners.{name}]
endpoint = "tcp:{port}:interface=127.0.0.1"
minimum_level = "{name}"
"""

#: What a request gets whose verifier is not taken.
RPC_S_SEC_PKG_ERROR = 0x721


class Place:
    """A server of the site."""

    def __init__(self, directory: Path, site: Site, more: str = "") -> None:
        self.ports = {name: freePort() for name in LEVELS}
        listeners = [LISTENER.format(name=name, port=port) for name, port in self.ports.items()]
        config = CONFIGURATION.format(listeners="".join(listeners), keytab=site.keytab, more=more)
        # As it is without krb5.conf: the keytab is all that a server wants.
        with changed({"KRB5_CONFIG": "/nonexistent/krb5.conf"}):
            self.server = Server(directory, config=config, port=self.ports["privacy"])
            # Its port is that of a table of the configuration.
            self.server.start()

    def client(self, level, protocol, *, headerSigning=True, service="host"):
        """pyspnego's."""
        security = SpnegoClient(LEVELS[level], protocol, service=service)
        return PDUsClient(
            channelTo(f"ncacn_ip_tcp:127.0.0.1[{self.ports[level]}]"),
            Security(security.context, security.authType, LEVELS[level]),
            headerSigning=headerSigning,
        )


@pytest.fixture(scope="module")
def place(site, tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("kerberos"), site)
    try:
        yield place
        place.server.stop()
        place.server.checkLog()
    finally:
        place.server.cleanUp()


@contextlib.contextmanager
def disconnecting(client):
    """Leave no connection behind."""
    try:
        yield client
    finally:
        client.disconnect()


def attach(client) -> int:
    """ClientAttach's result."""
    stub = client.request(0, idl.encodeClientAttach(-1, "", "PC7"))
    return idl.decodeClientAttachReply(stub, 0, len(stub)).result


def statusOf(server: Server) -> dict:
    """What ``tapiproxy status`` says."""
    command = [str(Path(sys.executable).with_name("tapiproxy")), "status", "--json"]
    done = subprocess.run(
        [*command, "--data", str(server.data)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("protocol", ["kerberos", "negotiate"])
@pytest.mark.parametrize("level", LEVELS)
def test_levels(place, level, protocol):
    """At each level, by itself and negotiated, it attaches as the user that its ticket is of."""
    with disconnecting(place.client(level, protocol)) as client:
        assert attach(client) == 0
        [shown] = statusOf(place.server)["clients"]
    assert shown["principal"] == "DOM\\alice"
    mechanism = {"kerberos": "Kerberos", "negotiate": "Negotiate (Kerberos)"}
    assert shown["mechanism"] == mechanism[protocol]


def test_unsignedHeaders(place):
    """A client that does not offer header signing is refused, and the log says what is missing."""
    client = place.client("privacy", "kerberos", headerSigning=False)
    with disconnecting(client), pytest.raises(Faulted) as caught:
        attach(client)
    assert caught.value.status == RPC_S_SEC_PKG_ERROR
    place.server.waitForLog("PFC_SUPPORT_HEADER_SIGN")
    assert "Kerberos principal 'alice@DOM.EXAMPLE' from 127.0.0.1" in place.server.log


def test_noKey(site, place):
    """A ticket for a service whose key is not in the keytab: the log names it."""
    site.kdc.admin("addprinc -randkey http/localhost")
    with pytest.raises(Faulted):
        place.client("privacy", "kerberos", service="http")
    place.server.waitForLog(
        "by Kerberos at level privacy refused: Request ticket server http/localh"
    )


def test_noUser(site, place):
    """A ticket of a principal that is no user: the log says so."""
    site.kdc.addPrincipal("host/laptop")
    cache = site.kdc.ccache("host/laptop", "host/localhost")
    with changed({"KRB5CCNAME": f"FILE:{cache}"}):
        client = place.client("privacy", "kerberos")
    with disconnecting(client), pytest.raises(Faulted):
        attach(client)
    place.server.waitForLog(
        "'host/laptop@DOM.EXAMPLE' from 127.0.0.1 is refused: this is no"
    )


def impacketTo(port, interface, authType, level):
    """impacket's client, bound, with the tickets that the environment names."""
    channel = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:127.0.0.1[{port}]")
    channel.set_connect_timeout(PATIENCE)
    # By the name that there are tickets for.
    channel.setRemoteName("localhost")
    channel.set_credentials("alice", "", "DOM.EXAMPLE")
    channel.set_kerberos(True, "127.0.0.1")
    dce = rpcrt.DCERPC_v5(channel)
    dce.set_auth_type(authType)
    dce.set_auth_level(level)
    dce.connect()
    dce.bind(uuidtup_to_bin(interface))
    return dce


def test_impacket(site, place):
    """impacket's client attaches at CONNECT; above it lacks header signing."""
    stub = idl.encodeClientAttach(-1, "", "PC7")
    tapsrv = (str(idl.TAPSRV), "1.0")
    with changed({"KRB5CCNAME": str(site.ccache)}):
        dce = impacketTo(place.ports["connect"], tapsrv, rpcrt.RPC_C_AUTHN_GSS_NEGOTIATE, CONNECT)
        dce.call(0, stub)
        answer = dce.recv()
        assert idl.decodeClientAttachReply(answer, 0, len(answer)).result == 0
        dce.disconnect()


class ImpacketTests(TestCase):
    """impacket's client where headers need no signature, as a server for tests may permit."""

    timeout = 60

    async def test_calls(self):
        """Signed and sealed calls, of one fragment and of several."""
        reason = realms.missing()
        if reason is not None:
            self.skipTest(reason)
        with realms.realm(makeFolder(self) / "kdc") as kdc, kdc.inUse():
            site = Site(kdc)
            authentication = Authentication(
                mechanisms={KERBEROS: lambda level, peer: site.acceptor(level, server=site.lenient)}
            )
            authentication = attrs.evolve(authentication, minimumLevel=PKT_INTEGRITY)
            factory = ServerFactory(reactor, [Calls().interface], authentication)
            port = reactor.listenTCP(0, factory, interface="127.0.0.1")
            try:
                with changed({"KRB5CCNAME": str(site.ccache)}):
                    for level in (PKT_INTEGRITY, PKT_PRIVACY):
                        await deferToThread(self.calls, port.getHost().port, level)
            finally:
                await port.stopListening()
                factory.stopFactory()

    def calls(self, port, level):
        interface = (str(Calls().interface.uuid), "1.0")
        dce = impacketTo(port, interface, rpcrt.RPC_C_AUTHN_GSS_NEGOTIATE, level)
        for size in (0, 1, 16, 100, 20_000):
            stub = bytes(range(256)) * (size // 256) + bytes(size % 256)
            dce.call(0, stub)
            self.assertEqual(dce.recv(), stub)
        dce.disconnect()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda keytab, other: keytab.chmod(0o640), "has mode 0640"),
        (lambda keytab, other: keytab.write_bytes(b"\5\2"), "No key table entry found"),
        (lambda keytab, other: keytab.unlink(), "No such file or directory"),
        (
            lambda keytab, other: keytab.write_bytes(other),
            "No key table entry found for host/local",
        ),
    ],
    ids=["readable by others", "empty", "missing", "of another service"],
)
def test_keytab(site, tmp_path, make, reason):
    """A keytab that is of no use, or that others can use, stops the start with the reason."""
    keytab = site.kdc.keytab("host/localhost")
    make(keytab, site.kdc.keytab("alice").read_bytes())
    config = CONFIGURATION.format(
        listeners=LISTENER.format(name="privacy", port=freePort()),
        keytab=keytab,
        more='service_principal = "host/localhost@DOM.EXAMPLE"',
    )
    server = Server(tmp_path, config=config).launch()
    assert server.wait() == 1
    [line] = [line for line in server.log.splitlines() if str(keytab) in line]
    assert "tapiproxy.toml: [authentication] the keytab" in line
    assert reason in line
