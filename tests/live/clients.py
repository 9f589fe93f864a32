"""
Clients that are not ours, each logged on as it can be, and a server for them to log on to.

Who is not logged on as alice sees no line.  Each is called back by an account of the server's, and
verifies that.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.live import demosite, pdus, sambaclient
from tests.live import smbd as samba
from tests.live.demosite import sessionForAGroup
from tests.live.kdc import REALM
from tests.live.packets import (
    LINEAGENTSESSIONSTATE_ENDED,
    Close,
    SetAgentSessionState,
    ShutDown,
)
from tests.live.pdus import (
    CONNECT,
    GSS_KERBEROS,
    GSS_NEGOTIATE,
    LEVEL_NAMES,
    PKT,
    PKT_INTEGRITY,
    PKT_PRIVACY,
    WINNT,
    Security,
    accounts,
)
from tests.live.pdusclient import PDUsClient
from tests.live.peer import Agent, Client, ImpacketClient, channelTo
from tests.live.ports import freePort
from tests.live.relay import HeaderSigningOff, Relay
from tests.live.sambaclient import Samba, SambaClient
from tests.live.securedremotesp import SecuredRemoteSP
from tests.live.server import Server
from tests.live.smbd import Smbd

#: Of smbd's accounts, and of the server's own.
USER = samba.USERS[0]
PASSWORD = samba.PASSWORD

#: An account with letters that are not ASCII, of the same password.
FOREIGN = "j\u00f6rg"

#: What clients of no domain name as theirs: their own computer.
DOMAIN = "PC7"

#: The server's account, by which it logs on to clients, and its password.
ACCOUNT = "TAPI\\server"
ACCOUNT_PASSWORD = "call back"

CONFIGURATION = """
{listeners}

[authentication]
users_file = "{users}"
{more}

[callback]
user = '{account}'
password_file = "{password}"

{site}
[lines.hers]
addresses = ["1000"]
handler = "acd"
users = ["{user}", "{foreign}", 'DOM\\{user}']
"""

PIPE = """
[listeners.{level}_pipe]
endpoint = "np:{path}"
minimum_level = "{level}"
"""

LISTENER = """
[listeners.{level}]
endpoint = "tcp:{port}:interface=127.0.0.1"
minimum_level = "{level}"
"""


Address = int | str


class Logon(NamedTuple):
    """How a client logs on, and by which transport."""

    client: str
    authType: int
    level: int
    headerSigning: bool
    pipe: bool
    user: str = USER
    password: str = PASSWORD
    #: By the tickets of this process: "never", "preferred" to the password, "always".  SMB has the
    #: password all the same.
    kerberos: str = "never"

    def __str__(self) -> str:
        transport = "pipe" if self.pipe else "tcp"
        signing = "header" if self.headerSigning else "plain"
        provider, level = pdus.PROTOCOLS[self.authType], LEVEL_NAMES[self.level]
        if self.kerberos != "never" and self.authType == GSS_NEGOTIATE:
            provider = f"kerberos-{self.kerberos}"
        return f"{self.client}-{transport}-{provider}-{level}-{signing}"


class Place:
    """
    A server with a listener of each minimum level and transport, and what clients need for it.

    Addresses are TCP ports and names of pipes.

    :param ports: its TCP ports by minimum level.
    :param smbd: whose pipes are the others; None where there can be none.
    :param stack: closes what is made on the way.
    """

    def __init__(
        self,
        server: Server,
        ports: dict[int, int],
        smbd: Smbd | None,
        stack: contextlib.ExitStack,
    ) -> None:
        self.server = server
        self._ports = ports
        self._smbd = smbd
        self._stack = stack
        self._samba: Samba | None = None
        self._relays: dict[object, tuple[Address, Relay]] = {}

    @property
    def samba(self) -> Samba:
        """Samba's client: one process for all tests."""
        if self._samba is None:
            self._samba = Samba(*([f"smb ports={self._smbd.port}"] if self._smbd else []))
            self._stack.callback(self._samba.end)
        return self._samba

    def listener(self, logon: Logon, minimum: int = PKT_PRIVACY) -> Address:
        """Where a listener is that permits no level below one."""
        return pipeName(minimum) if logon.pipe else self._ports[minimum]

    def relayed(self, kind: type[Relay], address: Address) -> tuple[Address, Relay]:
        """What leads to an address by a relay, and that: the same each time."""
        key = (kind, address)
        if key not in self._relays:
            if isinstance(address, int):
                self._relays[key] = kind.ofPort(address)
            else:
                name = f"{address}-{kind.__name__.lower()}"
                relay = kind.ofPipe(self._smbd.pipe(name), self._smbd.pipe(address))
                self._relays[key] = (name, relay)
            self._stack.callback(self._relays[key][1].close)
        return self._relays[key]

    def prepare(self, channel, logon: Logon) -> None:
        """Tell impacket's transport who logs on, and where SMB is."""
        channel.set_credentials(logon.user, logon.password, DOMAIN)
        if logon.pipe:
            channel.set_dport(self._smbd.port)
        elif logon.kerberos == "always":
            channel.set_credentials(logon.user, "", REALM)
            # The name of the host that there are tickets for.
            channel.setRemoteName("localhost")
            channel.set_kerberos(True, "127.0.0.1")


def pipeName(minimum: int) -> str:
    """The pipe of a minimum level; the strictest has the name that the specification gives."""
    return "tapsrv" if minimum == PKT_PRIVACY else f"tapsrv-{LEVEL_NAMES[minimum]}"


