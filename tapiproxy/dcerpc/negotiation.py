"""
What bind and alter_context settle: presentation contexts and the size of fragments.

Pure decisions of the server's side, no state and no bytes.  C706 12.6.3.1 and 12.6.4, [MS-RPCE]
2.2.2.14 and 3.3.1.5.3 (bind-time feature negotiation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.interface import Interface, Operation
from tapiproxy.dcerpc.ndr import NDR, TransferSyntax

BIND_TIME_FEATURES = b"\x2c\x1c\xb7\x6c\x12\x98\x40\x45"
"""The first half of the UUID 6cb71c2c-9812-4540-..., whose second half is a bit mask."""

SECURITY_CONTEXT_MULTIPLEXING = 0x01
KEEP_CONNECTION_ON_ORPHAN = 0x02
FEATURES = SECURITY_CONTEXT_MULTIPLEXING | KEEP_CONNECTION_ON_ORPHAN

MAX_PRESENTATION_CONTEXTS = 64
"""Per association: clients use one per interface and transfer syntax."""


class Unacceptable(Exception):
    """Proposals that no list of results can answer; the association ends."""


@attrs.frozen(eq=False)
class Presentation:
    """
    An accepted presentation context.

    :ivar open: whether requests without authentication may use it.
    """

    interface: Interface
    abstract: pdu.SyntaxID
    syntax: TransferSyntax
    operations: Mapping[int, Operation]
    open: bool


@attrs.frozen
class Answer:
    """A result for the client, and the presentation context if it is a new one."""

    result: pdu.ContextResult
    presentation: Presentation | None = None


def _refusal(reason: int) -> Answer:
    return Answer(pdu.ContextResult(pdu.PROVIDER_REJECTION, reason))


def fragmentSize(xmit: int, recv: int) -> int:
    """
    The fragment size of both directions: the smaller one proposed, between what everybody takes
    and what we take, and a multiple of 8 so that stubs stay aligned across fragments.
    """
    size = min(xmit, recv, pdu.MAX_FRAGMENT)
    return max(size, pdu.MIN_FRAGMENT) & ~7


def features(proposal: pdu.PresentationContext) -> int | None:
    """The features that a client offers by this proposal, None if it proposes a real context."""
    first = proposal.transfer_syntaxes[0]
    octets = first.if_uuid.bytes_le
    if octets[:8] == BIND_TIME_FEATURES and (first.major, first.minor) == (1, 0):
        return int.from_bytes(octets[8:], "little")
    return None


def check(proposals: Sequence[pdu.PresentationContext], binding: bool) -> None:
    """
    Refuse what cannot be answered at all.

    :param binding: whether this is a bind; features are no business of alter_context.
    :raises Unacceptable: no proposal, one without transfer syntax, features offered twice.
    """
    if not proposals:
        raise Unacceptable("no presentation context proposed")
    if not all(proposal.transfer_syntaxes for proposal in proposals):
        raise Unacceptable("a presentation context without transfer syntax")
    if binding and sum(features(proposal) is not None for proposal in proposals) > 1:
        raise Unacceptable("bind-time features offered twice")


def consider(
    proposal: pdu.PresentationContext,
    interface: Interface | None,
    known: Presentation | None,
    count: int,
    open: bool,
) -> Answer:
    """
    Answer one proposal of a presentation context.

    :param interface: what its abstract syntax names, if it is offered here.
    :param known: the context that has this ID already.
    :param count: how many contexts the association has.
    :raises Unacceptable: it changes what a context means.
    """
    if known is not None:
        if proposal.abstract_syntax != known.abstract:
            raise Unacceptable("a presentation context changes its interface")
        if known.syntax.syntaxID in proposal.transfer_syntaxes:
            return Answer(pdu.ContextResult(pdu.ACCEPTANCE, 0, known.syntax.syntaxID))
        return _refusal(pdu.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED)
    if interface is None:
        return _refusal(pdu.ABSTRACT_SYNTAX_NOT_SUPPORTED)
    spoken = interface.transferSyntaxes or (NDR,)
    for proposed in proposal.transfer_syntaxes:
        for syntax in spoken:
            if syntax.syntaxID == proposed:
                if count >= MAX_PRESENTATION_CONTEXTS:
                    return _refusal(pdu.LOCAL_LIMIT_EXCEEDED)
                return Answer(
                    pdu.ContextResult(pdu.ACCEPTANCE, 0, syntax.syntaxID),
                    Presentation(
                        interface, proposal.abstract_syntax, syntax, interface.operations, open
                    ),
                )
    return _refusal(pdu.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED)
