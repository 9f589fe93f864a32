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


class SPNEGOContext:
    """What a security context of SPNEGO leaves to the mechanism that was chosen, on either side."""

    __slots__ = ()

    # A slot of each side, which has it from the moment one is chosen.
    mechanism: IMechanism | None

    @property
    def tokenSize(self) -> int:
        """As the mechanism has it; 0 before there is one."""
        return self.mechanism.tokenSize if self.mechanism else 0

    @property
    def needsHeaderSigning(self) -> bool:
        """As the mechanism says; not before there is one."""
        return self.mechanism is not None and self.mechanism.needsHeaderSigning

    def protect(
        self, head: bytes, body: bytes, trailer: bytes, headerSigning: bool
    ) -> tuple[bytes, bytes]:
        """As the mechanism does."""
        assert self.mechanism is not None
        return self.mechanism.protect(head, body, trailer, headerSigning)

    def unprotect(
        self, head: bytes, body: bytes, trailer: bytes, token: bytes, headerSigning: bool
    ) -> bytes:
        """As the mechanism does."""
        assert self.mechanism is not None
        return self.mechanism.unprotect(head, body, trailer, token, headerSigning)
