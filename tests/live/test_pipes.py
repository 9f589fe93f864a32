"""
``\\pipe\\tapsrv`` through Samba's smbd: who is let in by the pipe alone, and by RPC inside of it.

alice and bob are smbd's users; the users file knows both, alice with another password.
"""

import contextlib
import os
import re
import socket
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import demosite, sambaclient
from tests.live import smbd as samba
from tests.live.clients import completeTheExchange
from tests.live.domaincontroller import DOMAIN, REALM
from tests.live.environment import changed
from tests.live.membersmbd import MemberSmbd
from tests.live.packets import GetDevCaps, GetID, VarData, sizedText
from tests.live.peer import (
    PATIENCE,
    TAPSRV,
    Agent,
    ImpacketClient,
    faultStatus,
    impacketUUID,
    rpcrt,
    transport,
)
from tests.live.ports import freePort
from tests.live.sambaclient import Samba, SambaClient
from tests.live.server import Server

smbconnection = pytest.importorskip("impacket.smbconnection", reason="impacket is not installed")

#: What the users file has for TAPISRV\\alice, and smbd has not.
RPC_PASSWORD = "secret"

SMB2_1 = 0x0210
SMB2_SESSION_FLAG_ENCRYPT_DATA = 4

ERROR_ACCESS_DENIED = 5
STATUS_CONNECTION_DISCONNECTED = 0xC000020C

CONFIGURATION = (
    """
[listeners.watched]
endpoint = "tcp:{port}:interface=127.0.0.1"

[listeners.pipe]
endpoint = "np:{pipe}"
{options}

[authentication]
users_file = "{users}"

[limits]
handshake = 2

"""
    + demosite.CONFIGURATION
    + "{lines}"
)

LINES = """
[lines.hers]
addresses = ["1000"]
handler = "acd"
users = ['TAPISRV\\alice']

[lines.theirs]
addresses = ["1001"]
handler = "acd"
groups = ["Staff"]

[lines.everybodys]
addresses = ["1002"]
handler = "acd"
groups = ["S-1-5-11"]
"""


class Place:
    """
    An smbd, and a server of its pipe.

    :param options: further lines of the pipe's listener.
    :param pipe: what follows np: in its endpoint.
    :param kind: what server it is.
    :param lines: which lines it has.
    """

    def __init__(self, smbd, directory, options, pipe, kind, lines) -> None:
        self.smbd = smbd
        self.users = users = directory / "users"
        users.touch(0o600)
        # The NT hashes of RPC_PASSWORD and of smbd's password.
        users.write_text(
            "user TAPISRV\\alice:878d8014606cda29677a44efa1353fc7\n"
            "user TAPISRV\\bob:fc525c9683e8fe067095ba2ddc971889\n"
            "group Staff:TAPISRV\\bob\n"
        )
        port = freePort()
        config = CONFIGURATION.format(
            port=port, pipe=pipe, options=options, users=users, lines=lines
        )
        self.server = kind(directory, config=config, port=port)

    def client(self, user="alice", password=samba.PASSWORD, dialect=None, secure=None, domain=""):
        """impacket's client, bound to tapsrv."""

        channels = []

        def prepare(dce):
            channel = dce.get_rpc_transport()
            channels.append(channel)
            channel.set_credentials(user, password, domain)
            channel.set_dport(self.smbd.port)
            if dialect is not None:
                channel.preferred_dialect(dialect)
            if secure is not None:
                secure(dce)

        try:
            return ImpacketClient(r"ncacn_np:127.0.0.1[\pipe\tapsrv]", prepare)
        except BaseException:
            # impacket leaves its socket to the garbage collector.
            session = channels[0].get_smb_connection()
            if session:
                session.close()
            raise


@contextlib.contextmanager
def serving(smbd, directory, options, pipe=None, kind=Server, lines=LINES) -> Iterator[Place]:
    """A server behind an smbd while the block runs; its log is looked at."""
    found = Place(smbd, directory, options, pipe or smbd.pipe(), kind, lines)
    try:
        found.server.start()
        yield found
        if found.server.running():
            found.server.stop()
    finally:
        found.server.cleanUp()
    found.server.checkLog()


