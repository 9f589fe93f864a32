"""The handle table of one client.  [MS-TRP] 2.2.2"""

from twisted.trial.unittest import TestCase

from tapiproxy.tapi.lineerr import LINEERR_INVALAPPHANDLE, LINEERR_INVALLINEHANDLE
from tapiproxy.trp.handles import HandleNumbers, HandleTable
from tapiproxy.trp.requests import line
from tests.trp.support import makeHarness


class Table(TestCase):
    """Numbers and tables."""

    def test_oneSeries(self) -> None:
        """Tables of one client share a series: no number is in two of them."""
        numbers = HandleNumbers()
        first: HandleTable[str] = HandleTable(numbers)
        second: HandleTable[str] = HandleTable(numbers)
        drawn = [table.reserve() for table in (first, second) * 100]
        self.assertEqual(len(set(drawn)), 200)
        self.assertTrue(all(0 < number < 0x80000000 for number in drawn))

    def test_goesRound(self) -> None:
        """When the series has gone round, numbers in use are skipped."""
        numbers = HandleNumbers()
        table: HandleTable[str] = HandleTable(numbers)
        used = table.reserve()
        table[used] = "open"
        numbers._next = 0x7FFFFFFF
        self.assertEqual(table.reserve(), 0x7FFFFFFF)
        self.assertEqual(table.reserve(), used + 1)


class Clients(TestCase):
    """What a handle is worth to others."""

    def test_kinds(self) -> None:
        """An HLINEAPP is no HLINE and the other way round."""
        app = makeHarness().application().ready()
        self.assertEqual(app.result(line.Close(hLine=app.hLineApp)), LINEERR_INVALLINEHANDLE)
        self.assertEqual(app.result(line.ShutDown(hLineApp=app.hLine)), LINEERR_INVALAPPHANDLE)

    def test_othersHandles(self) -> None:
        """A client cannot close what another has opened."""
        harness = makeHarness()
        app, other = harness.application().ready(), harness.application().ready()
        app.open()
        self.assertEqual(other.result(line.Close(hLine=app.hLine)), LINEERR_INVALLINEHANDLE)

    def test_closedIsGone(self) -> None:
        """A handle that was closed is invalid, and is not given out again."""
        app = makeHarness().application().ready()
        closed = app.hLine
        app.result(line.Close(hLine=closed))
        self.assertEqual(app.result(line.Close(hLine=closed)), LINEERR_INVALLINEHANDLE)
        self.assertNotEqual(app.open(), closed)
