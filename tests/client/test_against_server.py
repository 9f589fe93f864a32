"""The exchanges of [MS-TRP] chapter 4 and all 20 proxy requests, against two servers."""

from typing import Any

from twisted.trial.unittest import TestCase

from tapiproxy.client.errors import ConnectionEnded, NoAnswer, TelephonyError
from tapiproxy.dcerpc.ndr import NDR64
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSESSIONSTATE_READY,
    LINEAGENTSTATE_READY,
    LINEAGENTSTATEEX_READY,
    LINEPROXYREQUEST,
)
from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS
from tapiproxy.trp import idl
from tests.client.canned import ANSWERS, GROUPS, H_AGENT, H_SESSION, PIN, QUEUE, SALES
from tests.client.network import MemoryNetwork
from tests.client.servers import NEW_SESSION, Application, RealServer, ScriptedServer

VERSION = 0x00020002

#: How each of the twenty is asked, by the name of its packet.
REQUESTS: dict[str, Any] = {
    "SetAgentGroup": lambda client, line: line.setAgentGroup(0, GROUPS),
    "SetAgentState": lambda client, line: line.setAgentState(0, LINEAGENTSTATE_READY),
    "SetAgentActivity": lambda client, line: line.setAgentActivity(0, 3),
    "GetAgentCaps": lambda client, line: client.getAgentCaps(0, 0, VERSION),
    "GetAgentStatus": lambda client, line: line.getAgentStatus(0),
    "AgentSpecific": lambda client, line: line.agentSpecific(0, 0, b"ping"),
    "GetAgentActivityList": lambda client, line: line.getAgentActivityList(0),
    "GetAgentGroupList": lambda client, line: line.getAgentGroupList(0),
    "CreateAgent": lambda client, line: line.createAgent("1001", PIN),
    "SetAgentMeasurementPeriod": lambda client, line: line.setAgentMeasurementPeriod(H_AGENT, 900),
    "GetAgentInfo": lambda client, line: line.getAgentInfo(H_AGENT),
    "CreateAgentSession": lambda client, line: line.createAgentSession(H_AGENT, SALES, 0, PIN),
    "GetAgentSessionList": lambda client, line: line.getAgentSessionList(H_AGENT),
    "SetAgentSessionState": lambda client, line: line.setAgentSessionState(
        H_SESSION, LINEAGENTSESSIONSTATE_READY
    ),
    "GetAgentSessionInfo": lambda client, line: line.getAgentSessionInfo(H_SESSION),
    "GetQueueList": lambda client, line: line.getQueueList(SALES),
    "SetQueueMeasurementPeriod": lambda client, line: line.setQueueMeasurementPeriod(QUEUE, 900),
    "GetQueueInfo": lambda client, line: line.getQueueInfo(QUEUE),
    "GetGroupList": lambda client, line: line.getGroupList(),
    "SetAgentStateEx": lambda client, line: line.setAgentStateEx(H_AGENT, LINEAGENTSTATEEX_READY),
}


