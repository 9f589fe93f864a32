"""
What bind and alter_context settle: presentation contexts and the size of fragments.

Pure decisions of the server's side, no state and no bytes.  C706 12.6.3.1 and 12.6.4, [MS-RPCE]
2.2.2.14 and 3.3.1.5.3 (bind-time feature negotiation).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.interface import Interface, Operation
from tapiproxy.dcerpc.ndr import NDR, NDR64, TransferSyntax

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
class Offer:
    """
    An interface that is offered under an abstract syntax.

    :ivar open: whether requests without authentication may call it.
    """

    interface: Interface
    open: bool


@attrs.frozen(eq=False)
class Presentation:
    """
    An accepted presentation context.

    :ivar proposed: the transfer syntaxes that were proposed for it, as far as we know them.
    :ivar open: whether requests without authentication may use it.
    """

    interface: Interface
    abstract: pdu.SyntaxID
    syntax: TransferSyntax
    proposed: frozenset[pdu.SyntaxID]
    operations: Mapping[int, Operation]
    open: bool


@attrs.frozen
class Negotiated:
    """The results in the order of the proposals, and the new presentation contexts."""

    results: tuple[pdu.ContextResult, ...]
    added: Mapping[int, Presentation]


_KNOWN = frozenset({NDR.syntaxID, NDR64.syntaxID})

# Each possible set once: every association keeps the one that its client proposed.
_SUBSETS = {
    subset: subset
    for subset in (
        frozenset[pdu.SyntaxID](),
        frozenset({NDR.syntaxID}),
        frozenset({NDR64.syntaxID}),
        _KNOWN,
    )
}


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


def negotiate(
    proposals: Sequence[pdu.PresentationContext],
    present: Mapping[int, Presentation],
    offer: Callable[[pdu.SyntaxID], Offer | None],
    binding: bool,
) -> Negotiated:
    """
    Answer the proposals of one bind or alter_context.

    :param present: the presentation contexts that the association has.
    :param offer: what an abstract syntax names, if it is offered here.
    :param binding: whether this is a bind; features are no business of alter_context.
    :raises Unacceptable: they cannot be answered, or change what a context means.
    """
    _check(proposals, binding)
    results = []
    added: dict[int, Presentation] = {}
    taken: set[Interface] = set()
    for proposal in proposals:
        offered = features(proposal) if binding else None
        if offered is not None:
            results.append(pdu.ContextResult(pdu.NEGOTIATE_ACK, offered & FEATURES))
            continue
        known = present.get(proposal.p_cont_id) or added.get(proposal.p_cont_id)
        outcome: Presentation | int
        if known is not None:
            outcome = _again(proposal, known)
        else:
            outcome = _anew(proposal, offer(proposal.abstract_syntax), len(present) + len(added))
        if isinstance(outcome, Presentation) and outcome.interface in taken:
            # One context for an interface is what MS-RPC servers accept in one PDU.
            outcome = pdu.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED
        if isinstance(outcome, int):
            results.append(pdu.ContextResult(pdu.PROVIDER_REJECTION, outcome))
            continue
        taken.add(outcome.interface)
        if known is None:
            added[proposal.p_cont_id] = outcome
        results.append(pdu.ContextResult(pdu.ACCEPTANCE, 0, outcome.syntax.syntaxID))
    return Negotiated(tuple(results), added)


def _check(proposals: Sequence[pdu.PresentationContext], binding: bool) -> None:
    """Refuse what cannot be answered at all."""
    if not proposals:
        raise Unacceptable("no presentation context proposed")
    if not all(proposal.transfer_syntaxes for proposal in proposals):
        raise Unacceptable("a presentation context without transfer syntax")
    if binding and sum(features(proposal) is not None for proposal in proposals) > 1:
        raise Unacceptable("bind-time features offered twice")


def _again(proposal: pdu.PresentationContext, known: Presentation) -> Presentation | int:
    """Answer the proposal of a context that is there already: the context, or a reason."""
    if proposal.abstract_syntax != known.abstract:
        raise Unacceptable("a presentation context changes its interface")
    if not _KNOWN.intersection(proposal.transfer_syntaxes) <= known.proposed:
        raise Unacceptable("a presentation context changes its transfer syntax")
    if known.syntax.syntaxID in proposal.transfer_syntaxes:
        return known
    return pdu.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED


def _anew(proposal: pdu.PresentationContext, offer: Offer | None, count: int) -> Presentation | int:
    """Answer the proposal of a new context: the context, or a reason."""
    if offer is None:
        return pdu.ABSTRACT_SYNTAX_NOT_SUPPORTED
    interface = offer.interface
    spoken = {syntax.syntaxID: syntax for syntax in interface.transferSyntaxes or (NDR,)}
    for proposed in proposal.transfer_syntaxes:
        syntax = spoken.get(proposed)
        if syntax is None:
            continue
        if count >= MAX_PRESENTATION_CONTEXTS:
            return pdu.LOCAL_LIMIT_EXCEEDED
        return Presentation(
            interface,
            proposal.abstract_syntax,
            syntax,
            _SUBSETS[_KNOWN.intersection(proposal.transfer_syntaxes)],
            interface.operations,
            offer.open,
        )
    return pdu.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED
