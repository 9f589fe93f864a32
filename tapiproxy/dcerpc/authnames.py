"""
The words for authentication levels and providers, as the configuration, the log and ``tapiproxy
status`` use them.  [MS-RPCE] 2.2.1.1.7 and 2.2.1.1.8
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_GSS_KERBEROS,
    RPC_C_AUTHN_GSS_NEGOTIATE,
    RPC_C_AUTHN_LEVEL_CONNECT,
    RPC_C_AUTHN_LEVEL_NONE,
    RPC_C_AUTHN_LEVEL_PKT,
    RPC_C_AUTHN_LEVEL_PKT_INTEGRITY,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_C_AUTHN_NONE,
    RPC_C_AUTHN_WINNT,
)
from tapiproxy.dcerpc.mechanism import SPNEGOContext

if TYPE_CHECKING:
    from tapiproxy.dcerpc.security import ISecurityContext

LEVELS = {
    "none": RPC_C_AUTHN_LEVEL_NONE,
    "connect": RPC_C_AUTHN_LEVEL_CONNECT,
    "packet": RPC_C_AUTHN_LEVEL_PKT,
    "integrity": RPC_C_AUTHN_LEVEL_PKT_INTEGRITY,
    "privacy": RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
}
"""The levels that a client can have."""

MECHANISMS = {
    "negotiate": RPC_C_AUTHN_GSS_NEGOTIATE,
    "ntlm": RPC_C_AUTHN_WINNT,
    "kerberos": RPC_C_AUTHN_GSS_KERBEROS,
}
"""The ways in which this side can log on."""

_LEVEL_NAMES = {level: name for name, level in LEVELS.items()}

_PROVIDERS = {
    RPC_C_AUTHN_GSS_NEGOTIATE: "Negotiate",
    RPC_C_AUTHN_WINNT: "NTLM",
    RPC_C_AUTHN_GSS_KERBEROS: "Kerberos",
}


def levelName(authLevel: int) -> str:
    """The word for a level, or its number."""
    return _LEVEL_NAMES.get(authLevel, str(authLevel))


def providerName(authType: int) -> str:
    """The word for a provider, or its number."""
    return _PROVIDERS.get(authType, str(authType))


def mechanismName(context: ISecurityContext | None) -> str:
    """
    By what a client has logged on: ``NTLM``, ``Negotiate (Kerberos)``, ``SMB`` for a pipe's word.

    :returns: empty without a context.
    """
    if context is None:
        return ""
    if context.authType == RPC_C_AUTHN_NONE:
        return "SMB"
    name = providerName(context.authType)
    chosen = context.mechanism if isinstance(context, SPNEGOContext) else None
    return name if chosen is None else f"{name} ({providerName(chosen.authType)})"
