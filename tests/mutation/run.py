"""
``python -m tests.mutation.run [RULE ...]``: take each rule away and see its tests fail.
"""

import sys

from tests.mutation.killing import verdictOn
from tests.mutation.mutants import MUTANTS

__all__ = ["main"]


def main(rules: list[str]) -> int:
    """
    Print a line for each mutant.

    :param rules: identifiers; none for all.
    :returns: how many mutants survive.
    """
    survivors = 0
    for mutant in MUTANTS:
        if rules and mutant.rule not in rules:
            continue
        verdict = verdictOn(mutant)
        survivors += not verdict.killed
        word = "killed" if verdict.killed else "SURVIVES"
        print(f"{word:9} {mutant.name}: {verdict.failed} of {verdict.run} tests fail")
    print(f"{survivors} mutants survive")
    return survivors


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) != 0)
