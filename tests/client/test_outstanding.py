"""Request IDs of the client's own."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.client.errors import ConnectionEnded
from tapiproxy.client.outstanding import LAST_REQUEST_ID, Outstanding
from tapiproxy.trp.events import ASYNCEVENTMSG


def reply(requestID: int) -> ASYNCEVENTMSG:
    return ASYNCEVENTMSG(1, 0, 0, 0x0C, 0, requestID, 0, 0, 0, b"")


class RequestIDs(TestCase):
    def test_wrap(self) -> None:
        """After the last positive number comes 1, and what is outstanding is skipped."""
        outstanding = Outstanding()
        first = outstanding.begin(None)
        self.assertEqual(first.requestID, 1)
        outstanding._last = LAST_REQUEST_ID - 1
        self.assertEqual(outstanding.begin(None).requestID, LAST_REQUEST_ID)
        self.assertEqual(outstanding.begin(None).requestID, 2)

    def test_notUsedAgainSoon(self) -> None:
        """The ID of a request that ended is not the next one's: its late reply finds nobody."""
        outstanding = Outstanding()
        first = outstanding.begin(None)
        outstanding.end(first)
        second = outstanding.begin(None)
        outstanding.replied(reply(first.requestID))
        self.assertEqual(outstanding.strays, 1)
        self.assertNoResult(second.reply)

    @given(st.lists(st.tuples(st.sampled_from(["begin", "end", "reply", "fail"]), st.integers(0))))
    def test_oneOutcome(self, steps: list[tuple[str, int]]) -> None:
        """In any order of replies, ends and failures each request has one outcome at most."""
        outstanding = Outstanding()
        awaited = []
        outcomes: dict[int, int] = {}

        def count(requestID: int) -> None:
            outcomes[requestID] = outcomes.get(requestID, 0) + 1

        for step, number in steps:
            if step == "begin" or not awaited:
                made = outstanding.begin(number % 2)
                made.reply.addBoth(lambda _, each=made: count(each.requestID))
                awaited.append(made)
            elif step == "end":
                outstanding.end(awaited[number % len(awaited)])
            elif step == "reply":
                outstanding.replied(reply(awaited[number % len(awaited)].requestID))
            else:
                outstanding.fail(ConnectionEnded("test"), number % 2)
        self.assertEqual(set(outcomes.values()) | {1}, {1})
        self.assertLessEqual(len(outcomes) + len(outstanding), len(awaited))
