"""Requests, LINE_REPLY and events of one session, and its end."""

import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.trial.unittest import TestCase

from tapiproxy.client.errors import (
    BadAnswer,
    BadValue,
    CallFailed,
    ClientError,
    ConnectionEnded,
    NoAnswer,
    TelephonyError,
    TooManyRequests,
)
from tapiproxy.client.outstanding import MAXIMUM_OUTSTANDING
from tapiproxy.dcerpc.interface import Fault
from tapiproxy.tapi import lineerr
from tapiproxy.tapi.agentstructs import LINEAGENTGROUPENTRY, LINEAGENTGROUPLIST
from tapiproxy.tapi.proxymessages import LINE_AGENTSPECIFIC, LINE_AGENTSTATUSEX, LINE_QUEUESTATUS
from tapiproxy.trp import events, idl
from tapiproxy.trp.events import FRAME_SIZE, LINE_CLOSE, LINE_CREATE, Recipient
from tapiproxy.trp.requests import agent
from tapiproxy.trp.templates import encodeReply
from tapiproxy.wire.errors import DecodeError
from tests.client.canned import ANSWERS, GROUPS, H_AGENT, SALES
from tests.client.fakes import H_LINE, Attached, acknowledge


class Requests(TestCase):
    """A request that completes later, in all the orders in which things can come."""

    def setUp(self) -> None:
        self.attached = Attached()
        self.line = self.attached.open()

    def test_replyAfterAcknowledgement(self) -> None:
        """The usual order: acknowledgement, then LINE_REPLY with the value."""
        created = self.line.createAgent("1001", "1234")
        self.assertNoResult(created)
        self.attached.deliver(self.attached.reply(self.attached.last))
        self.assertEqual(self.successResultOf(created), H_AGENT)

    def test_replyBeforeAcknowledgement(self) -> None:
        """LINE_REPLY comes first, on the other connection: the request completes all the same."""
        self.attached.connection.answer = lambda message: None
        created = self.line.createAgent("1001", "1234")
        self.attached.deliver(self.attached.reply(self.attached.last))
        self.assertNoResult(created)
        pBuffer = acknowledge(self.attached.last)
        stub = idl.encodeClientRequestReply(pBuffer, len(pBuffer))
        self.attached.connection.held[0].callback(stub)
        self.assertEqual(self.successResultOf(created), H_AGENT)

    def test_ownRequestIDs(self) -> None:
        """Requests carry positive IDs of the client's own, no two outstanding ones alike."""
        for _ in range(3):
            self.line.getGroupList().addErrback(lambda failure: None)
        sent = [m.dwRequestID for m in self.attached.connection.requests[-3:]]
        self.assertEqual(len(set(sent)), 3)
        self.assertTrue(all(0 < each <= 0x7FFFFFFF for each in sent))

    def test_refusedAtOnce(self) -> None:
        """A LINEERR in the acknowledgement fails the request by name, without waiting."""
        self.attached.connection.answer = lambda message: acknowledge(
            message, lineerr.LINEERR_INVALLINEHANDLE
        )
        error = self.failureResultOf(self.line.getGroupList(), TelephonyError).value
        self.assertEqual(error.name, "LINEERR_INVALLINEHANDLE")
        self.assertEqual(error.request, "GetGroupList")
        self.assertFalse(error.completed)
        self.assertEqual(len(self.attached.session.outstanding), 0)

    def test_refusedByReply(self) -> None:
        """A LINEERR in LINE_REPLY fails the request by name."""
        created = self.line.createAgent("1001", "0000")
        self.attached.deliver(
            self.attached.reply(self.attached.last, lineerr.LINEERR_INVALPASSWORD)
        )
        error = self.failureResultOf(created, TelephonyError).value
        self.assertEqual(error.name, "LINEERR_INVALPASSWORD")
        self.assertTrue(error.completed)

    def test_otherIDAcknowledged(self) -> None:
        """A server that acknowledges with another ID than the client's breaks the protocol."""
        self.attached.connection.answer = lambda message: acknowledge(
            message, message.dwRequestID + 1
        )
        self.failureResultOf(self.line.getGroupList(), BadAnswer)

    def test_tornDown(self) -> None:
        """TAPIERR_INVALRPCCONTEXT, the positive error, is a refusal and no request ID."""
        self.attached.connection.answer = lambda message: acknowledge(message, 0xF101)
        error = self.failureResultOf(self.line.getGroupList(), TelephonyError).value
        self.assertEqual(error.code, 0xF101)

    def test_noReply(self) -> None:
        """Without LINE_REPLY the request fails at the deadline; a late one is counted, not told."""
        created = self.line.createAgent("1001", "1234")
        request = self.attached.last
        self.attached.clock.advance(self.attached.session.deadlines.reply)
        self.failureResultOf(created, NoAnswer)
        self.attached.deliver(self.attached.reply(request))
        self.assertEqual(self.attached.session.outstanding.strays, 1)
        self.assertEqual(self.attached.clock.getDelayedCalls(), [])

    def test_replyTwice(self) -> None:
        """A second LINE_REPLY for one request is counted and changes nothing."""
        created = self.line.createAgent("1001", "1234")
        reply = self.attached.reply(self.attached.last)
        self.attached.deliver(reply, reply)
        self.assertEqual(self.successResultOf(created), H_AGENT)
        self.assertEqual(self.attached.session.outstanding.strays, 1)

    def test_foreignContext(self) -> None:
        """A completion with another lpContext than the request's is not taken for its answer."""
        created = self.line.createAgent("1001", "1234")
        reply = bytearray(self.attached.reply(self.attached.last))
        reply[8:12] = b"\xff\xff\xff\x7f"
        self.attached.deliver(bytes(reply))
        self.failureResultOf(created, BadAnswer)

    def test_noHandle(self) -> None:
        """A handle of 0 is none."""
        created = self.line.createAgent("1001", "1234")
        reply = bytearray(self.attached.reply(self.attached.last))
        reply[40:44] = bytes(4)
        self.attached.deliver(bytes(reply))
        self.failureResultOf(created, BadAnswer)

    def test_malformedReplyHurtsOneRequest(self) -> None:
        """A completion that cannot be decoded fails its own request and no other."""
        first = self.line.createAgent("1001", "1234")
        request = self.attached.last
        second = self.line.createAgent("1002", "1234")
        reply = bytearray(self.attached.reply(request))
        reply[36:40] = b"\xff\xff\x00\x00"
        self.attached.deliver(bytes(reply), self.attached.reply(self.attached.last))
        self.failureResultOf(first, BadAnswer)
        self.assertEqual(self.successResultOf(second), H_AGENT)

    def test_moreRoom(self) -> None:
        """A list that does not fit is asked for again with the room that it needs."""
        long = LINEAGENTGROUPLIST(
            List=tuple(LINEAGENTGROUPENTRY(GroupID=SALES, Name="x" * 100) for _ in range(100))
        )
        listed = self.line.getGroupList()
        self.attached.deliver(self.attached.reply(self.attached.last, value=long))
        self.assertNoResult(listed)
        self.assertGreater(self.attached.last.lpAgentGroupListSize, 20000)
        self.attached.deliver(self.attached.reply(self.attached.last, value=long))
        self.assertEqual(self.successResultOf(listed), long)

    def test_evermoreRoom(self) -> None:
        """A server that needs more room each time is not asked for ever."""
        listed = self.line.getGroupList()
        for tried in range(10):
            if listed.called:
                break
            needed = 0x10000 + tried
            frame = struct.pack(
                "<10I", 52, self.attached.recipient.InitContext, self.attached.last.lpContext, 0,
                0x0C, 0, self.attached.last.dwRequestID, 0, self.attached.last.lpContext, 12,
            )  # fmt: skip
            self.attached.deliver(frame + struct.pack("<3I", 0x40000, needed * 100, 12))
        self.failureResultOf(listed, BadAnswer)

    def test_tooMany(self) -> None:
        """Requests are bounded; one too many fails at once and is not sent."""
        for _ in range(MAXIMUM_OUTSTANDING):
            self.line.getGroupList().addErrback(lambda failure: None)
        sent = len(self.attached.connection.requests)
        self.failureResultOf(self.line.getGroupList(), TooManyRequests)
        self.assertEqual(len(self.attached.connection.requests), sent)
        self.attached.session.end(ConnectionEnded("test"))

    def test_badValue(self) -> None:
        """Text that cannot be sent fails the request in words; nothing is left outstanding."""
        self.failureResultOf(self.line.createAgent("10\0" + "01"), BadValue)
        self.assertEqual(len(self.attached.session.outstanding), 0)

    def test_secretNotShown(self) -> None:
        """No PIN shows in what an observer might print."""
        self.line.createAgent("1001", "secret!").addErrback(lambda failure: None)
        self.assertNotIn("secret!", repr(self.attached.passed))
        self.attached.session.end(ConnectionEnded("test"))

    def test_cancelled(self) -> None:
        """A request that the application cancels is forgotten; its LINE_REPLY is a stray."""
        created = self.line.createAgent("1001", "1234")
        created.addErrback(lambda failure: None)
        created.cancel()
        self.attached.deliver(self.attached.reply(self.attached.last))
        self.assertEqual(self.attached.session.outstanding.strays, 1)
        self.assertEqual(self.attached.clock.getDelayedCalls(), [])


