"""The agent application: its options, each command against a server, and the demo."""

import argparse
import io
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tapiproxy import defaults
from tapiproxy.cli.agent import oneShot, readPIN, register, serverAddress, untilDone, wantedBy
from tapiproxy.cli.agent_application import AgentApplication, Wanted
from tapiproxy.cli.agent_demo import PacketPrinter, demo
from tapiproxy.cli.agent_logon import Logon
from tapiproxy.cli.main import CommandError
from tapiproxy.tapi.agentstructs import LINEAGENTGROUPLIST
from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS
from tests.client.canned import ANSWERS, PIN
from tests.client.network import MemoryNetwork
from tests.client.servers import HOST, NEW_SESSION, PORT, RealServer, ScriptedServer


def parse(*typed: str) -> argparse.Namespace:
    """What argparse makes of ``tapiproxy agent ...``."""
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    return parser.parse_args(["agent", *typed])


class Terminal(io.StringIO):
    """An input with somebody at it."""

    def isatty(self) -> bool:
        return True


def noPrompt(prompt: str) -> str:
    """For tests in which nobody is to be asked."""
    raise AssertionError(prompt)


class Options(TestCase):
    def test_server(self) -> None:
        """A host with or without port, IPv6 in brackets; nonsense is refused as it was typed."""
        self.assertEqual(serverAddress("acd.example"), ("acd.example", defaults.PORT))
        self.assertEqual(serverAddress("acd.example:135"), ("acd.example", 135))
        self.assertEqual(serverAddress("[::1]:135"), ("::1", 135))
        self.assertEqual(serverAddress("::1"), ("::1", defaults.PORT))
        for wrong in ("", ":135", "host:0", "host:65536", "host:x"):
            self.assertIn(repr(wrong), str(self.assertRaises(CommandError, serverAddress, wrong)))

    def test_pinFile(self) -> None:
        """The first line of a file is the PIN; a missing file is named."""
        path = Path(self.mktemp())
        path.write_text("4711\nnot this\n")
        options = parse("--pin-file", str(path), "sessions")
        self.assertEqual(readPIN(options, {"TAPIPROXY_PIN": "0"}, Terminal(), noPrompt), "4711")
        path.unlink()
        error = self.assertRaises(CommandError, readPIN, options, {}, Terminal(), noPrompt)
        self.assertIn(str(path), str(error))

    def test_pinElsewhere(self) -> None:
        """Without a file: standard input if told so, the environment, a prompt, or none."""
        stdin = io.StringIO("4711\n")
        self.assertEqual(readPIN(parse("--pin-file", "-", "lines"), {}, stdin, noPrompt), "4711")
        options = parse("lines")
        self.assertEqual(readPIN(options, {"TAPIPROXY_PIN": "4712"}, Terminal(), noPrompt), "4712")
        self.assertEqual(readPIN(options, {}, Terminal(), lambda prompt: "4713"), "4713")
        self.assertIsNone(readPIN(options, {}, io.StringIO(), noPrompt))

    def test_noPINArgument(self) -> None:
        """No option takes the PIN itself, and a gathered PIN does not show."""
        self.patch(sys, "stderr", io.StringIO())
        self.assertRaises(SystemExit, parse, "--pin", "1234", "lines")
        wanted = wantedBy(parse("--agent", "1001", "lines"), "secret!", Logon())
        self.assertNotIn("secret!", repr(wanted))

    def test_badNumbers(self) -> None:
        """A negative line is refused by name."""
        said = io.StringIO()
        self.patch(sys, "stderr", said)
        self.assertRaises(SystemExit, parse, "--line=-1", "lines")
        self.assertIn("--line", said.getvalue())


