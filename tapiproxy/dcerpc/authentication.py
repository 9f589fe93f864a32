"""
The security providers of one endpoint: which there are, and what level is wanted.

[MS-RPCE] 2.2.1.1.7 and 2.2.1.1.8, [MS-TRP] 5.1.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import partial

import attrs
from zope.interface import implementer

from tapiproxy.dcerpc import interface
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_GSS_KERBEROS,
    RPC_C_AUTHN_GSS_NEGOTIATE,
    RPC_C_AUTHN_LEVEL_CALL,
    RPC_C_AUTHN_LEVEL_NONE,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_C_AUTHN_WINNT,
    AuthenticationFailed,
)
from tapiproxy.dcerpc.mechanism import IMechanism
from tapiproxy.dcerpc.pdu import (
    NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED,
    NAK_INVALID_CHECKSUM,
)
from tapiproxy.dcerpc.security import IAuthenticationService, ISecurityContext
from tapiproxy.dcerpc.spnego import SPNEGOAcceptor
from tapiproxy.dcerpc.spnegotokens import KERBEROS, NTLMSSP

BY_ITSELF = {RPC_C_AUTHN_WINNT: NTLMSSP, RPC_C_AUTHN_GSS_KERBEROS: KERBEROS}
"""The mechanism of each provider that negotiates none."""


@implementer(IAuthenticationService)
@attrs.frozen(kw_only=True)
class Authentication:
    """
    Mechanisms, each by itself and under SPNEGO.

    :ivar mechanisms: by its OID in DER, what makes an acceptor of each, of a level and for clients
        of one place: *authLevel* and *peer* of newContext.
    :ivar minimumLevel: the lowest level at which calls are permitted; RPC_C_AUTHN_LEVEL_NONE
        permits them without authentication too.
    """

    mechanisms: Mapping[bytes, Callable[[int, Hashable], IMechanism]]
    minimumLevel: int = RPC_C_AUTHN_LEVEL_PKT_PRIVACY

    def newContext(self, authType: int, authLevel: int, peer: Hashable) -> ISecurityContext:
        """As IAuthenticationService, at any level that clients ask for."""
        make = self.mechanisms.get(BY_ITSELF.get(authType, b""))
        if make is None and authType != RPC_C_AUTHN_GSS_NEGOTIATE:
            raise AuthenticationFailed(
                f"no security provider {authType} here",
                reason=NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED,
            )
        # MS-RPC clients ask for PKT where an application wants CALL: [MS-RPCE] 2.2.1.1.8.
        if authLevel == RPC_C_AUTHN_LEVEL_CALL:
            raise AuthenticationFailed(
                f"level {authLevel} is not accepted", reason=NAK_INVALID_CHECKSUM
            )
        if make is None:
            return SPNEGOAcceptor(
                {
                    mechType: partial(each, authLevel, peer)
                    for mechType, each in self.mechanisms.items()
                },
                authLevel,
            )
        return make(authLevel, peer)

    def permits(self, called: interface.Interface, context: ISecurityContext | None) -> bool:
        """As IAuthenticationService: by level."""
        level = RPC_C_AUTHN_LEVEL_NONE if context is None else context.authLevel
        return level >= self.minimumLevel
