"""Every rule's tests fail when the rule is taken away."""

import re
from collections.abc import Callable
from contextlib import nullcontext

from twisted.trial.unittest import TestCase

from tapiproxy.trp.rules.registry import RULES
from tests.mutation.guards import without
from tests.mutation.killing import verdictOn
from tests.mutation.mutants import MUTANTS, Mutant
from tests.trp.rules.index import casesOf


class Mutants(TestCase):
    """A test for each mutant, whose name carries the rule's identifier."""

    def test_everyRuleHasOne(self) -> None:
        """No rule of the registry is left out."""
        self.assertEqual({mutant.rule for mutant in MUTANTS}, set(RULES))

    def test_survivor(self) -> None:
        """A mutant that lacks nothing is not killed."""
        self.assertFalse(verdictOn(Mutant("47.1", "", nullcontext)).killed)

    def test_nothingSwitchedOff(self) -> None:
        """With all its checks in place the codec that mutants are made of is the codec."""
        with without(()):
            for rule in ("47.3", "6.2", "54.5", "67.3", "LINECALLPARAMS.5"):
                for case in casesOf(rule):
                    getattr(case, case.id().rpartition(".")[2])()


def _killing(mutant: Mutant) -> Callable[[Mutants], None]:
    def test(self: Mutants) -> None:
        verdict = verdictOn(mutant)
        self.flushLoggedErrors()
        self.assertTrue(verdict.killed, f"{verdict.run} tests pass without rule {mutant.name}")

    test.__doc__ = f"Without {mutant.name} a test of rule {mutant.rule} fails by its assertion."
    return test


for _mutant in MUTANTS:
    _name = re.sub("[^A-Za-z0-9]+", "_", _mutant.name)
    assert not hasattr(Mutants, f"test_mutant_{_name}"), _mutant.name
    setattr(Mutants, f"test_mutant_{_name}", _killing(_mutant))