class Calls(TestCase):
    """ClientRequest itself."""

    def setUp(self) -> None:
        self.attached = Attached()

    def test_fault(self) -> None:
        """A fault PDU fails the request with its status; the session goes on."""
        self.attached.connection.answer = lambda message: Fault(0x1C00001A)
        error = self.failureResultOf(self.attached.client.initialize("test"), CallFailed).value
        self.assertEqual(error.status, 0x1C00001A)
        self.assertIsNone(self.attached.session.ended)

    def test_deadline(self) -> None:
        """A call without answer ends the session, since what would come belongs to nobody."""
        self.attached.connection.answer = lambda message: DeferredTimeout()
        self.failureResultOf(self.attached.client.initialize("test"), NoAnswer)
        self.assertIsInstance(self.attached.session.ended, NoAnswer)
        self.assertEqual(self.attached.connection.closed, 1)

    def test_roomForTheAnswer(self) -> None:
        """lNeededSize leaves room for the struct that comes back, beside the request's own size."""
        listed = self.attached.client.getProxyStatus(0, 0x00020002)
        self.failureResultOf(listed, BadAnswer)
        request = self.attached.connection.requests[0]
        self.assertIsInstance(request, agent.GetProxyStatus)
        self.assertEqual(self.attached.connection.rooms[0], 60 + request.lpLineProxyRequestList)

    def test_shortAnswer(self) -> None:
        """An answer too short for a result is malformed, and no refusal with half a code."""
        self.attached.connection.answer = lambda message: b"\x48\0"
        self.failureResultOf(self.attached.client.initialize("test"), BadAnswer)

    def test_tooManyLines(self) -> None:
        """A number of lines that no server can have is not believed."""

        def answer(message: Any) -> bytes:
            return encodeReply(
                type(message)(InitContext=message.InitContext, hLineApp=1, dwNumDevs=0xFFFFFFFF),
                0,
                message,
            )

        self.attached.connection.answer = answer
        self.failureResultOf(self.attached.client.initialize("test"), BadAnswer)


