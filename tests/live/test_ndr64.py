"""
The agent exchange in NDR64, by impacket's encoder of it: tapsrv, and the call-back to remotesp.

Of remotesp impacket's server knows NDR alone, so its bind and RemoteSPEventProc are written here,
from the IDL of [MS-TRP] 6.1 and [MS-RPCE] 2.2.5.
"""

import struct

import pytest

from tests.live.demosite import agentHandle, createSession, getStruct, payload
from tests.live.packets import (
    Close,
    GetAgentGroupList,
    GetAgentSessionList,
    groupList,
    sessionList,
)
from tests.live.peer import REMOTESP, TAPSRV, Agent, RemoteSP, impacketUUID, rpcrt, transport
from tests.live.test_tshark import capture, dissect, look
from tests.live.test_tshark import pytestmark as needsTshark

NDR = ("8a885d04-1ceb-11c9-9fe8-08002b104860", "2.0")
NDR64 = ("71710533-beba-4937-8319-b5dbef9ccc36", "1.0")


class RemoteSPInNDR64(RemoteSP):
    """A remotesp endpoint that accepts NDR64 of what is proposed, as 64-bit clients may."""

    def bind(self, packet, bind):
        # impacket's structure of it has no more than the first transfer syntax.
        items = packet["pduData"][12:]
        if bind["ctx_num"] != 1 or items[2] != 2:
            self.complaints.append("not one context with two transfer syntaxes")
        if items[4:24] != impacketUUID.uuidtup_to_bin(REMOTESP):
            self.complaints.append("not remotesp")
        proposed = [items[24:44], items[44:64]]
        if proposed != [impacketUUID.uuidtup_to_bin(each) for each in (NDR, NDR64)]:
            self.complaints.append("NDR and NDR64 are not what is proposed")
        (self._boundUUID,) = self._listenUUIDS
        item = rpcrt.CtxItemResult()
        item["Result"] = rpcrt.MSRPC_CONT_RESULT_ACCEPT
        item["Reason"] = 0
        item["TransferSyntax"] = impacketUUID.uuidtup_to_bin(NDR64)
        answer = rpcrt.MSRPCBindAck()
        answer["type"] = rpcrt.MSRPC_BINDACK
        answer["flags"] = packet["flags"]
        answer["call_id"] = packet["call_id"]
        answer["auth_len"] = 0
        answer["auth_data"] = b""
        answer["max_tfrag"] = bind["max_tfrag"]
        answer["max_rfrag"] = bind["max_rfrag"]
        answer["assoc_group"] = 0x1234
        answer["SecondaryAddrLen"] = 0
        answer["Pad"] = "AA"
        answer["ctx_num"] = 1
        answer["ctx_items"] = item.getData()
        answer["frag_len"] = len(answer.getData())
        self._clientSock.send(answer.getData())

    def _eventProc(self, stub):
        """Look at the counts of NDR64, then hand on what NDR would have."""
        counts = struct.unpack_from("<3Q", stub, 24)
        if stub[20:24] != bytes(4) or counts[1] or counts[0] != counts[2]:
            self.complaints.append(f"RemoteSPEventProc: {stub[20:48].hex()}")
        return super()._eventProc(stub[:20] + struct.pack("<3I", *counts) + stub[48:])


class ClientInNDR64:
    """
    impacket's client, bound in NDR64; `Agent` has its calls encoded by it.

    :ivar dce: impacket's DCERPC.
    """

    def __init__(self, port):
        channel = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:127.0.0.1[{port}]")
        self.dce = rpcrt.DCERPC_v5(channel)
        self.dce.connect()
        self.dce.bind(impacketUUID.uuidtup_to_bin(TAPSRV), transfer_syntax=NDR64)
        assert self.dce.transfer_syntax == self.dce.NDR64Syntax

    def disconnect(self):
        self.dce.disconnect()


class AgentInNDR64(Agent):
    """An agent application that knows NDR64 alone."""

    def __init__(self, port):
        super().__init__(port, client=ClientInNDR64(port), remotesp=RemoteSPInNDR64())

    def _call(self, call, response):
        answer = self.dce.request(call, checkError=False)
        assert isinstance(answer, response)
        return answer


@pytest.fixture
def makeAgentInNDR64(server):
    """A function that makes an agent application of NDR64, not yet attached."""
    agents = []

    def make():
        agents.append(AgentInNDR64(server.port))
        return agents[-1]

    yield make
    for agent in agents:
        agent.close()
    assert not [text for agent in agents for text in agent.remotesp.complaints]


def exchange(agent):
    """[MS-TRP] 4.1, 4.12 and 4.2: every method of both interfaces, stubs of many lengths."""
    agent.establish()
    hAgent = agentHandle(agent)
    mine = groupList(getStruct(agent, GetAgentGroupList, 0))
    assert "Sales" in mine
    created = createSession(agent, hAgent, mine["Sales"], "1234")
    (hAgentSession,) = struct.unpack("<I", payload(agent, created))
    (entry,) = sessionList(getStruct(agent, GetAgentSessionList, hAgent))
    assert entry == (hAgentSession, hAgent, mine["Sales"], 0)
    agent.must(Close, agent.hLine)
    assert agent.clientDetach() == bytes(20)
    agent.remotesp.waitFor("lost")
    assert agent.remotesp.called[0] == "RemoteSPAttach"
    assert agent.remotesp.called[-2:] == ["RemoteSPDetach", "lost"]


def test_agentExchange(makeAgentInNDR64):
    """The exchange in NDR64, in both directions."""
    exchange(makeAgentInNDR64())


def test_besideNDR(makeAgentInNDR64, server, makeAgent):
    """Applications of either syntax are served side by side, and see each other's doings."""
    other = makeAgent(server).establish()
    agent = makeAgentInNDR64()
    agent.establish()
    assert agentHandle(agent) == agentHandle(other)


@needsTshark
def test_dissectors(makeAgentInNDR64, server, tmp_path):
    """tshark follows the choice of NDR64, and takes ClientAttach and its answer for what it is."""
    file = tmp_path / "ndr64.pcapng"
    with capture(file, server.port):
        agent = makeAgentInNDR64()
        exchange(agent)
    lines = dissect(file, server.port)
    wanted = [
        "Ack result: Acceptance (0)",
        "Transfer Syntax: 64bit NDR",
        "Operation: ClientAttach (0)",
        f'Unknown string: PEER"ncacn_ip_tcp"{agent.remotesp.port}"',
        "Operation: ClientAttach (0)",
        f"Context Handle: {agent.context.hex()}",
        "Unknown long: 0xa5c369a5",
        "Return code: STATUS_SUCCESS (0x00000000)",
        "Operation: ClientDetach (2)",
    ]
    look(lines, wanted)