class Exchanges:
    """The tests; the classes below say against whom."""

    server: Any

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.app = Application(self.network)
        self.serve()
        self.client = self.app.connect()
        self.result = self.app.result

    def serve(self) -> None:
        raise AssertionError("the classes below serve")

    def open(self) -> Any:
        """4.1"""
        self.result(self.client.initialize("test"))
        version = self.result(self.client.negotiateAPIVersion(0, highest=VERSION))
        return self.result(self.client.open(0, version.dwNegotiatedVersion))

    def test_establish(self: Any) -> None:
        """4.1: attach, initialize, negotiate one by one and for all, capabilities, open."""
        self.assertEqual(self.result(self.client.initialize("test")), 1)
        negotiated = self.result(self.client.negotiateAPIVersion(0, highest=VERSION))
        self.assertEqual(negotiated.dwNegotiatedVersion, VERSION)
        versions = self.result(self.client.negotiateAPIVersionForAllDevices(VERSION))
        self.assertEqual(versions, [VERSION])
        caps = self.result(self.client.getDevCaps(0, VERSION))
        self.assertEqual((caps.LineName, caps.dwNumAddresses), ("Line 1", 1))
        self.assertEqual(self.result(self.client.getAddressCaps(0, 0, VERSION)).Address, "1000")
        line = self.result(self.client.open(0, VERSION))
        self.assertNotEqual(line.hLine, 0)

    def test_terminate(self: Any) -> None:
        """4.2: close, shut down, detach; RemoteSPDetach ends it at once, and nothing is left."""
        line = self.open()
        self.result(line.close())
        self.result(self.client.shutDown())
        self.result(self.client.detach())
        self.network.flush()
        self.assertIsInstance(self.client.session.ended, ConnectionEnded)
        self.assertEqual(list(self.network.ports), [135])
        self.assertFalse(any(pipe.connected for pipe in self.network.pipes))
        self.assertEqual(len(self.server.factory.connections), 0)

    def test_createAgent(self: Any) -> None:
        """4.11: CreateAgent is acknowledged with its ID, then completed by LINE_REPLY with it."""
        line = self.open()
        self.assertEqual(self.result(line.createAgent("1001", PIN)), H_AGENT)
        sent, acknowledged, reply = self.app.passed[-3:]
        self.assertEqual(sent.packet.dwRequestID, acknowledged.result)
        self.assertEqual(sent.packet.dwRequestID, reply.packet.dwRequestID)

    def test_createSession(self: Any) -> None:
        """4.12: groups of the agent, then a session for one of them; its event is told."""
        line = self.open()
        hAgent = self.result(line.createAgent("1001", PIN))
        groups = self.result(line.getAgentGroupList(0)).List
        session = self.result(line.createAgentSession(hAgent, groups[0].GroupID, 0, PIN))
        self.assertEqual(session, H_SESSION)
        self.network.flush()
        self.assertIn(NEW_SESSION, self.app.events)

    def test_allTwenty(self: Any) -> None:
        """Each of the 20 proxy requests is answered with what the handler gave."""
        line = self.open()
        self.assertEqual(sorted(REQUESTS), sorted(row.name for row in PROXY_REQUESTS))
        for name, ask in REQUESTS.items():
            self.assertEqual(self.result(ask(self.client, line)), ANSWERS[name], name)

    def test_atOnce(self: Any) -> None:
        """All twenty, sent together, complete each with its own answer."""
        line = self.open()
        answers = {}
        for name, ask in REQUESTS.items():
            ask(self.client, line).addCallback(lambda value, n=name: answers.update({n: value}))
        self.network.flush()
        self.assertEqual(answers, ANSWERS)

    def test_proxyStatus(self: Any) -> None:
        """GetProxyStatus lists all twenty."""
        self.open()
        found = self.result(self.client.getProxyStatus(0, VERSION)).List
        self.assertEqual(sorted(found), sorted(LINEPROXYREQUEST))

    def test_refused(self: Any) -> None:
        """What the handler refuses is a TelephonyError with its code."""
        line = self.open()
        error = self.assertRaises(TelephonyError, self.result, line.createAgent("1001", "9999"))
        self.assertEqual(error.name, "LINEERR_INVALPASSWORD")
        self.assertTrue(error.completed)

    def test_serverGoes(self: Any) -> None:
        """The server vanishes: what is outstanding fails once, and nothing stays open."""
        line = self.open()
        outcome: list[Any] = []
        line.getAgentInfo(0xDEAD).addBoth(outcome.append)
        self.network.flush()
        self.assertEqual(outcome, [])
        for pipe in self.network.pipes:
            pipe.abortConnection()
        self.network.flush()
        self.assertEqual(len(outcome), 1)
        self.assertTrue(outcome[0].check(ConnectionEnded))
        self.assertEqual(list(self.network.ports), [135])

    def test_callbackGoes(self: Any) -> None:
        """Only the call-back's connection breaks: the session is over, both sides clean up."""
        self.open()
        self.network.pipes[1].abortConnection()
        self.network.flush()
        self.assertIsInstance(self.client.session.ended, ConnectionEnded)
        self.assertFalse(any(pipe.connected for pipe in self.network.pipes))

    def test_closeWhileAsking(self: Any) -> None:
        """Close ends what is outstanding on the line, and the line can be opened again."""
        line = self.open()
        outcome: list[Any] = []
        line.getAgentInfo(0xDEAD).addBoth(outcome.append)
        self.network.flush()
        self.result(line.close())
        self.assertTrue(outcome[0].check(ConnectionEnded))
        again = self.result(self.client.open(0, VERSION))
        self.assertEqual(self.result(again.createAgent("1001", PIN)), H_AGENT)


class AgainstScript(Exchanges, TestCase):
    """The scripted server, which the client's other tests rely on."""

    def serve(self) -> None:
        self.server = ScriptedServer(self.network)

    def test_replyFirst(self) -> None:
        """LINE_REPLY overtakes the acknowledgement on the other connection: all twenty work."""
        line = self.open()
        self.server.replyFirst = True
        for name, ask in REQUESTS.items():
            self.assertEqual(self.result(ask(self.client, line)), ANSWERS[name], name)

    def test_noReply(self) -> None:
        """A server that never replies: the request fails at the deadline, the session goes on."""
        line = self.open()
        outcome: list[Any] = []
        line.getAgentInfo(0xDEAD).addBoth(outcome.append)
        self.network.flush()
        self.network.advance(self.client.session.deadlines.reply)
        self.assertTrue(outcome[0].check(NoAnswer))
        self.assertEqual(self.result(line.createAgent("1001", PIN)), H_AGENT)


class AgainstServerInNDR64(Exchanges, TestCase):
    """The product's own server, where tapsrv and remotesp are spoken in NDR64 alone."""

    def serve(self) -> None:
        self.patch(idl, "TRANSFER_SYNTAXES", (NDR64,))
        self.server = RealServer(self.network)

    def test_chosen(self) -> None:
        """Both proposed NDR first, and speak what the other end has chosen."""
        self.open()
        self.assertIs(self.client.session._connection.transferSyntax, NDR64)
        (callback,) = self.server.telephony._callbacks.values()
        self.assertIs(callback._connection.transferSyntax, NDR64)


class AgainstServer(Exchanges, TestCase):
    """The product's own server, in this process."""

    def serve(self) -> None:
        self.server = RealServer(self.network)

    def test_handlerThinks(self) -> None:
        """The server's deadline comes before the client's: the answer is a LINEERR in time."""
        line = self.open()
        outcome: list[Any] = []
        line.getAgentInfo(0xDEAD).addBoth(outcome.append)
        self.network.flush()
        self.network.advance(5)
        self.network.flush()
        self.assertEqual(outcome[0].value.name, "LINEERR_OPERATIONFAILED")

    def test_serverRulesHold(self) -> None:
        """What the server refuses by its rules comes as TelephonyError in the acknowledgement."""
        line = self.open()
        error = self.assertRaises(TelephonyError, self.result, line.getAgentStatus(99))
        self.assertEqual(error.name, "LINEERR_INVALADDRESSID")
        self.assertFalse(error.completed)
