"""
What SPNEGO asks of a security provider that it negotiates, beyond what an association asks.

RFC 4178 5, [MS-SPNG] 3.1.5.
"""

from __future__ import annotations

from zope.interface import Attribute

from tapiproxy.dcerpc.security import ISecurityContext


class IMechanism(ISecurityContext):
    """A security context that can be negotiated."""

    integrity: bool = Attribute("Whether it can sign, whatever its level; after *complete*.")
    demandsListMIC: bool = Attribute(
        "Whether the peer is known to sign the list of mechanisms; after *complete*."
    )

    def signList(mechTypes: bytes) -> bytes:
        """
        The mechListMIC of the list, once; before anything else is protected.

        :param mechTypes: the list as it travelled, in DER.
        """

    def verifyList(mechTypes: bytes, mechListMIC: bytes) -> None:
        """
        Verify the peer's mechListMIC, once; before anything else is unprotected.

        :raises Fault: it is not that of the list.
        """
