"""The call-back: what pszMachine says, what is sent, when it is given up."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import TimeoutError
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import TestCase

from tapiproxy.trp.remotesp import Callback, Machine, parseMachine, tcpConnector
from tapiproxy.trp.settings import Settings
from tests.trp.support import FakeCallback


class PszMachine(TestCase):
    """Name and endpoints.  [MS-TRP] 3.1.4.1"""

    def test_endpoints(self) -> None:
        """The ports of ncacn_ip_tcp, in order; other protocol sequences are passed over."""
        machine = parseMachine('PC"ncacn_nb_nb"251"ncacn_ip_tcp"251"ncacn_ip_tcp"252"')
        self.assertEqual(machine, Machine("PC", (251, 252)))

    def test_noPorts(self) -> None:
        """What is no port is no endpoint."""
        for endpoint in ("0", "65536", "-1", "", "x", "1.5", "\u0661", "9" * 4000):
            self.assertEqual(parseMachine(f'PC"ncacn_ip_tcp"{endpoint}"'), Machine("PC", ()))

    def test_bounded(self) -> None:
        """A client may name many endpoints; few are tried."""
        self.assertEqual(len(parseMachine("PC" + '"ncacn_ip_tcp"1' * 100).ports), 4)

    @given(st.text())
    def test_anything(self, pszMachine: str) -> None:
        """Any string has a name and some ports."""
        machine = parseMachine(pszMachine)
        self.assertNotIn('"', machine.name)
        self.assertTrue(all(0 < port < 65536 for port in machine.ports))


class Connecting(TestCase):
    """tcpConnector."""

    def test_address(self) -> None:
        """It connects where it is told, and gives up in time."""
        reactor = MemoryReactorClock()
        connecting = tcpConnector(reactor)("192.0.2.1", 4711, 3.0)
        self.assertEqual(reactor.tcpClients[0][:2], ("192.0.2.1", 4711))
        reactor.advance(3)
        self.failureResultOf(connecting, TimeoutError)


class Sending(TestCase):
    """RemoteSPEventProc and RemoteSPDetach."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.connection = FakeCallback()
        self.delivered = 0
        self.lost: list[str] = []
        self.callback = Callback(
            self.connection, FakeCallback.CONTEXT, self.clock, Settings(callbackEvents=10)
        )
        self.callback.begin(self.taken, self.lost.append)

    def taken(self) -> None:
        self.delivered += 1

    def test_taken(self) -> None:
        """An answer says that the events were taken; nothing is left to wait for."""
        self.callback.send(bytes(40))
        self.assertTrue(self.connection.answer())
        self.assertEqual(self.delivered, 1)
        self.clock.advance(10)
        self.assertEqual((self.clock.getDelayedCalls(), self.lost), ([], []))

    def test_deadline(self) -> None:
        """Each call has its own ten seconds, though one timer watches all."""
        self.callback.send(bytes(40))
        self.clock.advance(6)
        self.connection.answer()
        self.callback.send(bytes(40))
        self.clock.advance(9)
        self.assertEqual(self.lost, [])
        self.clock.pump([1, 0])
        self.assertEqual(len(self.lost), 1)
        self.assertTrue(self.connection.closed)

    def test_failed(self) -> None:
        """A fault, or whatever ends a call, ends the association."""
        self.callback.send(bytes(40))
        self.callback.failed(ConnectionError("gone"))
        self.assertEqual(self.lost, [])
        self.clock.advance(0)
        self.assertEqual(self.lost, ["RemoteSPEventProc failed: gone"])

    def test_lostOnce(self) -> None:
        """However much goes wrong, it is told once."""
        self.callback.send(bytes(40))
        self.callback.failed(ConnectionError("gone"))
        self.connection.lose()
        self.clock.advance(20)
        self.assertEqual(len(self.lost), 1)

    def test_detach(self) -> None:
        """RemoteSPDetach is called and the connection closed; later losses are nobody's concern."""
        self.callback.detach()
        self.assertEqual((self.connection.detached, self.connection.closed), (1, True))
        self.connection.lose()
        self.assertEqual(self.lost, [])

    def test_close(self) -> None:
        """Closing is no loss."""
        self.callback.send(bytes(40))
        self.callback.close()
        self.clock.advance(20)
        self.assertEqual((self.connection.closed, self.lost), (True, []))