class Commanding(TestCase):
    """Every command against a server in memory."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.server: Any = ScriptedServer(self.network)
        self.written: list[str] = []

    def run_(self, *typed: str, pin: str | None = PIN, agent: str | None = "1001") -> str:
        """Run one command and give what it wrote."""
        options = parse("--server", f"{HOST}:{PORT}", *typed)
        wanted = Wanted(
            host=HOST,
            port=PORT,
            dwDeviceID=options.line,
            dwAddressID=options.address,
            agentID=agent,
            pin=pin,
        )
        options.pin = pin
        self.written = []
        app = AgentApplication(self.network, wanted, self.written.append)
        self.finish(oneShot(app, options.command.run(app, options)))
        return "\n".join(self.written)

    def finish(self, coroutine: Any, seconds: float = 0) -> None:
        """Run a coroutine to its end; nothing of it may stay on the network."""
        ended: list[Any] = []
        Deferred.fromCoroutine(coroutine).addBoth(ended.append)
        self.network.flush()
        self.network.pump([seconds, 0, 0])
        self.network.flush()
        self.assertEqual(len(ended), 1)
        self.assertFalse(any(pipe.connected for pipe in self.network.pipes))
        if ended[0] is not None:
            ended[0].raiseException()

    def asked(self) -> list[str]:
        """The names of the packets that the server got."""
        return [type(packet).__name__ for packet in self.server.requests]

    def test_everyRequestHasACommand(self) -> None:
        """All 20 proxy requests and GetProxyStatus are sent by some command, without an error."""
        for typed in (
            ("lines",), ("caps",), ("groups",), ("my-groups",), ("queues",), ("queues", "sales"),
            ("proxy-status",), ("login", "1001"), ("open-session", "Sales"), ("sessions",),
            ("set-state", "ready"), ("set-session-state", "sales", "not-ready"), ("status",),
            ("set-group", "sales", "support"), ("set-group",), ("set-address-state", "ready"),
            ("activities",), ("set-activity", "mail"), ("info", "agent"),
            ("info", "session", "0x2002"), ("info", "queue", "sales queue"), ("period", "600"),
            ("period", "600", "--queue", "7"), ("specific", "0", "ping"),
            ("watch", "--seconds", "0"),
        ):  # fmt: skip
            self.run_(*typed)
        for name in [row.name for row in PROXY_REQUESTS] + ["GetProxyStatus"]:
            self.assertIn(name, self.asked())

    def test_leave(self) -> None:
        """A command takes its leave as 4.2 says, in that order."""
        self.run_("groups")
        self.assertEqual(self.asked()[-2:], ["Close", "ShutDown"])

    def test_tables(self) -> None:
        """Lists are tables with heads, states are words."""
        self.assertEqual(
            self.run_("sessions").splitlines(),
            [
                "SESSION     GROUP  ADDRESS  STATE  NEXT",
                "0x00002002  Sales  0        ready  not ready",
            ],
        )

    def test_info(self) -> None:
        """Figures have names and units that people read."""
        lines = self.run_("info", "agent").splitlines()
        self.assertIn("calls per hour    12.50", lines)
        self.assertIn("ACD talk time     1:02:03", lines)

    def test_states(self) -> None:
        """State and next state arrive as their constants; "-" leaves the state alone."""
        self.run_("set-state", "-", "--next", "NotReady")
        sent = next(p for p in self.server.requests if type(p).__name__ == "SetAgentStateEx")
        self.assertEqual((sent.dwAgentState, sent.dwNextAgentState), (0, 1))
        self.assertRaises(CommandError, self.run_, "set-state", "-")
        self.assertRaises(CommandError, self.run_, "set-state", "asleep")

    def test_specificHex(self) -> None:
        """A block in hexadecimal goes out and comes back as such; bad digits are refused."""
        self.assertEqual(self.run_("specific", "0", "70 69", "--hex", "--room", "4"), "70 6f 6e 67")
        self.assertRaises(CommandError, self.run_, "specific", "0", "7", "--hex")
        self.assertRaises(CommandError, self.run_, "specific", "0", "long", "--room", "2")

    def test_unknownNames(self) -> None:
        """A group, queue or activity that does not exist is refused with those that do."""
        for typed in (
            ("open-session", "Nowhere"),
            ("info", "queue", "Nowhere"),
            ("set-activity", "Nothing"),
        ):
            error = self.assertRaises(CommandError, self.run_, *typed)
            self.assertIn("; there are: ", str(error))
        self.assertRaises(CommandError, self.run_, "info", "queue")

    def test_wrongPIN(self) -> None:
        """A LINEERR is told by name, with what to do; the session is left all the same."""
        error = self.assertRaises(CommandError, self.run_, "sessions", pin="0000")
        self.assertIn("LINEERR_INVALPASSWORD", str(error))
        self.assertIn("--pin-file", str(error))

    def test_noSuchLine(self) -> None:
        """A line beyond those that the server shows is refused with how many there are."""
        error = self.assertRaises(CommandError, self.run_, "--line", "3", "groups")
        self.assertIn("the server shows 1", str(error))

    def test_unreachable(self) -> None:
        """A server that is not there is named, with what to look at."""
        self.network.ports.clear()
        error = self.assertRaises(CommandError, self.run_, "groups")
        self.assertIn(f"{HOST} port {PORT}", str(error))

    def test_notLetIn(self) -> None:
        """A server that refuses ClientAttach is told apart from one that is not there."""
        self.server.attachResult = 0x80000048
        error = self.assertRaises(CommandError, self.run_, "groups")
        self.assertIn("did not let us in", str(error))

    def test_watch(self) -> None:
        """Watching shows events while they come, and ends with the session if that is lost."""
        events: list[Any] = []
        app = AgentApplication(
            self.network,
            Wanted(host=HOST, port=PORT),
            self.written.append,
            onEvent=events.append,
        )
        options = parse("watch")
        ended: list[Any] = []
        watching = Deferred.fromCoroutine(oneShot(app, options.command.run(app, options)))
        watching.addBoth(ended.append)
        self.network.flush()
        self.server._event(NEW_SESSION)
        self.network.flush()
        self.assertEqual(events, [NEW_SESSION])
        self.assertEqual(ended, [])
        self.network.pipes[0].abortConnection()
        self.network.flush()
        self.assertTrue(ended[0].check(CommandError))

    def test_demo(self) -> None:
        """The demo runs 4.12 to its end against the product's server, and shows no PIN."""
        self.network.ports.clear()
        RealServer(self.network)
        self.demo()
        text = "\n".join(self.written)
        steps = (
            "ClientAttach: success",
            "client -> server  CreateAgent",
            "CreateAgent: acknowledged, request ID",
            "LINE_REPLY: success",
            "client -> server  GetAgentGroupList",
            "client -> server  CreateAgentSession",
            "lpszAgentPIN = (hidden)",
            "LINE_AGENTSESSIONSTATUS",
            "dwAgentSessionStatus = LINEAGENTSESSIONSTATUS_NEWSESSION",
            "client -> server  Close",
            "client -> server  ShutDown",
            "ClientDetach: success",
            "All went as the specification says.",
        )
        for step in steps:
            self.assertIn(step, text)
        self.assertNotIn(PIN, text)

    def test_demoWithSmallHandler(self) -> None:
        """A handler that answers what 4.12 asks, and no more, is enough for the demo."""
        self.network.ports.clear()
        answered = {"CreateAgent", "GetAgentGroupList", "CreateAgentSession"}
        types = [row.requestType for row in PROXY_REQUESTS if row.name in answered]
        RealServer(self.network).broker.setAvailable("canned", types, None)
        self.demo()
        text = "\n".join(self.written)
        for name in ("GetAgentSessionList", "SetAgentSessionState"):
            self.assertIn(f"The handler does not answer {name}", text)
        self.assertIn("All went as the specification says.", text)

    def test_demoFails(self) -> None:
        """A demo in which something is not as specified does not end well."""
        self.patch(self.server, "_now", lambda packet: b"\x48\0\0\x80" + bytes(56))
        self.assertRaises(CommandError, self.demo)
        self.assertNotIn("All went", "\n".join(self.written))

    def test_demoWithoutGroup(self) -> None:
        """An agent who may serve no group cannot open a session: the demo says so."""
        before = ANSWERS["GetAgentGroupList"]
        ANSWERS["GetAgentGroupList"] = LINEAGENTGROUPLIST()
        self.addCleanup(ANSWERS.update, {"GetAgentGroupList": before})
        error = self.assertRaises(CommandError, self.demo)
        self.assertIn("no group", str(error))

    def demo(self) -> None:
        printer = PacketPrinter(self.network, self.written.append)
        app = AgentApplication(
            self.network,
            Wanted(host=HOST, port=PORT, agentID="1001", pin=PIN),
            self.written.append,
            observer=printer.show,
        )
        self.finish(oneShot(app, demo(app, None)), 1.0)


