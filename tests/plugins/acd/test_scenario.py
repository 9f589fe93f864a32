"""
A morning in a call centre, with the value of every figure worked out by hand.

Times are seconds since 09:00:00.  Sales has 20 s of wrap-up, Support none.  Ada (1001) has two
sessions at once, A1 for Sales and A2 for Support; Ben (1002) has B1 for Sales, Cleo (1003) C1 for
Support.
"""

import json
from typing import Any

from attrs import asdict
from twisted.trial import unittest

from tapiproxy.plugins.acd.states import BUSYONCALL, ENDED, NOTREADY, READY
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSTATEEX_BUSYACD,
    LINEAGENTSTATEEX_READY,
    LINEAGENTSTATEEX_RELEASED,
)
from tests.plugins.acd.support import NINE, SALES, SUPPORT, Desk

#: Second, fact, call, and what else the fact says.  39 facts.
FACTS: tuple[tuple[int, str, str, dict[str, Any]], ...] = (
    (60, "queued", "c1", {"queue": "Sales"}),
    (62, "offered", "c1", {"session": "A1"}),
    (67, "answered", "c1", {"session": "A1"}),  # waited 7, rang 5
    (70, "queued", "c2", {"queue": "Sales"}),
    (71, "offered", "c2", {"session": "B1"}),
    (74, "answered", "c2", {"session": "B1"}),  # waited 4, rang 3
    (80, "queued", "c3", {"queue": "Support"}),
    (82, "offered", "c3", {"session": "C1"}),
    (90, "answered", "c3", {"session": "C1"}),  # waited 10, rang 8
    (95, "queued", "c4", {"queue": "Sales"}),
    (107, "abandoned", "c4", {}),  # waited 12
    (127, "ended", "c1", {}),  # talked 60; wrap-up of A1 from 127 to 147: 20
    (130, "queued", "c5", {"queue": "Sales"}),
    (134, "ended", "c2", {}),  # talked 60; wrap-up of B1 from 134 to 154: 20
    (150, "flowedOut", "c5", {}),  # waited 20 in Sales
    (150, "flowedIn", "c5", {"queue": "Support"}),
    (151, "offered", "c5", {"session": "A2"}),
    (155, "answered", "c5", {"session": "A2"}),  # waited 5 in Support, rang 4
    (160, "nonACDBegun", "n1", {"agent": "1002", "direction": "outgoing"}),
    (170, "ended", "c3", {}),  # talked 80; Support has no wrap-up
    (190, "nonACDEnded", "n1", {}),
    (200, "ended", "c5", {}),  # talked 45
    (210, "nonACDBegun", "n2", {"agent": "1003", "direction": "incoming"}),
    (240, "nonACDEnded", "n2", {}),
    (250, "queued", "c6", {"queue": 11}),
    (252, "offered", "c6", {"agent": "1002", "group": "Sales"}),
    (253, "answered", "c6", {"agent": "1002", "group": "Sales"}),  # waited 3, rang 1
    (260, "queued", "c7", {"queue": "Support"}),
    (261, "offered", "c7", {"session": "C1"}),
    (275, "queued", "c8", {"queue": "Support"}),
    (280, "offered", "c7", {"session": "A2"}),  # Cleo did not answer
    (282, "answered", "c7", {"session": "A2"}),  # waited 22, rang 2 at A2
    (300, "ended", "c6", {}),  # talked 47; wrap-up of B1 from 300 to 310: 10 (see REQUESTS)
    (330, "abandoned", "c8", {}),  # waited 55
    (340, "queued", "c9", {"queue": "Sales"}),
    (345, "nonACDBegun", "n3", {"agent": "1001", "direction": "incoming"}),
    (352, "answered", "c9", {"session": "A1"}),  # waited 12, not offered: rang 0
    (355, "queued", "c10", {"queue": "Sales"}),
    (358, "queued", "c11", {"queue": "Support"}),
)

#: Second, session, state, next state.
REQUESTS = (
    (290, "B1", 0, NOTREADY),  # planned: after call and wrap-up
    (310, "B1", NOTREADY, 0),  # ends the wrap-up 10 s early
    (350, "B1", ENDED, 0),
)

#: The second at which everybody looks.  Still going on then: c7 at A2 since 282 (78 s), c9 at A1
#: since 352 (8 s), n3; waiting: c10 in Sales since 355 (5 s), c11 in Support since 358 (2 s).
LOOK = 360

#: 2024-01-02 is day 45293 of OLE; 09:00 is 0.375 of it.
DAY = 45293.375

