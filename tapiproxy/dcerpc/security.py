"""
The seam between an association and the security providers: what each side may ask of the other.

Providers (NTLM, Negotiate, Kerberos) are classes that implement these interfaces; an association
knows no mechanism.  Here stands the service that offers none.  [MS-RPCE] 2.2.1.1.7, 2.2.2.11 and
3.3.1.5.2.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

import attrs
from zope.interface import Attribute, Interface, implementer

from tapiproxy.dcerpc import interface
from tapiproxy.dcerpc.interface import RPC_C_AUTHN_LEVEL_NONE, AuthenticationFailed
from tapiproxy.dcerpc.pdu import NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED


class ISecurityContext(Interface):
    """
    One security context of an association, either role.

    Everything is called in the reactor's thread and, but for :meth:`step`, must answer at once.
    """

    authType: int = Attribute("The provider: auth_type of the PDUs.")
    authLevel: int = Attribute("RPC_C_AUTHN_LEVEL_CONNECT, PKT, PKT_INTEGRITY or PKT_PRIVACY.")
    complete: bool = Attribute("Whether no more legs are wanted.")
    principal: object = Attribute("Who the peer is; None before *complete*.")
    needsHeaderSigning: bool = Attribute(
        "Whether PDUs may go only where PFC_SUPPORT_HEADER_SIGN was agreed on; after *complete*."
    )
    tokenSize: int = Attribute("Octets of auth_value that *protect* gives; after *complete*.")

    def step(token: bytes, done: Callable[[bytes | AuthenticationFailed], None]) -> None:
        """
        Go on with the handshake.

        Called for each leg, and first with no octets where this side begins.  May be slow, as long
        as it does not block: nothing else of the association is read meanwhile.

        :param token: the peer's auth_value.
        :param done: to be called once, now or later, with the token to send (empty if there is
            none) or with the refusal.
        """

    def protect(
        head: bytes, body: bytes, trailer: bytes, headerSigning: bool
    ) -> tuple[bytes, bytes]:
        """
        Sign or seal a request or response fragment, as *authLevel* says; PKT and above only.

        :param head: the PDU up to its stub, all lengths final.
        :param body: the stub and its padding.
        :param trailer: the sec_trailer.
        :param headerSigning: whether PFC_SUPPORT_HEADER_SIGN was agreed on.
        :returns: *body* as it travels, and the token.
        """

    def unprotect(
        head: bytes, body: bytes, trailer: bytes, token: bytes, headerSigning: bool
    ) -> bytes:
        """
        Verify, and where sealed unseal, a fragment.

        :returns: *body* in the clear.
        :raises Fault: RPC_S_SEC_PKG_ERROR, if it is not what the peer sent.
        """


class IAuthenticationService(Interface):
    """What one endpoint of a server accepts from its clients."""

    minimumLevel: int = Attribute("The lowest level that *permits* permits; for the log.")

    def newContext(authType: int, authLevel: int, peer: Hashable) -> ISecurityContext:
        """
        Begin a context as its acceptor.

        :param authLevel: RPC_C_AUTHN_LEVEL_CONNECT to RPC_C_AUTHN_LEVEL_PKT_PRIVACY.
        :param peer: where the client is: what tells peers apart, and no port.
        :raises AuthenticationFailed: the provider is unknown, or not for this level.
        """

    def permits(called: interface.Interface, context: ISecurityContext | None) -> bool:
        """
        Whether a call of an interface may arrive under a security context.

        Called for each request that has one, and once per presentation context for those that
        have none; must be cheap.

        :param context: None for requests without authentication.
        """


@implementer(IAuthenticationService)
@attrs.frozen
class NoAuthentication:
    """
    Refuses every provider: for endpoints that others guard.

    :ivar minimumLevel: the lowest level at which calls are permitted; above RPC_C_AUTHN_LEVEL_NONE
        these are calls of clients that the transport has authenticated.
    """

    minimumLevel: int = RPC_C_AUTHN_LEVEL_NONE

    def newContext(self, authType: int, authLevel: int, peer: Hashable) -> ISecurityContext:
        """Refuse: no provider is known."""
        raise AuthenticationFailed(
            f"no security provider {authType} here", reason=NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED
        )

    def permits(self, called: interface.Interface, context: ISecurityContext | None) -> bool:
        """As IAuthenticationService: by level."""
        level = RPC_C_AUTHN_LEVEL_NONE if context is None else context.authLevel
        return level >= self.minimumLevel
