"""
The security providers of one endpoint: which there are, and what level is wanted.

[MS-RPCE] 2.2.1.1.7 and 2.2.1.1.8, [MS-TRP] 5.1.  Importing it needs the extra ``auth``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

import attrs
from zope.interface import implementer

from tapiproxy.dcerpc import interface
from tapiproxy.dcerpc.identity import INTLMCredentials
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_GSS_NEGOTIATE,
    RPC_C_AUTHN_LEVEL_CALL,
    RPC_C_AUTHN_LEVEL_NONE,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_C_AUTHN_WINNT,
    AuthenticationFailed,
)
from tapiproxy.dcerpc.ntlm import NTLMAcceptor, NTLMServer
from tapiproxy.dcerpc.pdu import NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED
from tapiproxy.dcerpc.security import IAuthenticationService, ISecurityContext
from tapiproxy.dcerpc.spnego import SPNEGOAcceptor
from tapiproxy.dcerpc.spnegotokens import NTLMSSP


@implementer(IAuthenticationService)
@attrs.frozen(kw_only=True)
class Authentication:
    """
    NTLM, by itself and under SPNEGO.

    :ivar server: what clients are told of this server.
    :ivar credentials: gives the accounts as clients of one place may try them; what it is given is
        *peer* of newContext.
    :ivar minimumLevel: the lowest level at which calls are permitted; RPC_C_AUTHN_LEVEL_NONE
        permits them without authentication too.
    """

    server: NTLMServer
    credentials: Callable[[Hashable], INTLMCredentials]
    minimumLevel: int = RPC_C_AUTHN_LEVEL_PKT_PRIVACY

    def newContext(self, authType: int, authLevel: int, peer: Hashable) -> ISecurityContext:
        """As IAuthenticationService, at any level that clients ask for."""
        if authType not in (RPC_C_AUTHN_WINNT, RPC_C_AUTHN_GSS_NEGOTIATE):
            raise _refused(f"no security provider {authType} here")
        # MS-RPC clients ask for PKT where an application wants CALL: [MS-RPCE] 2.2.1.1.8.
        if authLevel == RPC_C_AUTHN_LEVEL_CALL:
            raise _refused(f"level {authLevel} is not accepted")

        def ntlm() -> NTLMAcceptor:
            return NTLMAcceptor(self.server, self.credentials(peer), authLevel)

        if authType == RPC_C_AUTHN_WINNT:
            return ntlm()
        return SPNEGOAcceptor({NTLMSSP: ntlm}, authLevel)

    def permits(self, called: interface.Interface, context: ISecurityContext | None) -> bool:
        """As IAuthenticationService: by level."""
        level = RPC_C_AUTHN_LEVEL_NONE if context is None else context.authLevel
        return level >= self.minimumLevel


def _refused(detail: str) -> AuthenticationFailed:
    return AuthenticationFailed(detail, reason=NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED)