def binding(address: Address, options: str = "") -> str:
    """The string binding of an address."""
    if isinstance(address, int):
        return f"ncacn_ip_tcp:127.0.0.1[{address}{options}]"
    return f"ncacn_np:127.0.0.1[\\pipe\\{address}{options}]"


@contextlib.contextmanager
def serving(directory: Path, more: str = "") -> Iterator[Place]:
    """
    A server while the block runs; its log is looked at.

    :param more: further lines of ``[authentication]``.
    """
    users = directory / "users"
    users.touch(0o600)
    # The NT hash of PASSWORD.
    users.write_text(
        "".join(f"user {name}:fc525c9683e8fe067095ba2ddc971889\n" for name in (USER, FOREIGN))
    )
    password = directory / "password"
    password.touch(0o600)
    password.write_text(ACCOUNT_PASSWORD)
    ports = {level: freePort() for level in LEVEL_NAMES}
    with contextlib.ExitStack() as stack:
        smbd = None if samba.missing() else stack.enter_context(samba.running())
        listeners = ""
        for level, name in LEVEL_NAMES.items():
            listeners += LISTENER.format(level=name, port=ports[level])
            if smbd is not None:
                listeners += PIPE.format(level=name, path=smbd.pipe(pipeName(level)))
        config = CONFIGURATION.format(
            listeners=listeners,
            users=users,
            user=USER,
            foreign=FOREIGN,
            account=ACCOUNT,
            password=password,
            site=demosite.CONFIGURATION,
            more=more,
        )
        stack.enter_context(accounts(directory, ACCOUNT, ACCOUNT_PASSWORD))
        server = Server(directory, config=config, port=ports[PKT_PRIVACY])
        stack.callback(server.cleanUp)
        server.start()
        yield Place(server, ports, smbd, stack)
        server.stop()
        server.checkLog()


# The clients: each connects to an address.


def impacketClient(place: Place, logon: Logon, address: Address) -> Client:
    def secure(dce) -> None:
        place.prepare(dce.get_rpc_transport(), logon)
        dce.set_auth_type(logon.authType)
        dce.set_auth_level(logon.level)

    return ImpacketClient(binding(address), secure)


def pyspnegoClient(place: Place, logon: Logon, address: Address) -> Client:
    context = pdus.initiator(
        logon.authType, f"{DOMAIN}\\{logon.user}", logon.password, kerberos=logon.kerberos
    )
    security = Security(context, logon.authType, logon.level)
    channel = channelTo(binding(address))
    place.prepare(channel, logon)
    return PDUsClient(channel, security, headerSigning=logon.headerSigning)


def sambaClient(place: Place, logon: Logon, address: Address) -> Client:
    level = {CONNECT: "connect", PKT: "packet", PKT_INTEGRITY: "sign", PKT_PRIVACY: "seal"}
    provider = {GSS_NEGOTIATE: "spnego", WINNT: "ntlm", GSS_KERBEROS: "krb5"}
    options = f",{level[logon.level]},{provider[logon.authType]},target_hostname=localhost"
    who = (logon.user, DOMAIN, logon.password, logon.kerberos)

    def at(address: Address) -> Client:
        return SambaClient(place.samba, binding(address, options), *who)

    if logon.headerSigning:
        return at(address)
    address, relay = place.relayed(HeaderSigningOff, address)
    assert isinstance(relay, HeaderSigningOff)
    before = relay.offers
    client = at(address)
    assert relay.offers > before or logon.level == CONNECT, "Samba offers header signing"
    return client


CLIENTS = {"impacket": impacketClient, "pyspnego": pyspnegoClient, "samba": sambaClient}

_CLIENT_MISSING = sambaclient.missing()
_SMBD_MISSING = samba.missing()


def needs(logon: Logon):
    """A logon as the parameter of a test, which is skipped where what it needs is missing."""
    reasons = [_CLIENT_MISSING] if logon.client == "samba" else []
    reasons += [_SMBD_MISSING] if logon.pipe else []
    reason = next(filter(None, reasons), None)
    mark = pytest.mark.skipif(reason is not None, reason=str(reason))
    return pytest.param(logon, id=str(logon), marks=mark)


@contextlib.contextmanager
def attached(client: Client, logon: Logon, kind: type[Agent] = Agent) -> Iterator[Agent]:
    """An agent application over a client, ended when the block ends; it wants sealed call-backs."""
    remotesp = SecuredRemoteSP(ACCOUNT, headerSigning=logon.headerSigning)
    agent = kind(0, client=client, remotesp=remotesp)
    try:
        yield agent
    finally:
        agent.close()
    assert not remotesp.complaints


def completeTheExchange(agent: Agent) -> None:
    """4.1, 4.11, 4.12 and 4.2."""
    agent.establish()
    _, hAgentSession, _ = sessionForAGroup(agent)
    agent.succeed(SetAgentSessionState, agent.hLine, hAgentSession, LINEAGENTSESSIONSTATE_ENDED, 0)
    agent.must(Close, agent.hLine)
    agent.must(ShutDown, agent.hLineApp)
    assert agent.clientDetach() == bytes(20)
    agent.remotesp.waitFor("lost")


def exchangeOf(client: Client, logon: Logon, kind: type[Agent] = Agent) -> None:
    """All of it by one client, which sees each call-back sealed by who it knows."""
    with attached(client, logon, kind) as agent:
        completeTheExchange(agent)
        # RemoteSPAttach, events and RemoteSPDetach
        assert agent.remotesp.verified >= 4


def exchange(place: Place, logon: Logon) -> None:
    """4.12 from attach to detach, by a client at the least level that its listener permits."""
    client = CLIENTS[logon.client](place, logon, place.listener(logon, logon.level))
    exchangeOf(client, logon)
