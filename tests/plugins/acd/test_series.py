"""Sums over windows, held against plain lists."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial import unittest

from tapiproxy.plugins.acd.series import Intervals, Series

ADDED = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9), st.integers(0, 9)))
SPANS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)))


class Sums(unittest.TestCase):
    """Whatever is added, in whatever order."""

    @given(ADDED, st.integers(-1, 51), st.integers(-1, 51))
    def test_series(self, added: list[tuple[int, int, int]], begin: int, trim: int) -> None:
        """A series gives the sums of what lies behind an instant, also trimmed and reloaded."""
        series = Series(2)
        for at, one, other in added:
            series.add(at, one, other)
        if trim <= begin:
            series.trim(trim)
        series = Series.load(series.dump())
        series.add(25, 1, 2)
        later = [(one, other) for at, one, other in [*added, (25, 1, 2)] if at > begin]
        expected = (sum(one for one, _ in later), sum(other for _, other in later))
        # What is added before what was trimmed away belongs to no window that is asked for.
        if trim <= begin and not (trim >= 25 > begin):
            self.assertEqual(series.since(begin), expected)

    @given(SPANS, st.integers(-1, 400), st.integers(-1, 400))
    def test_intervals(self, spans: list[tuple[int, int]], begin: int, trim: int) -> None:
        """Intervals give the parts that lie behind an instant, also trimmed and reloaded."""
        intervals, at, expected = Intervals(), 0, 0
        for pause, length in spans:
            intervals.add(at + pause, at + pause + length)
            expected += max(0, at + pause + length - max(begin, at + pause))
            at += pause + length
        intervals.trim(min(trim, begin))
        self.assertEqual(Intervals.load(intervals.dump()).since(begin), expected)
