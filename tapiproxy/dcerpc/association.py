"""
The server's side of an association: bytes in, calls of operations, bytes out.

Sans-IO: no reactor, no transport, no clock, no log; the connection that owns the association moves
the bytes.  What may come when is the table at the end.  C706 chapters 9 and 12, [MS-RPCE] 3.3.1.5.
Where both leave a choice, the answers are those that MS-RPC servers give (docs/dcerpc.md).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.call import Call
from tapiproxy.dcerpc.contexthandles import AssociationGroup
from tapiproxy.dcerpc.endpoint import Endpoint
from tapiproxy.dcerpc.fragments import MAX_STUB, Partial, plainResponse, protectedResponse
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_C_AUTHN_NONE,
    RPC_S_NO_CALL_ACTIVE,
    AuthenticationFailed,
    Connection,
    Fault,
    nca_s_fault_remote_no_memory,
    nca_s_fault_unspec,
    nca_s_op_rng_error,
    nca_s_proto_error,
    nca_s_server_too_busy,
    nca_s_unk_if,
)
from tapiproxy.dcerpc.negotiation import (
    Negotiated,
    Presentation,
    Unacceptable,
    fragmentSize,
    negotiate,
)
from tapiproxy.dcerpc.securitycontexts import AuthContext, SecurityContexts, Unestablished

if TYPE_CHECKING:
    from tapiproxy.dcerpc.security import ISecurityContext

MAX_PENDING_CALLS = 32
"""Calls of one association that wait for their answer; more are told that the server is busy."""

MAX_PDUS_PER_TURN = 64
"""PDUs taken before other connections get their turn: some milliseconds of work."""

DNE = pdu.PFC_DID_NOT_EXECUTE

_requestStart = pdu.requestStart.unpack_from
_responseStart = pdu.responseStart.pack
_secTrailer = pdu.LITTLE.secTrailer.unpack_from


class Owner(Connection, Protocol):
    """The connection that an association belongs to, as far as the association calls it."""

    def flush(self) -> None:
        """There is output, and no input is being received."""

    def resume(self) -> None:
        """Input that was held back can be received now."""

    def operationFailed(self, call: Call) -> None:
        """An operation raised something that is no Fault; the exception is being handled."""

    def logonFailed(self, verifier: pdu.AuthVerifier, failure: AuthenticationFailed) -> None:
        """A leg of a handshake was refused: log why."""

    def callRefused(self, security: AuthContext | None) -> None:
        """The endpoint does not permit a call under its security context: log what it wants."""


class State(Enum):
    """How far an association has come."""

    UNBOUND = "unbound"
    BOUND = "bound"
    ENDED = "ended"


class ServerAssociation:
    """
    The server's side of one association.

    :param peerKey: where the client is, which its share of everything goes by.
    :param secondaryAddress: what the answer to bind says, with its null.
    :param groupKey: what all members of a group have in common; the peer key without it.
    :param transport: what the transport itself says of who the client is.
    :ivar connection: its owner, which operations see.
    :ivar group: the association group, once bound.
    :ivar security: its security contexts, which may hold input back.
    :ivar ended: why the connection is to be closed after the output, empty while it is not.
    :ivar unfinished: input is held back for the next turn: call :meth:`receiveData` again.
    """

    __slots__ = (
        "_endpoint",
        "_fragment",
        "_groupKey",
        "_input",
        "_longAnswer",
        "_multiplexed",
        "_noCalls",
        "_output",
        "_partial",
        "_peerKey",
        "_pending",
        "_plain",
        "_presentations",
        "_receiving",
        "_secondaryAddress",
        "_short",
        "_state",
        "connection",
        "ended",
        "group",
        "security",
        "unfinished",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        connection: Owner,
        peerKey: Hashable,
        secondaryAddress: bytes,
        groupKey: Hashable = None,
        transport: ISecurityContext | None = None,
    ) -> None:
        self.connection = connection
        self.group: AssociationGroup | None = None
        self.ended = ""
        self.unfinished = False
        self._longAnswer = False
        self._endpoint = endpoint
        self._peerKey = peerKey
        self._groupKey = peerKey if groupKey is None else groupKey
        self._secondaryAddress = secondaryAddress
        self._state = State.UNBOUND
        self._input = b""
        # Two items for each PDU, so that they are counted without a look at them.
        self._output: list[bytes] = []
        self._noCalls = 0
        self._receiving = False
        self._short = False
        self._plain = False
        self._fragment = pdu.MIN_FRAGMENT
        self._multiplexed = False
        self._presentations: dict[int, Presentation] = {}
        self.security = SecurityContexts(endpoint.authentication, peerKey, self._resume, transport)
        self._partial: Partial | None = None
        self._pending: dict[int, Call] = {}

    # What the owner calls

    def receiveData(self, data: bytes = b"") -> None:
        """
        Take input; operations are called, and the output grows.

        :param data: what was received, or nothing to go on with what was held back.
        """
        if self._input:
            data = self._input + data
            self._input = b""
        position = 0
        end = len(data)
        turn = MAX_PDUS_PER_TURN
        waiting = self.security.waiting
        self.unfinished = False
        self._longAnswer = False
        self._receiving = True
        while end - position >= pdu.HEADER_SIZE and not waiting and not self.ended:
            if not turn or self._longAnswer:
                self.unfinished = True
                break
            turn -= 1
            if self._short and not self._pending and end - position >= pdu.REQUEST_HEADER_SIZE:
                start, length, auth, callID, _, contextID, opnum = _requestStart(data, position)
                if (
                    start == pdu.WHOLE_REQUEST
                    and pdu.REQUEST_HEADER_SIZE <= length <= end - position
                    and length <= pdu.MAX_FRAGMENT
                ):
                    presentation = self._presentations.get(contextID)
                    if presentation is not None and (auth or (self._plain and presentation.open)):
                        call = Call(self, callID, contextID, opnum, presentation, True, None)
                        stop = position + length
                        if not auth:
                            self._invoke(call, data, position + pdu.REQUEST_HEADER_SIZE, stop)
                            position = stop
                            continue
                        if self._protected(call, data, position, stop, auth):
                            position = stop
                            continue
            taken = self._receivePDU(data, position)
            if not taken:
                turn += 1
                break
            position += taken
            waiting = self.security.waiting
        self._receiving = False
        statistics = self._endpoint.statistics
        statistics.pktsIn += MAX_PDUS_PER_TURN - turn
        if self._noCalls:
            statistics.noCalls += self._noCalls
            self._noCalls = 0
        if position < end and not self.ended:
            self._input = data[position:]

    def takeOutput(self) -> bytes:
        """What is to be sent, once."""
        output = self._output
        if not output:
            return b""
        self._output = []
        self._endpoint.statistics.pktsOut += len(output) // 2
        return b"".join(output)

    @property
    def hasOutput(self) -> bool:
        """Whether something is to be sent."""
        return bool(self._output)

    @property
    def bound(self) -> bool:
        """Whether a bind was accepted."""
        return self._state is State.BOUND

    @property
    def idle(self) -> bool:
        """Whether no octet, fragment, leg or ending waits for anything."""
        return not (self._input or self._partial or self.security.waiting or self.ended)

    def connectionLost(self, failed: Callable[[], object]) -> None:
        """
        The connection has gone: calls are dropped, the group is left.

        :param failed: as for :meth:`ContextHandles.runDown`.
        """
        self.end("connection lost")
        if self.group is not None:
            self._endpoint.groups.leave(self.group, self.connection, failed)

    # What calls ask for

    def respond(self, call: Call, stub: bytes) -> None:
        """Send the response of a call, in as many fragments as it needs."""
        self._forgetPending(call)
        if self._state is State.ENDED:
            return
        # The next request waits until these fragments went out: a client that asks much and reads
        # nothing is found out after one long answer, not after a turn's worth of them.
        self._longAnswer = len(stub) > self._fragment
        security = call.security
        if security is not None and security.protects:
            self._output += protectedResponse(
                call.callID,
                call.contextID,
                stub,
                self._fragment,
                security,
                self.security.headerSigning,
            )
        else:
            self._output += plainResponse(call.callID, call.contextID, stub, self._fragment)
        if not self._receiving:
            self.connection.flush()

    def respondFault(self, call: Call, status: int) -> None:
        """Send the fault of a call."""
        self._forgetPending(call)
        if self._state is not State.ENDED:
            self._fault(call.callID, status, contextID=call.contextID)
            if not self._receiving:
                self.connection.flush()

    def _forgetPending(self, call: Call) -> None:
        if self._pending:
            self._pending.pop(call.callID, None)
            if not self._pending:
                # A dict keeps the room for what it held: 160 octets of each attached client.
                self._pending = {}

    # Requests

    def _invoke(self, call: Call, data: bytes, start: int, end: int) -> None:
        operation = call.presentation.operations.get(call.opnum)
        if operation is None:
            self._fault(call.callID, nca_s_op_rng_error, flags=DNE, contextID=call.contextID)
            return
        try:
            stub = operation(call, data, start, end)
        except Fault as fault:
            call.fault(fault.status)
            if fault.closes:
                self.end(str(fault))
            return
        except Exception:  # noqa: BLE001 -- a frontier: the layer above is called, and logged
            self.connection.operationFailed(call)
            call.fault(nca_s_fault_unspec)
            return
        if stub is None:
            if call.open:
                self._pending[call.callID] = call
        elif call.security is not None:
            call.respond(stub)
        elif len(stub) <= self._fragment - pdu.REQUEST_HEADER_SIZE and call.open:
            call.open = False
            length = len(stub)
            self._output += (
                _responseStart(
                    pdu.WHOLE_RESPONSE,
                    pdu.REQUEST_HEADER_SIZE + length,
                    0,
                    call.callID,
                    length,
                    call.contextID & 0xFF,
                    0,
                ),
                stub,
            )
        else:
            call.respond(stub)

    def _protected(self, call: Call, data: bytes, position: int, end: int, auth: int) -> bool:
        """
        Take a whole request that has a verifier, if its security context is as it should be.

        It may have any value but those that :meth:`receiveData` has looked at.

        :param auth: its auth_length.
        :returns: whether it was taken; if not, :meth:`_request` has to answer, and nothing of the
            association has changed.
        """
        trailer = end - auth - pdu.SEC_TRAILER_SIZE
        body = position + pdu.REQUEST_HEADER_SIZE
        if trailer < body:
            return False
        kind, level, padding, _, auth_context_id = _secTrailer(data, trailer)
        contexts = self.security
        security = contexts.established(kind, level, auth_context_id)
        if (
            security is None
            or padding > trailer - body
            or not self._endpoint.permits(call.presentation, security)
        ):
            return False
        value = trailer + pdu.SEC_TRAILER_SIZE
        try:
            clear = security.context.unprotect(
                data[position:body],
                data[body:trailer],
                data[trailer:value],
                data[value:end],
                contexts.headerSigning,
            )
        except Fault as fault:
            self._break(call.callID, fault.status, contextID=call.contextID)
            return True
        call.security = security
        self._invoke(call, clear, 0, len(clear) - padding)
        return True

    def _request(self, data: bytes, position: int, header: pdu.Header) -> None:
        callID = header.call_id
        flags = header.pfc_flags
        body = position + pdu.REQUEST_HEADER_SIZE
        if flags & pdu.PFC_OBJECT_UUID:
            body += pdu.OBJECT_SIZE
        if header.frag_length < body - position:
            self._break(callID, nca_s_proto_error)
            return
        order = pdu.LITTLE if header.littleEndian else pdu.BIG
        hint, contextID, opnum = order.request.unpack_from(data, position + pdu.HEADER_SIZE)
        partial = self._partial
        try:
            verifier = pdu.readVerifier(data, position, header, body - position)
            if partial is not None and partial.callID == callID:
                contextID = partial.contextID
                start, end, data = self.security.unprotect(
                    partial.security, verifier, data, position, body, header
                )
                if flags & pdu.PFC_FIRST_FRAG:
                    self._break(callID, nca_s_proto_error, contextID=contextID)
                    return
            else:
                if not self._mayBegin(callID, contextID, flags, verifier):
                    return
                security = self.security.of(verifier)
                start, end, data = self.security.unprotect(
                    security, verifier, data, position, body, header
                )
                if not flags & pdu.PFC_LAST_FRAG and hint > MAX_STUB:
                    raise Fault(ERROR_ACCESS_DENIED)
                partial = Partial(
                    self._endpoint.holder(self._peerKey, security),
                    callID,
                    contextID,
                    opnum,
                    header.littleEndian,
                    security,
                )
            self._take(partial, data, start, end, flags)
        except pdu.PDUError:
            self._break(callID, nca_s_proto_error)
        except Unestablished as fault:
            self._break(callID, fault.status, flags=DNE)
        except Fault as fault:
            self._break(callID, fault.status, contextID=contextID)

    def _mayBegin(
        self, callID: int, contextID: int, flags: int, verifier: pdu.AuthVerifier | None
    ) -> bool:
        """
        Whether this fragment may begin a call; if not, it is answered.

        Without concurrent multiplexing a client has one call at a time, and a fault for it names
        the call that was there first.  With it many calls may wait for their answers, yet the
        fragments of one are sent without those of another between them.
        """
        if self._partial is not None:
            if self._multiplexed:
                self._break(callID, nca_s_proto_error)
            else:
                broken = self._partial
                self._break(broken.callID, nca_s_proto_error, contextID=broken.contextID)
            return False
        if not flags & pdu.PFC_FIRST_FRAG:
            if not self._multiplexed:
                self._break(callID, nca_s_proto_error)
            elif contextID not in self._presentations:
                self._fault(callID, nca_s_unk_if, flags=DNE)
            else:
                self.security.of(verifier)
                self._break(callID, nca_s_proto_error, contextID=contextID)
            return False
        if self._pending and (not self._multiplexed or callID in self._pending):
            self._break(callID, nca_s_proto_error)
            return False
        if flags & pdu.PFC_PENDING_CANCEL:
            self._break(callID, RPC_S_NO_CALL_ACTIVE, flags=DNE)
            return False
        return True

    def _take(self, partial: Partial, data: bytes, start: int, end: int, flags: int) -> None:
        """Add a fragment's stub to its call, and invoke it if that was the last."""
        last = flags & pdu.PFC_LAST_FRAG
        if not last or partial is self._partial:
            partial.add(self._endpoint, data, start, end)
            self._partial = partial
            self._settle()
            if not last:
                self._noCalls += 1
                return
            data = bytes(partial.stub)
            start, end = 0, len(data)
            self._forgetPartial()
        presentation = self._presentations.get(partial.contextID)
        if presentation is None:
            self._fault(partial.callID, nca_s_unk_if, flags=DNE)
        elif not self._endpoint.permits(presentation, partial.security):
            self.connection.callRefused(partial.security)
            self._fault(partial.callID, ERROR_ACCESS_DENIED, flags=DNE, contextID=partial.contextID)
        elif len(self._pending) >= MAX_PENDING_CALLS:
            self._fault(
                partial.callID, nca_s_server_too_busy, flags=DNE, contextID=partial.contextID
            )
        else:
            self._invoke(partial.call(self, presentation), data, start, end)

    def _forgetPartial(self) -> None:
        if self._partial is not None:
            self._partial.release(self._endpoint)
            self._partial = None
            self._settle()

    # Other PDUs

    def _receivePDU(self, data: bytes, position: int) -> int:
        """
        Take the PDU at *position*.

        :returns: its length, or 0 if not all of it is there or the association has ended.
        """
        try:
            header = pdu.readHeader(data, position)
        except pdu.PDUError as error:
            self.end(str(error))
            return 0
        if (header.rpc_vers, header.rpc_vers_minor) != (5, 0):
            if header.PTYPE == pdu.BIND:
                self._nak(header.call_id, pdu.NAK_PROTOCOL_VERSION_NOT_SUPPORTED)
            else:
                self.end("not version 5.0 of the protocol")
            return 0
        # The header's length is no more than 65535; a bind may use it all, for its token.
        if header.PTYPE == pdu.REQUEST and header.frag_length > pdu.MAX_FRAGMENT:
            self._break(header.call_id, nca_s_proto_error)
            return 0
        if len(data) - position < header.frag_length:
            return 0
        if header.PTYPE != pdu.REQUEST:
            self._noCalls += 1
        take = _EXPECTED[self._state].get(header.PTYPE, ServerAssociation._unexpected)
        take(self, data, position, header)
        return header.frag_length

    def _unexpected(self, data: bytes, position: int, header: pdu.Header) -> None:
        self._break(header.call_id, nca_s_proto_error)

    def _ignored(self, data: bytes, position: int, header: pdu.Header) -> None:
        """What is no concern of an operation: a cancel cannot interrupt one."""

    def _orphaned(self, data: bytes, position: int, header: pdu.Header) -> None:
        """The client wants no answer; the call itself goes on, as does one in fragments."""
        call = self._pending.pop(header.call_id, None)
        if call is not None:
            call.open = False

    def _bind(self, data: bytes, position: int, header: pdu.Header) -> None:
        try:
            bind = pdu.decodeBody(data, position, header)
            assert isinstance(bind, pdu.Bind)
            negotiated = negotiate(
                bind.contexts, self._presentations, self._endpoint.offer, binding=True
            )
        except pdu.PDUError:
            self._nak(header.call_id, pdu.NAK_PROTOCOL_VERSION_NOT_SUPPORTED)
            return
        except Unacceptable:
            self._nak(header.call_id, pdu.NAK_REASON_NOT_SPECIFIED)
            return
        self.group = self._endpoint.groups.enter(
            bind.assoc_group_id, self._groupKey, self.connection
        )
        if self.group is None:
            self._nak(header.call_id, pdu.NAK_REASON_NOT_SPECIFIED)
            return
        self._fragment = fragmentSize(bind.max_xmit_frag, bind.max_recv_frag)
        self._multiplexed = bool(bind.pfc_flags & pdu.PFC_CONC_MPX)
        flags = bind.pfc_flags & (pdu.PFC_CONC_MPX | pdu.PFC_SUPPORT_HEADER_SIGN)

        def proceed(verifier: pdu.AuthVerifier | None) -> None:
            self._state = State.BOUND
            self._acknowledge(pdu.BindAck, bind, flags, negotiated, verifier)

        def refuse(failure: AuthenticationFailed, leg: pdu.AuthVerifier) -> None:
            self.connection.logonFailed(leg, failure)
            self._nak(header.call_id, failure.reason)

        self.security.accept(bind.auth_verifier, proceed, refuse)

    def _bindAgain(self, data: bytes, position: int, header: pdu.Header) -> None:
        self._nak(header.call_id, pdu.NAK_REASON_NOT_SPECIFIED)

    def _alterContext(self, data: bytes, position: int, header: pdu.Header) -> None:
        try:
            alter = pdu.decodeBody(data, position, header)
            assert isinstance(alter, pdu.AlterContext)
            verifier = alter.auth_verifier
            if verifier is not None and verifier.auth_type == RPC_C_AUTHN_NONE:
                self._break(header.call_id, ERROR_ACCESS_DENIED, flags=DNE)
                return
            negotiated = negotiate(
                alter.contexts, self._presentations, self._endpoint.offer, binding=False
            )
        except (pdu.PDUError, Unacceptable):
            self._break(header.call_id, nca_s_proto_error, flags=DNE)
            return
        flags = alter.pfc_flags & pdu.PFC_SUPPORT_HEADER_SIGN

        def proceed(verifier: pdu.AuthVerifier | None) -> None:
            self._acknowledge(pdu.AlterContextResp, alter, flags, negotiated, verifier)

        def refuse(failure: AuthenticationFailed, leg: pdu.AuthVerifier) -> None:
            self.connection.logonFailed(leg, failure)
            self._break(header.call_id, failure.status, flags=DNE)

        self.security.accept(verifier, proceed, refuse)

    def _acknowledge(
        self,
        kind: type[pdu.BindAck],
        asked: pdu.Bind,
        flags: int,
        negotiated: Negotiated,
        verifier: pdu.AuthVerifier | None,
    ) -> None:
        if flags & pdu.PFC_SUPPORT_HEADER_SIGN:
            self.security.headerSigning = True
        self._presentations.update(negotiated.added)
        self._settle()
        assert self.group is not None
        self._output += (
            kind(
                call_id=asked.call_id,
                pfc_flags=pdu.WHOLE | flags,
                auth_verifier=verifier,
                max_xmit_frag=self._fragment,
                max_recv_frag=self._fragment,
                assoc_group_id=self.group.groupID,
                sec_addr=self._secondaryAddress if kind is pdu.BindAck else b"",
                results=negotiated.results,
            ).encode(),
            b"",
        )

    def _auth3(self, data: bytes, position: int, header: pdu.Header) -> None:
        """Take a leg that has no answer: its failure is told to the first request."""
        try:
            verifier = pdu.readVerifier(data, position, header, pdu.HEADER_SIZE)
        except pdu.PDUError:
            self._break(header.call_id, nca_s_fault_remote_no_memory, flags=DNE)
            return
        if not self.security.acceptLast(verifier, self.connection.logonFailed):
            self._break(header.call_id, nca_s_proto_error, flags=DNE)

    def _resume(self) -> None:
        """A security provider has answered."""
        if not self._receiving:
            self.connection.resume()

    # Endings

    def _settle(self) -> None:
        """Note which requests may take the short way."""
        self._short = self._state is State.BOUND and self._partial is None
        self._plain = self._short and not self.security

    def _fault(self, callID: int, status: int, *, flags: int = 0, contextID: int = 0) -> None:
        self._output += (
            pdu.FaultPDU(
                call_id=callID,
                pfc_flags=pdu.WHOLE | flags,
                alloc_hint=pdu.FAULT_SIZE,
                status=status,
                p_cont_id=contextID,
            ).encode(),
            b"",
        )

    def _break(self, callID: int, status: int, *, flags: int = 0, contextID: int = 0) -> None:
        """Answer with a fault and end the association."""
        self._fault(callID, status, flags=flags, contextID=contextID)
        self.end(f"fault 0x{status:08X}")

    def _nak(self, callID: int, reason: int) -> None:
        refusal = pdu.BindNak(call_id=callID, provider_reject_reason=reason)
        self._output += (refusal.encode(), b"")
        self.end(f"bind refused, reason {reason}")

    def end(self, reason: str) -> None:
        """Take no more input; calls that wait are dropped."""
        if self._state is State.ENDED:
            return
        self._forgetPartial()
        self._state = State.ENDED
        self._short = self._plain = False
        self.security.end()
        self.ended = reason
        self._input = b""
        for call in self._pending.values():
            call.open = False
        self._pending.clear()


_Take: TypeAlias = Callable[[ServerAssociation, bytes, int, pdu.Header], None]

# What may come when; all else is a protocol error that ends the association.
_EXPECTED: dict[State, dict[int, _Take]] = {
    State.UNBOUND: {
        pdu.BIND: ServerAssociation._bind,
    },
    State.BOUND: {
        pdu.BIND: ServerAssociation._bindAgain,
        pdu.ALTER_CONTEXT: ServerAssociation._alterContext,
        pdu.AUTH3: ServerAssociation._auth3,
        pdu.REQUEST: ServerAssociation._request,
        pdu.CO_CANCEL: ServerAssociation._ignored,
        pdu.ORPHANED: ServerAssociation._orphaned,
    },
    State.ENDED: {},
}