class Ending(TestCase):
    """Everything outstanding fails, and fails once."""

    def setUp(self) -> None:
        self.attached = Attached()
        self.line = self.attached.open()

    def test_allFailOnce(self) -> None:
        """Requests in every stage fail with the reason when the session ends, each once."""
        waitingForReply = self.line.getGroupList()
        self.attached.connection.answer = lambda message: None
        waitingForAcknowledgement = self.line.getGroupList()
        reason = ConnectionEnded("the server has gone")
        self.attached.session.end(reason)
        self.attached.connection.held[0].errback(reason)
        self.attached.session.end(ConnectionEnded("again"))
        for each in (waitingForReply, waitingForAcknowledgement):
            self.assertIs(self.failureResultOf(each).value, reason)
        self.assertEqual(self.attached.connection.closed, 1)
        self.assertEqual(self.attached.clock.getDelayedCalls(), [])

    def test_afterwards(self) -> None:
        """After the end a request fails at once with the reason, and is not sent."""
        reason = ConnectionEnded("gone")
        self.attached.session.end(reason)
        sent = len(self.attached.connection.requests)
        self.assertIs(self.failureResultOf(self.line.getGroupList()).value, reason)
        self.assertEqual(len(self.attached.connection.requests), sent)

    def test_whenEnded(self) -> None:
        """Whoever waits for the end is told once; who gave up waiting is not; latecomers too."""
        told = self.attached.client.whenEnded()
        gaveUp = self.attached.client.whenEnded()
        gaveUp.addErrback(lambda failure: None)
        gaveUp.cancel()
        self.attached.client.abort()
        self.assertIsInstance(self.successResultOf(told), ConnectionEnded)
        late = self.attached.client.whenEnded()
        self.assertIsInstance(self.successResultOf(late), ConnectionEnded)

    def test_closedLine(self) -> None:
        """Close fails what is outstanding on its line, since no LINE_REPLY follows, and no more."""
        mine = self.line.getGroupList()
        other = self.attached.client.getAgentCaps(0, 0, 0x00020002)
        request = self.attached.last
        self.successResultOf(self.line.close())
        self.failureResultOf(mine, ConnectionEnded)
        self.attached.deliver(self.attached.reply(request))
        self.assertEqual(self.successResultOf(other), ANSWERS["GetAgentCaps"])

    def test_closedByServer(self) -> None:
        """LINE_CLOSE is told, and voids the line: what it leaves outstanding fails."""
        mine = self.line.getGroupList()
        self.attached.deliver(self.attached.event(LINE_CLOSE()))
        self.failureResultOf(mine, ConnectionEnded)
        self.assertEqual(self.attached.events, [(LINE_CLOSE(), self.line.hRemoteLine)])

    def test_detach(self) -> None:
        """ClientDetach, then RemoteSPDetach: the session is over, the handle not used again."""
        done = self.attached.client.detach()
        self.assertNoResult(done)
        self.attached.detached.callback(None)
        self.successResultOf(done)
        self.assertIsInstance(self.attached.session.ended, ConnectionEnded)
        self.assertEqual(self.attached.session.phContext, idl.NO_CONTEXT)

    def test_detachWithoutAnswer(self) -> None:
        """A server that never calls RemoteSPDetach is not waited for beyond the deadline."""
        done = self.attached.client.detach()
        self.attached.clock.advance(self.attached.session.deadlines.detach)
        self.successResultOf(done)
        self.assertIsInstance(self.attached.session.ended, ConnectionEnded)


