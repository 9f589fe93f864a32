"""Whether the tests of a rule notice that it is gone."""

from unittest import TestResult, TestSuite

from attrs import frozen

from tests.mutation.mutants import Mutant
from tests.trp.rules.index import casesOf

__all__ = ["Verdict", "verdictOn"]


@frozen
class Verdict:
    """
    How a rule's tests end while it is gone.

    :ivar run: how many there are.
    :ivar failed: those that an assertion about the answer ends.
    """

    run: int
    failed: int

    @property
    def killed(self) -> bool:
        """Whether the mutant was noticed."""
        return self.failed > 0


def verdictOn(mutant: Mutant) -> Verdict:
    """Run the tests of a rule with a server that has it not."""
    result = TestResult()
    # A test case can be run once: the suite would drop it, and an index is used again.
    suite = TestSuite(type(case)(case._testMethodName) for case in casesOf(mutant.rule))
    with mutant.alive():
        suite.run(result)
    return Verdict(result.testsRun, len(result.failures))
