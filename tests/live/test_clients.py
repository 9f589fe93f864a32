"""
The exchange of [MS-TRP] 4.12 by clients that are not ours, each logged on as it can be.

Who is not logged on as alice sees no line.  Of the clients, Samba and pyspnego verify every
signature of ours.
"""

import contextlib
import itertools
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.live import demosite, pdus, sambaclient
from tests.live import smbd as samba
from tests.live.demosite import sessionForAGroup
from tests.live.packets import (
    LINEAGENTSESSIONSTATE_ENDED,
    Close,
    GetAsyncEvents,
    GetGroupList,
    GetID,
    SetAgentSessionState,
    ShutDown,
    VarData,
    splitEvents,
)
from tests.live.pdus import (
    CONNECT,
    GSS_NEGOTIATE,
    LEVEL_NAMES,
    PKT,
    PKT_INTEGRITY,
    PKT_PRIVACY,
    WINNT,
    Security,
    accounts,
    spnego,
)
from tests.live.pdusclient import Faulted, PDUsClient
from tests.live.peer import (
    PATIENCE,
    Agent,
    Client,
    ImpacketClient,
    channelTo,
    faultStatus,
    rpcrt,
)
from tests.live.relay import HeaderSigningOff, Relay, Spoiling
from tests.live.sambaclient import Refused, Samba, SambaClient
from tests.live.securedremotesp import SecuredRemoteSP
from tests.live.server import Server, freePort
from tests.live.smbd import Smbd

#: Of smbd's accounts, and of the server's own.
USER = samba.USERS[0]
PASSWORD = samba.PASSWORD

#: What clients of no domain name as theirs: their own computer.
DOMAIN = "PC7"

ERROR_ACCESS_DENIED = 5
#: The server's account, by which it logs on to clients, and its password.
ACCOUNT = "TAPI\\server"
ACCOUNT_PASSWORD = "call back"

#: Octets that no client here takes in one fragment.
MANY = 6000

#: What Samba makes of it, and where it is the answer to a leg of its handshake.
STATUS_ACCESS_DENIED = 0xC0000022
STATUS_LOGON_FAILURE = 0xC000006D

