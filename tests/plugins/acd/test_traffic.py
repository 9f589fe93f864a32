"""What facts do, and which ones contradict what is known."""

import json
from typing import Any

from twisted.trial import unittest

from tapiproxy.plugins.acd import traffic
from tapiproxy.plugins.acd.states import ENDED, READY
from tests.plugins.acd.support import SUPPORT, Desk, result


class Contradictions(unittest.TestCase):
    """Facts that cannot be."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.session = self.desk.session(self.desk.agent())

    def problem(self, fact: str, call: str = "c1", **members: Any) -> str:
        line = json.dumps({"fact": fact, "call": call, **members})
        answer = result(self.desk.handler.controlVerbs()["feed"]({"facts": [line]}))
        self.assertEqual(answer["taken"], 0)
        (refused,) = answer["refused"]
        return str(refused["problem"])

    def test_unknownCall(self) -> None:
        """A call that is not known cannot end, be abandoned or flow out."""
        for fact in ("ended", "abandoned", "flowedOut", "nonACDEnded"):
            self.assertIn("it is not known", self.problem(fact))

    def test_twice(self) -> None:
        """A call is queued once, answered once, ended once."""
        self.desk.fact("queued", "c1", queue="Sales")
        self.assertIn("waits in queue 11", self.problem("queued", queue="Sales"))
        self.desk.fact("answered", "c1", session=self.session)
        self.assertIn("was answered", self.problem("answered", session=self.session))
        self.assertIn("was answered", self.problem("abandoned"))
        self.assertIn("was answered", self.problem("offered", session=self.session))
        self.desk.fact("ended", "c1")
        self.assertIn("not known", self.problem("ended"))

    def test_kinds(self) -> None:
        """A non-ACD call is no ACD call, and the other way round."""
        self.desk.fact("nonACDBegun", "n1", agent="1001", direction="other")
        self.assertIn("non-ACD call of agent 1001", self.problem("ended", "n1"))
        self.assertIn("non-ACD", self.problem("answered", "n1", session=self.session))
        self.desk.fact("answered", "c1", session=self.session)
        self.assertIn("was answered", self.problem("nonACDEnded"))
        self.assertIn("known already", self.problem("nonACDBegun", agent="1001", direction="other"))

    def test_unknownPlaces(self) -> None:
        """Queues, sessions and agents that are not there are named."""
        self.assertIn("there are Sales, Support", self.problem("queued", queue="Nowhere"))
        self.assertIn("session 5", self.problem("answered", session=5))
        self.assertIn("'1003'", self.problem("answered", agent="1003", group="Support"))
        self.assertIn("'Support'", self.problem("answered", agent="1001", group="Support"))
        self.assertIn("'1003'", self.problem("nonACDBegun", agent="1003", direction="incoming"))

    def test_endedSession(self) -> None:
        """A session that ended answers nothing."""
        self.desk.setSession(self.session, ENDED)
        self.assertIn("not logged on", self.problem("answered", session=self.session))

    def test_time(self) -> None:
        """A time far ahead of the server's, or older than the log, is refused."""
        now = self.desk.clock.seconds()
        self.assertIn("ahead", self.problem("queued", queue=11, time=now + 10))
        self.assertIn("ago", self.problem("queued", queue=11, time=now - 32 * 86400))
        self.desk.fact("queued", "c1", queue=11, time=now + 4)

    def test_tooManyCalls(self) -> None:
        """Calls that nobody ends are bounded."""
        self.patch(traffic, "MOST_CALLS", 2)
        for call in ("c1", "c2"):
            self.desk.fact("queued", call, queue=11)
        self.assertIn("never ended", self.problem("queued", "c3", queue=11))
        self.desk.fact("abandoned", "c1")
        self.desk.fact("queued", "c3", queue=11)


class Calls(unittest.TestCase):
    """Calls and their times."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.hAgent = self.desk.agent()
        self.session = self.desk.session(self.hAgent)

    def test_ownTime(self) -> None:
        """A fact's own time counts, not that of its arrival."""
        now = self.desk.clock.seconds()
        self.desk.clock.advance(100)
        self.desk.fact("answered", "c1", session=self.session, time=now + 10)
        self.desk.fact("ended", "c1", time=now + 40)
        info = self.desk.ask("getAgentSessionInfo", hAgentSession=self.session)
        self.assertEqual(info.dwTotalTalkTime, 30)

    def test_wrongOrder(self) -> None:
        """Facts that arrive in the wrong order give times of 0, never less."""
        now = self.desk.clock.seconds()
        self.desk.clock.advance(100)
        self.desk.fact("queued", "c1", queue=11, time=now + 60)
        self.desk.fact("answered", "c1", session=self.session, time=now + 50)
        self.desk.fact("ended", "c1", time=now + 40)
        info = self.desk.ask("getAgentSessionInfo", hAgentSession=self.session)
        self.assertEqual((info.dwNumberOfCalls, info.dwTotalTalkTime), (1, 0))
        self.assertEqual(self.desk.ask("getQueueInfo", dwQueueID=11).dwAverageWaitTime, 0)

    def test_beforeTheSession(self) -> None:
        """A call that is said to have begun before its session counts from the session's begin."""
        self.desk.fact("answered", "c1", session=self.session, time=self.desk.clock.seconds() - 50)
        self.desk.clock.advance(10)
        self.desk.fact("ended", "c1")
        info = self.desk.ask("getAgentSessionInfo", hAgentSession=self.session)
        self.assertEqual(info.dwTotalTalkTime, 10)

    def test_forgottenCall(self) -> None:
        """A call whose end is never reported ends after twelve hours: nobody stays stuck."""
        self.desk.setSession(self.session, READY)
        self.desk.fact("queued", "c1", queue=11)
        self.desk.fact("answered", "c2", session=self.session)
        self.desk.fact("nonACDBegun", "n1", agent="1001", direction="incoming")
        self.desk.clock.advance(12 * 3600 + 21)
        self.assertEqual(self.desk.state(self.session), READY)
        self.assertEqual(self.desk.ask("getQueueInfo", dwQueueID=11).dwTotalCallsAbandoned, 1)
        self.assertEqual(
            self.desk.ask("getAgentInfo", hAgent=self.hAgent).dwNumberOfIncomingCalls, 1
        )
        self.assertEqual(len(self.desk.handler.operation.centre.model.calls), 0)

    def test_reofferedElsewhere(self) -> None:
        """A call that rang at another session before counts from its last offer only."""
        support = self.desk.session(self.hAgent, SUPPORT)
        self.desk.fact("offered", "c1", session=self.session)
        self.desk.clock.advance(20)
        self.desk.fact("offered", "c1", session=support)
        self.desk.clock.advance(3)
        self.desk.fact("answered", "c1", session=support)
        info = self.desk.ask("getAgentSessionInfo", hAgentSession=support)
        self.assertEqual(info.dwLongestTimeToAnswer, 3)
