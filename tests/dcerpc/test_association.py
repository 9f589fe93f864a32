"""Tests for tapiproxy.dcerpc.association: PDUs in, calls and PDUs out, no transport."""

import subprocess
import sys
import time
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.association import MAX_PDUS_PER_TURN, MAX_PENDING_CALLS, ServerAssociation
from tapiproxy.dcerpc.endpoint import Endpoint
from tapiproxy.dcerpc.fragments import MAX_REASSEMBLY, MAX_STUB
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_S_NO_CALL_ACTIVE,
    Call,
    Fault,
    Interface,
    nca_s_fault_remote_no_memory,
    nca_s_fault_unspec,
    nca_s_op_rng_error,
    nca_s_proto_error,
    nca_s_server_too_busy,
    nca_s_unk_if,
)
from tapiproxy.dcerpc.ndr import NDR
from tapiproxy.dcerpc.security import NoAuthentication
from tests.dcerpc.vectors import load

CONTEXT = 1
DNE = pdu.PFC_DID_NOT_EXECUTE
FIRST = pdu.PFC_FIRST_FRAG
LAST = pdu.PFC_LAST_FRAG
SYNTAX = pdu.SyntaxID(UUID("7c1a0000-0000-4000-8000-00000000d00d"), 1)
UNKNOWN = pdu.SyntaxID(UUID(int=9), 1)


class Owner:
    """A connection that only notes what the association asks of it."""

    principal = None
    authLevel = 1
    peer = "the peer"

    def __init__(self) -> None:
        self.flushed = 0
        self.resumed = 0
        self.failed: list[BaseException | None] = []

    def flush(self) -> None:
        self.flushed += 1

    def resume(self) -> None:
        self.resumed += 1

    def operationFailed(self, call: Call) -> None:
        self.failed.append(sys.exc_info()[1])


