"""
Who this side logs on as where it is the client: the security contexts of its connections.

The counterpart of :mod:`tapiproxy.dcerpc.authentication`.  [MS-RPCE] 2.2.1.1.7, [MS-TRP] 5.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

import attrs

from tapiproxy.dcerpc.authentication import BY_ITSELF
from tapiproxy.dcerpc.interface import RPC_C_AUTHN_GSS_NEGOTIATE, RPC_C_AUTHN_LEVEL_PKT_PRIVACY
from tapiproxy.dcerpc.mechanism import IMechanism
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnegoinitiator import Choice, SPNEGOInitiator
from tapiproxy.dcerpc.spnegotokens import KERBEROS

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")
"""A computer's name: nothing that would make another principal of ``host/NAME``."""


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

    def newContext(self, host: str, name: str = "") -> ISecurityContext:
        """
        Begin a context as its initiator.

        :param host: the server's address, or the name that it was asked for by.
        :param name: what it is called, where that is something else: Kerberos has tickets for
            names.  Who gives the name chooses for whom the ticket is, and no more: the logon that
            comes of it is of use to that one alone.
        """

        def begin(mechType: bytes) -> IMechanism:
            # NTLM's is for a look only, and the address is what this side knows by itself.
            named = name if mechType == KERBEROS and _NAME.fullmatch(name) else host
            return self.mechanisms[mechType](self.authLevel, f"host/{named}")

        if self.authType != RPC_C_AUTHN_GSS_NEGOTIATE:
            return begin(BY_ITSELF[self.authType])
        choices = [Choice(mechType, partial(begin, mechType)) for mechType in self.mechanisms]
        return SPNEGOInitiator(choices, self.authLevel)
