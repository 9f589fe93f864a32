"""Device identifiers per principal.  (docs/decisions, number 14)"""

from twisted.trial.unittest import TestCase

from tapiproxy.proxy.lines import StaticLines, staticLine
from tapiproxy.trp.devices import Changes, Devices
from tapiproxy.trp.principals import NOBODY, Principal

SALES, SUPPORT, NEW = (staticLine(name, ("1",)) for name in ("Sales", "Support", "New"))
BOSS = staticLine("Boss", ("9",), users=("DOM\\boss",))


class Numbers(TestCase):
    """Which line has which number."""

    def test_visible(self) -> None:
        """A line that a principal may not see has no number for him."""
        lines = StaticLines((SALES, BOSS, SUPPORT))
        nobody = Devices(lines, NOBODY)
        self.assertEqual((len(nobody), nobody.line(1)), (2, SUPPORT))
        boss = Devices(lines, Principal("DOM\\boss"))
        self.assertEqual((len(boss), boss.line(1)), (3, BOSS))
        self.assertEqual(boss.find(SUPPORT), 2)
        self.assertIsNone(nobody.find(BOSS))

    def test_outside(self) -> None:
        """A number beyond the end is no line, and was none."""
        devices = Devices(StaticLines((SALES,)), NOBODY)
        for number in (1, 0xFFFFFFFF):
            self.assertIsNone(devices.line(number))
            self.assertFalse(devices.removed(number))

    def test_follow(self) -> None:
        """A reload leaves holes and appends; nothing is renumbered."""
        devices = Devices(StaticLines((SALES, SUPPORT)), NOBODY)
        self.assertEqual(devices.follow(StaticLines((NEW, SUPPORT))), Changes((2,), (0,)))
        self.assertTrue(devices.removed(0))
        self.assertEqual([devices.line(number) for number in range(3)], [None, SUPPORT, NEW])
        self.assertEqual(devices.follow(StaticLines((NEW, SUPPORT))), Changes())

    def test_comesBack(self) -> None:
        """A line that comes back is a new one."""
        devices = Devices(StaticLines((SALES,)), NOBODY)
        devices.follow(StaticLines(()))
        self.assertEqual(devices.follow(StaticLines((SALES,))), Changes((1,), ()))
