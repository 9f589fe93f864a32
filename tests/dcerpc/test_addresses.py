"""How addresses look in the log."""

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.dcerpc.addresses import peerKey, shown, shownPeer
from tapiproxy.dcerpc.pipe import PipeAddress


class AddressTests(SynchronousTestCase):
    def test_shown(self):
        """A connection's address has host and port, and how else it came."""
        for address, wanted in (
            (IPv4Address("TCP", "192.0.2.7", 50000), "192.0.2.7 port 50000"),
            (IPv6Address("TCP", "2001:db8::7", 50000), "2001:db8::7 port 50000"),
            (PipeAddress("192.0.2.7", 50000, "tapsrv"), "192.0.2.7 port 50000 by pipe tapsrv"),
            (UNIXAddress("/run/tapiproxy.sock"), "/run/tapiproxy.sock"),
            (UNIXAddress(None), "a local socket"),
            (None, "a local socket"),
        ):
            self.assertEqual(shown(address), wanted)

    def test_shownPeer(self):
        """A peer has no port; one that comes by a pipe is another one, and looks so."""
        for address, wanted in (
            (IPv4Address("TCP", "192.0.2.7", 50000), "192.0.2.7"),
            (PipeAddress("192.0.2.7", 50000, "tapsrv"), "192.0.2.7 by pipe"),
            (UNIXAddress("/run/tapiproxy.sock"), "a local socket"),
        ):
            self.assertEqual(shownPeer(peerKey(address)), wanted)
        self.assertEqual(shownPeer("elsewhere"), "elsewhere")
