"""
Who this side logs on as where it is the client: the security contexts of its connections.

The counterpart of :mod:`tapiproxy.dcerpc.authentication`.  [MS-RPCE] 2.2.1.1.7, [MS-TRP] 5.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import attrs

from tapiproxy.dcerpc.authentication import BY_ITSELF
from tapiproxy.dcerpc.interface import RPC_C_AUTHN_GSS_NEGOTIATE, RPC_C_AUTHN_LEVEL_PKT_PRIVACY
from tapiproxy.dcerpc.mechanism import IMechanism
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnegoinitiator import Choice, SPNEGOInitiator


@attrs.frozen(kw_only=True)
class Initiators:
    """
    One account and the way in which it logs on.

    :ivar mechanisms: by its OID in DER, what makes an initiator of each, of a level and for a
        service principal name; what is preferred first.
    :ivar authType: RPC_C_AUTHN_GSS_NEGOTIATE, or the provider of one of them.
    :ivar authLevel: RPC_C_AUTHN_LEVEL_CONNECT, PKT, PKT_INTEGRITY or PKT_PRIVACY.
    """

    mechanisms: Mapping[bytes, Callable[[int, str], IMechanism]]
    authType: int = RPC_C_AUTHN_GSS_NEGOTIATE
    authLevel: int = RPC_C_AUTHN_LEVEL_PKT_PRIVACY

    def newContext(self, host: str) -> ISecurityContext:
        """
        Begin a context as its initiator.

        :param host: whom the logon is for, and nobody else: ``host/HOST`` is part of it.
        """
        target = f"host/{host}"
        if self.authType != RPC_C_AUTHN_GSS_NEGOTIATE:
            return self.mechanisms[BY_ITSELF[self.authType]](self.authLevel, target)
        choices = [
            Choice(mechType, partial(make, self.authLevel, target))
            for mechType, make in self.mechanisms.items()
        ]
        return SPNEGOInitiator(choices, self.authLevel)