AGENT_STATUS = LINE_AGENTSTATUSEX(hAgent=H_AGENT, dwAgentStatus=2, dwAgentState=2)


class Events(TestCase):
    """What a remotesp server must check ([MS-TRP] 3.3.4.2)."""

    def setUp(self) -> None:
        self.attached = Attached()
        self.line = self.attached.open()

    def told(self) -> list[Any]:
        return [event for event, _ in self.attached.events]

    def test_told(self) -> None:
        """An event of an open line is told, with the line's own handle."""
        self.attached.deliver(self.attached.event(AGENT_STATUS))
        self.assertEqual(self.attached.events, [(AGENT_STATUS, self.line.hRemoteLine)])

    def test_burst(self) -> None:
        """A list of events is told in its order."""
        burst = [LINE_QUEUESTATUS(n, 1) for n in range(20)]
        self.attached.deliver(*map(self.attached.event, burst))
        self.assertEqual(self.told(), burst)

    def test_malformed(self) -> None:
        """A buffer that breaks a rule fails as a whole: the good event in front is not told."""
        good = self.attached.event(AGENT_STATUS)

        def sized(totalSize: int) -> bytes:
            return totalSize.to_bytes(4, "little") + good[4:]

        for bad in (
            good[:-4],  # lSize below the fixed part of the last one
            good[:-1],  # lSize not DWORD-aligned
            sized(36),  # TotalSize below the fixed part
            2 * (sized(42) + bytes(2)),  # TotalSize not DWORD-aligned
            sized(44),  # TotalSize overflows pBuffer
            bytes(8),  # no ASYNCEVENTMSG
            good[:4] + b"\x01\x02\x03\x04" + good[8:],  # InitContext nobody has given
        ):
            with self.assertRaises(DecodeError):
                self.attached.deliver(good, bad)
        with self.assertRaises(DecodeError):
            self.attached.deliver(b"")
        self.assertEqual(self.told(), [])

    def test_foreignLine(self) -> None:
        """An event of a line that this client does not have is ignored; the rest is told."""
        InitContext = self.attached.recipient.InitContext
        self.attached.deliver(
            events.encode(AGENT_STATUS, Recipient(InitContext, hDevice=77)),
            self.attached.event(AGENT_STATUS),
        )
        self.assertEqual(len(self.told()), 1)

    def test_withoutLine(self) -> None:
        """An event whose hRemoteLine is not set is told."""
        self.attached.deliver(
            events.encode(AGENT_STATUS, Recipient(self.attached.recipient.InitContext))
        )
        self.assertEqual(self.attached.events, [(AGENT_STATUS, 0)])

    def test_closedLine(self) -> None:
        """Events of a line that was closed are on their way still: ignored, and no fault."""
        late = self.attached.event(AGENT_STATUS)
        self.successResultOf(self.line.close())
        self.attached.deliver(late)
        self.successResultOf(self.attached.client.shutDown())
        self.attached.deliver(late)
        self.assertEqual(self.told(), [])

    def test_specificOfCall(self) -> None:
        """LINE_AGENTSPECIFIC names its line in Param4 when hDevice is a call."""
        message = LINE_AGENTSPECIFIC(dwAgentExtensionIDIndex=0, dwHandlerSpecific1=5)
        hRemoteLine = self.line.hRemoteLine

        def packet(hDevice: int, param4: int) -> bytes:
            head = events.encode(message, Recipient(self.attached.recipient.InitContext, hDevice))
            return head[:36] + param4.to_bytes(4, "little")

        self.attached.deliver(
            packet(0x999, hRemoteLine), packet(hRemoteLine, 0), packet(0x999, 0), packet(0, 0x999)
        )
        self.assertEqual(self.attached.events, [(message, hRemoteLine)] * 2)

    def test_newLine(self) -> None:
        """LINE_CREATE adds a line; impossible numbers, and LINE_REMOVE of none, are ignored."""
        recipient = Recipient(self.attached.recipient.InitContext)
        self.attached.deliver(events.encode(LINE_CREATE(1), recipient))
        self.assertEqual(self.attached.client.dwNumDevs, 2)
        self.attached.deliver(events.encode(LINE_CREATE(0xFFFFFFFF), recipient))
        self.attached.deliver(events.encode(events.LINE_REMOVE(9), recipient))
        self.attached.deliver(events.encode(events.LINE_REMOVE(1), recipient))
        self.assertEqual(self.told(), [LINE_CREATE(1), events.LINE_REMOVE(1)])
        self.assertEqual(self.attached.client.dwNumDevs, 2)

    def test_unknownMessage(self) -> None:
        """A message that is not for this client is ignored, whatever its number."""
        packet = self.attached.event(AGENT_STATUS)
        for Msg in (0x02, 0x12, 0x1F7, 0xFFFFFFFF):
            self.attached.deliver(packet[:16] + Msg.to_bytes(4, "little") + packet[20:])
        self.assertEqual(self.told(), [])

    def test_applicationFails(self) -> None:
        """An application that fails on one event is logged, and gets the next."""
        told: list[Any] = []

        def onEvent(event: Any, hRemoteLine: int) -> None:
            told.append(event)
            raise ZeroDivisionError("the application's own")

        self.attached.session._onEvent = onEvent
        self.attached.deliver(*[self.attached.event(AGENT_STATUS)] * 2)
        self.assertEqual(told, [AGENT_STATUS] * 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_afterTheEnd(self) -> None:
        """Once the session is over nothing is told."""
        packet = self.attached.event(AGENT_STATUS)
        self.attached.client.abort()
        self.attached.deliver(packet)
        self.assertEqual(self.told(), [])


def outcomes(result: "Deferred[Any]") -> list[Any]:
    found: list[Any] = []
    result.addBoth(found.append)
    return found


ASKING = {
    "getAgentCaps": lambda a, line: a.client.getAgentCaps(0, 0, 0x00020002),
    "getGroupList": lambda a, line: line.getGroupList(),
    "createAgent": lambda a, line: line.createAgent("1001"),
    "agentSpecific": lambda a, line: line.agentSpecific(0, 0, bytes(16)),
    "getAgentStatus": lambda a, line: line.getAgentStatus(0),
    "getAgentSessionInfo": lambda a, line: line.getAgentSessionInfo(1),
    "setAgentState": lambda a, line: line.setAgentState(0, 4),
    "getDevCaps": lambda a, line: a.client.getDevCaps(0, 0x00020002),
    "getAddressCaps": lambda a, line: a.client.getAddressCaps(0, 0, 0x00020002),
    "getProxyStatus": lambda a, line: a.client.getProxyStatus(0, 0x00020002),
    "negotiateAPIVersion": lambda a, line: a.client.negotiateAPIVersion(0),
    "negotiateForAll": lambda a, line: a.client.negotiateAPIVersionForAllDevices(),
    "initialize": lambda a, line: a.client.initialize("again"),
    "open": lambda a, line: a.client.open(0, 0x00020002),
}

words32 = st.one_of(
    st.sampled_from([0, 4, 12, 16, 40, 60, 0x80000001, 0xFFFFFFFF]), st.integers(0, 0xFFFFFFFF)
)


class Hostile(TestCase):
    """Whatever a server sends, the application sees an answer or a ClientError."""

    @given(st.sampled_from(sorted(ASKING)), st.lists(words32, max_size=30), st.binary(max_size=40))
    def test_anyAcknowledgement(self, name: str, words: list[int], tail: bytes) -> None:
        """Random octets as the answer of ClientRequest, with success in front."""
        attached = Attached()
        line = attached.open()
        pBuffer = struct.pack(f"<{len(words)}I", *words) + tail
        for content in (pBuffer, bytes(4) + pBuffer):
            attached.connection.answer = lambda message, content=content: content
            found = outcomes(ASKING[name](attached, line))
            attached.clock.advance(60)
            self.assertEqual(len(found), 1)
            if hasattr(found[0], "check"):
                self.assertTrue(found[0].check(ClientError), found[0])

    @given(
        st.sampled_from(sorted(ASKING)),
        st.sampled_from([0, 0, 0, 0x80000048, 5]),
        words32,
        st.lists(words32, max_size=30),
    )
    def test_anyCompletion(self, name: str, result: int, size: int, words: list[int]) -> None:
        """Random octets as LINE_REPLY of the right request."""
        attached = Attached()
        line = attached.open()
        found = outcomes(ASKING[name](attached, line))
        request = attached.last
        varData = struct.pack(f"<{len(words)}I", *words)
        if hasattr(request, "dwRequestID"):
            head = (40 + len(varData), attached.recipient.InitContext, request.dwRequestID, 0)
            size = min(size, len(varData)) if size % 2 else size
            reply = struct.pack(
                "<10I", *head, 0x0C, 0, request.dwRequestID, result, request.dwRequestID, size
            )
            attached.deliver(reply + varData)
        attached.clock.advance(60)
        self.assertEqual(len(found), 1)
        if hasattr(found[0], "check"):
            self.assertTrue(found[0].check(ClientError), found[0])

    @given(st.lists(st.tuples(words32, st.lists(words32, min_size=9, max_size=12)), max_size=5))
    def test_anyEvents(self, packets: list[tuple[int, list[int]]]) -> None:
        """Random events are told, ignored or failed with DecodeError, and nothing else happens."""
        attached = Attached()
        attached.open()
        pBuffer = b"".join(
            struct.pack(f"<{1 + len(words)}I", 4 + 4 * len(words) if n % 2 else n, *words)
            for n, words in packets
        )
        InitContext = attached.recipient.InitContext.to_bytes(4, "little")
        ours = pBuffer[:4] + InitContext + pBuffer[8:] if len(pBuffer) >= FRAME_SIZE else pBuffer
        for each in (pBuffer, ours):
            try:
                attached.deliver(each)
            except DecodeError:
                continue
        self.assertLessEqual(len(attached.events), len(packets) * 2)
        self.assertIsNone(attached.session.ended)

    @given(st.binary(max_size=200))
    def test_anyStub(self, stub: bytes) -> None:
        """Random octets as the stub of an answer."""
        attached = Attached()
        attached.connection.answer = lambda message: None
        found = outcomes(attached.client.initialize("test"))
        attached.connection.held[0].callback(stub)
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0].check(ClientError), found[0])


class Groups(TestCase):
    def test_entries(self) -> None:
        """SetAgentGroup carries the entries, and an empty list logs off."""
        attached = Attached()
        line = attached.open()
        for groups in (GROUPS, ()):
            done = line.setAgentGroup(0, groups)
            self.assertEqual(attached.last.lpAgentGroupList.List, groups)
            self.assertEqual(attached.last.hLine, H_LINE)
            attached.deliver(attached.reply(attached.last))
            self.assertIsNone(self.successResultOf(done))