@contextlib.contextmanager
def place(directory, options, settings=samba.RESTRICTED, **more) -> Iterator[Place]:
    """Both while the block runs, or the test is skipped."""
    reason = samba.missing()
    if reason:
        pytest.skip(reason)
    with (
        samba.running(settings) as smbd,
        serving(smbd, directory, options, **more) as found,
    ):
        yield found


@pytest.fixture(scope="module")
def byPipe(tmp_path_factory):
    """A server that takes the pipe's identity, where it is encrypted."""
    with place(tmp_path_factory.mktemp("pipe"), 'identity = "pipe"') as found:
        yield found


@pytest.fixture(scope="module")
def byAnyPipe(tmp_path_factory):
    """The same, encrypted or not."""
    options = 'identity = "pipe"\nminimum_level = "connect"'
    with place(tmp_path_factory.mktemp("any"), options) as found:
        yield found


@pytest.fixture(scope="module")
def byRPC(tmp_path_factory):
    """A server that takes none but RPC's."""
    with place(tmp_path_factory.mktemp("rpc"), "") as found:
        yield found


@contextlib.contextmanager
def attached(client) -> Iterator[Agent]:
    """An agent application over a client, ended when the block ends."""
    agent = Agent(0, client=client)
    try:
        yield agent
    finally:
        agent.close()
    assert not agent.remotesp.complaints


def byItself(dce) -> None:
    """The strongest that RPC has, logged on as alice by what the users file has of her."""
    dce.set_credentials("alice", RPC_PASSWORD, samba.DOMAIN)
    dce.set_auth_type(rpcrt.RPC_C_AUTHN_WINNT)
    dce.set_auth_level(rpcrt.RPC_C_AUTHN_LEVEL_PKT_PRIVACY)


def denied(client) -> bool:
    """Whether a client is bound, and its first call denied."""
    with attached(client) as agent:
        try:
            agent.clientAttach()
        except rpcrt.DCERPCException as error:
            return faultStatus(error) == ERROR_ACCESS_DENIED
    return False


def lines(client) -> list[str]:
    """Which lines there are for a client."""
    with attached(client) as agent:
        assert agent.clientAttach()[1] == 0
        found = []
        for device in range(agent.initialize().args[4]):
            caps = agent.must(GetDevCaps, agent.hLineApp, device, 0x00030000, 0, 1024, room=1024)
            found.append(sizedText(caps.struct(caps.args[4]), 32))
        return found


def longStub(agent: Agent) -> None:
    """A request of 20,000 octets and more, and an answer to it."""
    area = VarData()
    area.add(bytes(20000))
    deviceClass = area.text("tapi/line")
    device = agent.must(GetID, agent.hLine, 0, 0, 1, 64, deviceClass, varData=area.data, room=20000)
    assert struct.unpack_from("<I", device.struct(device.args[4]), 24) == (0,), "device 0"


# Let in.


def test_exchange(byPipe):
    """4.12 with nothing but the identity of an encrypted pipe; the call-back comes by TCP."""
    with attached(byPipe.client()) as agent:
        completeTheExchange(agent)


def test_identity(byPipe):
    """Each user sees his own lines: by his name, by a group of the users file, by a SID."""
    assert lines(byPipe.client("alice")) == ["hers", "everybodys"]
    assert lines(byPipe.client("bob")) == ["theirs", "everybodys"]


def test_fragments(byPipe):
    """Requests of many fragments pass, one PDU to a message and not."""
    with attached(byPipe.client()) as agent:
        agent.establish()
        longStub(agent)


def test_sealedExchange(byRPC):
    """4.12 sealed by RPC, where the pipe's identity counts for nothing."""
    with attached(byRPC.client("bob", secure=byItself)) as agent:
        completeTheExchange(agent)


def test_sealedFragments(byRPC):
    """The same of sealed fragments."""
    with attached(byRPC.client("bob", secure=byItself)) as agent:
        agent.establish()
        longStub(agent)


def test_sealedInPipe(byPipe):
    """Who logs on by RPC is that one, whoever has opened the pipe."""
    assert lines(byPipe.client("bob", secure=byItself)) == ["hers"]


