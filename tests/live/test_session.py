"""The session of a line device, [MS-TRP] 4.1 and 4.2, and all the ways in which it ends."""

import contextlib
import socket
import struct
import time

import pytest

from tests.live.packets import (
    LINE_LINEDEVSTATE,
    LINE_REPLY,
    LINEDEVSTATE_CLOSE,
    LINEDEVSTATE_OPEN,
    LINEERR_INVALAPPHANDLE,
    LINEERR_INVALLINEHANDLE,
    LINEERR_INVALPARAM,
    LINEERR_OPERATIONFAILED,
    LINEERR_OPERATIONUNAVAIL,
    NO_DATA,
    Close,
    GetAddressCaps,
    GetAddressID,
    GetAddressStatus,
    GetAsyncEvents,
    GetDevCaps,
    GetGroupList,
    GetID,
    GetLineDevStatus,
    GetNumAddressIDs,
    MakeCall,
    NegotiateAPIVersion,
    NegotiateAPIVersionForAllDevices,
    SetStatusMessages,
    ShutDown,
    VarData,
    cutStruct,
    phoneInitialize,
    phoneShutDown,
    request,
    sizedText,
    splitEvents,
)
from tests.live.peer import (
    ALL_DEVICES,
    REMOTESP,
    Agent,
    RemoteSP,
    faultStatus,
    impacketUUID,
    rpcrt,
)

nca_s_fault_context_mismatch = 0x1C00001A
RPC_X_BAD_STUB_DATA = 0x6F7
LINEADDRESSMODE_DIALABLEADDR = 2


def test_establishTheSession(agent):
    """4.1: attach, initialize, negotiate for all devices, read both caps, open the line."""
    assert agent.clientAttach() == (ALL_DEVICES, 0)
    assert agent.remotesp.called == ["RemoteSPAttach"]
    assert agent.context != bytes(20)

    initialized = agent.initialize()
    hLineApp, _, InitContext, _, dwNumDevs, *_ = initialized.args
    assert hLineApp != 0
    assert InitContext == agent.InitContext
    assert dwNumDevs == 1

    negotiated = agent.must(
        NegotiateAPIVersionForAllDevices,
        hLineApp,
        1,
        0,
        0x00030001,
        NO_DATA,
        4,
        NO_DATA,
        16,
        NO_DATA,
        0,
        NO_DATA,
        0,
        room=64,
    )
    versions, versionsSize, extensions, extensionsSize = negotiated.args[4:8]
    assert (versionsSize, extensionsSize) == (4, 16)
    assert struct.unpack_from("<I", negotiated.varData, versions) == (0x00030001,)
    assert negotiated.varData[extensions : extensions + 16] == bytes(16)

    devCaps = agent.must(GetDevCaps, hLineApp, 0, 0x00030001, 0, 1024, room=1024)
    caps = devCaps.struct(devCaps.args[4])
    assert len(caps) >= 292
    assert sizedText(caps, 32) == "Line 1"
    assert struct.unpack_from("<I", caps, 48) == (1,), "dwNumAddresses"

    addressCaps = agent.must(GetAddressCaps, hLineApp, 0, 0, 0x00030001, 0, 1024, room=1024)
    caps = addressCaps.struct(addressCaps.args[5])
    assert len(caps) >= 228
    assert struct.unpack_from("<I", caps, 12) == (0,), "dwLineDeviceID"
    assert sizedText(caps, 16) == "1000"

    opened = agent.open(0, 0x00030001)
    assert opened.args[2] not in (0, NO_DATA)
    assert agent.remotesp.events == []


def test_negotiateOneDevice(agent):
    """4, first paragraph: versions can be negotiated for each device one at a time."""
    agent.clientAttach()
    agent.initialize()
    reply = agent.must(
        NegotiateAPIVersion,
        agent.hLineApp,
        0,
        0x00010003,
        0x00020002,
        NO_DATA,
        NO_DATA,
        16,
        room=16,
    )
    assert reply.args[4] == 0x00020002
    assert reply.varData[reply.args[5] :][:16] == bytes(16)


def test_terminateTheSession(agent):
    """4.2: close the line, shut down, detach; then the server calls RemoteSPDetach and hangs up."""
    agent.establish()
    agent.must(Close, agent.hLine)
    assert agent.ask(Close, agent.hLine).ack == LINEERR_INVALLINEHANDLE
    agent.must(ShutDown, agent.hLineApp)
    assert agent.ask(ShutDown, agent.hLineApp).ack == LINEERR_INVALAPPHANDLE
    assert agent.clientDetach() == bytes(20)
    agent.remotesp.waitFor("lost")
    assert agent.remotesp.called == ["RemoteSPAttach", "RemoteSPDetach", "lost"]


