"""
What an RPC interface is to the runtime, and what the runtime is to an interface's operations.

The layer above declares an :class:`Interface` and raises :class:`Fault`; it is handed a
:class:`Call` and, through it, a :class:`Connection`.  No bytes of PDUs here, no input or output.
C706 chapters 6 and 12, [MS-RPCE] 2.2.2; the status codes are those of C706 appendix E and of
[MS-ERREF] 2.2 and 2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import attrs

if TYPE_CHECKING:
    from tapiproxy.dcerpc.contexthandles import AssociationGroup
    from tapiproxy.dcerpc.ndr import TransferSyntax

# C706 appendix E: status of fault PDUs
nca_s_comm_failure = 0x1C010001
nca_s_op_rng_error = 0x1C010002
nca_s_unk_if = 0x1C010003
nca_s_proto_error = 0x1C01000B
nca_s_server_too_busy = 0x1C010014
nca_s_fault_invalid_bound = 0x1C000007
nca_s_fault_unspec = 0x1C000012
nca_s_fault_context_mismatch = 0x1C00001A
nca_s_fault_remote_no_memory = 0x1C00001B

# [MS-ERREF] 2.2: Windows codes that travel in fault PDUs
ERROR_ACCESS_DENIED = 0x00000005
RPC_S_NO_CALL_ACTIVE = 0x000006BD
RPC_S_UNKNOWN_AUTHN_SERVICE = 0x000006D3
RPC_S_CANNOT_SUPPORT = 0x000006E4
RPC_X_BAD_STUB_DATA = 0x000006F7
RPC_S_SEC_PKG_ERROR = 0x00000721

# [MS-RPCE] 2.2.1.1.8: authentication levels
RPC_C_AUTHN_LEVEL_NONE = 1
RPC_C_AUTHN_LEVEL_CONNECT = 2
RPC_C_AUTHN_LEVEL_CALL = 3
RPC_C_AUTHN_LEVEL_PKT = 4
RPC_C_AUTHN_LEVEL_PKT_INTEGRITY = 5
RPC_C_AUTHN_LEVEL_PKT_PRIVACY = 6

# [MS-RPCE] 2.2.1.1.7: security providers
RPC_C_AUTHN_NONE = 0
RPC_C_AUTHN_GSS_NEGOTIATE = 9
RPC_C_AUTHN_WINNT = 10
RPC_C_AUTHN_GSS_KERBEROS = 16


class _Anonymous:
    """Nobody: has logged on, and proven nothing."""

    def __repr__(self) -> str:
        return "ANONYMOUS"


ANONYMOUS = _Anonymous()
"""The principal of clients that have logged on as nobody, where they may."""


class Fault(Exception):
    """
    A call that ends with a fault PDU: raised by operations, received by clients.

    :ivar status: the status of the PDU.
    :ivar closes: whether the connection ends with it (the third level of errors).
    """

    def __init__(self, status: int, *, closes: bool = False) -> None:
        super().__init__(f"fault 0x{status:08X}")
        self.status = status
        self.closes = closes


class AuthenticationFailed(Exception):
    """
    A security context that was not established: raised by security providers.

    :param detail: for the administrator; no peer is told.
    :ivar reason: what a bind_nak says (C706 12.6.3.1, [MS-RPCE] 2.2.2.5).
    :ivar status: what a fault PDU says in answer to alter_context.
    :ivar user: who the peer claims to be, as far as that is known; its own text.
    :ivar logged: whether the provider, or whom it asked, has had it logged.
    """

    def __init__(
        self,
        detail: str,
        *,
        reason: int,
        status: int = ERROR_ACCESS_DENIED,
        user: str = "",
        logged: bool = False,
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.status = status
        self.user = user
        self.logged = logged


class Caller(Protocol):
    """Who uses a context handle: a :class:`Call`, or a :class:`Connection` as a whole."""

    @property
    def principal(self) -> Any:
        """The authenticated identity, None when there is none."""

    @property
    def authLevel(self) -> int:
        """The authentication level, RPC_C_AUTHN_LEVEL_NONE when there is none."""


class Connection(Caller, Protocol):
    """
    The server's end of one connection, as an operation sees it.

    All methods belong to the reactor's thread.
    """

    @property
    def peer(self) -> Any:
        """The client's address, as ``transport.getPeer()`` gives it."""

    @property
    def host(self) -> Any:
        """The address that the client reached, as ``transport.getHost()`` gives it."""

    @property
    def group(self) -> AssociationGroup:
        """The association group; its ``handles`` are the context handles."""

    def afterSent(self, f: Callable[[], object]) -> None:
        """
        Call *f* once, when all that this connection was asked to send is in the kernel.

        During an operation this is right after the answers of the current read went out; when
        nothing waits, at once; when the connection goes first, then (nothing is left to wait for).
        """

    def setAttached(self, attached: bool) -> None:
        """Take TCP keepalive instead of the idle deadline (True), or go back (False)."""

    def abort(self, reason: str) -> None:
        """
        End the connection without sending what waits; pending calls are dropped.

        :param reason: for the log.
        """

    def onLost(self, f: Callable[[], object]) -> None:
        """Call *f* once when the connection has gone; at once if it has."""


class Call(Caller, Protocol):
    """
    One request, from its last fragment to its answer.

    An operation that returned None answers later with :meth:`respond` or :meth:`fault`; only the
    first answer counts, and an answer to a connection that has gone is dropped.
    """

    @property
    def connection(self) -> Connection:
        """The connection that the request came by."""

    @property
    def interface(self) -> Interface:
        """The interface that the presentation context names."""

    @property
    def mechanism(self) -> str:
        """By what the caller has logged on, in words for the log; empty if it has not."""

    @property
    def contextID(self) -> int:
        """The presentation context (p_cont_id)."""

    @property
    def opnum(self) -> int:
        """The operation number."""

    @property
    def littleEndian(self) -> bool:
        """The byte order of the request's stub."""

    @property
    def byteOrder(self) -> str:
        """The byte order of the request's stub as struct writes it: ``<`` or ``>``."""

    @property
    def transferSyntax(self) -> TransferSyntax:
        """The transfer syntax of the request and of its answer: hand it to the stub codecs."""

    def respond(self, stub: bytes) -> None:
        """Answer with *stub*, little endian, in the call's transfer syntax."""

    def fault(self, status: int) -> None:
        """Answer with a fault PDU."""


# Takes the call and the request's stub, which is data[start:end]; returns the response's stub, or
# None when it answers later.  Raises Fault.
Operation = Callable[[Any, bytes, int, int], "bytes | None"]


@attrs.frozen(eq=False)
class Interface:
    """
    An RPC interface as a server offers it.

    :ivar uuid: its UUID.
    :ivar version: major and minor version; a client may ask for a lower minor one (C706 6.2.1.1).
    :ivar operations: the operations by opnum.
    :ivar transferSyntaxes: those it can be spoken in, None for NDR 2.0 alone.
    :ivar public: whether anyone may call it, whatever level the endpoint asks for.
    """

    uuid: UUID
    version: tuple[int, int]
    operations: Mapping[int, Operation]
    transferSyntaxes: tuple[TransferSyntax, ...] | None = None
    public: bool = False


class Receiver(Protocol):
    """What waits for the answer of a request that a client sent."""

    def responded(self, data: bytes, start: int, end: int) -> None:
        """The answer's stub is data[start:end], little endian unless the peer says otherwise."""

    def failed(self, reason: Exception) -> None:
        """There is none: a :class:`Fault`, or the connection or its deadline ended."""
