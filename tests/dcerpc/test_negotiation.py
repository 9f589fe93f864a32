"""Tests for tapiproxy.dcerpc.negotiation: what bind and alter_context settle."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.interface import Interface
from tapiproxy.dcerpc.ndr import NDR, NDR64
from tapiproxy.dcerpc.negotiation import (
    MAX_PRESENTATION_CONTEXTS,
    Negotiated,
    Offer,
    Presentation,
    Unacceptable,
    fragmentSize,
    negotiate,
)

TAPSRV = Interface(UUID(int=1), (1, 0), {})
WIDE = Interface(UUID(int=2), (1, 0), {}, (NDR, NDR64))
OFFERS = {
    pdu.SyntaxID(TAPSRV.uuid, 1): Offer(TAPSRV, True),
    pdu.SyntaxID(WIDE.uuid, 1): Offer(WIDE, False),
}
FEATURES = UUID("6cb71c2c-9812-4540-0000-000000000000")


def features(bits: int) -> pdu.SyntaxID:
    """The transfer syntax that offers these bind-time features."""
    return pdu.SyntaxID(UUID(bytes_le=FEATURES.bytes_le[:8] + bits.to_bytes(8, "little")), 1)


def propose(contextID: int, abstract: int, *transfer: pdu.SyntaxID) -> pdu.PresentationContext:
    """A proposal of version 1.0 of an interface."""
    return pdu.PresentationContext(contextID, pdu.SyntaxID(UUID(int=abstract), 1), transfer)


class NegotiationTests(SynchronousTestCase):
    """Each proposal gets the result that MS-RPC servers give it."""

    def negotiate(self, *proposals, present=None, binding=True) -> Negotiated:
        return negotiate(proposals, present or {}, OFFERS.get, binding)

    def results(self, *proposals, **more) -> list[tuple[int, int]]:
        return [(r.result, r.reason) for r in self.negotiate(*proposals, **more).results]

    def accepted(self, *proposals) -> dict[int, Presentation]:
        return dict(self.negotiate(*proposals).added)

    def test_accepts(self) -> None:
        """An interface in a known syntax is accepted, in the first syntax that both know."""
        unknown = pdu.SyntaxID(UUID(int=9), 2)
        answer = self.negotiate(propose(7, 1, unknown, NDR64.syntaxID, NDR.syntaxID))
        self.assertEqual(answer.results, (pdu.ContextResult(0, 0, NDR.syntaxID),))
        presentation = answer.added[7]
        self.assertIs(presentation.interface, TAPSRV)
        self.assertIs(presentation.syntax, NDR)
        self.assertTrue(presentation.open)

    def test_wideSyntax(self) -> None:
        """NDR64 is accepted for an interface that speaks it, if the client names it first."""
        answer = self.negotiate(propose(0, 2, NDR64.syntaxID, NDR.syntaxID))
        self.assertIs(answer.added[0].syntax, NDR64)
        self.assertFalse(answer.added[0].open)

    def test_refuses(self) -> None:
        """An unknown interface and unknown syntaxes are refused with their reasons."""
        self.assertEqual(
            self.results(propose(0, 3, NDR.syntaxID), propose(1, 1, pdu.SyntaxID(UUID(int=9), 2))),
            [
                (pdu.PROVIDER_REJECTION, pdu.ABSTRACT_SYNTAX_NOT_SUPPORTED),
                (pdu.PROVIDER_REJECTION, pdu.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED),
            ],
        )

    def test_oneContextForAnInterface(self) -> None:
        """Of several contexts for one interface in one PDU the first is accepted."""
        self.assertEqual(
            self.results(propose(0, 1, NDR.syntaxID), propose(1, 1, NDR.syntaxID)),
            [(0, 0), (pdu.PROVIDER_REJECTION, pdu.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED)],
        )

    def test_features(self) -> None:
        """Features are acknowledged as far as they are ours, when they stand first, in a bind."""
        for bits, agreed in ((0, 0), (1, 1), (2, 2), (0xFF, 3)):
            self.assertEqual(
                self.results(propose(0, 1, features(bits), NDR.syntaxID)),
                [(pdu.NEGOTIATE_ACK, agreed)],
            )
        self.assertEqual(self.results(propose(0, 1, NDR.syntaxID, features(3))), [(0, 0)])
        self.assertEqual(
            self.results(propose(0, 1, features(3)), binding=False),
            [(pdu.PROVIDER_REJECTION, pdu.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED)],
        )

    def test_unanswerable(self) -> None:
        """No proposal, one without transfer syntax and features twice have no list of results."""
        for proposals in (
            (),
            (propose(0, 1),),
            (propose(0, 1, NDR.syntaxID), propose(1, 1)),
            (propose(0, 1, features(0)), propose(1, 1, features(0))),
        ):
            self.assertRaises(Unacceptable, self.negotiate, *proposals)

    def test_again(self) -> None:
        """A context that is there may be proposed again, and keeps its meaning."""
        present = self.accepted(propose(5, 2, NDR.syntaxID))
        again = self.negotiate(propose(5, 2, NDR.syntaxID), present=present, binding=False)
        self.assertEqual((again.results[0].result, dict(again.added)), (pdu.ACCEPTANCE, {}))
        self.assertEqual(
            self.results(
                propose(5, 2, pdu.SyntaxID(UUID(int=9), 2)), present=present, binding=False
            ),
            [(pdu.PROVIDER_REJECTION, pdu.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED)],
        )

    def test_changed(self) -> None:
        """A context that would mean another interface or another syntax ends the association."""
        present = self.accepted(propose(5, 2, NDR.syntaxID))
        for proposal in (propose(5, 1, NDR.syntaxID), propose(5, 2, NDR64.syntaxID)):
            self.assertRaises(
                Unacceptable, self.negotiate, proposal, present=present, binding=False
            )

    def test_limit(self) -> None:
        """An association has so many contexts; one more is refused, the others stay."""
        present: dict[int, Presentation] = {}
        for contextID in range(MAX_PRESENTATION_CONTEXTS):
            answer = self.negotiate(propose(contextID, 1, NDR.syntaxID), present=present)
            present.update(answer.added)
        self.assertEqual(len(present), MAX_PRESENTATION_CONTEXTS)
        self.assertEqual(
            self.results(propose(99, 1, NDR.syntaxID), present=present),
            [(pdu.PROVIDER_REJECTION, pdu.LOCAL_LIMIT_EXCEEDED)],
        )

    def test_fragmentSizes(self) -> None:
        """The smaller size proposed, between 2048 and 5840, down to a multiple of 8."""
        for xmit, recv, size in (
            (5840, 5840, 5840),
            (0xFFFF, 0xFFFF, 5840),
            (0, 0xFFFF, 2048),
            (3199, 0xFFFF, 3192),
            (4280, 5840, 4280),
        ):
            self.assertEqual(fragmentSize(xmit, recv), size)
            self.assertEqual(fragmentSize(recv, xmit), size)

    @given(
        st.lists(
            st.builds(
                propose,
                st.integers(0, 3),
                st.integers(0, 3),
                st.sampled_from(
                    [NDR.syntaxID, NDR64.syntaxID, features(3), pdu.SyntaxID(UUID(int=9), 2)]
                ),
            ),
            max_size=6,
        ),
        st.booleans(),
    )
    def test_anyProposals(self, proposals, binding) -> None:
        """Any list is answered by as many results, or is unacceptable."""
        try:
            answer = self.negotiate(*proposals, binding=binding)
        except Unacceptable:
            return
        self.assertEqual(len(answer.results), len(proposals))
        kinds = [result.result for result in answer.results]
        self.assertLessEqual(len(answer.added), kinds.count(pdu.ACCEPTANCE))
