"""
The exchange of [MS-TRP] 4.12 by clients that are not ours, each logged on by NTLM as it can be.

Of the clients, Samba and pyspnego verify every signature of ours.
"""

import itertools
import struct
import time

import pytest

from tests.live import pdus, sambaclient
from tests.live.clients import (
    CLIENTS,
    DOMAIN,
    FOREIGN,
    PASSWORD,
    USER,
    Logon,
    attached,
    binding,
    exchange,
    exchangeOf,
    needs,
    serving,
)
from tests.live.packets import GetAsyncEvents, GetGroupList, GetID, VarData, splitEvents
from tests.live.pdus import CONNECT, GSS_NEGOTIATE, LEVEL_NAMES, PKT, PKT_PRIVACY, WINNT, spnego
from tests.live.pdusclient import Faulted, PDUsClient
from tests.live.peer import PATIENCE, Agent, channelTo, faultStatus, impacketUUID, rpcrt
from tests.live.relay import Spoiling
from tests.live.sambaclient import Refused

ERROR_ACCESS_DENIED = 5

MGMT = ("AFA8BD80-7D8A-11C9-BEF4-08002B102989", "1.0")
IS_SERVER_LISTENING = 2

#: Octets that no client here takes in one fragment.
MANY = 6000

#: What Samba makes of it, and where it is the answer to a leg of its handshake.
STATUS_ACCESS_DENIED = 0xC0000022
STATUS_LOGON_FAILURE = 0xC000006D

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


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("clients")) as place:
        yield place


@pytest.mark.parametrize("logon", [needs(each) for each in LOGONS])
def test_exchange(place, logon):
    """4.12, at each level that a client has."""
    exchange(place, logon)


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


@pytest.mark.parametrize("user", [USER.upper(), FOREIGN, FOREIGN.upper()])
@pytest.mark.parametrize("logon", [needs(each) for each in SEALED if not each.pipe])
def test_names(place, logon, user):
    """Case does not count in names, nor is ASCII all that they may have."""
    logon = logon._replace(user=user)
    with attached(CLIENTS[logon.client](place, logon, place.listener(logon)), logon) as agent:
        agent.establish()


@pytest.mark.parametrize("logon", [needs(each) for each in SEALED if each.client == "impacket"])
def test_secondLogon(place, logon):
    """A client that logs on anew for another interface has two security contexts side by side."""
    client = CLIENTS[logon.client](place, logon, place.listener(logon))
    with attached(client, logon) as agent:
        agent.establish()
        other = client.dce.alter_ctx(impacketUUID.uuidtup_to_bin(MGMT))
        for _ in range(3):
            other.call(IS_SERVER_LISTENING, b"")
            assert other.recv() == struct.pack("<II", 0, 1)
            agent.succeed(GetGroupList, 1, agent.hLine, 2, 512)


class AgentInNDR64(Agent):
    """An agent application that encodes its calls in NDR64."""

    def _call(self, call, response):
        call.changeTransferSyntax(pdus.NDR64)
        return response(self.client.request(call.opnum, call.getData()), isNDR64=True)


@pytest.mark.parametrize("logon", [needs(each) for each in SEALED if each.client == "pyspnego"])
@pytest.mark.parametrize(
    ("syntaxes", "said", "kind"),
    [
        ((pdus.NDR, pdus.NDR64, pdus.FEATURES), [(0, 0), (2, 2), (3, 3)], Agent),
        ((pdus.NDR64, pdus.FEATURES), [(0, 0), (3, 3)], AgentInNDR64),
    ],
    ids=["NDR first", "NDR64"],
)
def test_manyContexts(place, logon, syntaxes, said, kind):
    """
    A bind as 64-bit clients of [MS-RPCE] make it, and a verification trailer behind each request.
    """
    context = pdus.initiator(logon.authType, f"{DOMAIN}\\{logon.user}", logon.password)
    channel = channelTo(binding(place.listener(logon)))
    place.prepare(channel, logon)
    client = PDUsClient(
        channel,
        pdus.Security(context, logon.authType, logon.level),
        headerSigning=True,
        syntaxes=syntaxes,
        verificationTrailer=True,
    )
    assert [(each.result, each.reason) for each in client.results] == said
    exchangeOf(client, logon, kind)


@pytest.mark.skipif(sambaclient.missing() is not None, reason=str(sambaclient.missing()))
@pytest.mark.parametrize("provider", ["ntlm", "spnego"])
@pytest.mark.parametrize("level", ["packet", "sign", "seal"])
def test_bigEndian(place, provider, level):
    """Samba's client may speak big-endian, which only changes what is signed."""
    address = place.listener(Logon("samba", WINNT, PKT_PRIVACY, True, False), CONNECT)
    options = f",{level},{provider},bigendian"
    answer = place.samba.ask(
        "listening", binding(address, options), USER, DOMAIN, PASSWORD, "never"
    )
    assert answer == [True]


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


def denied(place, logon: Logon) -> bool:
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