def sambaClient(place: Place, program: Samba, security: str, user="bob", password=None):
    """Samba's own client, bound to tapsrv."""
    binding = rf"ncacn_np:127.0.0.1[\pipe\tapsrv{security}]"
    return SambaClient(program, binding, user, samba.DOMAIN, password or samba.PASSWORD)


@contextlib.contextmanager
def sambaProgram(place: Place, *options: str) -> Iterator[Samba]:
    """Its process, while the block runs."""
    reason = sambaclient.missing()
    if reason:
        pytest.skip(reason)
    program = Samba(f"smb ports={place.smbd.port}", *options)
    try:
        yield program
    finally:
        program.end()


@pytest.mark.parametrize("security", ["", ",seal,ntlm", ",seal,spnego"])
def test_sambaClient(byPipe, security):
    """Samba's own client completes 4.12, which transacts where impacket writes and reads."""
    with (
        sambaProgram(byPipe, "client smb encrypt=required") as program,
        attached(sambaClient(byPipe, program, security)) as agent,
    ):
        completeTheExchange(agent)


@pytest.mark.parametrize("security", ["", ",packet,ntlm", ",sign,ntlm", ",seal,spnego"])
def test_notEncrypted(byAnyPipe, security):
    """Where the listener takes less, it does without encryption, and at each level of RPC."""
    with (
        sambaProgram(byAnyPipe, "client smb encrypt=off") as program,
        attached(sambaClient(byAnyPipe, program, security)) as agent,
    ):
        completeTheExchange(agent)


def test_oldDialect(byAnyPipe):
    """An SMB 2.1 client's identity is taken too where the listener takes less."""
    assert lines(byAnyPipe.client(dialect=SMB2_1)) == ["hers", "everybodys"]


#: By a name of the domain, and by the SIDs of two of its groups.
DOMAIN_LINES = """
[lines.hers]
addresses = ["1000"]
users = ['CORP\\alice']

[lines.sales]
addresses = ["1001"]
groups = ["{Sales}"]

[lines.company]
addresses = ["1002"]
groups = ["{Company}"]
"""


def test_domain(domainController, domainMember, tmp_path):
    """Behind the smbd of a member, users of the domain have its name and the SIDs of its groups."""
    sids = {name: domainMember.sidOf(name) for name in ("Sales", "Company")}
    with tempfile.TemporaryDirectory(prefix="smbd-") as directory:
        smbd = MemberSmbd(Path(directory), domainMember, ("alice", "bob"))
        try:
            smbd.start()
            with serving(
                smbd, tmp_path, 'identity = "pipe"', lines=DOMAIN_LINES.format(**sids)
            ) as found:
                with attached(found.client("alice", domain=DOMAIN)) as agent:
                    completeTheExchange(agent)
                # Company's member is Sales, whose member is she.
                assert lines(found.client("alice", domain=DOMAIN)) == ["hers", "sales", "company"]
                assert lines(found.client("bob", domain=DOMAIN)) == []

                name = socket.gethostname().partition(".")[0].upper()
                ticket = domainController.ccache("alice", f"cifs/{name}")

                def byTicket(dce):
                    channel = dce.get_rpc_transport()
                    # The name of the host that there are tickets for.
                    channel.setRemoteName(name)
                    channel.set_credentials("alice", "", REALM)
                    channel.set_kerberos(True, domainController.address)

                with changed({"KRB5CCNAME": str(ticket)}):
                    client = found.client(secure=byTicket)
                assert lines(client) == ["hers", "sales", "company"]
        finally:
            smbd.stop()


