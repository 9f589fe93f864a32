"""Who works for whom."""

from twisted.trial import unittest

from tapiproxy.plugins.acd.attendance import Attendance


class AttendanceTests(unittest.TestCase):
    """Clients join and leave."""

    def test_lastOne(self) -> None:
        """An agent is left when the last of his clients goes, however often each joined."""
        attendance = Attendance()
        for client, agent in ((1, "a"), (1, "b"), (2, "a"), (1, "a")):
            attendance.join(client, agent)
        self.assertEqual(attendance.leave(1), ["b"])
        self.assertTrue(attendance.attends("a"))
        self.assertEqual(attendance.leave(2), ["a"])
        self.assertFalse(attendance.attends("a"))

    def test_latestLast(self) -> None:
        """A client's agents are told in the order in which it last joined them."""
        attendance = Attendance()
        for agent in ("a", "b", "a"):
            attendance.join(1, agent)
        self.assertEqual(attendance.of(1), ["b", "a"])

    def test_strangers(self) -> None:
        """A client that joined nobody leaves nobody."""
        attendance = Attendance()
        self.assertEqual((attendance.of(1), attendance.leave(1)), ([], []))
