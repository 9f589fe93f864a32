"""
A request that is being answered: the :class:`tapiproxy.dcerpc.interface.Call` of the server.

No bytes of PDUs: the association that the request came by makes them.
"""

from __future__ import annotations

from typing import Any, Protocol

from tapiproxy.dcerpc.authnames import mechanismName
from tapiproxy.dcerpc.interface import Connection, Interface
from tapiproxy.dcerpc.ndr import TransferSyntax
from tapiproxy.dcerpc.negotiation import Presentation
from tapiproxy.dcerpc.securitycontexts import AuthContext, levelOf, principalOf


class Answering(Protocol):
    """The association of a call, as far as the call uses it."""

    @property
    def connection(self) -> Connection:
        """The connection that the association belongs to."""

    def respond(self, call: Call, stub: bytes) -> None:
        """Send the response of a call."""

    def respondFault(self, call: Call, status: int) -> None:
        """Send the fault of a call."""


class Call:
    """
    One request.

    :ivar presentation: the presentation context that it names.
    :ivar security: the security context that it came under, None for none.
    :ivar open: whether an answer still counts.
    """

    __slots__ = (
        "_association",
        "callID",
        "contextID",
        "littleEndian",
        "open",
        "opnum",
        "presentation",
        "security",
    )

    def __init__(
        self,
        association: Answering,
        callID: int,
        contextID: int,
        opnum: int,
        presentation: Presentation,
        littleEndian: bool,
        security: AuthContext | None,
    ) -> None:
        self._association = association
        self.presentation = presentation
        self.security = security
        self.callID = callID
        self.contextID = contextID
        self.opnum = opnum
        self.littleEndian = littleEndian
        self.open = True

    @property
    def connection(self) -> Connection:
        """The connection that the request came by."""
        return self._association.connection

    @property
    def interface(self) -> Interface:
        """The interface that the presentation context names."""
        return self.presentation.interface

    @property
    def transferSyntax(self) -> TransferSyntax:
        """The transfer syntax of the request and of its answer."""
        return self.presentation.syntax

    @property
    def byteOrder(self) -> str:
        """The byte order of the request's stub as struct writes it."""
        return "<" if self.littleEndian else ">"

    @property
    def principal(self) -> Any:
        """Who asks, by the security context of this request."""
        return principalOf(self.security)

    @property
    def authLevel(self) -> int:
        """The level of this request's security context."""
        return levelOf(self.security)

    @property
    def mechanism(self) -> str:
        """By what who asks has logged on; empty if he has not."""
        return mechanismName(None if self.security is None else self.security.context)

    def respond(self, stub: bytes) -> None:
        """Answer with *stub*, unless the call was answered or its client has gone."""
        if self.open:
            self.open = False
            self._association.respond(self, stub)

    def fault(self, status: int) -> None:
        """Answer with a fault, unless the call was answered or its client has gone."""
        if self.open:
            self.open = False
            self._association.respondFault(self, status)
