"""Wrong bytes at a whole server: each is answered as decided, and the witness never notices."""

from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.trp import idl
from tests.fuzz import callbacks
from tests.fuzz.campaign import boundFromEnvironment, campaign, seedFromEnvironment
from tests.fuzz.servers import SERVERS, conversations, learn, packets
from tests.fuzz.world import World, clientRequest


class ServerTests(TestCase):
    """Mutants of conversations, calls and packets."""

    def feed(self, name: str) -> None:
        """Feed one target."""
        (target,) = (target for target in (*SERVERS, *callbacks.CALLBACKS) if target.name == name)
        campaign(target, seedFromEnvironment(), boundFromEnvironment(target))

    def test_stranger(self) -> None:
        """Whatever a new connection says, others work, and nothing of it is left when it goes."""
        self.feed("server.stranger")

    def test_client(self) -> None:
        """Whatever an attached client says, others work, and each request has one outcome."""
        self.feed("server.client")

    def test_packet(self) -> None:
        """Whatever is in pBuffer, others work, and each request has one outcome."""
        self.feed("server.packet")

    def test_callback(self) -> None:
        """Whatever a call-back endpoint says, others work, and ClientAttach has one answer."""
        self.feed("server.callback")


class WorldTests(TestCase):
    """The world of these targets is as it says: else nothing would be shown."""

    def test_packetsAreAccepted(self) -> None:
        """Every packet that mutants descend from is one that the server accepts."""
        for packet in packets():
            world = World(attached=True)
            world.hostile.send(clientRequest(packet))
            (answer,) = world.hostile.received()
            self.assertIsInstance(answer, pdu.Response)
            start, _ = idl.decodeClientRequestReply(answer.stub, 0, len(answer.stub))
            result = int.from_bytes(answer.stub[start : start + 4], "little")
            self.assertLess(result, 0x80000000, packet.hex())
            world.end()

    def test_strangersAttach(self) -> None:
        """
        A conversation from the first octet on ends with a client that is attached, in NDR as in
        NDR64.
        """
        first, _, inNDR64, *_ = conversations()
        for conversation in (first, inNDR64):
            world = World(attached=False)
            world.hostile.send(conversation)
            self.assertEqual(len(learn(world)), 2)
            self.assertEqual(world.harness.server.status()["attached"], 2)
            world.end()

    def test_callbacksAttach(self) -> None:
        """A call-back that answers as it should gets its client attached."""
        attached = [
            callbacks.feed(said).harness.server.status()["attachedEver"]
            for said in callbacks.conversations()
        ]
        self.assertEqual(attached, [2, 2, 2, 2, 1, 1])

    def test_witnessNotices(self) -> None:
        """The witness fails when the server serves it no more."""
        world = World(attached=False)
        world.witness()
        world.harness.broker.removeHandler("acd")
        self.assertRaises(AssertionError, world.witness)

    def test_leftoversAreSeen(self) -> None:
        """A client that stays is noticed at the end."""
        world = World(attached=False)
        world.attached("192.0.2.2")
        self.assertRaises(AssertionError, world.end)