def test_asDocumented(tmp_path):
    """The documentation's smb.conf, listener and exchange work together; without SMB3 nothing."""
    text = (Path(__file__).parents[2] / "docs" / "named-pipes.md").read_text("utf-8")
    [settings] = re.findall(r"^\[global\]\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    [options] = re.findall(r"^\[listeners.pipe\]\n[^\n]*\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    with place(tmp_path, options, tuple(settings.splitlines())) as found:
        with attached(found.client()) as agent:
            completeTheExchange(agent)
        with pytest.raises(smbconnection.SessionError, match="STATUS_ACCESS_DENIED"):
            found.client(dialect=SMB2_1)


# Not let in.


def test_belowTheMinimum(byPipe):
    """Without encryption the identity of the pipe is less than the listener wants."""
    assert denied(byPipe.client(dialect=SMB2_1))
    byPipe.server.waitForLog("SMB is level connect, and the listener's minimum_level is privacy")


def test_encryptionStays(byPipe):
    """What comes unencrypted behind an encrypted opening, signed as it is, smbd refuses."""
    client = byPipe.client()
    session = client.dce.get_rpc_transport().get_smb_connection().getSMBServer()
    with attached(client) as agent:
        assert session._Session["SigningActivated"]
        session._Session["SessionFlags"] &= ~SMB2_SESSION_FLAG_ENCRYPT_DATA
        with pytest.raises(smbconnection.SessionError, match="STATUS_ACCESS_DENIED"):
            agent.clientAttach()
        session._Session["SessionFlags"] |= SMB2_SESSION_FLAG_ENCRYPT_DATA
        assert agent.clientAttach()[1] == 0


def test_noIdentity(byRPC):
    """Where the pipe's identity is not taken, who does not log on by RPC is nobody."""
    assert denied(byRPC.client())
    byRPC.server.waitForLog("no logon is level none, and the listener's minimum_level is privacy")


def test_wrongPasswords(byPipe):
    """smbd refuses a wrong password; the server refuses one inside of the pipe."""
    assert byPipe.smbd.open("tapsrv", "alice", "wrong") == "STATUS_LOGON_FAILURE"

    def wrong(dce):
        byItself(dce)
        dce.set_credentials("alice", "wrong", samba.DOMAIN)
        dce.set_auth_level(rpcrt.RPC_C_AUTHN_LEVEL_PKT_PRIVACY)

    assert denied(byPipe.client(secure=wrong))
    byPipe.server.waitForLog("failed logon of 'TAPISRV' 'alice'")


def test_nullSession(tmp_path):
    """A null session, which this smbd lets in, cannot open the pipe; one line in a minute."""
    with place(tmp_path, 'identity = "pipe"', ()) as found:
        for _ in range(3):
            assert found.smbd.open("tapsrv", "", "") == "STATUS_CONNECTION_DISCONNECTED"
        found.server.waitForLog("NT AUTHORITY\\ANONYMOUS LOGON, a guest or nobody")
        assert found.server.log.count("a guest or nobody") == 1


def test_guest(tmp_path):
    """Nor can a guest, as who this smbd lets in whoever it does not know."""
    settings = ("map to guest = bad user", "guest account = nobody")
    with (
        place(tmp_path, 'identity = "pipe"\nminimum_level = "connect"', settings) as found,
        sambaProgram(found, "client signing=off", "client ipc signing=off") as program,
    ):
        with pytest.raises(sambaclient.Refused) as refused:
            sambaClient(found, program, "", "stranger", "x")
        assert refused.value.status == STATUS_CONNECTION_DISCONNECTED
        found.server.waitForLog("TAPISRV\\nobody, a guest or nobody")


# What others do.


def peer(place: Place) -> socket.socket:
    """A process of smbd's user that has connected to the socket."""
    connected = socket.socket(socket.AF_UNIX)
    connected.settimeout(PATIENCE)
    connected.connect(str(place.smbd.pipe()))
    return connected


def test_hanging(byPipe):
    """Peers that hang in the handshake hinder nobody, and end."""
    hanging = [peer(byPipe) for _ in range(20)]
    for each in hanging[10:]:
        each.sendall(b"\0\0\2\xf9NPAM\7\0\0\0")
    with attached(byPipe.client()) as agent:
        completeTheExchange(agent)
    for each in hanging:
        assert each.recv(1) == b""
        each.close()
    byPipe.server.waitForLog("not done within 2 s")
    assert byPipe.server.log.count("not done within 2 s") == 1, "one line in a minute"


def test_garbage(byPipe):
    """What is no request of smbd's ends the connection, and says so once in a minute."""
    for octets in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 8, b"\0\0\0\x10NPAM" + b"\7\0\0\0" * 3):
        with peer(byPipe) as connected:
            connected.sendall(octets)
            assert connected.recv(1) == b""
    byPipe.server.waitForLog("no request of smbd")
    assert byPipe.server.log.count("no request of smbd") == 1
    assert lines(byPipe.client()) == ["hers", "everybodys"]