def test_detachWithoutClose(agent):
    """ClientDetach alone releases everything: no event for the line comes any more."""
    agent.establish()
    assert agent.clientDetach() == bytes(20)
    agent.remotesp.waitFor("RemoteSPDetach")
    assert agent.remotesp.events == []


def test_readTheLine(agent):
    """The status, address and device requests of an open line are answered at once."""
    agent.establish(privileges=4)
    assert agent.must(GetNumAddressIDs, agent.hLine, NO_DATA).args[1] == 1
    area = VarData()
    address = area.text("1000")
    found = agent.must(
        GetAddressID,
        agent.hLine,
        NO_DATA,
        LINEADDRESSMODE_DIALABLEADDR,
        address,
        len(area.data),
        varData=area.data,
    )
    assert found.args[1] == 0
    status = agent.must(GetLineDevStatus, agent.hLine, 512, room=512)
    assert struct.unpack_from("<I", status.struct(status.args[1]), 12) == (1,), "dwNumOpens"
    status = agent.must(GetAddressStatus, agent.hLine, 0, 512, room=512)
    assert len(status.struct(status.args[2])) >= 64
    area = VarData()
    deviceClass = area.text("tapi/line")
    device = agent.must(GetID, agent.hLine, 0, 0, 1, 64, deviceClass, varData=area.data, room=64)
    assert struct.unpack_from("<I", device.struct(device.args[4]), 24) == (0,), "device 0"


def test_phonesThereAreNone(agent):
    """The phone half of the protocol is there, with no device in it."""
    agent.clientAttach()
    area = VarData()
    name = area.text("PEER")
    reply = agent.must(phoneInitialize, 0, 0, 7, name, 0, name, 0x00030000, varData=area.data)
    assert reply.args[4] == 0
    agent.must(phoneShutDown, reply.args[0])


def test_callsAreUnavailable(agent):
    """A request of the specification without a service behind it says so, at once."""
    agent.establish(privileges=4)
    assert agent.ask(MakeCall, 0, 0, agent.hLine).ack == LINEERR_OPERATIONUNAVAIL
    assert agent.ask(0x7777).ack == LINEERR_OPERATIONUNAVAIL


def test_othersSeeALineOpenedAndClosed(server, makeAgent):
    """LINE_LINEDEVSTATE: who asked for it hears that another application opens and closes."""
    watcher = makeAgent(server).establish()
    watcher.must(SetStatusMessages, watcher.hLine, LINEDEVSTATE_OPEN | LINEDEVSTATE_CLOSE, 0)
    other = makeAgent(server).establish()
    event = watcher.remotesp.take(lambda event: event.Msg == LINE_LINEDEVSTATE)
    assert event.Param1 == LINEDEVSTATE_OPEN
    assert event.InitContext == watcher.InitContext
    assert event.OpenContext == watcher.OpenContext
    other.must(Close, other.hLine)
    event = watcher.remotesp.take(lambda event: event.Msg == LINE_LINEDEVSTATE)
    assert event.Param1 == LINEDEVSTATE_CLOSE


def test_eventsCarryTheClientsOwnHandle(agent):
    """A non-zero hRemoteLine of Open is the hDevice of every event of that line."""
    agent.establish(hRemoteLine=0x00C0FFEE)
    event = agent.succeed(GetGroupList, 0x1111, agent.hLine, 0x2222, 512)
    assert event.hDevice == 0x00C0FFEE


# Call-backs that fail.


def test_attachWithoutCallBack(server, makeAgent):
    """An endpoint where nobody listens: ClientAttach fails and leaves nothing."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        agent = makeAgent(server, endpoints=f'"ncacn_ip_tcp"{nobody.getsockname()[1]}"')
        assert agent.clientAttach()[1] == LINEERR_OPERATIONFAILED
    assert agent.context == bytes(20)


def test_attachRefusedByTheClient(agent):
    """RemoteSPAttach returns an error: so does ClientAttach."""
    agent.remotesp.attachResult = LINEERR_OPERATIONFAILED
    assert agent.clientAttach()[1] == LINEERR_OPERATIONFAILED
    assert agent.context == bytes(20)


def test_attachToASilentCallBack(agent):
    """RemoteSPAttach is never answered: ClientAttach says so within the client's 5 seconds."""
    agent.remotesp.answering.clear()
    begun = time.monotonic()
    assert agent.clientAttach()[1] == LINEERR_OPERATIONFAILED
    assert time.monotonic() - begun < 5


