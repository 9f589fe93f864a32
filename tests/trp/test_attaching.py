"""ClientAttach: who may come in, and the call-back that a client needs for it."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.logger import LogEvent, eventAsText, globalLogPublisher
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.interface import RPC_C_AUTHN_LEVEL_PKT_PRIVACY
from tapiproxy.tapi.lineerr import (
    LINEERR_OPERATIONFAILED,
)
from tapiproxy.trp import idl
from tapiproxy.trp.principals import NOBODY, Principal
from tapiproxy.trp.requests import agent, generic
from tapiproxy.trp.settings import Settings
from tests.trp.support import (
    ALICE,
    MACHINE,
    FakeCallback,
    Peer,
    makeHarness,
)


class Attaching(TestCase):
    """ClientAttach.  [MS-TRP] 3.1.4.1"""

    def setUp(self) -> None:
        self.harness = makeHarness()
        self.app = self.harness.application()

    def refused(self) -> None:
        """The client has its answer, and nothing is left of it."""
        status = self.harness.server.status()
        self.assertEqual((status["attached"], status["attaching"]), (0, 0))
        self.assertEqual(status["attachRefused"], 1)
        self.assertEqual(len(self.app.group.handles), 0)
        self.assertFalse(self.app.connection.attached)

    def test_connectsBackToThePeer(self) -> None:
        """The call-back goes to the address that the call came from, whatever the name says."""
        self.app.attach('203.0.113.9"ncacn_ip_tcp"4711"')
        self.assertEqual(self.harness.connects, [("192.0.2.1", 4711)])

    def test_attached(self) -> None:
        """An attached client has a context handle and no idle deadline."""
        reply = self.app.attach()
        self.assertEqual((reply.result, reply.phAsyncEventsEvent), (0, 0xA5C369A5))
        self.assertNotEqual(reply.phContext, bytes(20))
        self.assertTrue(self.app.connection.attached)
        self.assertEqual(self.harness.server.status()["clients"][0]["name"], "PC-1 #1")

    def test_otherLogonMeanwhile(self) -> None:
        """
        A client is who has asked to attach, not who has logged on while its call-back was made.

        Else whoever holds the call-back up and has another's logon handed on meanwhile is that
        other from then on, with the handle that he asked for himself.
        """
        for first in (Principal("DOM\\mallory"), None):
            harness = makeHarness()
            app = harness.application(first)
            connected: Deferred[Any] = Deferred()
            harness.endpoints.append(connected)
            call = app.attaching()
            app.connection.principal = ALICE
            app.connection.authLevel = RPC_C_AUTHN_LEVEL_PKT_PRIVACY
            app.connection.mechanism = "NTLM"
            connected.callback(app.callback)
            self.assertEqual(app.attachReply(call).result, 0)
            (client,) = harness.server.clients
            self.assertEqual(client.principal, first or NOBODY)
            (status,) = harness.server.status()["clients"]
            self.assertEqual((status["mechanism"], status["level"]), ("", "none"))

    def test_secondEndpoint(self) -> None:
        """Where the first endpoint does not answer, the next is tried."""
        refused: Deferred[Any] = Deferred()
        self.harness.endpoints.append(refused)
        call = self.app.attaching('PC-1"ncacn_ip_tcp"1"ncacn_ip_tcp"2"')
        refused.errback(ConnectionRefusedError())
        self.assertEqual(self.app.attachReply(call).result, 0)
        self.assertEqual([port for _, port in self.harness.connects], [1, 2])

    def test_noEndpoint(self) -> None:
        """A client without ncacn_ip_tcp endpoint is refused, and the log says why."""
        reply = self.app.attach('PC-1"ncacn_nb_nb"251"')
        self.assertEqual((reply.result, reply.phContext), (LINEERR_OPERATIONFAILED, bytes(20)))
        self.assertEqual(self.harness.connects, [])
        self.refused()

    def test_pollingClient(self) -> None:
        """With pollWithoutCallback such a client is attached and fetches its events."""
        self.harness = makeHarness(Settings(pollWithoutCallback=True))
        app = self.harness.application()
        self.assertEqual(app.attach("PC-1").result, 0)
        app.initialize()
        app.open()
        app.result(agent.CreateAgent(hLine=app.hLine))
        reply = app.request(generic.GetAsyncEvents(dwTotalBufferSize=1024))
        self.assertEqual(reply.message.dwUsedBufferSize, 48)

    def test_callbackRefused(self) -> None:
        """An endpoint that cannot be reached is OPERATIONFAILED."""
        call = self.app.call(idl.ClientAttach, idl.encodeClientAttach(-1, "", MACHINE))
        self.assertEqual(self.app.attachReply(call).result, LINEERR_OPERATIONFAILED)

    def test_noAddress(self) -> None:
        """A client without an address (of a UNIX socket) is refused: there is nothing to call."""
        self.app.connection.peer = Peer(host="")
        self.assertEqual(self.app.attach().result, LINEERR_OPERATIONFAILED)
        self.assertEqual(self.harness.connects, [])
        self.refused()

    def test_attachRefusedByClient(self) -> None:
        """A RemoteSPAttach that fails is OPERATIONFAILED; it is closed, and never detached."""
        self.app.callback.attachResult = 5
        self.assertEqual(self.app.attach().result, LINEERR_OPERATIONFAILED)
        self.assertTrue(self.app.callback.closed)
        self.assertEqual(self.app.detach().faults, [0x1C00001A])
        self.assertEqual(self.app.callback.detached, 0)
        self.refused()

    def test_deadline(self) -> None:
        """A call-back that takes more than 3 s is given up."""
        self.harness.endpoints.append(Deferred())
        call = self.app.attaching()
        self.harness.clock.advance(2.9)
        self.assertEqual(call.answers, [])
        self.harness.clock.advance(0.1)
        self.assertEqual(self.app.attachReply(call).result, LINEERR_OPERATIONFAILED)
        self.refused()

    def test_othersGoOn(self) -> None:
        """A client whose call-back hangs does not keep another from attaching."""
        self.harness.endpoints.append(Deferred())
        self.app.attaching()
        self.harness.endpoints.clear()
        self.assertEqual(self.harness.application().attach().result, 0)

    def test_clientGoesMeanwhile(self) -> None:
        """A client that has gone before its call-back came leaves nothing."""
        self.harness.endpoints.append(Deferred())
        self.app.attaching()
        self.app.connection.lose()
        self.refused()

    def test_lostAtOnce(self) -> None:
        """A client whose call-back breaks as soon as it is there is run down."""

        class Broken(FakeCallback):
            def onLost(self, f: Any) -> None:
                f()

        self.app.callback = Broken()
        self.app.attach()
        self.harness.clock.advance(0)
        self.assertTrue(self.app.connection.aborted)
        self.assertEqual(self.harness.server.status()["attached"], 0)

    def test_full(self) -> None:
        """Clients are bounded."""
        self.harness = makeHarness(Settings(attachedClients=1))
        self.assertEqual(self.harness.application().attach().result, 0)
        self.assertEqual(self.harness.application().attach().result, LINEERR_OPERATIONFAILED)

    def test_fullOfOneAddress(self) -> None:
        """The clients of one address are bounded too, and a place that is left is free."""
        self.harness = makeHarness(Settings(attachedPerAddress=1))
        first, second, other = (self.harness.application() for _ in range(3))
        other.connection.peer = Peer("198.51.100.7")
        self.assertEqual(first.attach().result, 0)
        self.assertEqual(second.attach().result, LINEERR_OPERATIONFAILED)
        self.harness.endpoints.clear()
        self.assertEqual(other.attach().result, 0)
        first.detach()
        self.assertEqual(second.attach().result, 0)

    def test_deadPortsOfOneAddress(self) -> None:
        """An address with dead ports holds up nobody but itself."""
        self.harness = makeHarness(Settings(callbacksPerAddress=1))
        self.harness.endpoints.append(Deferred())
        self.harness.application().attaching()
        self.harness.endpoints.clear()
        app, other = self.harness.application(), self.harness.application()
        self.assertEqual(app.attach().result, LINEERR_OPERATIONFAILED)
        self.harness.endpoints.clear()
        other.connection.peer = Peer("198.51.100.7")
        self.assertEqual(other.attach().result, 0)
        self.harness.endpoints.clear()
        self.harness.clock.advance(3)
        self.assertEqual(app.attach().result, 0)

    def test_warnings(self) -> None:
        """A client that is refused again and again does not fill the log."""
        logged: list[str] = []

        def observe(event: LogEvent) -> None:
            logged.append(eventAsText(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        for _ in range(5):
            self.app.attach('PC-1"ncacn_nb_nb"251"')
        self.assertEqual(len(logged), 1)
        self.assertIn("connection-oriented call-backs", logged[0])
        self.harness.clock.advance(60)
        self.app.attach('PC-1"ncacn_nb_nb"251"')
        self.assertEqual(len(logged), 2)
        self.assertIn("(4 more of it left unsaid before)", logged[1])
        self.assertEqual(self.harness.server.status()["attachRefused"], 6)

    def test_hostileName(self) -> None:
        """What a client that is refused calls itself cannot make a line of its own in the log."""
        logged: list[str] = []
        observe = lambda event: logged.append(eventAsText(event))  # noqa: E731
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.app.attach('PC\r\n\x1b[2J\u2028-"ncacn_nb_nb"251"')
        (line,) = logged
        self.assertIn("client PC???[2J?- at", line)
        self.assertTrue(line.isprintable())

    def test_administrator(self) -> None:
        """lProcessID -3 is for administrators, of whom there are none by default."""
        reply = self.app.attach(user="alice", lProcessID=-3)
        self.assertEqual(reply.result, 0x100000000 - 19)
        harness = makeHarness(Settings(administrators=frozenset({"DOM\\alice"})))
        app = harness.application(ALICE)
        reply = app.attach("PC-1", user="alice", lProcessID=-3)
        self.assertEqual((reply.result, reply.phAsyncEventsEvent), (0, 0x64646464))
        self.assertEqual(harness.connects, [])

    def test_otherProcess(self) -> None:
        """Any other lProcessID is OPERATIONFAILED."""
        self.assertEqual(self.app.attach(lProcessID=4711).result, LINEERR_OPERATIONFAILED)
        self.refused()