def test_vanishing(byPipe):
    """An SMB client that is gone takes its pipe, and what it had attached, with it."""
    client = byPipe.client()
    agent = Agent(0, client=client, machine="VANISHING")
    agent.establish()
    session = client.dce.get_rpc_transport().get_smb_connection().getSMBServer()
    session.get_socket().shutdown(socket.SHUT_RDWR)
    byPipe.server.waitForLog("client VANISHING #")
    byPipe.server.waitForLog("has gone")
    session.get_socket().close()
    agent.remotesp.close()


def test_deathAndReturn(tmp_path):
    """A server that was killed leaves a socket; the next one listens there, and clients return."""
    with place(tmp_path, 'identity = "pipe"') as found:
        client = found.client()
        agent = Agent(0, client=client).establish()
        found.server.kill()
        assert found.smbd.pipe().exists()
        with pytest.raises(Exception, match="STATUS_PIPE_DISCONNECTED"):
            agent.clientDetach()
        agent.remotesp.close()
        assert found.smbd.open("tapsrv", "alice") == "STATUS_CONNECTION_REFUSED"
        found.server.start()
        again = transport.DCERPCTransportFactory(r"ncacn_np:127.0.0.1[\pipe\tapsrv]")
        again.set_smb_connection(client.dce.get_rpc_transport().get_smb_connection())
        dce = again.get_dce_rpc()
        dce.connect()
        dce.bind(impacketUUID.uuidtup_to_bin(TAPSRV))
        dce.disconnect()
        client.dce.get_rpc_transport().get_smb_connection().close()
        with attached(found.client()) as agent:
            completeTheExchange(agent)


def test_twoServers(byPipe, tmp_path):
    """A second server does not take the socket of one that lives, and says why it ends."""
    config = CONFIGURATION.format(
        port=freePort(), pipe=byPipe.smbd.pipe(), options="", users=byPipe.users, lines=LINES
    )
    second = Server(tmp_path, config=config, port=freePort())
    second.alarms.remove("[critical]")
    try:
        assert second.launch().wait() == 1
        assert "another process has that socket (it listens)" in second.log
        second.checkLog()
    finally:
        second.cleanUp()
    assert lines(byPipe.client()) == ["hers", "everybodys"]


#: Becomes nobody, with all imported that he might not be allowed to read.
UNPRIVILEGED = """
import os, sys
import encodings.idna, encodings.utf_16_le, sqlite3
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.scripts import twistd
from twisted.internet import reactor
import tapiproxy.handlers, tapiproxy.ntlmservice, tapiproxy.plugins.acd.handler, tapiproxy.service
list(getPlugins(IServiceMaker))
tapiproxy.handlers.findFactories()
sys.argv[0] = "twistd"
os.setgroups([])
os.setgid({nobody})
os.setuid({nobody})
twistd.run()
"""

NOBODY = 65534


class UnprivilegedServer(Server):
    """A server that runs as nobody."""

    def command(self) -> list[str]:
        program = UNPRIVILEGED.format(nobody=NOBODY)
        return [sys.executable, "-c", program, *super().command()[1:]]

    def launch(self) -> Server:
        for path in (self.directory, *self.directory.iterdir()):
            os.chown(path, NOBODY, NOBODY)
        return super().launch()


def test_unprivileged():
    """A server without privileges is reached by a link; other users' processes are not let in."""
    with (
        tempfile.TemporaryDirectory(prefix="tapiproxy-") as directory,
        place(
            Path(directory),
            'identity = "pipe"',
            pipe=f"{directory}/tapsrv.sock:mode=0666",
            kind=UnprivilegedServer,
        ) as found,
    ):
        found.smbd.pipe().symlink_to(f"{directory}/tapsrv.sock")
        with attached(found.client()) as agent:
            completeTheExchange(agent)

        os.chmod(directory, 0o755)
        os.seteuid(NOBODY)
        try:
            foreign = socket.socket(socket.AF_UNIX)
            foreign.connect(f"{directory}/tapsrv.sock")
        finally:
            os.seteuid(0)
        with foreign:
            foreign.settimeout(PATIENCE)
            assert foreign.recv(1) == b""
        found.server.waitForLog(f"its user is {NOBODY}; smbd's should be 0")
        assert lines(found.client()) == ["hers", "everybodys"]