def test_attachWithOtherProtocolsFirst(server, makeAgent):
    """Of the endpoints that pszMachine names, the first one that works over TCP is taken."""
    endpoint = RemoteSP()
    try:
        agent = makeAgent(server, endpoints=f'"ncacn_nb_nb"251"ncacn_ip_tcp"{endpoint.port}"')
        assert agent.clientAttach()[1] == 0
        assert endpoint.called == ["RemoteSPAttach"]
        agent.clientDetach()
        endpoint.waitFor("RemoteSPDetach")
    finally:
        endpoint.close()
    assert endpoint.complaints == []


def test_attachAsSomethingElse(agent):
    """An lProcessID that the specification does not name is refused."""
    assert agent.clientAttach(lProcessID=4711)[1] == LINEERR_OPERATIONFAILED


def test_attachAsAdministrator(agent):
    """lProcessID -3 is for administrators: anybody else gets -19, and no call-back."""
    assert agent.clientAttach(lProcessID=-3, pszDomainUser="boss")[1] == 0x100000000 - 19
    assert agent.remotesp.called == []


def test_alterContext(agent):
    """Another interface on the same connection is refused, and the session lives on."""
    agent.establish()
    with pytest.raises(rpcrt.DCERPCException, match="abstract_syntax_not_supported"):
        agent.dce.alter_ctx(impacketUUID.uuidtup_to_bin(REMOTESP))
    agent.must(Close, agent.hLine)


def test_lostCallBackEndsTheSession(agent):
    """The client's endpoint goes away: its tapsrv connection is closed, so that it notices."""
    agent.establish()
    agent.remotesp.cut()
    agent.socket.settimeout(15)
    with contextlib.suppress(ConnectionResetError):
        assert agent.socket.recv(1) == b""


# Dead clients.


def test_deathOfAClient(server, makeAgent):
    """A client that dies without a word is cleaned up: the others hear that its line is closed."""
    watcher = makeAgent(server).establish()
    watcher.must(SetStatusMessages, watcher.hLine, LINEDEVSTATE_CLOSE, 0)
    victim = makeAgent(server).establish()
    victim.start(GetGroupList, 0, victim.hLine, 0, 512)
    victim.vanish()
    event = watcher.remotesp.take(lambda event: event.Msg == LINE_LINEDEVSTATE)
    assert event.Param1 == LINEDEVSTATE_CLOSE
    status = watcher.must(GetLineDevStatus, watcher.hLine, 512, room=512)
    assert struct.unpack_from("<I", status.struct(status.args[1]), 12) == (1,), "dwNumOpens"


def test_staleContextHandle(agent):
    """After ClientDetach its context handle is unknown: fault nca_s_fault_context_mismatch."""
    agent.establish()
    stale = agent.context
    agent.clientDetach()
    agent.context = stale
    with pytest.raises(rpcrt.DCERPCException) as caught:
        agent.ask(Close, agent.hLine)
    assert faultStatus(caught.value) == nca_s_fault_context_mismatch
    with pytest.raises(rpcrt.DCERPCException) as caught:
        agent.clientDetach()
    assert faultStatus(caught.value) == nca_s_fault_context_mismatch


def test_contextHandleOfAnotherClient(server, makeAgent):
    """A context handle is worth nothing on somebody else's connection."""
    owner = makeAgent(server).establish()
    thief = makeAgent(server)
    thief.context = owner.context
    with pytest.raises(rpcrt.DCERPCException) as caught:
        thief.ask(Close, owner.hLine)
    assert faultStatus(caught.value) == nca_s_fault_context_mismatch
    owner.must(Close, owner.hLine)


def test_attachAgainOnTheSameConnection(agent):
    """A connection outlives its session: after ClientDetach it can attach anew."""
    agent.establish()
    agent.clientDetach()
    agent.remotesp.waitFor("lost")
    agent.establish()
    assert agent.remotesp.connections == 2


# Buffers that are wrong at the root.


