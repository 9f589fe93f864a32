"""Every processing rule is carried out in exactly one place."""

from collections import Counter

from twisted.trial.unittest import TestCase

from tapiproxy.trp.dispatch import ACTIONS, LATER_ACTIONS
from tapiproxy.trp.requests import byFunction
from tapiproxy.trp.rules.registry import CHECKS, PACKETS, RULES, checksOf, table
from tapiproxy.trp.templates import LATER
from tapiproxy.wire.layout import fieldsOf


class Registry(TestCase):
    """The table of rules against the packets and the dispatcher."""

    def test_everyPacketHasRulesAndAnAction(self) -> None:
        """Each declared request has its rules and exactly one action, of the right kind."""
        self.assertEqual(set(PACKETS), set(byFunction))
        self.assertEqual(set(CHECKS), set(byFunction))
        later = {number for number, cls in byFunction.items() if cls.completes == LATER}
        self.assertEqual(set(LATER_ACTIONS), later)
        self.assertEqual(set(ACTIONS), set(byFunction) - later)

    def test_identifiersAreUnique(self) -> None:
        """No identifier is declared twice."""
        counted = Counter(identifier for _, identifier, _ in table())
        self.assertEqual([each for each, count in counted.items() if count > 1], [])

    def test_names(self) -> None:
        """The packet of a rule has the name of its class, and its fields exist."""
        for Req_Func, packet in PACKETS.items():
            cls = byFunction[Req_Func]
            self.assertEqual(packet.packet, cls.__name__)
            paths = {field.path for field in fieldsOf(cls)}
            for rule in packet.rules:
                for path in rule.fields:
                    if path.startswith(f"{packet.packet}."):
                        self.assertIn(path, paths, rule.id)

    def test_onePlace(self) -> None:
        """A rule is a check, a check of the codec, an effect, or another's twin."""
        for _, identifier, rule in table():
            places = (rule.violated is not None, rule.fields, rule.carriedOutBy, rule.sameAs)
            self.assertEqual(sum(map(bool, places)), 1, identifier)
            self.assertTrue(rule.where, identifier)
            if rule.sameAs:
                self.assertIn(rule.sameAs, RULES)

    def test_without(self) -> None:
        """A check can be left out alone."""
        for packet in PACKETS.values():
            full = checksOf(packet)
            for rule in packet.rules:
                left = 1 if rule.violated is not None else 0
                self.assertEqual(len(checksOf(packet, rule.id)), len(full) - left)
