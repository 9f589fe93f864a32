"""
The client's side of an association: requests in, bytes out, answers to who asked.

Sans-IO, as :mod:`tapiproxy.dcerpc.association` is.  One interface, one presentation context, one
call under way: MS-RPC servers hand the requests of a connection to a pool of threads, so that calls
sent together may be carried out in another order.  C706 chapters 9 and 12, [MS-RPCE] 3.3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.authnames import mechanismName
from tapiproxy.dcerpc.clientsecurity import ClientSecurity
from tapiproxy.dcerpc.interface import AuthenticationFailed, Fault, Interface, Receiver
from tapiproxy.dcerpc.management import Statistics
from tapiproxy.dcerpc.ndr import NDR, TransferSyntax

if TYPE_CHECKING:
    from tapiproxy.dcerpc.security import ISecurityContext

MAX_STUB = 4 * 1024 * 1024
"""Octets of one reassembled response: as many as a request may have; of most far fewer."""

MAX_WAITING_CALLS = 1024
"""Calls that wait for the one under way; more fail at once."""

_CONTEXT_ID = 0  # servers exist that answer with 0 whatever was asked

_requestStart = pdu.requestStart.pack
_responseStart = pdu.responseStart.unpack_from


class AssociationFailed(Exception):
    """The association is of no use: refused, or the server broke the protocol."""


class LogonFailed(AssociationFailed):
    """The server does not take the logon, cannot be logged on to, or offers less than is wanted."""


class State(Enum):
    """How far an association has come."""

    UNBOUND = "unbound"
    BINDING = "binding"
    PROVING = "proving"
    BOUND = "bound"
    ENDED = "ended"


class ClientAssociation:
    """
    The client's side of one association.

    :param interface: what to bind to; its operations are the server's.  Its transfer syntaxes are
        proposed in their order, in one presentation context: some servers answer one result,
        however many contexts there are, and some look at the first syntax of each only.
    :param bound: called when the server has accepted.
    :param ended: called once with the reason when the association is of no more use; every call
        has failed by then.
    :param strictCallID: whether an answer must carry its request's call_id.  Servers exist that
        answer every request with call_id 1; with one call under way nothing depends on it, unless
        somebody on the way puts in faults, which nobody signs: where answers are signed and their
        content counts, it has to be True.
    :param security: an initiator to prove oneself with and to protect requests by; None to do
        neither.
    :param statistics: where to count; None to count nothing.
    :param largestStub: octets of one reassembled response.
    :param flush: called when there is output after a security provider has thought.
    :ivar littleEndian: the byte order of the last answer.
    :ivar transferSyntax: what the server has chosen, once bound.
    """

    def __init__(
        self,
        interface: Interface,
        bound: Callable[[], object],
        ended: Callable[[Exception], object],
        *,
        strictCallID: bool = True,
        security: ISecurityContext | None = None,
        flush: Callable[[], object] | None = None,
        statistics: Statistics | None = None,
        largestStub: int = MAX_STUB,
    ) -> None:
        self.littleEndian = True
        self._interface = interface
        self._bound = bound
        self._ended = ended
        self._strictCallID = strictCallID
        self._largestStub = largestStub
        self._syntaxes = interface.transferSyntaxes or (NDR,)
        self.transferSyntax: TransferSyntax = self._syntaxes[0]
        self._state = State.UNBOUND
        self._input = b""
        # Two items for each PDU, so that they are counted without a look at them.
        self._output: list[bytes] = []
        self._statistics = statistics
        self._callID = 0
        self._fragment = pdu.MIN_FRAGMENT
        self._current: Receiver | None = None
        # A list: an empty deque is ten times as large, and there is one for each attached client.
        self._waiting: list[tuple[int, bytes, Receiver]] = []
        self._stub = bytearray()
        self._partial = False
        self._security = None if security is None else ClientSecurity(security)
        self._protects = self._security is not None and self._security.protects
        self._thinking = False
        self._flush = flush

    # What the owner calls

    def bind(self) -> None:
        """Ask for the interface."""
        self._state = State.BINDING
        self._callID += 1
        if self._security is None:
            self._output += (self._proposal(pdu.Bind, None), b"")
        else:
            self._step(b"", self._bindProving)

    def request(self, opnum: int, stub: bytes, receiver: Receiver) -> None:
        """
        Call an operation, when those before it are answered.

        :param stub: little endian, in the association's transfer syntax; which one that is
            is known when it is bound, unless the interface has only one.
        :param receiver: told the outcome once; at once if there can be no other than failure.
        """
        if self._state is State.ENDED:
            receiver.failed(AssociationFailed("the association has ended"))
        elif len(self._waiting) >= MAX_WAITING_CALLS:
            receiver.failed(AssociationFailed(f"{MAX_WAITING_CALLS} calls wait already"))
        elif self._current is not None or self._state is not State.BOUND:
            self._waiting.append((opnum, stub, receiver))
        else:
            self._send(opnum, stub, receiver)

    def receiveData(self, data: bytes) -> None:
        """Take input; receivers are told, and the output grows."""
        if self._input:
            data = self._input + data
            self._input = b""
        position = 0
        end = len(data)
        taken = 0
        while end - position >= pdu.HEADER_SIZE and self._state is not State.ENDED:
            receiver = self._current
            try:
                if receiver is not None and end - position >= pdu.REQUEST_HEADER_SIZE:
                    # The short way: the whole of a little-endian response, no header object.
                    start, length, auth, callID, _, _, _ = _responseStart(data, position)
                    if (
                        start == pdu.WHOLE_RESPONSE
                        and (auth > 0) is self._protects
                        and pdu.REQUEST_HEADER_SIZE <= length <= end - position
                        and not self._partial
                        and (callID == self._callID or not self._strictCallID)
                    ):
                        stop = position + length
                        stub: bytes | None = data
                        begin, finish = position + pdu.REQUEST_HEADER_SIZE, stop
                        if self._security is not None and auth:
                            opened = self._security.whole(data, position, stop, auth)
                            stub, begin, finish = opened or (None, 0, 0)
                        if stub is not None:
                            self.littleEndian = True
                            self._next()
                            receiver.responded(stub, begin, finish)
                            position = stop
                            taken += 1
                            continue
                header = pdu.readHeader(data, position)
                if end - position < header.frag_length:
                    break
                take = None if self._thinking else _EXPECTED[self._state].get(header.PTYPE)
                if take is None or (header.rpc_vers, header.rpc_vers_minor) != (5, 0):
                    raise pdu.PDUError(f"type {header.PTYPE} is not expected while {self._state}")
                take(self, data, position, header)
            except pdu.PDUError as error:
                self.end(AssociationFailed(f"the server broke the protocol: {error}"))
                return
            position += header.frag_length
            taken += 1
        if self._statistics is not None:
            self._statistics.pktsIn += taken
            self._statistics.noCalls += taken
        if position < end and self._state is not State.ENDED:
            self._input = data[position:]

    def takeOutput(self) -> bytes:
        """What is to be sent, once."""
        output = self._output
        if not output:
            return b""
        self._output = []
        if self._statistics is not None:
            self._statistics.pktsOut += len(output) // 2
        return b"".join(output)

    def end(self, reason: Exception) -> None:
        """Fail all calls, and say so; nothing is sent or taken any more."""
        if self._state is State.ENDED:
            return
        self._state = State.ENDED
        self._input = b""
        self._output.clear()
        self._stub.clear()
        receivers = [receiver for _, _, receiver in self._waiting]
        if self._current is not None:
            receivers.insert(0, self._current)
        self._current = None
        self._waiting.clear()
        for receiver in receivers:
            receiver.failed(reason)
        self._ended(reason)

    # PDUs

    def _send(self, opnum: int, stub: bytes, receiver: Receiver) -> None:
        self._current = receiver
        # C706 12.6.3.1: unique among the calls of the association; no call lasts 2**32 others.
        self._callID = self._callID + 1 & 0xFFFFFFFF or 1
        if self._statistics is not None:
            self._statistics.callsOut += 1
        if self._protects and self._security is not None:
            self._output += self._security.request(
                self._callID, _CONTEXT_ID, opnum, stub, self._fragment
            )
            return
        room = self._fragment - pdu.REQUEST_HEADER_SIZE
        left = len(stub)
        flags = pdu.PFC_FIRST_FRAG
        for offset in range(0, left or 1, room):
            part = stub[offset : offset + room]
            if left <= room:
                flags |= pdu.PFC_LAST_FRAG
            self._output += (
                _requestStart(
                    pdu.WHOLE_REQUEST ^ (pdu.WHOLE ^ flags) << 24,
                    pdu.REQUEST_HEADER_SIZE + len(part),
                    0,
                    self._callID,
                    left,
                    _CONTEXT_ID,
                    opnum,
                ),
                part,
            )
            left -= len(part)
            flags = 0

    def _next(self) -> None:
        self._current = None
        self._partial = False
        if self._waiting and self._state is State.BOUND:
            self._send(*self._waiting.pop(0))

    def _proposal(self, kind: type[pdu.Bind], verifier: pdu.AuthVerifier | None) -> bytes:
        """A bind or an alter_context: both name the one presentation context."""
        flags = pdu.WHOLE if verifier is None else pdu.WHOLE | pdu.PFC_SUPPORT_HEADER_SIGN
        abstract = pdu.SyntaxID(self._interface.uuid, *self._interface.version)
        # An alter_context repeats the whole list: another one would change what the context means.
        transfer = tuple(syntax.syntaxID for syntax in self._syntaxes)
        return kind(
            call_id=self._callID,
            pfc_flags=flags,
            auth_verifier=verifier,
            max_xmit_frag=pdu.MAX_FRAGMENT,
            max_recv_frag=pdu.MAX_FRAGMENT,
            assoc_group_id=0,
            contexts=(pdu.PresentationContext(_CONTEXT_ID, abstract, transfer),),
        ).encode()

    def _accepts(self, ack: pdu.BindAck, syntaxes: tuple[TransferSyntax, ...]) -> bool:
        """
        Whether the server accepts the presentation context; ended if it does not.

        :param syntaxes: those it may choose from.
        :raises PDUError: it answers something else.
        """
        if len(ack.results) != 1:
            raise pdu.PDUError(f"{len(ack.results)} results for one presentation context")
        (result,) = ack.results
        if result.result == pdu.ACCEPTANCE:
            for syntax in syntaxes:
                if result.transfer_syntax == syntax.syntaxID:
                    self.transferSyntax = syntax
                    return True
        self.end(
            AssociationFailed(
                f"interface {self._interface.uuid} refused, result {result.result}, "
                f"reason {result.reason}"
            )
        )
        return False

    def _bindAck(self, data: bytes, position: int, header: pdu.Header) -> None:
        ack = pdu.decodeBody(data, position, header)
        assert isinstance(ack, pdu.BindAck)
        if not self._accepts(ack, self._syntaxes):
            return
        # Some servers name what they send, some what they take: the smaller of both is safe.
        size = min(ack.max_xmit_frag, ack.max_recv_frag, pdu.MAX_FRAGMENT) & ~7
        if size < pdu.MIN_FRAGMENT & ~7:
            raise pdu.PDUError(f"fragments of {size} octets are too small")
        self._fragment = size
        if self._security is None:
            self._established()
        else:
            self._security.headerSigning = bool(ack.pfc_flags & pdu.PFC_SUPPORT_HEADER_SIGN)
            self._answered(self._security, ack.auth_verifier)

    def _established(self) -> None:
        self._state = State.BOUND
        self._bound()
        if self._current is None:
            self._next()

    def _answered(self, security: ClientSecurity, verifier: pdu.AuthVerifier | None) -> None:
        """Go on with the server's answer to a leg."""
        try:
            token = security.tokenOf(verifier)
        except pdu.PDUError as error:
            self.end(LogonFailed(f"the server answers the logon with {error}"))
            return
        self._step(token, self._prove)

    def _step(self, token: bytes, proceed: Callable[[bytes, ClientSecurity], object]) -> None:
        """
        Hand the server's token to the security provider.

        :param proceed: called with what it answers, now or later.
        """
        security = self._security
        assert security is not None
        inside = True

        def done(outcome: bytes | AuthenticationFailed) -> None:
            self._thinking = False
            if self._state is State.ENDED:
                return
            if isinstance(outcome, AuthenticationFailed):
                self.end(LogonFailed(f"no security context: {outcome}"))
                return
            proceed(outcome, security)
            if not inside and self._flush is not None:
                self._flush()

        self._thinking = True
        security.context.step(token, done)
        inside = False

    def _bindProving(self, token: bytes, security: ClientSecurity) -> None:
        self._output += (self._proposal(pdu.Bind, security.verifier(token)), b"")

    def _prove(self, token: bytes, security: ClientSecurity) -> None:
        """Go on proving, with an auth3 where no answer is wanted, or be done."""
        if not security.context.complete:
            if not token:
                self.end(LogonFailed("no security context: nothing more to say"))
                return
            self._state = State.PROVING
            self._output += (self._proposal(pdu.AlterContext, security.verifier(token)), b"")
            return
        if security.context.needsHeaderSigning and not security.headerSigning:
            self.end(
                LogonFailed(
                    "the server does not sign headers (PFC_SUPPORT_HEADER_SIGN), and "
                    f"{mechanismName(security.context)} does not protect them without"
                )
            )
            return
        if token:
            auth3 = pdu.Auth3(call_id=self._callID, auth_verifier=security.verifier(token))
            self._output += (auth3.encode(), b"")
        self._established()

    def _alterContextResp(self, data: bytes, position: int, header: pdu.Header) -> None:
        answer = pdu.decodeBody(data, position, header)
        assert isinstance(answer, pdu.AlterContextResp)
        assert self._security is not None
        if self._accepts(answer, (self.transferSyntax,)):
            self._answered(self._security, answer.auth_verifier)

    def _notProven(self, data: bytes, position: int, header: pdu.Header) -> None:
        fault = pdu.decodeBody(data, position, header)
        assert isinstance(fault, pdu.FaultPDU)
        self.end(LogonFailed(f"the server refuses the logon: {Fault(fault.status)}"))

    def _bindNak(self, data: bytes, position: int, header: pdu.Header) -> None:
        nak = pdu.decodeBody(data, position, header)
        assert isinstance(nak, pdu.BindNak)
        reason = nak.provider_reject_reason
        if self._security is None:
            self.end(AssociationFailed(f"bind refused, reason {reason}"))
        else:
            self.end(LogonFailed(f"the server refuses a bind with a logon, reason {reason}"))

    def _expectCall(self, header: pdu.Header) -> Receiver:
        if self._current is None:
            raise pdu.PDUError("an answer to no call")
        if self._strictCallID and header.call_id != self._callID:
            raise pdu.PDUError(f"an answer to call {header.call_id}, asked was {self._callID}")
        if header.auth_length and self._security is None:
            raise pdu.PDUError("an answer with a verifier that was not asked for")
        return self._current

    def _response(self, data: bytes, position: int, header: pdu.Header) -> None:
        receiver = self._expectCall(header)
        start = position + pdu.REQUEST_HEADER_SIZE
        end = position + header.frag_length
        if end < start:
            raise pdu.PDUError("a response shorter than its header")
        if bool(header.pfc_flags & pdu.PFC_FIRST_FRAG) is self._partial:
            raise pdu.PDUError("fragments out of order")
        if self._security is not None:
            start, end, data = self._security.response(data, position, header)
        self.littleEndian = header.packed_drep[0] >> 4 == 1
        if header.pfc_flags & pdu.WHOLE == pdu.WHOLE:
            self._next()
            receiver.responded(data, start, end)
            return
        self._stub += data[start:end]
        self._partial = True
        if len(self._stub) > self._largestStub:
            raise pdu.PDUError(f"a response of more than {self._largestStub} octets")
        if header.pfc_flags & pdu.PFC_LAST_FRAG:
            stub = bytes(self._stub)
            self._stub.clear()
            self._next()
            receiver.responded(stub, 0, len(stub))

    def _faulted(self, data: bytes, position: int, header: pdu.Header) -> None:
        receiver = self._expectCall(header)
        fault = pdu.decodeBody(data, position, header)
        assert isinstance(fault, pdu.FaultPDU)
        self._stub.clear()
        if header.auth_length:
            # Servers protect no faults; after one that is, the numbers of both sides differ.
            self._current = None
            receiver.failed(Fault(fault.status))
            self.end(AssociationFailed("a fault with a verifier"))
            return
        self._next()
        receiver.failed(Fault(fault.status))

    def _shutdown(self, data: bytes, position: int, header: pdu.Header) -> None:
        """The server wants the connection closed: C706 12.6.4.11."""
        if self._current is None:
            self.end(AssociationFailed("the server asked to close the connection"))


_Take: TypeAlias = Callable[[ClientAssociation, bytes, int, pdu.Header], None]

# What may come when; all else breaks the protocol.
_EXPECTED: dict[State, dict[int, _Take]] = {
    State.UNBOUND: {},
    State.BINDING: {
        pdu.BIND_ACK: ClientAssociation._bindAck,
        pdu.BIND_NAK: ClientAssociation._bindNak,
    },
    State.PROVING: {
        pdu.ALTER_CONTEXT_RESP: ClientAssociation._alterContextResp,
        pdu.FAULT: ClientAssociation._notProven,
    },
    State.BOUND: {
        pdu.RESPONSE: ClientAssociation._response,
        pdu.FAULT: ClientAssociation._faulted,
        pdu.SHUTDOWN: ClientAssociation._shutdown,
    },
    State.ENDED: {},
}
