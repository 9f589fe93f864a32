"""Facts as text: what is taken, and what is said about the rest."""

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial import unittest

from tapiproxy.plugins.acd.facts import FACTS, LONGEST_FACT, Fact, FactError, readFact


class ReadFact(unittest.TestCase):
    """One line."""

    def problem(self, line: str) -> str:
        return str(self.assertRaises(FactError, readFact, line))

    def test_each(self) -> None:
        """Every fact of the table reads with each of its sets of keys."""
        values = {
            "call": "c1",
            "queue": "Sales",
            "session": 7,
            "agent": "1001",
            "group": "Sales",
            "direction": "incoming",
        }
        for kind, choices in FACTS.items():
            for keys in choices:
                said = {key: values[key] for key in keys}
                expected = Fact(kind=kind, **said)
                self.assertEqual(readFact(json.dumps({"fact": kind, **said})), expected)

    def test_time(self) -> None:
        """A time is seconds since 1970 or a text with its offset from UTC."""
        for said in (1704186000, 1704186000.0, "2024-01-02T09:00:00Z", "2024-01-02T10:00:00+01:00"):
            line = json.dumps({"fact": "ended", "call": "c1", "time": said})
            self.assertEqual(readFact(line).at, 1704186000_000, said)
        self.assertIsNone(readFact('{"fact": "ended", "call": "c1", "time": null}').at)

    def test_wrongTime(self) -> None:
        """No offset, no number, no day: refused with what is allowed."""
        for said in (
            "2024-01-02T09:00:00",
            "now",
            -1,
            1e300,
            float("nan"),
            True,
            [],
            "0001-01-01T00:00:00Z",
        ):
            problem = self.problem(json.dumps({"fact": "ended", "call": "c1", "time": said}))
            self.assertIn("offset from UTC", problem)

    def test_keys(self) -> None:
        """A key too many or too few is named, with what the fact has."""
        problem = self.problem('{"fact": "queued", "call": "c1"}')
        self.assertEqual(problem, "queued: found call, wanted call, queue")
        problem = self.problem('{"fact": "ended", "call": "c1", "queue": 1}')
        self.assertEqual(problem, "ended: found call, queue, wanted call")
        problem = self.problem('{"fact": "offered", "call": "c1", "agent": "1"}')
        self.assertIn("wanted call, session or agent, call, group", problem)

    def test_values(self) -> None:
        """A wrong value is shown beside what is allowed."""
        for members, name in (
            ({"call": 5, "queue": 1}, "call"),
            ({"call": "", "queue": 1}, "call"),
            ({"call": "x" * 129, "queue": 1}, "call"),
            ({"call": "a\nb", "queue": 1}, "call"),
            ({"call": "\ud800", "queue": 1}, "call"),
            ({"call": "c", "queue": 0}, "queue"),
            ({"call": "c", "queue": True}, "queue"),
            ({"call": "c", "queue": 2**32}, "queue"),
            ({"call": "c", "queue": None}, "queue"),
        ):
            problem = self.problem(json.dumps({"fact": "queued", **members}))
            self.assertTrue(problem.startswith(f"{name}: found "), problem)
        said = {"fact": "nonACDBegun", "call": "c", "agent": "1", "direction": "up"}
        self.assertIn("incoming, outgoing or other", self.problem(json.dumps(said)))

    def test_notAFact(self) -> None:
        """What is no object, no JSON, no known fact or too long is refused in words."""
        self.assertIn("not JSON", self.problem("queued c1"))
        self.assertIn("not JSON", self.problem("[" * 4000))
        self.assertIn("JSON object", self.problem('["ended", "c1"]'))
        self.assertIn("allowed is one of queued,", self.problem('{"fact": "rang"}'))
        self.assertIn("at most", self.problem(" " * (LONGEST_FACT + 1)))

    @given(
        st.one_of(
            st.text(max_size=200),
            st.recursive(
                st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
                lambda inner: st.dictionaries(
                    st.sampled_from(["fact", "call", "time", "queue", "session", "agent"]), inner
                ),
            ).map(json.dumps),
            st.dictionaries(
                st.sampled_from(["call", "time", "queue", "session", "agent", "direction"]),
                st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
            ).map(lambda members: json.dumps({"fact": "queued", **members})),
        )
    )
    def test_anything(self, line: str) -> None:
        """Whatever comes is a fact or a FactError."""
        try:
            fact = readFact(line)
        except FactError as error:
            self.assertTrue(str(error))
        else:
            self.assertIn(fact.kind, FACTS)