CONFIGURATION = """
{listeners}

[authentication]
users_file = "{users}"

[callback]
user = '{account}'
password_file = "{password}"

{site}
[lines.hers]
addresses = ["1000"]
handler = "acd"
users = ["alice"]
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
    password: str = PASSWORD

    def __str__(self) -> str:
        transport = "pipe" if self.pipe else "tcp"
        signing = "header" if self.headerSigning else "plain"
        provider, level = pdus.PROTOCOLS[self.authType], LEVEL_NAMES[self.level]
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
        self, ports: dict[int, int], smbd: Smbd | None, stack: contextlib.ExitStack
    ) -> None:
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
        channel.set_credentials(USER, logon.password, DOMAIN)
        if logon.pipe:
            channel.set_dport(self._smbd.port)


def pipeName(minimum: int) -> str:
    """The pipe of a minimum level; the strictest has the name that the specification gives."""
    return "tapsrv" if minimum == PKT_PRIVACY else f"tapsrv-{LEVEL_NAMES[minimum]}"


def binding(address: Address, options: str = "") -> str:
    """The string binding of an address."""
    if isinstance(address, int):
        return f"ncacn_ip_tcp:127.0.0.1[{address}{options}]"
    return f"ncacn_np:127.0.0.1[\\pipe\\{address}{options}]"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("clients")
    users = directory / "users"
    users.touch(0o600)
    # The NT hash of PASSWORD.
    users.write_text(f"user {USER}:fc525c9683e8fe067095ba2ddc971889\n")
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
            account=ACCOUNT,
            password=password,
            site=demosite.CONFIGURATION,
        )
        stack.enter_context(accounts(directory, ACCOUNT, ACCOUNT_PASSWORD))
        server = Server(directory, config=config, port=ports[PKT_PRIVACY])
        stack.callback(server.cleanUp)
        server.start()
        yield Place(ports, smbd, stack)
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
    context = pdus.initiator(logon.authType, f"{DOMAIN}\\{USER}", logon.password)
    security = Security(context, logon.authType, logon.level)
    channel = channelTo(binding(address))
    place.prepare(channel, logon)
    return PDUsClient(channel, security, headerSigning=logon.headerSigning)


def sambaClient(place: Place, logon: Logon, address: Address) -> Client:
    level = {CONNECT: "connect", PKT: "packet", PKT_INTEGRITY: "sign", PKT_PRIVACY: "seal"}
    provider = {GSS_NEGOTIATE: "spnego", WINNT: "ntlm"}
    options = f",{level[logon.level]},{provider[logon.authType]}"

    def at(address: Address) -> Client:
        return SambaClient(place.samba, binding(address, options), USER, DOMAIN, logon.password)

    if logon.headerSigning:
        return at(address)
    address, relay = place.relayed(HeaderSigningOff, address)
    assert isinstance(relay, HeaderSigningOff)
    before = relay.offers
    client = at(address)
    assert relay.offers > before or logon.level == CONNECT, "Samba offers header signing"
    return client


CLIENTS = {"impacket": impacketClient, "pyspnego": pyspnegoClient, "samba": sambaClient}

PROVIDERS = (GSS_NEGOTIATE, WINNT)
WHETHER = (False, True)

#: impacket knows no SPNEGO without Kerberos, no PKT, and never offers header signing; over a pipe
#: Samba's client leaves CONNECT to SMB.
LOGONS = [
    Logon(client, authType, level, headerSigning, pipe)
    for client, authType, level, headerSigning, pipe in itertools.product(
        CLIENTS, PROVIDERS, LEVEL_NAMES, WHETHER, WHETHER
    )
    if not (level == CONNECT and headerSigning)
    and not (client == "impacket" and (authType != WINNT or level == PKT or headerSigning))
    and not (client == "samba" and level == CONNECT and pipe)
]

#: The strongest that each client has.
SEALED = [
    each
    for each in LOGONS
    if each.level == PKT_PRIVACY and (each.headerSigning or each.client == "impacket")
]


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
def attached(client: Client, logon: Logon) -> Iterator[Agent]:
    """An agent application over a client, ended when the block ends; it wants sealed call-backs."""
    remotesp = SecuredRemoteSP(ACCOUNT, headerSigning=logon.headerSigning)
    agent = Agent(0, client=client, remotesp=remotesp)
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


@pytest.mark.parametrize("logon", [needs(each) for each in LOGONS])
def test_exchange(place, logon):
    """4.12 from attach to detach, by a client at the least level that its listener permits."""
    client = CLIENTS[logon.client](place, logon, place.listener(logon, logon.level))
    with attached(client, logon) as agent:
        completeTheExchange(agent)
        # RemoteSPAttach, events and RemoteSPDetach
        assert agent.remotesp.verified >= 4


@pytest.mark.parametrize("logon", [needs(each) for each in SEALED])
def test_fragments(place, logon):
    """A request and an answer of many sealed fragments are put together."""
    client = CLIENTS[logon.client](place, logon, place.listener(logon, logon.level))
    with attached(client, logon) as agent:
        agent.establish()
        area = VarData()
        area.add(bytes(30000))
        deviceClass = area.text("tapi/line")
        device = agent.must(GetID, agent.hLine, 0, 0, 1, 64, deviceClass, varData=area.data)
        assert struct.unpack_from("<I", device.struct(device.args[4]), 24) == (0,), "device 0"

        agent.remotesp.answering.clear()
        pending = [agent.start(GetGroupList, 1, agent.hLine, 2, 512) for _ in range(60)]
        agent.remotesp.waitFor("RemoteSPEventProc")
        deadline = time.monotonic() + PATIENCE
        while agent.must(GetAsyncEvents, 0, 0, 0).args[1] < MANY:
            assert time.monotonic() < deadline
        reply = agent.must(GetAsyncEvents, 30000, 0, 0, room=30000)
        pulled = [event.Param1 for event in splitEvents(reply.varData[: reply.args[2]])]
        agent.remotesp.answering.set()
        assert len(reply.varData) >= MANY
        assert pulled == [each for each in pending if each in pulled]


#: Octets of a response that carry no length: in its header, its stub, its sec_trailer's pad length
#: and reserved octet, and its signature.
SPOILED = (16, 22, 30, -22, -21, -10, -1)


@pytest.mark.parametrize("at", SPOILED)
@pytest.mark.parametrize(
    "logon", [needs(each) for each in SEALED if not each.pipe and each.client != "impacket"]
)
def test_verification(place, logon, at):
    """Samba and pyspnego verify what they are answered: one wrong bit anywhere, and they say so."""
    address, relay = place.relayed(Spoiling, place.listener(logon))
    assert isinstance(relay, Spoiling)
    client = CLIENTS[logon.client](place, logon, address)
    with attached(client, logon) as agent:
        agent.establish()
        relay.at = at
        try:
            with pytest.raises((Refused, spnego.exceptions.SpnegoError)):
                agent.ask(GetAsyncEvents, 0, 0, 0)
        finally:
            relay.at = None


# Who is not let in.


def denied(place: Place, logon: Logon) -> bool:
    """Whether a client is told that its access is denied, at its handshake or its first call."""
    try:
        client = CLIENTS[logon.client](place, logon, place.listener(logon))
        with attached(client, logon) as agent:
            agent.clientAttach()
    except Faulted as error:
        return error.status == ERROR_ACCESS_DENIED
    except Refused as error:
        return error.status in (STATUS_ACCESS_DENIED, STATUS_LOGON_FAILURE)
    except rpcrt.DCERPCException as error:
        return faultStatus(error) == ERROR_ACCESS_DENIED
    return False


@pytest.mark.parametrize("logon", [needs(each) for each in SEALED if not each.pipe])
def test_wrongPassword(place, logon):
    """A client with a wrong password is denied, and told so."""
    wrong = logon._replace(password="Secret")
    assert denied(place, wrong)


@pytest.mark.parametrize("logon", [needs(each) for each in LOGONS if each.level < PKT_PRIVACY])
def test_belowTheMinimum(place, logon):
    """A client that does not seal is denied where the listener's least is to seal."""
    assert denied(place, logon)
