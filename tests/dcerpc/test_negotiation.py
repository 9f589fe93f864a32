"""Tests for tapiproxy.dcerpc.negotiation: proposals in, results out."""

from collections.abc import Mapping
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

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
from tests.dcerpc.pdus import ECHO, UNKNOWN, context, features

BOTH = pdu.SyntaxID(UUID("7c1a0000-0000-4000-8000-0000000000b0"), 1)
OFFERED = {
    ECHO: Offer(Interface(ECHO.if_uuid, (1, 0), {}), True),
    BOTH: Offer(Interface(BOTH.if_uuid, (1, 0), {}, (NDR64, NDR)), False),
}
ACCEPTED = pdu.ContextResult(pdu.ACCEPTANCE, 0, NDR.syntaxID)
NO_INTERFACE = pdu.ContextResult(pdu.PROVIDER_REJECTION, pdu.ABSTRACT_SYNTAX_NOT_SUPPORTED)
NO_SYNTAX = pdu.ContextResult(pdu.PROVIDER_REJECTION, pdu.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED)
NONE = pdu.NO_SYNTAX


def ask(
    *proposals: pdu.PresentationContext,
    present: Mapping[int, Presentation] | None = None,
    binding: bool = True,
) -> Negotiated:
    """Negotiate with what is offered here."""
    return negotiate(proposals, present or {}, OFFERED.get, binding)


class FragmentSize(TestCase):
    """How large fragments may be."""

    def test_table(self) -> None:
        """The smaller proposal counts, between 2048 and 5840, rounded down to a multiple of 8."""
        for xmit, recv, size in (
            (5840, 5840, 5840),
            (0xFFFF, 0xFFFF, 5840),
            (0, 0xFFFF, 2048),
            (0xFFFF, 0, 2048),
            (0, 0, 2048),
            (3199, 0xFFFF, 3192),
            (0xFFFF, 3199, 3192),
            (3199, 0, 2048),
            (2049, 4280, 2048),
        ):
            self.assertEqual(fragmentSize(xmit, recv), size, (xmit, recv))

    @given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
    def test_bounds(self, xmit: int, recv: int) -> None:
        """Whatever is proposed, stubs stay aligned across fragments and within bounds."""
        size = fragmentSize(xmit, recv)
        self.assertTrue(pdu.MIN_FRAGMENT <= size <= pdu.MAX_FRAGMENT and size % 8 == 0)