class FakeReactor:
    """A reactor whose turns are calls."""

    def __init__(self) -> None:
        self.network = MemoryNetwork()
        self.triggers: list[Any] = []
        self.started: list[Any] = []
        self.whileRunning: Any = lambda: None
        self.callLater = self.network.callLater
        self.stopped = 0

    def callWhenRunning(self, f: Any) -> None:
        self.started.append(f)

    def addSystemEventTrigger(self, phase: str, event: str, f: Any) -> None:
        self.triggers.append(f)

    def stop(self) -> None:
        self.stopped += 1

    def run(self) -> None:
        for f in self.started:
            f()
        self.whileRunning()
        self.network.flush()


class Running(TestCase):
    def test_result(self) -> None:
        """The reactor stops when the work is done; what it raises is raised."""
        reactor = FakeReactor()

        async def work() -> None:
            raise CommandError("no")

        self.assertRaises(CommandError, untilDone, reactor, work())
        self.assertEqual(reactor.stopped, 1)

    def test_interrupted(self) -> None:
        """Ctrl-C cancels the work, which may still take its leave before the reactor is gone."""
        reactor = FakeReactor()
        left: list[str] = []

        async def work() -> None:
            try:
                await Deferred()
            finally:
                left.append("left")

        waited: list[Any] = []
        reactor.whileRunning = lambda: waited.append(reactor.triggers[0]())
        self.assertRaises(KeyboardInterrupt, untilDone, reactor, work())
        self.assertEqual(left, ["left"])
        self.successResultOf(waited[0])