EXPECTED: dict[str, dict[str, Any]] = {
    "1001": {
        "dwAgentState": LINEAGENTSTATEEX_BUSYACD,  # A1 and A2 are on calls
        "dwNextAgentState": LINEAGENTSTATEEX_READY,  # where both rested before
        "dwMeasurementPeriod": 86400,
        "cyOverallCallRate": 400000,  # 4 calls in 0..360 (A2 overlaps: once): 4*3600/360 = 40
        "dwNumberOfACDCalls": 4,  # c1 c5 c7 c9
        "dwNumberOfIncomingCalls": 1,  # n3
        "dwNumberOfOutgoingCalls": 0,
        "dwTotalACDTalkTime": 191,  # 60 + 45 + 78 + 8
        "dwTotalACDCallTime": 211,  # 191 + 20
        "dwTotalACDWrapUpTime": 20,  # after c1
    },
    "1002": {
        "dwAgentState": LINEAGENTSTATEEX_RELEASED,  # his only session ended
        "dwNextAgentState": LINEAGENTSTATEEX_RELEASED,
        "dwMeasurementPeriod": 86400,
        "cyOverallCallRate": 218181,  # 2 calls in 20..350: 2*3600/330 = 21.8181...
        "dwNumberOfACDCalls": 2,  # c2 c6
        "dwNumberOfIncomingCalls": 0,
        "dwNumberOfOutgoingCalls": 1,  # n1
        "dwTotalACDTalkTime": 107,  # 60 + 47
        "dwTotalACDCallTime": 137,  # 107 + 30
        "dwTotalACDWrapUpTime": 30,  # 20 + 10
    },
    "1003": {
        "dwAgentState": LINEAGENTSTATEEX_READY,
        "dwNextAgentState": LINEAGENTSTATEEX_READY,
        "dwMeasurementPeriod": 86400,
        "cyOverallCallRate": 109090,  # 1 call in 30..360: 3600/330 = 10.9090...
        "dwNumberOfACDCalls": 1,  # c3
        "dwNumberOfIncomingCalls": 1,  # n2
        "dwNumberOfOutgoingCalls": 0,
        "dwTotalACDTalkTime": 80,
        "dwTotalACDCallTime": 80,
        "dwTotalACDWrapUpTime": 0,
    },
    "A1": {
        "dwAgentSessionState": BUSYONCALL,  # c9
        "dwNextAgentSessionState": READY,
        "dateSessionStartTime": DAY,
        "dwSessionDuration": 360,
        "dwNumberOfCalls": 2,  # c1 c9
        "dwTotalTalkTime": 68,  # 60 + 8
        "dwAverageTalkTime": 34,  # 68 / 2
        "dwTotalCallTime": 88,  # 68 + 20
        "dwAverageCallTime": 44,  # 88 / 2
        "dwTotalWrapUpTime": 20,
        "dwAverageWrapUpTime": 10,  # 20 / 2
        "cyACDCallRate": 200000,  # 2*3600/360 = 20
        "dwLongestTimeToAnswer": 5,  # c1; c9 rang 0
        "dwAverageTimeToAnswer": 2,  # 5 / 2 = 2.5
    },
    "A2": {
        "dwAgentSessionState": BUSYONCALL,  # c7
        "dwNextAgentSessionState": READY,
        "dateSessionStartTime": DAY + 10 / 86400,
        "dwSessionDuration": 350,  # 10..360
        "dwNumberOfCalls": 2,  # c5 c7
        "dwTotalTalkTime": 123,  # 45 + 78
        "dwAverageTalkTime": 61,  # 123 / 2 = 61.5
        "dwTotalCallTime": 123,
        "dwAverageCallTime": 61,
        "dwTotalWrapUpTime": 0,
        "dwAverageWrapUpTime": 0,
        "cyACDCallRate": 205714,  # 2*3600/350 = 20.571428...
        "dwLongestTimeToAnswer": 4,  # c5 4, c7 2
        "dwAverageTimeToAnswer": 3,  # 6 / 2
    },
    "B1": {
        "dwAgentSessionState": ENDED,
        "dwNextAgentSessionState": ENDED,
        "dateSessionStartTime": DAY + 20 / 86400,
        "dwSessionDuration": 330,  # 20..350
        "dwNumberOfCalls": 2,  # c2 c6
        "dwTotalTalkTime": 107,  # 60 + 47
        "dwAverageTalkTime": 53,  # 107 / 2 = 53.5
        "dwTotalCallTime": 137,  # 107 + 30
        "dwAverageCallTime": 68,  # 137 / 2 = 68.5
        "dwTotalWrapUpTime": 30,  # 20 + 10
        "dwAverageWrapUpTime": 15,
        "cyACDCallRate": 218181,  # 2*3600/330
        "dwLongestTimeToAnswer": 3,  # c2 3, c6 1
        "dwAverageTimeToAnswer": 2,  # 4 / 2
    },
    "C1": {
        "dwAgentSessionState": READY,
        "dwNextAgentSessionState": READY,
        "dateSessionStartTime": DAY + 30 / 86400,
        "dwSessionDuration": 330,  # 30..360
        "dwNumberOfCalls": 1,  # c3; c7 was offered only
        "dwTotalTalkTime": 80,
        "dwAverageTalkTime": 80,
        "dwTotalCallTime": 80,
        "dwAverageCallTime": 80,
        "dwTotalWrapUpTime": 0,
        "dwAverageWrapUpTime": 0,
        "cyACDCallRate": 109090,  # 3600/330
        "dwLongestTimeToAnswer": 8,
        "dwAverageTimeToAnswer": 8,
    },
    "Sales": {
        "dwMeasurementPeriod": 86400,
        "dwTotalCallsQueued": 7,  # c1 c2 c4 c5 c6 c9 c10
        "dwCurrentCallsQueued": 1,  # c10
        "dwTotalCallsAbandoned": 1,  # c4
        "dwTotalCallsFlowedIn": 0,
        "dwTotalCallsFlowedOut": 1,  # c5
        "dwLongestEverWaitTime": 20,  # c5
        "dwCurrentLongestWaitTime": 5,  # c10
        "dwAverageWaitTime": 9,  # (7 + 4 + 12 + 20 + 3 + 12) / 6 = 58 / 6 = 9.67
        "dwFinalDisposition": 5,  # c1 c2 c4 c6 c9
    },
    "Support": {
        "dwMeasurementPeriod": 86400,
        "dwTotalCallsQueued": 5,  # c3 c5 c7 c8 c11
        "dwCurrentCallsQueued": 1,  # c11
        "dwTotalCallsAbandoned": 1,  # c8
        "dwTotalCallsFlowedIn": 1,  # c5
        "dwTotalCallsFlowedOut": 0,
        "dwLongestEverWaitTime": 55,  # c8
        "dwCurrentLongestWaitTime": 2,  # c11
        "dwAverageWaitTime": 23,  # (10 + 5 + 22 + 55) / 4
        "dwFinalDisposition": 4,  # c3 c5 c7 c8
    },
}

