"""The tables of states."""

from twisted.trial import unittest

from tapiproxy.plugins.acd import states
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSESSIONSTATE,
    LINEAGENTSTATE,
    LINEAGENTSTATE_BUSYACD,
    LINEAGENTSTATE_LOGGEDOFF,
    LINEAGENTSTATE_READY,
    LINEAGENTSTATEEX,
)


class Tables(unittest.TestCase):
    """Complete, and what they are meant to say."""

    def test_complete(self) -> None:
        """Every session state has a row and a line of transitions; every word is of its set."""
        conditions = [row.condition for row in states.SIDE_BY_SIDE]
        self.assertEqual(set(states.TRANSITIONS), set(LINEAGENTSESSIONSTATE))
        self.assertEqual(
            {each for each in conditions if isinstance(each, int)}, set(LINEAGENTSESSIONSTATE)
        )
        self.assertEqual(len(conditions), len(set(conditions)))
        for row in states.SIDE_BY_SIDE:
            self.assertTrue(LINEAGENTSTATE.single(row.agentState))
            self.assertTrue(LINEAGENTSTATEEX.single(row.agentStateEx))

    def test_busyIsForFacts(self) -> None:
        """No request leads into BUSYONCALL, nor out of it."""
        for state, transition in states.TRANSITIONS.items():
            if state != states.BUSYONCALL:
                self.assertFalse(transition.state & states.BUSYONCALL)
            self.assertFalse(transition.next & states.BUSYONCALL)
        self.assertEqual(states.TRANSITIONS[states.BUSYONCALL].state, states.BUSYONCALL)

    def test_nothingAfterReleased(self) -> None:
        """A released session leads nowhere; every other may stay as it is."""
        for state, transition in states.TRANSITIONS.items():
            stays = bool(transition.state & state)
            self.assertEqual(stays, state != states.RELEASED)
        self.assertEqual(states.TRANSITIONS[states.RELEASED], states.Transition(0, 0))

    def test_busiest(self) -> None:
        """A call stands above everything, resting below, nobody is None."""
        row = states.busiest([states.NOTREADY, states.BUSYONCALL, states.INCOMING])
        assert row is not None
        self.assertEqual(row.agentState, LINEAGENTSTATE_BUSYACD)
        row = states.busiest([states.NOTREADY, states.READY])
        assert row is not None
        self.assertEqual(row.agentState, LINEAGENTSTATE_READY)
        self.assertIsNone(states.busiest([]))

    def test_thereAndBack(self) -> None:
        """A state that SetAgentState can set reads back as itself."""
        for agentState in LINEAGENTSTATE:
            state = states.fromAgentState(agentState)
            if state:
                self.assertEqual(states.toAgentStates(state), agentState)
        self.assertEqual(states.fromAgentState(LINEAGENTSTATE_BUSYACD), 0)
        self.assertEqual(states.fromAgentState(LINEAGENTSTATE_LOGGEDOFF), states.ENDED)
