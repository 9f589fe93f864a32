"""
Who this side logs on as where it is the client: the security contexts of its connections.

The counterpart of :mod:`tapiproxy.dcerpc.authentication`.  [MS-RPCE] 2.2.1.1.7, [MS-TRP] 5.1.
Importing it needs the extra ``auth``.
"""

from __future__ import annotations

import attrs

from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_GSS_NEGOTIATE,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_C_AUTHN_WINNT,
)
from tapiproxy.dcerpc.ntlminitiator import NTLMAccount, NTLMInitiator
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnegoinitiator import Choice, SPNEGOInitiator
from tapiproxy.dcerpc.spnegotokens import NTLMSSP


@attrs.frozen(kw_only=True)
class Initiators:
    """
    One account and the way in which it logs on.

    :ivar account: who it is.
    :ivar authType: RPC_C_AUTHN_GSS_NEGOTIATE or RPC_C_AUTHN_WINNT.
    :ivar authLevel: RPC_C_AUTHN_LEVEL_CONNECT, PKT, PKT_INTEGRITY or PKT_PRIVACY.
    """

    account: NTLMAccount
    authType: int = RPC_C_AUTHN_GSS_NEGOTIATE
    authLevel: int = RPC_C_AUTHN_LEVEL_PKT_PRIVACY

    def newContext(self, host: str) -> ISecurityContext:
        """
        Begin a context as its initiator.

        :param host: whom the logon is for, and nobody else: it is signed as ``host/HOST``.
        """

        def ntlm() -> NTLMInitiator:
            return NTLMInitiator(self.account, self.authLevel, f"host/{host}")

        if self.authType == RPC_C_AUTHN_WINNT:
            return ntlm()
        return SPNEGOInitiator([Choice(NTLMSSP, ntlm)], self.authLevel)