class Server:
    """An association with an interface to call, driven by PDUs."""

    def __init__(self, endpoint: Endpoint | None = None, peer: str = "10.0.0.1") -> None:
        self.later: list[Call] = []
        self.seen: list[tuple[int, bytes, bool]] = []
        interface = Interface(
            SYNTAX.if_uuid,
            (1, 0),
            {0: self.echo, 1: self.refuse, 2: self.bug, 3: self.wait, 4: self.swallow, 5: self.end},
        )
        self.endpoint = endpoint or Endpoint([interface], NoAuthentication())
        self.owner = Owner()
        self.association = ServerAssociation(self.endpoint, self.owner, peer, b"135\0")

    def echo(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        self.seen.append((call.opnum, data[start:end], call.littleEndian))
        return data[start:end]

    def refuse(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        raise Fault(0x6F7)

    def bug(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        raise ZeroDivisionError

    def wait(self, call: Call, data: bytes, start: int, end: int) -> None:
        self.later.append(call)

    def swallow(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        return (end - start).to_bytes(4, "little")

    def end(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        raise Fault(0x1C00001A, closes=True)

    def receive(self, *octets: bytes) -> list[pdu.AnyPDU]:
        """Hand octets in and take PDUs out."""
        for each in octets:
            self.association.receiveData(each)
        return self.sent()

    def sent(self) -> list[pdu.AnyPDU]:
        return split(self.association.takeOutput())

    def bound(self, flags: int = 0, *, size: int = 5840) -> "Server":
        """Bind and forget the answer."""
        (ack,) = self.receive(bind(flags=pdu.WHOLE | flags, size=size))
        assert isinstance(ack, pdu.BindAck), ack
        return self


def split(octets: bytes) -> list[pdu.AnyPDU]:
    """The PDUs that octets consist of."""
    pdus = []
    position = 0
    while position < len(octets):
        pdus.append(pdu.decode(octets, position))
        position += int.from_bytes(octets[position + 8 : position + 10], "little")
    return pdus


def bind(
    *contexts: pdu.PresentationContext,
    flags: int = pdu.WHOLE,
    group: int = 0,
    size: int = 5840,
    kind: type[pdu.Bind] = pdu.Bind,
    order: pdu.Order = pdu.LITTLE,
) -> bytes:
    """A bind or alter_context, of the echo interface unless told otherwise."""
    return kind(
        call_id=1,
        pfc_flags=flags,
        max_xmit_frag=size,
        max_recv_frag=size,
        assoc_group_id=group,
        contexts=contexts or (pdu.PresentationContext(CONTEXT, SYNTAX, (NDR.syntaxID,)),),
    ).encode(order)


def request(
    opnum: int = 0,
    stub: bytes = b"",
    *,
    callID: int = 2,
    flags: int = pdu.WHOLE,
    contextID: int = CONTEXT,
    hint: int | None = None,
    verifier: pdu.AuthVerifier | None = None,
    order: pdu.Order = pdu.LITTLE,
) -> bytes:
    """A request fragment."""
    return pdu.Request(
        call_id=callID,
        pfc_flags=flags,
        alloc_hint=len(stub) if hint is None else hint,
        p_cont_id=contextID,
        opnum=opnum,
        stub=stub,
        auth_verifier=verifier,
    ).encode(order)


def fault(status: int, *, callID: int = 2, flags: int = 0, contextID: int = 0) -> pdu.FaultPDU:
    """The fault that is expected."""
    return pdu.FaultPDU(
        call_id=callID,
        pfc_flags=pdu.WHOLE | flags,
        status=status,
        p_cont_id=contextID,
        alloc_hint=32,
    )


class Association(SynchronousTestCase):
    """What the tests of this module say about an answer."""

    def lives(self, server: Server) -> None:
        self.assertEqual(server.association.ended, "")
        (answer,) = server.receive(request(0, b"still here", callID=77))
        assert isinstance(answer, pdu.Response)
        self.assertEqual((answer.call_id, answer.stub), (77, b"still here"))

    def breaks(self, server: Server, octets: bytes, *expected: pdu.AnyPDU) -> None:
        """The octets are answered so, the association ends, and takes nothing more."""
        self.assertEqual(server.receive(octets), list(expected))
        self.assertNotEqual(server.association.ended, "")
        self.assertEqual(server.receive(request()), [])


class BindTests(Association):
    """How an association begins."""

    def test_ack(self) -> None:
        """A bind is acknowledged with our sizes, a group, our port and a result each."""
        server = Server()
        (ack,) = server.receive(bind())
        group = server.association.group
        assert group is not None
        self.assertEqual(
            ack,
            pdu.BindAck(
                call_id=1,
                max_xmit_frag=5840,
                max_recv_frag=5840,
                assoc_group_id=group.groupID,
                sec_addr=b"135\0",
                results=(pdu.ContextResult(pdu.ACCEPTANCE, 0, NDR.syntaxID),),
            ),
        )

    def test_flags(self) -> None:
        """Of all flags header signing and multiplexing come back, the latter from bind alone."""
        for bit in range(8):
            flags = 1 << bit
            (ack,) = Server().receive(bind(flags=flags))
            echoed = flags & (pdu.PFC_CONC_MPX | pdu.PFC_SUPPORT_HEADER_SIGN)
            self.assertEqual(ack.pfc_flags, pdu.WHOLE | echoed)
            server = Server().bound()
            (answer,) = server.receive(bind(flags=flags, kind=pdu.AlterContext))
            echoed = flags & pdu.PFC_SUPPORT_HEADER_SIGN
            self.assertEqual(answer.pfc_flags, pdu.WHOLE | echoed)

    def test_bigEndian(self) -> None:
        """A big-endian client is understood and answered in our order."""
        server = Server()
        (ack,) = server.receive(bind(order=pdu.BIG))
        self.assertIsInstance(ack, pdu.BindAck)
        (answer,) = server.receive(request(0, b"stub", order=pdu.BIG))
        self.assertEqual((answer.stub, server.seen), (b"stub", [(0, b"stub", False)]))

    def test_refused(self) -> None:
        """What has no acknowledgement gets a bind_nak that names version 5.0, and the end."""
        empty = pdu.PresentationContext(CONTEXT, SYNTAX, ())
        nothing = pdu.Bind(
            call_id=1, max_xmit_frag=1, max_recv_frag=1, assoc_group_id=0, contexts=()
        ).encode()
        whole = bind()
        unverified = whole[:10] + b"\x08\0" + whole[12:]
        version = b"\x04" + whole[1:]
        minor = whole[:1] + b"\x01" + whole[2:]
        for octets, reason in (
            (nothing, pdu.NAK_REASON_NOT_SPECIFIED),
            (bind(empty), pdu.NAK_REASON_NOT_SPECIFIED),
            (bind(group=4711), pdu.NAK_REASON_NOT_SPECIFIED),
            (unverified, pdu.NAK_PROTOCOL_VERSION_NOT_SUPPORTED),
            (version, pdu.NAK_PROTOCOL_VERSION_NOT_SUPPORTED),
            (minor, pdu.NAK_PROTOCOL_VERSION_NOT_SUPPORTED),
        ):
            self.breaks(Server(), octets, pdu.BindNak(call_id=1, provider_reject_reason=reason))

    def test_twice(self) -> None:
        """A second bind is refused and ends what the first began."""
        self.breaks(
            Server().bound(),
            bind(),
            pdu.BindNak(call_id=1, provider_reject_reason=pdu.NAK_REASON_NOT_SPECIFIED),
        )

    def test_providers(self) -> None:
        """Without security providers each type is refused by its code, a wrong level before it."""
        for level, reason in (
            (0, 0),
            (1, 0),
            (2, pdu.NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED),
            (6, pdu.NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED),
            (7, 0),
            (255, 0),
        ):
            octets = pdu.decode(bind())
            assert isinstance(octets, pdu.Bind)
            verifier = pdu.AuthVerifier(10, level, 0, b"NTLMSSP\0")
            authenticated = pdu.Bind(
                call_id=1,
                max_xmit_frag=5840,
                max_recv_frag=5840,
                assoc_group_id=0,
                contexts=octets.contexts,
                auth_verifier=verifier,
            ).encode()
            self.breaks(
                Server(), authenticated, pdu.BindNak(call_id=1, provider_reject_reason=reason)
            )

    def test_rejectedInterface(self) -> None:
        """A bind whose only interface is unknown is acknowledged; calls of it get unk_if."""
        server = Server()
        unknown = pdu.PresentationContext(CONTEXT, UNKNOWN, (NDR.syntaxID,))
        (ack,) = server.receive(bind(unknown))
        assert isinstance(ack, pdu.BindAck)
        self.assertEqual(ack.results[0].reason, pdu.ABSTRACT_SYNTAX_NOT_SUPPORTED)
        self.assertEqual(server.receive(request()), [fault(nca_s_unk_if, flags=DNE)])
        self.assertEqual(server.association.ended, "")

    def test_groups(self) -> None:
        """A connection of the same peer joins the group, and has contexts of its own."""
        first = Server().bound()
        group = first.association.group
        assert group is not None
        second = Server(first.endpoint)
        unknown = pdu.PresentationContext(0, UNKNOWN, (NDR.syntaxID,))
        (ack,) = second.receive(bind(unknown, group=group.groupID))
        self.assertEqual(ack.assoc_group_id, group.groupID)
        self.assertEqual(second.receive(request()), [fault(nca_s_unk_if, flags=DNE)])
        self.breaks(
            Server(first.endpoint, peer="10.0.0.2"),
            bind(group=group.groupID),
            pdu.BindNak(call_id=1, provider_reject_reason=pdu.NAK_REASON_NOT_SPECIFIED),
        )

    def test_groupEnds(self) -> None:
        """With its last connection a group's handles are run down and its ID means nothing."""
        server = Server().bound()
        group = server.association.group
        assert group is not None
        gone: list[str] = []
        group.handles.open(Interface(UUID(int=1), (1, 0), {}), "state", gone.append)
        server.association.connectionLost(self.fail)
        self.assertEqual(gone, ["state"])
        self.breaks(
            Server(server.endpoint),
            bind(group=group.groupID),
            pdu.BindNak(call_id=1, provider_reject_reason=pdu.NAK_REASON_NOT_SPECIFIED),
        )

    def test_beforeBind(self) -> None:
        """Anything but a bind breaks an association that is not bound."""
        for octets in (
            request(callID=1),
            bind(kind=pdu.AlterContext),
            pdu.Auth3(call_id=1).encode(),
            pdu.CoCancel(call_id=1).encode(),
            pdu.Orphaned(call_id=1).encode(),
        ):
            self.breaks(Server(), octets, fault(nca_s_proto_error, callID=1))


class AlterTests(Association):
    """How an association is changed."""

    def test_adds(self) -> None:
        """A context that alter_context adds can be called; no address is told again."""
        server = Server().bound()
        added = pdu.PresentationContext(9, SYNTAX, (NDR.syntaxID,))
        (answer,) = server.receive(bind(added, kind=pdu.AlterContext, size=2048))
        assert isinstance(answer, pdu.AlterContextResp)
        self.assertEqual((answer.sec_addr, answer.max_xmit_frag), (b"", 5840))
        (response,) = server.receive(request(0, b"x", contextID=9))
        self.assertEqual(response.stub, b"x")

    def test_broken(self) -> None:
        """One without contexts, without syntaxes, with another meaning, or cut short ends it."""
        whole = bind(kind=pdu.AlterContext)
        none = pdu.AlterContext(
            call_id=1, max_xmit_frag=1, max_recv_frag=1, assoc_group_id=0, contexts=()
        ).encode()
        for octets in (
            none,
            bind(pdu.PresentationContext(9, SYNTAX, ()), kind=pdu.AlterContext),
            bind(pdu.PresentationContext(CONTEXT, UNKNOWN, (NDR.syntaxID,)), kind=pdu.AlterContext),
            whole[:8] + b"\x20\0" + whole[10:32],
        ):
            server = Server().bound()
            (answer,) = server.receive(octets)
            assert isinstance(answer, pdu.FaultPDU)
            self.assertEqual((answer.status, answer.call_id), (nca_s_proto_error, 1))
            self.assertNotEqual(server.association.ended, "")

    def test_authentication(self) -> None:
        """A security provider that does not exist is refused by a fault."""
        alter = pdu.AlterContext(
            call_id=1,
            max_xmit_frag=5840,
            max_recv_frag=5840,
            assoc_group_id=0,
            contexts=(pdu.PresentationContext(CONTEXT, SYNTAX, (NDR.syntaxID,)),),
            auth_verifier=pdu.AuthVerifier(10, 6, 0, b"NTLMSSP\0"),
        )
        self.breaks(
            Server().bound(), alter.encode(), fault(ERROR_ACCESS_DENIED, callID=1, flags=DNE)
        )

    def test_auth3(self) -> None:
        """An auth3 that continues nothing, or is malformed, ends the association."""
        verifier = pdu.AuthVerifier(10, 6, 0, b"token")
        octets = pdu.Auth3(call_id=1, auth_verifier=verifier).encode()
        cut = octets[:10] + b"\xff\0" + octets[12:]
        for bad, status in ((octets, nca_s_proto_error), (cut, nca_s_fault_remote_no_memory)):
            self.breaks(Server().bound(), bad, fault(status, callID=1, flags=DNE))


class CallTests(Association):
    """How a call is answered."""

    def test_answer(self) -> None:
        """An operation is handed the stub where it lies, and its answer is the response's stub."""
        server = Server().bound()
        (response,) = server.receive(request(0, b"stub"))
        self.assertEqual(
            response, pdu.Response(call_id=2, alloc_hint=4, p_cont_id=CONTEXT, stub=b"stub")
        )
        self.assertEqual(server.owner.flushed, 0)

    def test_contextIDs(self) -> None:
        """A response names the low octet of its context's ID, a fault the whole."""
        server = Server()
        server.receive(bind(pdu.PresentationContext(0xFFFF, SYNTAX, (NDR.syntaxID,))))
        (response,) = server.receive(request(contextID=0xFFFF))
        self.assertEqual(response.p_cont_id, 0xFF)
        (refusal,) = server.receive(request(1, contextID=0xFFFF))
        self.assertEqual(refusal, fault(0x6F7, contextID=0xFFFF))

    def test_faults(self) -> None:
        """A refusal, an unknown operation or context, and a bug are faults; it lives on."""
        for opnum, contextID, expected in (
            (1, CONTEXT, fault(0x6F7, contextID=CONTEXT)),
            (9, CONTEXT, fault(nca_s_op_rng_error, flags=DNE, contextID=CONTEXT)),
            (0xFFFF, CONTEXT, fault(nca_s_op_rng_error, flags=DNE, contextID=CONTEXT)),
            (0, 5, fault(nca_s_unk_if, flags=DNE)),
            (2, CONTEXT, fault(nca_s_fault_unspec, contextID=CONTEXT)),
        ):
            server = Server().bound()
            self.assertEqual(server.receive(request(opnum, contextID=contextID)), [expected])
            self.lives(server)
        self.assertIsInstance(server.owner.failed[0], ZeroDivisionError)

    def test_faultThatCloses(self) -> None:
        """An operation may end the association with its fault."""
        self.breaks(Server().bound(), request(5), fault(0x1C00001A, contextID=CONTEXT))

    def test_later(self) -> None:
        """A call answered later is sent then; a second answer is none."""
        server = Server().bound()
        self.assertEqual(server.receive(request(3)), [])
        (call,) = server.later
        call.respond(b"late")
        call.respond(b"twice")
        call.fault(5)
        (response,) = server.sent()
        self.assertEqual((response.stub, server.owner.flushed), (b"late", 1))
        server.receive(request(3, callID=3))
        server.later[1].fault(0x6F7)
        self.assertEqual(server.sent(), [fault(0x6F7, callID=3, contextID=CONTEXT)])
        self.lives(server)

    def test_answerAfterTheEnd(self) -> None:
        """An answer for a connection that has gone goes nowhere."""
        server = Server().bound()
        server.receive(request(3))
        server.association.connectionLost(self.fail)
        server.later[0].respond(b"late")
        server.later[0].fault(5)
        self.assertEqual((server.sent(), server.owner.flushed), ([], 0))

    def test_whoAsks(self) -> None:
        """A call knows its connection, interface, context and caller."""
        server = Server().bound()
        server.receive(request(3))
        (call,) = server.later
        self.assertIs(call.connection, server.owner)
        self.assertEqual(call.interface.uuid, SYNTAX.if_uuid)
        self.assertEqual((call.contextID, call.opnum, call.byteOrder), (CONTEXT, 3, "<"))
        self.assertIs(call.transferSyntax, NDR)
        self.assertEqual((call.principal, call.authLevel), (None, 1))

    def test_oneAtATime(self) -> None:
        """Without multiplexing a second call while one waits breaks the protocol."""
        server = Server().bound()
        server.receive(request(3))
        self.breaks(server, request(0, callID=3), fault(nca_s_proto_error, callID=3))
        self.assertFalse(server.later[0].open)

    def test_multiplexed(self) -> None:
        """With multiplexing calls overtake each other, up to a number and each by its own ID."""
        server = Server().bound(pdu.PFC_CONC_MPX)
        for callID in range(10, 10 + MAX_PENDING_CALLS):
            server.receive(request(3, callID=callID))
        self.assertEqual(
            server.receive(request(3, callID=9)),
            [fault(nca_s_server_too_busy, callID=9, flags=DNE, contextID=CONTEXT)],
        )
        server.later[5].respond(b"late")
        self.assertEqual(server.sent()[0].call_id, 15)
        self.lives(server)
        self.breaks(server, request(3, callID=11), fault(nca_s_proto_error, callID=11))

    def test_orphaned(self) -> None:
        """A call that its client gives up has no answer, and another may begin."""
        server = Server().bound()
        server.receive(request(3))
        self.assertEqual(server.receive(pdu.Orphaned(call_id=2).encode()), [])
        server.later[0].respond(b"late")
        self.assertEqual(server.sent(), [])
        self.lives(server)

    def test_cancel(self) -> None:
        """Cancels and orphans of no call, and a cancel of one that waits, change nothing."""
        server = Server().bound()
        server.receive(request(3))
        for octets in (
            pdu.CoCancel(call_id=2).encode(),
            pdu.CoCancel(call_id=99).encode(),
            pdu.Orphaned(call_id=99).encode(),
        ):
            self.assertEqual(server.receive(octets), [])
        server.later[0].respond(b"late")
        self.assertEqual(server.sent()[0].stub, b"late")

    def test_trailer(self) -> None:
        """A verifier on an association without security context is denied, and ends it."""
        verifier = pdu.AuthVerifier(0, 1, 0, b"\0" * 8)
        self.breaks(
            Server().bound(),
            request(verifier=verifier),
            fault(ERROR_ACCESS_DENIED, contextID=CONTEXT),
        )

    def test_object(self) -> None:
        """The object UUID of a request is stepped over."""
        octets = pdu.Request(
            call_id=2,
            pfc_flags=pdu.WHOLE | pdu.PFC_OBJECT_UUID,
            alloc_hint=1,
            p_cont_id=CONTEXT,
            opnum=0,
            stub=b"stub",
            object=UUID(int=7),
        ).encode()
        (response,) = Server().bound().receive(octets)
        self.assertEqual(response.stub, b"stub")
        short = request()
        self.breaks(
            Server().bound(),
            short[:3] + b"\x83" + short[4:],
            fault(nca_s_proto_error),
        )

    def test_hint(self) -> None:
        """The alloc_hint of a whole request is no matter."""
        server = Server().bound()
        for hint in (0, 1, 0xFFFFFFFF):
            (response,) = server.receive(request(0, b"x", hint=hint))
            self.assertEqual(response.stub, b"x")

    def test_turns(self) -> None:
        """A burst of requests is answered over several turns, in order and without loss."""
        server = Server().bound()
        count = 3 * MAX_PDUS_PER_TURN + 7
        burst = b"".join(request(0, b"%d" % n, callID=n) for n in range(count))
        answers: list[pdu.AnyPDU] = []
        server.association.receiveData(burst)
        turns = 1
        while server.association.unfinished:
            answers += server.sent()
            self.assertEqual(len(answers), turns * MAX_PDUS_PER_TURN)
            server.association.receiveData()
            turns += 1
        answers += server.sent()
        self.assertEqual([each.stub for each in answers], [b"%d" % n for n in range(count)])
        self.assertEqual(turns, 4)

    def test_longAnswers(self) -> None:
        """Of a burst of requests with long answers one is taken in a turn, so that few wait."""
        server = Server().bound()
        stub = bytes(20000)
        long = [
            request(0, stub[n : n + 5000], flags=(n == 0) | (n == 15000) << 1)
            for n in range(0, 20000, 5000)
        ]
        server.association.receiveData(b"".join(long) * 3 + request(0, b"short"))
        for _ in range(3):
            self.assertTrue(server.association.unfinished)
            self.assertEqual(sum(len(each.stub) for each in server.sent()), 20000)
            server.association.receiveData()
        self.assertFalse(server.association.unfinished)
        self.assertEqual([each.stub for each in server.sent()], [b"short"])


class FragmentTests(Association):
    """Requests and responses that are longer than a fragment."""

    def test_responseInFragments(self) -> None:
        """A long response is cut at the agreed size; its parts make the whole."""
        for size, agreed in ((5840, 5840), (3199, 3192), (0, 2048)):
            server = Server().bound(size=size)
            stub = bytes(range(256)) * 80
            fragments = [stub[n : n + 5000] for n in range(0, len(stub), 5000)]
            answers = server.receive(
                request(0, fragments[0], flags=FIRST),
                *(request(0, each, flags=0) for each in fragments[1:-1]),
                request(0, fragments[-1], flags=LAST),
            )
            self.assertEqual(b"".join(each.stub for each in answers), stub)
            self.assertEqual({len(each.encode()) for each in answers[:-1]}, {agreed})
            flags = [each.pfc_flags for each in answers]
            self.assertEqual(flags, [FIRST] + [0] * (len(answers) - 2) + [LAST])
            self.assertEqual(answers[0].alloc_hint, len(stub))
            self.lives(server)

    @given(st.binary(max_size=300), st.lists(st.integers(0, 80), max_size=6), st.integers(1, 400))
    def test_anyFragmentation(self, stub, cuts, chunk) -> None:
        """However a stub is cut into fragments and the fragments into reads, it arrives whole."""
        server = Server().bound()
        edges = sorted({0, *(cut for cut in cuts if cut < len(stub)), len(stub)})
        parts = [stub[a:b] for a, b in pairwise(edges)] or [b""]
        octets = b"".join(
            request(0, part, flags=(FIRST if n == 0 else 0) | (LAST if n == len(parts) - 1 else 0))
            for n, part in enumerate(parts)
        )
        answers = server.receive(*(octets[n : n + chunk] for n in range(0, len(octets), chunk)))
        self.assertEqual(b"".join(each.stub for each in answers), stub)
        self.assertEqual(server.seen, [(0, stub, True)])
        self.assertTrue(server.association.idle)
        self.assertEqual(server.endpoint.reassembling, 0)

    def test_ordersOfFragments(self) -> None:
        """Each wrong order has its fault: whose call it names, and whether it names the context."""
        proto = nca_s_proto_error
        first = request(flags=FIRST)
        cases = (
            # a fragment that begins nothing
            (0, (request(flags=0),), fault(proto)),
            (0, (request(flags=LAST),), fault(proto)),
            (pdu.PFC_CONC_MPX, (request(flags=LAST),), fault(proto, contextID=CONTEXT)),
            # the first fragment twice
            (0, (first, first), fault(proto, contextID=CONTEXT)),
            (pdu.PFC_CONC_MPX, (first, first), fault(proto, contextID=CONTEXT)),
            # another call between the fragments of one: the old call's fault, or the new one's
            (0, (first, request(callID=3)), fault(proto, contextID=CONTEXT)),
            (0, (first, request(callID=3, flags=LAST)), fault(proto, contextID=CONTEXT)),
            (pdu.PFC_CONC_MPX, (first, request(callID=3)), fault(proto, callID=3)),
            (pdu.PFC_CONC_MPX, (first, request(callID=3, flags=LAST)), fault(proto, callID=3)),
            # a cancel before the call
            (0, (request(flags=0x07),), fault(RPC_S_NO_CALL_ACTIVE, flags=DNE)),
        )
        for flags, octets, expected in cases:
            server = Server().bound(flags)
            self.assertEqual(server.receive(*octets[:-1]), [])
            self.breaks(server, octets[-1], expected)
            self.assertEqual(server.endpoint.reassembling, 0)

    def test_unknownContextOfALaterFragment(self) -> None:
        """With multiplexing, a stray fragment of an unknown context is unk_if, and it lives on."""
        server = Server().bound(pdu.PFC_CONC_MPX)
        self.assertEqual(
            server.receive(request(flags=LAST, contextID=111)), [fault(nca_s_unk_if, flags=DNE)]
        )
        self.lives(server)

    def test_whatTheFirstFragmentSays(self) -> None:
        """Context and operation are the first fragment's; cancels between them are ignored."""
        server = Server().bound()
        (answer,) = server.receive(
            request(0, b"one", flags=FIRST),
            pdu.CoCancel(call_id=2).encode(),
            pdu.Orphaned(call_id=2).encode(),
            request(111, b"two", flags=LAST | pdu.PFC_PENDING_CANCEL, contextID=111),
        )
        self.assertEqual((answer.stub, answer.p_cont_id), (b"onetwo", CONTEXT))

    def test_tooLargeAFragment(self) -> None:
        """A fragment of 5840 octets is taken whatever was agreed; of one more not even read."""
        server = Server().bound(size=2048)
        (answer,) = server.receive(request(4, bytes(5816)))
        self.assertEqual(answer.stub, (5816).to_bytes(4, "little"))
        header = request(4, bytes(5817))[:16]
        self.breaks(server, header, fault(nca_s_proto_error))

    def test_hintOfTooMuch(self) -> None:
        """A first fragment that announces more than 4 MiB is denied at once."""
        self.breaks(
            Server().bound(),
            request(4, b"x", flags=FIRST, hint=MAX_STUB + 1),
            fault(ERROR_ACCESS_DENIED, contextID=CONTEXT),
        )

    def test_tooMuch(self) -> None:
        """4 MiB in fragments are a request; one octet more is denied, and nothing is kept."""
        part = bytes(4096)
        fragments = [request(4, part, flags=0)] * (MAX_STUB // 4096 - 2)
        server = Server().bound()
        server.receive(request(4, part, flags=FIRST, hint=0), *fragments)
        (answer,) = server.receive(request(4, part, flags=LAST))
        self.assertEqual(answer.stub, MAX_STUB.to_bytes(4, "little"))
        server.receive(request(4, part, flags=FIRST, hint=0), *fragments)
        self.assertEqual(server.receive(request(4, part, flags=0)), [])
        self.breaks(
            server,
            request(4, b"x", flags=LAST),
            fault(ERROR_ACCESS_DENIED, contextID=CONTEXT),
        )
        self.assertEqual(server.endpoint.reassembling, 0)

    def test_allTogether(self) -> None:
        """Unfinished requests of all clients share a bound; beyond it there is no memory."""
        server = Server().bound()
        server.endpoint.reassembling = MAX_REASSEMBLY - 10
        self.assertEqual(server.receive(request(4, bytes(10), flags=FIRST)), [])
        self.breaks(
            server,
            request(4, b"x", flags=LAST),
            fault(nca_s_fault_remote_no_memory, contextID=CONTEXT),
        )
        self.assertEqual(server.endpoint.reassembling, MAX_REASSEMBLY - 10)

    def test_lostInTheMiddle(self) -> None:
        """What an unfinished request held is given back when its connection goes."""
        server = Server().bound()
        server.receive(request(4, bytes(100), flags=FIRST))
        self.assertEqual((server.endpoint.reassembling, server.association.idle), (100, False))
        server.association.connectionLost(self.fail)
        self.assertEqual(server.endpoint.reassembling, 0)


class BadInputTests(Association):
    """Octets that are no PDUs of a client."""

    def test_headers(self) -> None:
        """A wrong version, byte order or length ends it without an answer: whose would it be?"""
        good = request()
        for octets in (
            b"\x04" + good[1:],
            good[:1] + b"\x07" + good[2:],
            good[:4] + b"\x20" + good[5:],
            good[:8] + b"\x0f\0" + good[10:],
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ):
            self.breaks(Server().bound(), octets)
            self.breaks(Server(), octets)

    def test_notAClientsPDUs(self) -> None:
        """What only a server sends, and what nobody sends, breaks the protocol."""
        for kind in (1, 2, 3, 5, 12, 13, 15, 17, 20, 200):
            octets = request()
            self.breaks(
                Server().bound(), octets[:2] + bytes((kind,)) + octets[3:], fault(nca_s_proto_error)
            )

    def test_shortRequest(self) -> None:
        """A request without room for its own header breaks the protocol."""
        octets = request()
        for length in range(16, 24):
            self.breaks(
                Server().bound(),
                octets[:8] + bytes((length, 0)) + octets[10:],
                fault(nca_s_proto_error),
            )

    def test_badTrailer(self) -> None:
        """An auth_length or auth_pad_length beyond the request breaks the protocol."""
        octets = request(0, b"12345678")
        self.breaks(
            Server().bound(), octets[:10] + b"\x08\0" + octets[12:], fault(nca_s_proto_error)
        )

    @given(st.lists(st.sampled_from([vector.pdu for vector in load()]), max_size=5), st.data())
    def test_mutations(self, pdus, data) -> None:
        """Captured PDUs with some octets changed never raise, and end in a chosen state."""
        octets = bytearray(b"".join(pdus))
        for _ in range(data.draw(st.integers(0, 5)) if octets else 0):
            octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
        server = Server().bound(data.draw(st.sampled_from([0, pdu.PFC_CONC_MPX])))
        started = time.perf_counter()
        answers = server.receive(bytes(octets))
        self.assertLess(time.perf_counter() - started, 1.0)
        for answer in answers:
            self.assertIn(
                answer.PTYPE, (pdu.FAULT, pdu.BIND_NAK, pdu.RESPONSE, pdu.ALTER_CONTEXT_RESP)
            )
        if not server.association.ended:
            self.assertLess(len(server.association._input), 1 << 16)

    @given(
        st.lists(
            st.builds(
                request,
                st.integers(0, 9),
                st.binary(max_size=30),
                callID=st.integers(2, 4),
                flags=st.integers(0, 255).map(lambda flags: flags & ~pdu.PFC_OBJECT_UUID),
                contextID=st.integers(0, 2),
            ),
            max_size=8,
        ),
        st.integers(1, 60),
        st.booleans(),
    )
    def test_anyChunks(self, requests, chunk, multiplexed) -> None:
        """The same octets in other pieces have the same answers and the same end."""
        octets = b"".join(requests)
        flags = pdu.PFC_CONC_MPX if multiplexed else 0
        whole = Server().bound(flags)
        pieces = Server().bound(flags)
        expected = whole.receive(octets)
        found = pieces.receive(*(octets[n : n + chunk] for n in range(0, len(octets), chunk)))
        self.assertEqual(found, expected)
        self.assertEqual(pieces.association.ended, whole.association.ended)
        self.assertEqual(pieces.seen, whole.seen)

    @given(st.binary(max_size=300))
    def test_anyOctets(self, octets) -> None:
        """Any octets, bound or not, raise nothing."""
        for server in (Server(), Server().bound()):
            server.receive(octets)
            server.receive(bytes((5, 0, len(octets) % 20, 3)) + pdu.LITTLE_ENDIAN_DREP + octets)
            server.association.connectionLost(self.fail)
            self.assertEqual(server.endpoint.reassembling, 0)


class PlumbingTests(SynchronousTestCase):
    """The association needs nothing but the standard library and attrs."""

    def test_withoutTwisted(self) -> None:
        """PDUs, NDR and both associations import where neither Twisted nor zope.interface is."""
        modules = ("pdu", "ndr", "association", "clientassociation", "contexthandles")
        program = "import sys\nsys.modules['twisted'] = sys.modules['zope'] = None\n" + "".join(
            f"import tapiproxy.dcerpc.{name}\n" for name in modules
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
