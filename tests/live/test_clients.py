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

from tests.live import pdus, sambaclient
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
)
from tests.live.pdusclient import Faulted, PDUsClient, channelTo
from tests.live.peer import PATIENCE, Agent, Client, ImpacketClient, faultStatus, rpcrt
from tests.live.relay import HeaderSigningOff
from tests.live.sambaclient import Refused, Samba, SambaClient
from tests.live.securedremotesp import SecuredRemoteSP
from tests.live.server import Server, freePort

USER = "alice"
PASSWORD = "secret"

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

[handlers.acd]

[lines.hers]
addresses = ["1000"]
handler = "acd"
users = ["alice"]
"""

LISTENER = """
[listeners.{level}]
endpoint = "tcp:{port}:interface=127.0.0.1"
minimum_level = "{level}"
"""


class Logon(NamedTuple):
    """How a client logs on."""

    client: str
    authType: int
    level: int
    headerSigning: bool
    password: str = PASSWORD

    def __str__(self) -> str:
        signing = "header" if self.headerSigning else "plain"
        return f"{self.client}-{pdus.PROTOCOLS[self.authType]}-{LEVEL_NAMES[self.level]}-{signing}"


class Place:
    """A server with a listener of each minimum level, and what clients need to reach it."""

    def __init__(self, ports: dict[int, int], stack: contextlib.ExitStack) -> None:
        self.ports = ports
        self._stack = stack
        self._samba: Samba | None = None
        self._relays: dict[int, HeaderSigningOff] = {}

    @property
    def samba(self) -> Samba:
        """Samba's client: one process for all tests."""
        if self._samba is None:
            self._samba = Samba()
            self._stack.callback(self._samba.end)
        return self._samba

    def relayTo(self, port: int) -> HeaderSigningOff:
        """What leads to a port of the server, and never lets header signing be agreed on."""
        if port not in self._relays:
            relay = self._relays[port] = HeaderSigningOff(port)
            self._stack.callback(relay.close)
        return self._relays[port]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("clients")
    users = directory / "users"
    users.touch(0o600)
    # The NT hash of PASSWORD.
    users.write_text(f"user {USER}:878d8014606cda29677a44efa1353fc7\n")
    password = directory / "password"
    password.touch(0o600)
    password.write_text(ACCOUNT_PASSWORD)
    ports = {level: freePort() for level in LEVEL_NAMES}
    listeners = [
        LISTENER.format(level=LEVEL_NAMES[level], port=port) for level, port in ports.items()
    ]
    config = CONFIGURATION.format(
        listeners="".join(listeners), users=users, account=ACCOUNT, password=password
    )
    server = Server(directory, config=config, port=ports[PKT_PRIVACY])
    with contextlib.ExitStack() as stack:
        stack.enter_context(accounts(directory, ACCOUNT, ACCOUNT_PASSWORD))
        stack.callback(server.cleanUp)
        server.start()
        yield Place(ports, stack)
        server.stop()
        server.checkLog()


# The clients.


def impacketClient(place: Place, logon: Logon, port: int) -> Client:
    def secure(dce) -> None:
        dce.get_rpc_transport().set_credentials(USER, logon.password, DOMAIN)
        dce.set_auth_type(logon.authType)
        dce.set_auth_level(logon.level)

    return ImpacketClient(f"ncacn_ip_tcp:127.0.0.1[{port}]", secure)


def pyspnegoClient(place: Place, logon: Logon, port: int) -> Client:
    context = pdus.initiator(logon.authType, f"{DOMAIN}\\{USER}", logon.password)
    return PDUsClient(
        channelTo(f"ncacn_ip_tcp:127.0.0.1[{port}]"),
        Security(context, logon.authType, logon.level),
        headerSigning=logon.headerSigning,
    )


def sambaClient(place: Place, logon: Logon, port: int) -> Client:
    level = {CONNECT: "connect", PKT: "packet", PKT_INTEGRITY: "sign", PKT_PRIVACY: "seal"}
    provider = {GSS_NEGOTIATE: "spnego", WINNT: "ntlm"}
    options = f"{level[logon.level]},{provider[logon.authType]}"

    def at(port: int) -> Client:
        binding = f"ncacn_ip_tcp:127.0.0.1[{port},{options}]"
        return SambaClient(place.samba, binding, USER, DOMAIN, logon.password)

    if logon.headerSigning:
        return at(port)
    relay = place.relayTo(port)
    before = relay.offers
    client = at(relay.port)
    assert relay.offers > before or logon.level == CONNECT, "Samba offers header signing"
    return client


CLIENTS = {"impacket": impacketClient, "pyspnego": pyspnegoClient, "samba": sambaClient}

PROVIDERS = (GSS_NEGOTIATE, WINNT)
SIGNED = (PKT, PKT_INTEGRITY, PKT_PRIVACY)

#: impacket knows no SPNEGO without Kerberos, no PKT, and never offers header signing.
LOGONS = [
    *(Logon("impacket", WINNT, level, False) for level in (CONNECT, PKT_INTEGRITY, PKT_PRIVACY)),
    *(
        Logon(client, authType, level, headerSigning)
        for client, authType in itertools.product(("pyspnego", "samba"), PROVIDERS)
        for level, headerSigning in ((CONNECT, False), *itertools.product(SIGNED, (False, True)))
    ),
]

#: The strongest that each client has.
SEALED = [
    Logon("impacket", WINNT, PKT_PRIVACY, False),
    *(
        Logon(client, authType, PKT_PRIVACY, True)
        for client, authType in itertools.product(("pyspnego", "samba"), PROVIDERS)
    ),
]


def needs(logon: Logon):
    """A logon as the parameter of a test, which is skipped where its client is missing."""
    reason = sambaclient.missing() if logon.client == "samba" else None
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
    client = CLIENTS[logon.client](place, logon, place.ports[logon.level])
    with attached(client, logon) as agent:
        completeTheExchange(agent)
        # RemoteSPAttach, events and RemoteSPDetach
        assert agent.remotesp.verified >= 4


@pytest.mark.parametrize("logon", [needs(each) for each in SEALED])
def test_fragments(place, logon):
    """A request and an answer of many sealed fragments are put together."""
    client = CLIENTS[logon.client](place, logon, place.ports[logon.level])
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


# Who is not let in.


def denied(place: Place, logon: Logon, port: int) -> bool:
    """Whether a client is told that its access is denied, at its handshake or its first call."""
    try:
        with attached(CLIENTS[logon.client](place, logon, port), logon) as agent:
            agent.clientAttach()
    except Faulted as error:
        return error.status == ERROR_ACCESS_DENIED
    except Refused as error:
        return error.status in (STATUS_ACCESS_DENIED, STATUS_LOGON_FAILURE)
    except rpcrt.DCERPCException as error:
        return faultStatus(error) == ERROR_ACCESS_DENIED
    return False


@pytest.mark.parametrize("logon", [needs(each) for each in SEALED])
def test_wrongPassword(place, logon):
    """A client with a wrong password is denied, and told so."""
    wrong = logon._replace(password="Secret")
    assert denied(place, wrong, place.ports[PKT_PRIVACY])


@pytest.mark.parametrize("logon", [needs(each) for each in LOGONS if each.level < PKT_PRIVACY])
def test_belowTheMinimum(place, logon):
    """A client that does not seal is denied where the listener's least is to seal."""
    assert denied(place, logon, place.ports[PKT_PRIVACY])