@pytest.mark.parametrize(("used", "needed"), [(4, 4), (59, 59), (20, 59)])
def test_bufferBelowOneMessage(agent, used, needed):
    """ClientRequest.1: lNeededSize below 60 octets is answered LINEERR_INVALPARAM."""
    agent.establish()
    packet = request(Close, agent.hLine)[:used]
    answer = agent.clientRequest(packet, needed)
    assert struct.unpack_from("<I", answer) == (LINEERR_INVALPARAM,)
    agent.must(Close, agent.hLine)


@pytest.mark.parametrize("used", [0, 1, 3])
def test_bufferWithoutRoomForAnAnswer(agent, used):
    """ClientRequest.2: where not even a result code fits, the call is refused with a fault."""
    agent.establish()
    with pytest.raises(rpcrt.DCERPCException) as caught:
        agent.clientRequest(request(Close, agent.hLine)[:used], used)
    assert faultStatus(caught.value) == RPC_X_BAD_STUB_DATA
    agent.must(Close, agent.hLine)


def test_fragments(agent):
    """A request of many fragments is put together: its last bytes are read where they belong."""
    agent.establish()
    area = VarData()
    area.add(bytes(30000))
    deviceClass = area.text("tapi/line")
    agent.dce.set_max_fragment_size(1000)
    device = agent.must(GetID, agent.hLine, 0, 0, 1, 64, deviceClass, varData=area.data)
    assert struct.unpack_from("<I", device.struct(device.args[4]), 24) == (0,), "device 0"


# The pull model.


def drain(agent: Agent, room: int = 4096) -> list:
    """GetAsyncEvents: what it returns, after a check of its three sizes."""
    reply = agent.must(GetAsyncEvents, room, 0, 0, room=room)
    total, _needed, used = reply.args[:3]
    assert total == room
    assert used <= room
    assert len(reply.varData) >= used
    return splitEvents(reply.varData[:used]) if used else []


def test_pullEvents(agent):
    """GetAsyncEvents drains what waits behind a call-back that does not answer."""
    agent.establish()
    agent.remotesp.answering.clear()
    first = agent.start(GetGroupList, 1, agent.hLine, 2, 512)
    agent.remotesp.waitFor("RemoteSPEventProc")
    later = [agent.start(GetGroupList, 1, agent.hLine, 2, 512) for _ in range(3)]
    deadline = time.monotonic() + 10
    pulled: list = []
    while len(pulled) < 3:
        assert time.monotonic() < deadline, f"only {pulled}"
        pulled += drain(agent)
    assert [event.Param1 for event in pulled] == later
    assert {event.Msg for event in pulled} == {LINE_REPLY}
    agent.remotesp.answering.set()
    agent.reply(first)
    agent.succeed(GetGroupList, 1, agent.hLine, 2, 512)
    assert agent.remotesp.events == [], "an event is delivered by push or by pull, never by both"


def test_pullWithoutCallBack(startServer, makeAgent):
    """A client without call-back, where the site allows it, gets everything by GetAsyncEvents."""
    server = startServer(config="poll_without_callback = true")
    agent = makeAgent(server, endpoints='"ncacn_nb_nb"251"').establish()
    requestID = agent.start(GetGroupList, 1, agent.hLine, 2, 512)
    deadline = time.monotonic() + 10
    while not (pulled := drain(agent)):
        assert time.monotonic() < deadline, "no LINE_REPLY"
        time.sleep(0.02)
    (event,) = pulled
    assert (event.Msg, event.Param1, event.Param2) == (LINE_REPLY, requestID, 0)
    assert agent.clientDetach() == bytes(20)


def test_pullEventsOneByOne(agent):
    """With room for one event GetAsyncEvents gives one, and says how much is left."""
    agent.establish()
    agent.remotesp.answering.clear()
    agent.start(GetGroupList, 1, agent.hLine, 2, 512)
    agent.remotesp.waitFor("RemoteSPEventProc")
    later = [agent.start(GetGroupList, 1, agent.hLine, 2, 24) for _ in range(2)]
    deadline = time.monotonic() + 10
    while agent.must(GetAsyncEvents, 0, 0, 0).args[1] < 2 * 64:
        assert time.monotonic() < deadline, "the two replies are not queued"
        time.sleep(0.02)
    for requestID in later:
        (event,) = drain(agent, 64)
        assert event.Param1 == requestID
        assert cutStruct(event.varData)
    assert drain(agent) == []
    agent.remotesp.answering.set()