#: Seconds of other measurement periods, and what changes with them.
PERIODS = {"1001": 200, "1002": 60, "Sales": 100, "Support": 90}
CUT: dict[str, dict[str, Any]] = {
    # What ended after 160: c1 (127) and its wrap-up (147) are out.
    "1001": {
        "dwMeasurementPeriod": 200,
        "dwNumberOfACDCalls": 3,  # c5 c7 c9
        "dwTotalACDTalkTime": 131,  # 45 + 78 + 8
        "dwTotalACDWrapUpTime": 0,
        "dwTotalACDCallTime": 131,
        "cyOverallCallRate": 540000,  # 3*3600/200 = 54
    },
    # What ended after 300: c6 ended at 300 and is out, its wrap-up (310) is in.
    "1002": {
        "dwMeasurementPeriod": 60,
        "dwNumberOfACDCalls": 0,
        "dwNumberOfOutgoingCalls": 0,  # n1 ended at 190
        "dwTotalACDTalkTime": 0,
        "dwTotalACDWrapUpTime": 10,
        "dwTotalACDCallTime": 10,
        "cyOverallCallRate": 0,
    },
    # After 260: in came c9 and c10, out went c9.
    "Sales": {
        "dwMeasurementPeriod": 100,
        "dwTotalCallsQueued": 2,
        "dwTotalCallsAbandoned": 0,
        "dwTotalCallsFlowedOut": 0,
        "dwAverageWaitTime": 12,
        "dwFinalDisposition": 1,
    },
    # After 270: in came c8 and c11, out went c7 (22) and c8 (55): 77 / 2 = 38.5.
    "Support": {
        "dwMeasurementPeriod": 90,
        "dwTotalCallsQueued": 2,
        "dwTotalCallsFlowedIn": 0,
        "dwAverageWaitTime": 38,
        "dwFinalDisposition": 2,
    },
}


