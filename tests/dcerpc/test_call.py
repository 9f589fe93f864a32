"""Tests for tapiproxy.dcerpc.call: what operations see of a request, and how they answer it."""

from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.ndr import NDR
from tests.dcerpc.conversation import Conversation, ack, fault, response
from tests.dcerpc.pdus import ECHO, bind, context, request


class Answers(TestCase):
    """Calls that are answered later."""

    def test_later(self) -> None:
        """The answer goes out when it is there, and asks to be flushed."""
        conversation = Conversation()
        self.assertEqual(conversation.say(bind(), request(opnum=3, callID=7)), [ack()])
        self.assertEqual(conversation.flushed, 0)
        conversation.calls[0].respond(b"late")
        self.assertEqual((conversation.say(), conversation.flushed), ([response(b"late", 7)], 1))

    def test_atOnce(self) -> None:
        """An answer that a call is given while input is received leaves with the others."""
        conversation = Conversation()
        answers = conversation.say(bind(), request(opnum=6), request(b"x"))
        self.assertEqual(answers, [ack(), response(b"first"), response(b"x")])
        self.assertEqual(conversation.flushed, 0)

    def test_bug(self) -> None:
        """A bug in an operation is told to the connection, which logs it, once."""
        conversation = Conversation()
        conversation.say(bind(), request(opnum=1), request(opnum=2), request(opnum=4))
        self.assertEqual(conversation.failures, 1)

    def test_onlyOnce(self) -> None:
        """Only the first answer counts."""
        conversation = Conversation()
        conversation.say(bind(), request(opnum=3))
        (call,) = conversation.calls
        call.fault(0x6F7)
        call.respond(b"too late")
        call.fault(5)
        self.assertEqual((conversation.say(), conversation.flushed), ([fault(0x6F7)], 1))

    def test_connectionLost(self) -> None:
        """Answers to a client that has gone are dropped, and the call says that they would be."""
        conversation = Conversation()
        conversation.say(bind(), request(opnum=3))
        self.assertTrue(conversation.calls[0].open)
        conversation.association.connectionLost(self.fail)
        self.assertFalse(conversation.calls[0].open)
        conversation.calls[0].respond(b"late")
        self.assertEqual((conversation.say(), conversation.flushed), ([], 0))

    def test_whatACallKnows(self) -> None:
        """A call knows its numbers, its interface, its syntax and byte order."""
        conversation = Conversation()
        conversation.say(bind(context(4)), request(p_cont_id=4, callID=9, order=pdu.BIG))
        (call,) = conversation.calls
        self.assertEqual((call.callID, call.contextID, call.opnum), (9, 4, 0))
        self.assertEqual((call.byteOrder, call.littleEndian), (">", False))
        self.assertEqual((call.principal, call.authLevel, call.mechanism), (None, 1, ""))
        self.assertEqual((call.interface.uuid, call.transferSyntax), (ECHO.if_uuid, NDR))
        self.assertIs(call.connection, conversation)
