"""The exchanges of [MS-TRP] 4.1, 4.2, 4.11 and 4.12, by bytes through tapsrv's own entry."""

from struct import unpack

from twisted.trial.unittest import TestCase

from tapiproxy.tapi.versions import TAPI_3_1
from tapiproxy.trp import completions
from tapiproxy.trp.requests import agent, generic, line
from tests.trp.support import GROUP, accepted, makeHarness


class Exchanges(TestCase):
    """The examples of chapter 4."""

    def test_establish(self) -> None:
        """4.1: attach, Initialize, versions of all devices, capabilities, Open."""
        app = makeHarness().application()
        attached = app.attach()
        self.assertEqual((attached.result, attached.phAsyncEventsEvent), (0, 0xA5C369A5))
        reply = app.request(line.Initialize(dwFriendlyNameOffset="PC-1", dwModuleNameOffset="PC-1"))
        self.assertEqual((reply.result, reply.message.dwNumDevs), (0, 3))
        app.hLineApp = reply.message.hLineApp
        reply = app.request(
            generic.NegotiateAPIVersionForAllDevices(
                hLineApp=app.hLineApp,
                dwNumLineDevices=3,
                dwAPIHighVersion=TAPI_3_1,
                dwLineAPIVersionListOffset=12,
                dwLineExtensionIDListOffset=48,
            )
        )
        self.assertEqual(reply.result, 0)
        versions = reply.message.dwLineAPIVersionListOffset
        self.assertEqual(unpack("<3I", versions), (TAPI_3_1,) * 3)
        self.assertEqual(reply.message.dwLineExtensionIDListOffset, bytes(48))
        reply = app.request(
            line.GetDevCaps(hLineApp=app.hLineApp, dwTSPIVersion=TAPI_3_1, lpLineDevCaps=1024)
        )
        self.assertEqual(reply.result, 0)
        self.assertEqual(reply.message.lpLineDevCaps.LineName, "Sales")
        reply = app.request(
            line.GetAddressCaps(
                hLineApp=app.hLineApp, dwAddressID=1, dwTSPIVersion=TAPI_3_1, lpAddressCaps=1024
            )
        )
        self.assertEqual(reply.message.lpAddressCaps.Address, "1001")
        self.assertTrue(app.open())

    def test_terminate(self) -> None:
        """4.2: Close, ShutDown and ClientDetach, after which the server knows nothing of it."""
        harness = makeHarness()
        app = harness.application().ready()
        self.assertEqual(app.result(line.Close(hLine=app.hLine)), 0)
        self.assertEqual(app.result(line.ShutDown(hLineApp=app.hLineApp)), 0)
        call = app.detach()
        self.assertEqual(call.answers, [bytes(20)])
        self.assertEqual(app.callback.detached, 1)
        self.assertTrue(app.callback.closed)
        self.assertEqual(harness.server.status()["attached"], 0)
        self.assertEqual([reason for _, reason in harness.handler.closed], ["close"])

    def test_proxyRequest(self) -> None:
        """4.11: CreateAgent is acknowledged with a request ID, LINE_REPLY has it and the handle."""
        harness = makeHarness()
        app = harness.application().ready()
        harness.handler.answers["createAgent"] = 0xABCD
        message = agent.CreateAgent(
            hLine=app.hLine, lpContext=5, lpszAgentID="1001", lpszAgentPIN="1234", lphAgentContext=6
        )
        requestID = app.result(message)
        self.assertTrue(0 < requestID < 0x80000000)
        (event,) = app.events()
        self.assertEqual((event.InitContext, event.OpenContext), (0x1111, 0x2222))
        self.assertEqual(event.hDevice, app.hLine)
        completion = completions.decode(event, agent.CreateAgent)
        self.assertEqual(completion.dwRequestID, requestID)
        self.assertEqual((completion.Result, completion.value), (0, 0xABCD))
        self.assertEqual((completion.lpContext, completion.context), (5, 6))
        (request,) = harness.handler.requests
        self.assertEqual((request.AgentID, request.AgentPIN), ("1001", "1234"))
        self.assertEqual(request.line.name, "Sales")
        self.assertEqual(request.clientMachineName, "PC-1")

    def test_agentSession(self) -> None:
        """4.12: GetAgentGroupList gives the group that CreateAgentSession names."""
        harness = makeHarness()
        app = harness.application().ready()
        app.result(agent.GetAgentGroupList(hLine=app.hLine, lpAgentGroupListSize=1024))
        (event,) = app.events()
        groups = completions.decode(event, agent.GetAgentGroupList).value
        self.assertEqual([entry.GroupID for entry in groups.List], [GROUP])
        app.result(agent.CreateAgentSession(hLine=app.hLine, hAgent=1, lpGroupID=GROUP))
        (event,) = app.events()
        self.assertEqual(completions.decode(event, agent.CreateAgentSession).value, 0x7001)
        self.assertEqual(harness.handler.requests[-1].GroupID, GROUP)

    def test_everyPacket(self) -> None:
        """Each packet that is served has a request that is accepted."""
        app = makeHarness().application().ready()
        for message in accepted(app).values():
            result = app.result(message)
            self.assertLess(result, 0x80000000, f"{type(message).__name__}: {result:#x}")
        for event in app.replies():
            self.assertEqual(event.Param2, 0)
