"""Whatever requests and facts come, in whatever order: the state can be explained."""

from typing import Any

from attrs import asdict
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from tapiproxy.errors import TAPIError
from tapiproxy.plugins.acd import events, snapshot
from tapiproxy.plugins.acd.centre import Centre
from tapiproxy.plugins.acd.facts import Fact, FactError
from tapiproxy.plugins.acd.model import Model
from tapiproxy.plugins.acd.options import readSite
from tapiproxy.plugins.acd.recount import recount
from tapiproxy.plugins.acd.states import BUSYONCALL, BUSYWRAPUP, RESTING
from tapiproxy.plugins.acd.statistics import agentInfo, queueInfo, sessionInfo
from tapiproxy.plugins.acd.traffic import takeFact
from tapiproxy.tapi.lineconstants import LINEAGENTSESSIONSTATE
from tapiproxy.tapi.lineerr import LINEERR_INVALAGENTSESSIONSTATE
from tests.plugins.acd.support import NINE, OPTIONS

SITE = readSite(OPTIONS)
NAMES = tuple(SITE.agents)
CALLS = st.sampled_from(["c1", "c2", "c3", "c4"])
STATES = st.sampled_from([0, *LINEAGENTSESSIONSTATE])

#: Milliseconds that pass before a step; a clock may also be set back.
PASSES = st.one_of(
    st.integers(0, 30_000), st.integers(-20_000, 0), st.sampled_from([3600_000, 86400_000])
)

STEPS = st.lists(
    st.tuples(
        PASSES,
        st.one_of(
            st.tuples(st.just("agent"), st.sampled_from(NAMES)),
            st.tuples(st.just("session"), st.integers(0, 5), st.integers(0, 1)),
            st.tuples(st.just("state"), st.integers(0, 9), STATES, STATES),
            st.tuples(st.just("agentState"), st.integers(0, 5), STATES, STATES),
            st.tuples(st.just("gone"), st.integers(0, 5)),
            st.tuples(st.just("period"), st.integers(0, 5), st.integers(1, 100_000)),
            st.tuples(st.just("queuePeriod"), st.sampled_from([11, 22]), st.integers(1, 100_000)),
            st.tuples(
                st.sampled_from(["queued", "flowedIn"]), CALLS, st.sampled_from([11, "Support"])
            ),
            st.tuples(st.sampled_from(["offered", "answered"]), CALLS, st.integers(0, 9)),
            st.tuples(st.sampled_from(["ended", "abandoned", "flowedOut", "nonACDEnded"]), CALLS),
            st.tuples(
                st.just("nonACDBegun"),
                CALLS,
                st.integers(0, 5),
                st.sampled_from(["incoming", "outgoing", "other"]),
            ),
        ),
        st.integers(-5000, 5000),
    ),
    min_size=30,
    max_size=80,
)


def nth(found: Any, number: int) -> Any:
    """One of what there is, if there is any."""
    values = list(found)
    return values[number % len(values)] if values else None


class Run:
    """A centre to which random things happen, and everything that it has recorded."""

    def __init__(self) -> None:
        self.centre = Centre(Model(), SITE, bytes(16))
        self.log: list[events.Event] = []
        self.now = NINE * 1000
        # Somebody to begin with: what is random reaches further from there.
        for name in ("1001", "1002", "1003"):
            agent = self.centre.createAgent(SITE.agents[name], "", self.now)
            for address, group in enumerate(SITE.agents[name].groups):
                self.centre.createSession(agent, group, "Line 1", address, self.now)
        self.log += self.centre.unsaved
        self.centre.unsaved.clear()

    def step(self, passes: int, action: tuple[Any, ...], late: int) -> None:
        self.now += passes
        centre = self.centre
        centre.wake(self.now)
        kind, *rest = action
        agent = nth(centre.model.agents.values(), rest[0]) if isinstance(rest[0], int) else None
        session = nth(centre.model.sessions.values(), rest[0]) if kind == "state" else None
        try:
            if kind == "agent":
                centre.attend(centre.createAgent(SITE.agents[rest[0]], "", self.now), self.now)
            elif kind == "session" and agent is not None:
                group = nth(SITE.groups.values(), rest[1])
                centre.createSession(agent, group, "Line 1", rest[1], self.now)
            elif kind == "state" and session is not None:
                refusal = LINEERR_INVALAGENTSESSIONSTATE
                centre.setStates([session], rest[1], rest[2], self.now, refusal)
            elif kind == "agentState" and agent is not None:
                refusal = LINEERR_INVALAGENTSESSIONSTATE
                centre.setStates(agent.liveSessions(), rest[1], rest[2], self.now, refusal)
            elif kind == "gone" and agent is not None:
                centre.unattend(agent, self.now)
            elif kind == "period" and agent is not None:
                centre.setAgentPeriod(agent, rest[1], self.now)
            elif kind == "queuePeriod":
                centre.setQueuePeriod(rest[0], rest[1], self.now)
            elif isinstance(rest[0], str):
                self.take(kind, rest, self.now + late)
        except (TAPIError, FactError):
            pass
        self.log += centre.unsaved
        centre.unsaved.clear()

    def take(self, kind: str, rest: list[Any], at: int) -> None:
        made: dict[str, Any] = {}
        if kind in ("queued", "flowedIn"):
            made = {"queue": rest[1]}
        elif kind in ("offered", "answered"):
            session = nth(self.centre.model.sessions, rest[1])
            made = {"session": session or 1}
        elif kind == "nonACDBegun":
            agent = nth(self.centre.model.agents, rest[1])
            made = {"agent": agent or "nobody", "direction": rest[2]}
        takeFact(self.centre, Fact(kind=kind, call=rest[0], at=at, **made), self.now)


