"""
The security contexts of one association, and what they do to requests and responses.

Which context a PDU belongs to, whether it may come under it, where its verifier lies; what a token
means and how octets are sealed is the provider's business (:mod:`tapiproxy.dcerpc.security`).
[MS-RPCE] 2.2.2.11, 2.2.2.12 and 3.3.1.5.2.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_C_AUTHN_LEVEL_CONNECT,
    RPC_C_AUTHN_LEVEL_NONE,
    RPC_C_AUTHN_LEVEL_PKT,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_C_AUTHN_NONE,
    RPC_S_SEC_PKG_ERROR,
    AuthenticationFailed,
    Fault,
    nca_s_proto_error,
)

if TYPE_CHECKING:
    from tapiproxy.dcerpc.security import IAuthenticationService, ISecurityContext

MAX_SECURITY_CONTEXTS = 16
"""Per association: a client needs one per identity and level."""

STUB_ALIGNMENT = 16
"""Protected stubs are padded to a multiple of this: [MS-RPCE] 2.2.2.11."""


TRANSPORT = -1
"""Where others have their auth_context_id: what the transport itself says of the client."""


class Unestablished(Fault):
    """A request under a security context of which legs are missing."""

    def __init__(self) -> None:
        super().__init__(nca_s_proto_error)


class AuthContext:
    """
    A security context under its auth_context_id.

    :ivar failed: whether a leg of it was refused.
    :ivar protects: whether its level wants a verifier with each request and response.
    """

    __slots__ = ("auth_context_id", "context", "failed", "protects")

    def __init__(self, context: ISecurityContext, auth_context_id: int) -> None:
        self.context = context
        self.auth_context_id = auth_context_id
        self.failed = False
        self.protects = (
            context.authType != RPC_C_AUTHN_NONE and context.authLevel >= RPC_C_AUTHN_LEVEL_PKT
        )


def principalOf(security: AuthContext | None) -> Any:
    """Who comes under a security context; None without one."""
    return None if security is None else security.context.principal


def levelOf(security: AuthContext | None) -> int:
    """The authentication level of a security context."""
    return RPC_C_AUTHN_LEVEL_NONE if security is None else security.context.authLevel


class SecurityContexts:
    """
    The security contexts of one association.

    :param peer: where the client is: for the providers.
    :param resume: called when a provider has answered a leg.
    :param transport: what the transport says of the client, for as long as it begins no context.
    :ivar waiting: whether a provider has still to answer one: no PDU may be taken before.
    :ivar default: speaks for requests without verifier: the one that bind has begun, or if that was
        a bare one, the first of level CONNECT.
    :ivar headerSigning: whether PFC_SUPPORT_HEADER_SIGN was agreed on, for all of them.
    """

    __slots__ = (
        "_authentication",
        "_bareBind",
        "_contexts",
        "_ended",
        "_peer",
        "_resume",
        "default",
        "headerSigning",
        "waiting",
    )

    def __init__(
        self,
        authentication: IAuthenticationService,
        peer: Hashable,
        resume: Callable[[], object],
        transport: ISecurityContext | None = None,
    ) -> None:
        self.waiting = False
        self.default: AuthContext | None = None
        self.headerSigning = False
        self._authentication = authentication
        self._peer = peer
        self._resume = resume
        self._ended = False
        self._bareBind = False
        self._contexts: dict[int, AuthContext] = {}
        if transport is not None:
            self.default = self._contexts[TRANSPORT] = AuthContext(transport, TRANSPORT)

    def __len__(self) -> int:
        return len(self._contexts)

    @property
    def first(self) -> AuthContext | None:
        """The one that the client has begun first, by bind or later; that of the transport else."""
        for security in self._contexts.values():
            if security.auth_context_id != TRANSPORT:
                return security
        return self.default

    @property
    def principal(self) -> Any:
        """Who the client is, by its first security context."""
        return principalOf(self.first)

    @property
    def authLevel(self) -> int:
        """The level of the first security context."""
        return levelOf(self.first)

    def accept(
        self,
        verifier: pdu.AuthVerifier | None,
        proceed: Callable[[pdu.AuthVerifier | None], object],
        refuse: Callable[[AuthenticationFailed, pdu.AuthVerifier], object],
    ) -> None:
        """
        Take the leg that the bind carries, which comes first, or an alter_context; if it does.

        :param proceed: called with the verifier for the answer, now or later.
        :param refuse: called instead, if the leg does not fit or the provider refuses; with the
            leg as well.
        """
        if verifier is None:
            self._bareBind = self._bareBind or not self._contexts
            proceed(None)
            return
        try:
            security = self._leg(verifier)
        except AuthenticationFailed as failure:
            refuse(failure, verifier)
            return

        def stepped(outcome: bytes | AuthenticationFailed) -> None:
            if isinstance(outcome, AuthenticationFailed):
                security.failed = True
                refuse(outcome, verifier)
                return
            # Also without a token: MS-RPC servers answer the last leg with a bare sec_trailer.
            proceed(
                pdu.AuthVerifier(
                    verifier.auth_type, verifier.auth_level, security.auth_context_id, outcome
                )
            )

        self._step(security, verifier.auth_value, stepped)

    def acceptLast(
        self,
        verifier: pdu.AuthVerifier | None,
        failed: Callable[[pdu.AuthVerifier, AuthenticationFailed], object],
    ) -> bool:
        """
        Take the leg of an auth3, whose failure makes the context a failed one.

        :param failed: called with why that is so, now or later.
        :returns: whether there was something for it to continue.
        """
        security = None if verifier is None else self._contexts.get(verifier.auth_context_id)
        if verifier is None or security is None or security.context.complete:
            return False
        context = security.context
        if security.failed:
            return True
        if (context.authType, context.authLevel) != (verifier.auth_type, verifier.auth_level):
            security.failed = True
            failed(verifier, _notSpecified("a last leg of another provider or level"))
            return True

        def stepped(outcome: bytes | AuthenticationFailed) -> None:
            if isinstance(outcome, AuthenticationFailed):
                security.failed = True
                failed(verifier, outcome)
            elif outcome:
                # A token in return cannot be sent, so that the handshake cannot go on.
                security.failed = True
                failed(verifier, _notSpecified("a last leg that wants an answer"))

        self._step(security, verifier.auth_value, stepped)
        return True

    def of(self, verifier: pdu.AuthVerifier | None) -> AuthContext | None:
        """
        The security context that a request comes under.

        :raises Fault: there is no such context, or it failed.
        :raises Unestablished: legs of it are missing.
        """
        if verifier is None:
            security = self.default
        else:
            security = self._contexts.get(verifier.auth_context_id)
            if (
                security is None
                or security.context.authType != verifier.auth_type
                or security.context.authLevel != verifier.auth_level
            ):
                raise Fault(ERROR_ACCESS_DENIED)
        if security is not None:
            if security.failed:
                raise Fault(ERROR_ACCESS_DENIED)
            if not security.context.complete:
                raise Unestablished
        return security

    def established(self, kind: int, level: int, auth_context_id: int) -> AuthContext | None:
        """
        The security context that a verifier names, if requests are protected under it now.

        :param kind: auth_type.
        :param level: auth_level.
        """
        security = self._contexts.get(auth_context_id)
        if security is None or security.failed or not security.protects:
            return None
        context = security.context
        if context.authType == kind and context.authLevel == level and context.complete:
            return security
        return None

    def unprotect(
        self,
        security: AuthContext | None,
        verifier: pdu.AuthVerifier | None,
        data: bytes,
        position: int,
        body: int,
        header: pdu.Header,
    ) -> tuple[int, int, bytes]:
        """
        The stub of a request fragment in the clear: where it begins and ends, and in what.

        :param security: what the request comes under.
        :param position: where in *data* the fragment begins.
        :param body: where its stub begins.
        :raises Fault: its verifier is missing, superfluous, or does not verify.
        """
        end = position + header.frag_length
        if security is None:
            if verifier is not None:
                raise Fault(ERROR_ACCESS_DENIED)
            return body, end, data
        if verifier is None:
            if security.protects:
                raise Fault(nca_s_proto_error)
            return body, end, data
        trailer = end - header.auth_length - pdu.SEC_TRAILER_SIZE
        if not security.protects:
            return body, trailer - verifier.auth_pad_length, data
        clear = security.context.unprotect(
            data[position:body],
            data[body:trailer],
            data[trailer : trailer + pdu.SEC_TRAILER_SIZE],
            verifier.auth_value,
            self.headerSigning,
        )
        return 0, len(clear) - verifier.auth_pad_length, clear

    def end(self) -> None:
        """The association has ended: what a provider still answers is dropped."""
        self._ended = True

    def _leg(self, verifier: pdu.AuthVerifier) -> AuthContext:
        """
        The security context that this leg belongs to, a new one if its ID is.

        :raises AuthenticationFailed: it does not fit the leg before, or none can be begun.
        """
        security = self._contexts.get(verifier.auth_context_id)
        if security is not None:
            context = security.context
            if context.complete or security.failed or context.authLevel != verifier.auth_level:
                raise _notSpecified("a leg too many, or of another level")
            if context.authType != verifier.auth_type:
                raise AuthenticationFailed(
                    "a leg of another provider",
                    reason=pdu.NAK_REASON_NOT_SPECIFIED,
                    status=RPC_S_SEC_PKG_ERROR,
                )
            return security
        if not RPC_C_AUTHN_LEVEL_CONNECT <= verifier.auth_level <= RPC_C_AUTHN_LEVEL_PKT_PRIVACY:
            raise _notSpecified("no such level")
        if len(self._contexts) >= MAX_SECURITY_CONTEXTS:
            raise AuthenticationFailed(
                "too many security contexts",
                reason=pdu.NAK_LOCAL_LIMIT_EXCEEDED,
                status=nca_s_proto_error,
            )
        context = self._authentication.newContext(
            verifier.auth_type, verifier.auth_level, self._peer
        )
        security = AuthContext(context, verifier.auth_context_id)
        self._contexts[verifier.auth_context_id] = security
        if self.default is None:
            # Of a client that has bound as nobody, requests without verifier stay nobody's, unless
            # it begins a context whose requests have none.
            if not self._bareBind or verifier.auth_level == RPC_C_AUTHN_LEVEL_CONNECT:
                self.default = security
        elif self.default.auth_context_id == TRANSPORT:
            self.default = security
        return security

    def _step(
        self,
        security: AuthContext,
        token: bytes,
        stepped: Callable[[bytes | AuthenticationFailed], None],
    ) -> None:
        self.waiting = True

        def done(outcome: bytes | AuthenticationFailed) -> None:
            if self._ended:
                return
            self.waiting = False
            stepped(outcome)
            self._resume()

        security.context.step(token, done)


def _notSpecified(detail: str) -> AuthenticationFailed:
    return AuthenticationFailed(detail, reason=pdu.NAK_REASON_NOT_SPECIFIED)