class Contexts(TestCase):
    """Presentation contexts."""

    def test_accepted(self) -> None:
        """A known interface in a known syntax is accepted, wherever in the list that stands."""
        for transfer in ((NDR.syntaxID,), (NONE, NDR.syntaxID), (NDR.syntaxID, NDR.syntaxID)):
            answer = ask(context(7, transfer=transfer))
            self.assertEqual(answer.results, (ACCEPTED,))
            self.assertIs(answer.added[7].interface, OFFERED[ECHO].interface)
            self.assertIs(answer.added[7].syntax, NDR)

    def test_refused(self) -> None:
        """An unknown interface, and syntaxes that it is not spoken in, have their reasons."""
        self.assertEqual(ask(context(0, UNKNOWN)), Negotiated((NO_INTERFACE,), {}))
        answer = ask(context(0, ECHO, (NDR64.syntaxID, NONE)))
        self.assertEqual(answer, Negotiated((NO_SYNTAX,), {}))

    def test_openness(self) -> None:
        """Whether requests may come without authentication is told by the interface's offer."""
        added = ask(context(0, ECHO), context(1, BOTH)).added
        self.assertEqual([added[0].open, added[1].open], [True, False])

    def test_clientsPreference(self) -> None:
        """Of the syntaxes that both know, the client's first counts."""
        answer = ask(context(0, BOTH, (NDR.syntaxID, NDR64.syntaxID)))
        self.assertIs(answer.added[0].syntax, NDR)
        answer = ask(context(0, BOTH, (NDR64.syntaxID, NDR.syntaxID)))
        self.assertIs(answer.added[0].syntax, NDR64)

    def test_oneForEachInterface(self) -> None:
        """In one PDU an interface gets one context; other interfaces get theirs."""
        answer = ask(context(0), context(1), context(2, BOTH), context(3, BOTH, (NDR64.syntaxID,)))
        self.assertEqual(answer.results, (ACCEPTED, NO_SYNTAX, ACCEPTED, NO_SYNTAX))
        self.assertEqual(set(answer.added), {0, 2})

    def test_contextForEachSyntax(self) -> None:
        """One context for NDR, one for NDR64 and one for features: the first of ours counts."""
        ndr, ndr64 = (NDR.syntaxID,), (NDR64.syntaxID,)
        answer = ask(
            context(0, BOTH, ndr), context(1, BOTH, ndr64), context(2, BOTH, (features(3),))
        )
        kinds = [result.result for result in answer.results]
        self.assertEqual(kinds, [pdu.ACCEPTANCE, pdu.PROVIDER_REJECTION, pdu.NEGOTIATE_ACK])
        self.assertIs(answer.added[0].syntax, NDR)
        answer = ask(context(0, ECHO, ndr64), context(1, ECHO, ndr))
        self.assertEqual(answer.results, (NO_SYNTAX, ACCEPTED))

    def test_sameIDTwice(self) -> None:
        """A context that is proposed twice in one PDU is accepted once."""
        answer = ask(context(4), context(4))
        self.assertEqual(answer.results, (ACCEPTED, NO_SYNTAX))
        self.assertEqual(set(answer.added), {4})

    def test_again(self) -> None:
        """A context may be proposed again, and is the same; an unusable list leaves it usable."""
        present = ask(context(4)).added
        answer = ask(context(4), present=present, binding=False)
        self.assertEqual(answer, Negotiated((ACCEPTED,), {}))
        answer = ask(context(4, transfer=(NONE,)), present=present, binding=False)
        self.assertEqual(answer, Negotiated((NO_SYNTAX,), {}))

    def test_sameListAgain(self) -> None:
        """Syntaxes that were proposed from the beginning are no change."""
        both = (NDR.syntaxID, NDR64.syntaxID)
        present = ask(context(4, transfer=both)).added
        answer = ask(context(4, transfer=both), present=present, binding=False)
        self.assertEqual(answer.results, (ACCEPTED,))

    def test_changed(self) -> None:
        """A context can change neither its interface nor to another syntax that we know."""
        present = ask(context(4)).added
        for proposal in (
            context(4, UNKNOWN),
            context(4, BOTH),
            context(4, transfer=(NONE, NDR64.syntaxID)),
            context(4, transfer=(NDR.syntaxID, NDR64.syntaxID)),
        ):
            self.assertRaises(
                Unacceptable, negotiate, [proposal], present, OFFERED.get, binding=False
            )

    def test_nothingProposed(self) -> None:
        """No context at all, and a context without syntax, cannot be answered."""
        for binding in (True, False):
            for proposals in ([], [context(transfer=())], [context(), context(1, transfer=())]):
                self.assertRaises(
                    Unacceptable, negotiate, proposals, {}, OFFERED.get, binding=binding
                )

    def test_tooMany(self) -> None:
        """Beyond the limit a new context is refused by its own reason; known ones stay."""
        present: dict[int, Presentation] = {}
        for number in range(MAX_PRESENTATION_CONTEXTS):
            present.update(ask(context(number), present=present, binding=False).added)
        full = pdu.ContextResult(pdu.PROVIDER_REJECTION, pdu.LOCAL_LIMIT_EXCEEDED)
        answer = ask(context(999), context(3), present=present, binding=False)
        self.assertEqual(answer, Negotiated((full, ACCEPTED), {}))

    def test_tooManyAtOnce(self) -> None:
        """The limit counts contexts of the same PDU as well."""
        present = dict.fromkeys(range(MAX_PRESENTATION_CONTEXTS - 1), ask(context()).added[0])
        answer = ask(context(1000), context(1001, BOTH), present=present, binding=False)
        self.assertEqual(answer.results[1].reason, pdu.LOCAL_LIMIT_EXCEEDED)
        self.assertEqual(set(answer.added), {1000})

    @given(
        st.lists(
            st.builds(
                context,
                st.integers(0, 3),
                st.sampled_from([ECHO, BOTH, UNKNOWN]),
                st.lists(
                    st.sampled_from([NDR.syntaxID, NDR64.syntaxID, features(3), NONE]), max_size=3
                ).map(tuple),
            ),
            max_size=6,
        ),
        st.booleans(),
    )
    def test_anyProposals(self, proposals: list[pdu.PresentationContext], binding: bool) -> None:
        """Any list is answered by as many results, or cannot be answered."""
        try:
            answer = ask(*proposals, binding=binding)
        except Unacceptable:
            return
        self.assertEqual(len(answer.results), len(proposals))
        kinds = [result.result for result in answer.results]
        self.assertLessEqual(len(answer.added), kinds.count(pdu.ACCEPTANCE))


class Features(TestCase):
    """Bind-time feature negotiation ([MS-RPCE] 2.2.2.14)."""

    def result(self, bits: int) -> pdu.ContextResult:
        return pdu.ContextResult(pdu.NEGOTIATE_ACK, bits)

    def test_acknowledged(self) -> None:
        """Those features that we know are acknowledged; syntaxes behind them do not matter."""
        for offered, known in ((0, 0), (1, 1), (2, 2), (3, 3), (0xFF, 3), (4, 0)):
            for more in ((), (NDR.syntaxID,), (NONE, UNKNOWN)):
                answer = ask(context(1, NONE, (features(offered), *more)))
                self.assertEqual(answer, Negotiated((self.result(known),), {}))

    def test_onlyTheFirstCounts(self) -> None:
        """Features that are not the first syntax are a syntax that nobody speaks."""
        self.assertEqual(ask(context(1, NONE, (NONE, features(1)))).results, (NO_INTERFACE,))
        self.assertEqual(ask(context(1, ECHO, (NDR.syntaxID, features(1)))).results, (ACCEPTED,))

    def test_besidesARealContext(self) -> None:
        """Features and a context are proposed in one bind, as MS-RPC clients do."""
        answer = ask(context(0), context(1, ECHO, (features(3),)))
        self.assertEqual(answer.results, (ACCEPTED, self.result(3)))

    def test_twice(self) -> None:
        """Features that are offered twice cannot be answered."""
        proposals = [context(0, NONE, (features(0),)), context(1, NONE, (features(0),))]
        self.assertRaises(Unacceptable, negotiate, proposals, {}, OFFERED.get, binding=True)

    def test_notInAlterContext(self) -> None:
        """Only bind offers features."""
        answer = ask(context(1, NONE, (features(1),)), binding=False)
        self.assertEqual(answer.results, (NO_INTERFACE,))
