"""The twenty requests reach the handler, and its answers the client."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, eventAsText, globalLogPublisher
from twisted.trial.unittest import TestCase

from tapiproxy.tapi import agentstructs as structs
from tapiproxy.tapi.lineerr import LINEERR_INVALPARAM
from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS
from tapiproxy.tapi.versions import TAPI_2_0, TAPI_3_1
from tapiproxy.trp import completions
from tapiproxy.trp.requests import agent, byFunction
from tapiproxy.trp.settings import Settings
from tests.trp.support import GROUP, accepted, makeHarness


class Twenty(TestCase):
    """Each request once, by the table of the twenty."""

    def setUp(self) -> None:
        self.harness = makeHarness()
        self.app = self.harness.application().ready()

    def test_every(self) -> None:
        """The handler's method gets the arm of its row; the completion holds what it returned."""
        requests = accepted(self.app)
        for row in PROXY_REQUESTS:
            self.harness.handler.requests.clear()
            requestID = self.app.result(requests[row.Req_Func])
            (request,) = self.harness.handler.requests
            self.assertIs(type(request), row.arm)
            self.assertEqual(request.line.name, "Sales")
            (event,) = self.app.replies()
            cls: Any = byFunction[row.Req_Func]
            completion = completions.decode(event, cls, TAPI_3_1)
            self.assertEqual((completion.dwRequestID, completion.Result), (requestID, 0))
            expected = b"ping" if row.result is bytes else self.harness.handler.answers[row.method]
            self.assertEqual(completion.value, expected, row.method)

    def test_agentCaps(self) -> None:
        """GetAgentCaps belongs to no line: no client, no device, no OpenContext."""
        self.harness.handler.answers["getAgentCaps"] = structs.LINEAGENTCAPS(
            AgentHandlerInfo="x", ProxyGUID=GROUP
        )
        message = agent.GetAgentCaps(
            hLineApp=self.app.hLineApp,
            dwDeviceID=1,
            dwAppAPIVersion=TAPI_2_0,
            lpAgentCapsSize=1024,
        )
        self.app.result(message)
        (event,) = self.app.replies()
        self.assertEqual((event.InitContext, event.hDevice, event.OpenContext), (0x1111, 0, 0))
        (request,) = self.harness.handler.requests
        self.assertIsNone(request.client)
        self.assertEqual(request.line.name, "Support")
        caps = completions.decode(event, agent.GetAgentCaps, TAPI_2_0).value
        self.assertEqual(caps.AgentHandlerInfo, "x")

    def test_tooLittleRoom(self) -> None:
        """An answer that does not fit leaves the fixed part and a true dwNeededSize."""
        message = agent.GetAgentGroupList(hLine=self.app.hLine, lpAgentGroupListSize=24)
        self.app.result(message)
        (event,) = self.app.replies()
        self.assertEqual((event.Param2, event.Param4), (0, 24))
        needed = int.from_bytes(event.varData[4:8], "little")
        self.app.result(agent.GetAgentGroupList(hLine=self.app.hLine, lpAgentGroupListSize=needed))
        (event,) = self.app.replies()
        groups = completions.decode(event, agent.GetAgentGroupList).value
        self.assertEqual(len(groups.List), 1)

    def test_block(self) -> None:
        """AgentSpecific hands a block to the handler and back; a very long one is refused."""
        self.harness = makeHarness(Settings(agentSpecificBytes=8))
        self.app = self.harness.application().ready()
        self.harness.handler.answers["agentSpecific"] = b"pong"
        self.app.result(agent.AgentSpecific(hLine=self.app.hLine, lpParams=b"pingping"))
        (event,) = self.app.replies()
        self.assertEqual(completions.decode(event, agent.AgentSpecific).value, b"pong")
        message = agent.AgentSpecific(hLine=self.app.hLine, lpParams=b"pingping.")
        self.assertEqual(self.app.result(message), LINEERR_INVALPARAM)

    def test_secrets(self) -> None:
        """A PIN is in no log line and in no repr, whatever fails."""
        logged: list[str] = []

        def observe(event: LogEvent) -> None:
            logged.append(eventAsText(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        message = agent.CreateAgent(hLine=self.app.hLine, lpszAgentID="1001", lpszAgentPIN="geheim")
        for answer in (ZeroDivisionError("x"), "nonsense", lambda request: Deferred()):
            self.harness.handler.answers["createAgent"] = answer
            self.app.result(message)
        self.harness.clock.advance(5)
        self.assertEqual(len(self.flushLoggedErrors()), 2)
        self.assertEqual(len(logged), 3)
        self.assertNotIn("geheim", "".join(logged))
        self.assertNotIn("geheim", repr(message))
        self.assertNotIn("geheim", repr(self.harness.handler.requests))

    def test_logged(self) -> None:
        """What is logged of a request names client, line, request and handler; success is not."""
        logged: list[str] = []

        def observe(event: LogEvent) -> None:
            logged.append(eventAsText(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.app.result(agent.CreateAgent(hLine=self.app.hLine))
        self.assertEqual(logged, [])
        self.harness.handler.answers["createAgent"] = lambda request: Deferred()
        self.app.result(agent.CreateAgent(hLine=self.app.hLine))
        self.harness.clock.advance(5)
        for word in ("PC-1 #1", "'Sales'", "CreateAgent", "acd"):
            self.assertIn(word, logged[0])