def figures(model: Model, now: int) -> tuple[Any, Any, Any]:
    """All figures as the model has them."""
    return (
        {each.id: agentInfo(each, now) for each in model.agents.values()},
        {
            each.hAgentSession: sessionInfo(each, now, SITE.timeZone)
            for each in model.sessions.values()
        },
        {each.dwQueueID: queueInfo(each, now) for each in model.queues.values()},
    )


class Invariants(unittest.TestCase):
    """Properties of every order of steps."""

    @settings(max_examples=80)
    @given(STEPS)
    def test_stateMakesSense(self, steps: Any) -> None:
        """A session is in one state that fits its calls; no time and no count is ever negative."""
        run = Run()
        for passes, action, late in steps:
            run.step(passes, action, late)
            model = run.centre.model
            for session in model.sessions.values():
                self.assertTrue(LINEAGENTSESSIONSTATE.single(session.state))
                self.assertEqual(session.state == BUSYONCALL, bool(session.calls))
                self.assertTrue(session.resting & RESTING)
                self.assertTrue(session.until == 0 or session.state == BUSYWRAPUP)
                here = model.onAddress.get((session.line, session.address), {})
                self.assertEqual(session.live, session.hAgentSession in here)
            for agent in model.agents.values():
                self.assertEqual(bool(agent.activeSince), bool(agent.liveSessions()))
            for call in model.calls.values():
                places = (bool(call.queue), bool(call.session), bool(call.agent))
                self.assertTrue(sum(places) <= 1)
        for structs in figures(run.centre.model, run.now):
            for struct in structs.values():
                for name, value in asdict(struct).items():
                    self.assertGreaterEqual(value, 0, name)

    @settings(max_examples=80)
    @given(STEPS, st.integers(0, 200_000))
    def test_incrementalEqualsRecount(self, steps: Any, later: int) -> None:
        """The figures that are kept up to date are those that the bare events give."""
        run = Run()
        for step in steps:
            run.step(*step)
        now = run.now + later
        anew = recount(Model(), run.log, now, SITE.timeZone)
        self.assertEqual(figures(run.centre.model, now), (anew.agents, anew.sessions, anew.queues))

    @settings(max_examples=60)
    @given(STEPS, st.integers(0, 60))
    def test_foldIsTheState(self, steps: Any, cut: int) -> None:
        """Folding the log, all of it or on top of a snapshot in its midst, gives the same model."""
        run = Run()
        for step in steps:
            run.step(*step)
        first, rest = run.log[:cut], run.log[cut:]
        folded = Model()
        for event in first:
            folded.apply(event)
        folded = snapshot.load(snapshot.dump(folded))
        for event in rest:
            folded.apply(event)
        self.assertEqual(snapshot.dump(folded), snapshot.dump(run.centre.model))
        self.assertEqual(figures(folded, run.now), figures(run.centre.model, run.now))

    @settings(max_examples=50)
    @given(STEPS)
    def test_eventsSurviveTheirText(self, steps: Any) -> None:
        """Every event that is ever recorded reads back from its row as it was."""
        run = Run()
        for step in steps:
            run.step(*step)
        for event in run.log:
            row = (event.at, type(event).__name__, events.encode(event))
            self.assertEqual(events.decode(*row), event)
