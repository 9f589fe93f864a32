"""
Sums over the last so many seconds, for any number of seconds, without walking over the past.

Running totals stand beside their instants, so a window costs two look-ups, and a measurement period
may be made longer again.  Integers only: what is added in another order gives the same sum.
"""

from array import array
from bisect import bisect_right

__all__ = ["Intervals", "Series"]


class Series:
    """
    Amounts, each with the instant to which it is attributed.

    :param width: how many amounts each instant has.
    """

    __slots__ = ("_at", "_totals", "_trimmed")

    def __init__(self, width: int) -> None:
        self._at = array("q")
        self._totals = tuple(array("q") for _ in range(width))
        self._trimmed = [0] * width

    def add(self, at: int, *amounts: int) -> None:
        """Add amounts at an instant, which may be earlier than others that are here."""
        place = len(self._at)
        if place and at < self._at[-1]:
            place = bisect_right(self._at, at)
        for column, (totals, amount) in enumerate(zip(self._totals, amounts, strict=True)):
            before = totals[place - 1] if place else self._trimmed[column]
            totals.insert(place, before + amount)
            for later in range(place + 1, len(totals)):
                totals[later] += amount
        self._at.insert(place, at)

    def since(self, at: int) -> tuple[int, ...]:
        """Sum what is attributed to instants later than ``at``."""
        place = bisect_right(self._at, at)
        if place == len(self._at):
            return (0,) * len(self._totals)
        if place == 0:
            return tuple(
                totals[-1] - before
                for totals, before in zip(self._totals, self._trimmed, strict=True)
            )
        return tuple(totals[-1] - totals[place - 1] for totals in self._totals)

    def trim(self, at: int) -> None:
        """Forget what is attributed to ``at`` and before."""
        place = bisect_right(self._at, at)
        if place == 0:
            return
        for column, totals in enumerate(self._totals):
            self._trimmed[column] = totals[place - 1]
            del totals[:place]
        del self._at[:place]

    def dump(self) -> list[list[int]]:
        """Write the content down: the instants, the totals, and where the totals began."""
        return [self._at.tolist(), *(totals.tolist() for totals in self._totals), self._trimmed]

    @classmethod
    def load(cls, columns: list[list[int]]) -> "Series":
        """Read back what `dump` wrote."""
        instants, *totals, trimmed = columns
        series = cls(len(totals))
        series._at = array("q", instants)
        series._totals = tuple(array("q", column) for column in totals)
        series._trimmed = list(trimmed)
        return series


class Intervals:
    """Spans of time that do not overlap, each begun after the one before has ended."""

    __slots__ = ("_ends", "_starts", "_totals", "_trimmed")

    def __init__(self) -> None:
        self._starts = array("q")
        self._ends = array("q")
        self._totals = array("q")
        self._trimmed = 0

    def add(self, start: int, end: int) -> None:
        """Add a span that ended."""
        before = self._totals[-1] if self._totals else self._trimmed
        self._starts.append(start)
        self._ends.append(end)
        self._totals.append(before + end - start)

    def since(self, at: int) -> int:
        """Sum the parts of the spans that lie after ``at``."""
        place = bisect_right(self._ends, at)
        if place == len(self._ends):
            return 0
        before = self._totals[place - 1] if place else self._trimmed
        return self._totals[-1] - before - max(0, at - self._starts[place])

    def trim(self, at: int) -> None:
        """Forget the spans that ended at ``at`` or before."""
        place = bisect_right(self._ends, at)
        if place == 0:
            return
        self._trimmed = self._totals[place - 1]
        del self._starts[:place]
        del self._ends[:place]
        del self._totals[:place]

    def dump(self) -> list[list[int]]:
        """Write the content down: beginnings, ends, totals, and where the totals began."""
        return [
            self._starts.tolist(),
            self._ends.tolist(),
            self._totals.tolist(),
            [self._trimmed],
        ]

    @classmethod
    def load(cls, columns: list[list[int]]) -> "Intervals":
        """Read back what `dump` wrote."""
        intervals = cls()
        starts, ends, totals, (trimmed,) = columns
        intervals._starts = array("q", starts)
        intervals._ends = array("q", ends)
        intervals._totals = array("q", totals)
        intervals._trimmed = trimmed
        return intervals
