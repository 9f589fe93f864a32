"""What is to be done when a connection goes."""

from collections.abc import Callable

from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.contexthandles import AssociationGroup
from tapiproxy.trp.departures import Departures
from tests.trp.support import FakeConnection


class DeparturesTests(TestCase):
    """Two that wait for one connection."""

    def setUp(self) -> None:
        self.departures = Departures()
        self.connection = FakeConnection(AssociationGroup(1, "peer"))
        self.told: list[str] = []

    def watch(self, name: str) -> Callable[[object], None]:
        def gone(connection: object) -> None:
            self.told.append(name)

        self.departures.watch(self.connection, gone)
        return gone

    def test_all(self) -> None:
        """Whoever waits is told, once, in the order of asking."""
        self.watch("a")
        self.watch("b")
        self.connection.lose()
        self.connection.lose()
        self.assertEqual(self.told, ["a", "b"])

    def test_takenBack(self) -> None:
        """Who has taken it back is not told, and the others are."""
        first = self.watch("a")
        self.watch("b")
        self.departures.forget(self.connection, first)
        self.connection.lose()
        self.departures.forget(self.connection, first)
        self.assertEqual(self.told, ["b"])

    def test_one(self) -> None:
        """The connection has one thing to call, however many wait."""
        for _ in range(3):
            self.departures.forget(self.connection, self.watch("a"))
        self.assertEqual(self.connection.waiting, 1)