class Scenario(unittest.TestCase):
    """The figures after the morning, in every way in which they can be had."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.numbers: dict[str, int] = {}
        steps = [(0, self._logOnAda), (10, self._secondSession)]
        steps += [(20, self._logOnBen), (30, self._logOnCleo)]
        steps += [(at, lambda row=row: self._fact(*row)) for at, *row in FACTS]
        steps += [(at, lambda row=row: self._request(*row)) for at, *row in REQUESTS]
        for at, step in sorted(steps, key=lambda step: step[0]):
            self.desk.clock.advance(NINE + at - self.desk.clock.seconds())
            step()
        self.desk.clock.advance(NINE + LOOK - self.desk.clock.seconds())

    def _logOnAda(self) -> None:
        self.numbers["1001"] = self.desk.agent("1001")
        self._session("A1", "1001", SALES, 0)

    def _secondSession(self) -> None:
        self._session("A2", "1001", SUPPORT, 0)

    def _logOnBen(self) -> None:
        self.numbers["1002"] = self.desk.agent("1002")
        self._session("B1", "1002", SALES, 1)

    def _logOnCleo(self) -> None:
        self.numbers["1003"] = self.desk.agent("1003")
        self._session("C1", "1003", SUPPORT, 1)

    def _session(self, name: str, agent: str, group: Any, address: int) -> None:
        self.numbers[name] = self.desk.session(self.numbers[agent], group, address)
        self.desk.setSession(self.numbers[name], READY)

    def _request(self, session: str, state: int, next: int) -> None:
        self.desk.setSession(self.numbers[session], state, next)

    def _fact(self, fact: str, call: str, members: dict[str, Any]) -> None:
        said = {"fact": fact, "call": call, "time": self.desk.clock.seconds(), **members}
        if "session" in said:
            said["session"] = self.numbers[said["session"]]
        self.desk.feed(json.dumps(said))

    def figures(self, desk: Desk) -> dict[str, dict[str, Any]]:
        found = {}
        for name in EXPECTED:
            if name.startswith("1"):
                info = desk.ask("getAgentInfo", hAgent=self.numbers[name])
            elif len(name) == 2:
                info = desk.ask("getAgentSessionInfo", hAgentSession=self.numbers[name])
            else:
                info = desk.ask("getQueueInfo", dwQueueID={"Sales": 11, "Support": 22}[name])
            found[name] = asdict(info)
        return found

    def setPeriods(self, desk: Desk) -> None:
        for name, seconds in PERIODS.items():
            if name in self.numbers:
                desk.ask(
                    "setAgentMeasurementPeriod",
                    hAgent=self.numbers[name],
                    dwMeasurementPeriod=seconds,
                )
            else:
                queue = {"Sales": 11, "Support": 22}[name]
                desk.ask("setQueueMeasurementPeriod", dwQueueID=queue, dwMeasurementPeriod=seconds)

    def assertFigures(self, desk: Desk, cut: bool = False) -> None:
        found = self.figures(desk)
        for name, expected in EXPECTED.items():
            wanted = {**expected, **(CUT.get(name, {}) if cut else {})}
            date = found[name].pop("dateSessionStartTime", None)
            wantedDate = wanted.pop("dateSessionStartTime", None)
            self.assertEqual(found[name], wanted, name)
            if wantedDate is not None:
                # A double has some microseconds of room at this size.
                self.assertAlmostEqual(date, wantedDate, 9, name)

    def test_live(self) -> None:
        """Every field of the three structs has the value that was worked out."""
        self.assertFigures(self.desk)

    def test_afterCrash(self) -> None:
        """The same after the server was killed and started again."""
        self.assertFigures(self.desk.crash())

    def test_afterStop(self) -> None:
        """The same after a clean stop, whose checkpoint the start begins with."""
        self.assertFigures(self.desk.restart())

    def test_recomputed(self) -> None:
        """Counting anew from the bare events gives the same nine structs."""
        answer = self.desk.recompute()
        self.assertEqual(answer, {"compared": 9, "differences": []})
        self.assertEqual(self.desk.crash().recompute(), answer)

    def test_measurementPeriods(self) -> None:
        """Shorter measurement periods cut off what ended before them, also after a restart."""
        self.setPeriods(self.desk)
        self.assertFigures(self.desk, cut=True)
        again = self.desk.crash()
        self.assertFigures(again, cut=True)
        self.assertEqual(again.recompute(), {"compared": 9, "differences": []})

    def test_longerPeriodAgain(self) -> None:
        """A period that is made longer again shows again what the shorter one had cut off."""
        self.setPeriods(self.desk)
        for name in ("1001", "1002"):
            self.desk.ask(
                "setAgentMeasurementPeriod",
                hAgent=self.numbers[name],
                dwMeasurementPeriod=86400,
            )
        for queue in (11, 22):
            self.desk.ask("setQueueMeasurementPeriod", dwQueueID=queue, dwMeasurementPeriod=86400)
        self.assertFigures(self.desk)

    def test_differenceIsNamed(self) -> None:
        """A figure that is not what the log says is named by recompute, with both values."""
        self.desk.handler.operation.centre.model.queue(11).longest += 5000
        self.assertEqual(
            self.desk.recompute()["differences"],
            [
                {
                    "of": "queue 11",
                    "field": "dwLongestEverWaitTime",
                    "told": 25,
                    "recomputed": 20,
                }
            ],
        )
