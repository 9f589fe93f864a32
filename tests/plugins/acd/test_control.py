"""The administrator's commands."""

from typing import Any

from twisted.trial import unittest

from tapiproxy.errors import HandlerArgumentError
from tapiproxy.plugins.acd.control import MOST_FACTS
from tests.plugins.acd.support import Desk, result


class Verbs(unittest.TestCase):
    """``feed`` and ``recompute``."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.verbs = self.desk.handler.controlVerbs()

    def test_feed(self) -> None:
        """Good facts are taken and bad ones refused by their place."""
        facts = [
            '{"fact": "queued", "call": "c1", "queue": "Sales"}',
            '{"fact": "ended", "call": "c2"}',
            '{"fact": "abandoned", "call": "c1"}',
            "nonsense",
        ]
        answer = result(self.verbs["feed"]({"facts": facts}))
        self.assertEqual(answer["taken"], 2)
        self.assertEqual([each["place"] for each in answer["refused"]], [1, 3])

    def test_wrongArguments(self) -> None:
        """An argument of another form is refused in words."""
        wrong: tuple[dict[str, Any], ...] = (
            {},
            {"facts": "one"},
            {"facts": [1]},
            {"facts": [], "more": 1},
            {"facts": ["{}"] * (MOST_FACTS + 1)},
        )
        for argument in wrong:
            self.assertRaises(HandlerArgumentError, self.verbs["feed"], argument)
        self.assertRaises(HandlerArgumentError, self.verbs["recompute"], {"all": True})

    def test_recomputeOfNothing(self) -> None:
        """An empty log has nothing to compare."""
        self.assertEqual(self.desk.recompute(), {"compared": 0, "differences": []})
