"""
Feeding mutants to a target, and saying what went wrong so that it can be done again.

A case is named by its seed, its target and its number: the same name gives the same bytes.
"""

import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import attrs
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from tests.fuzz.cost import Cost, Excess, costOf
from tests.fuzz.mutation import mutate
from tests.fuzz.target import Target

__all__ = [
    "Bound",
    "Failed",
    "boundFromEnvironment",
    "campaign",
    "case",
    "corpus",
    "give",
    "seedFromEnvironment",
]

#: One case in so many has its cost taken, which makes it some ten times slower.
SAMPLE = 20

#: One case in so many is noise instead of a mutant.
NOISE = 25

CORPUS = Path(__file__).parent / "corpus"


class Failed(AssertionError):
    """A target did with an input what it never should."""


@attrs.frozen
class Bound:
    """How long a campaign is: a number of cases, or seconds."""

    cases: int | None = None
    seconds: float | None = None

    def numbers(self) -> Iterator[int]:
        """The numbers of the cases, as long as the bound allows."""
        end = None if self.seconds is None else time.monotonic() + self.seconds
        number = 0
        while (end is None or time.monotonic() < end) and number != self.cases:
            yield number
            number += 1


def boundFromEnvironment(target: Target) -> Bound:
    """
    How much a target is fed by the test suite: what is enough for each change, unless the
    environment asks for more.

    ``FUZZ_FACTOR`` multiplies every target's number of cases.
    """
    return Bound(cases=int(target.cases * float(os.environ.get("FUZZ_FACTOR", "1"))))


def seedFromEnvironment() -> str:
    """``FUZZ_SEED``, or always the same: a suite that fails by chance is no use to a change."""
    return os.environ.get("FUZZ_SEED", "tapiproxy")


@implementer(ILogObserver)
class _Failures:
    """The exceptions that were logged: to a peer they are invisible, to us they are bugs."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            self.found.append(failure.getTraceback())


@contextmanager
def _failuresLogged() -> Iterator[list[str]]:
    observer = _Failures()
    globalLogPublisher.addObserver(observer)
    try:
        yield observer.found
    finally:
        globalLogPublisher.removeObserver(observer)


def give(target: Target, data: bytes, *, measured: bool) -> None:
    """
    Give one input to a target.

    :param measured: whether what it costs is looked at, too.
    :raises Failed: an exception came out or was logged, or the cost is out of proportion; with the
        input in hexadecimal.
    """
    with _failuresLogged() as logged:
        try:
            if measured:
                _proportionate(target, data, costOf(lambda: target.feed(data)))
            else:
                target.feed(data)
        except Exception:  # noqa: BLE001 -- whatever it is, it is the finding
            logged.append(traceback.format_exc())
    if logged:
        raise Failed(
            f"{target.name} fails. To keep the input, write it to "
            f"tests/fuzz/corpus/{target.name}/WHAT-IT-IS.hex:\n{data.hex()}\n" + "\n".join(logged)
        )


def _proportionate(target: Target, data: bytes, cost: Cost) -> None:
    memory = target.base.memory + len(data) * target.perOctet.memory
    calls = target.base.calls + len(data) * target.perOctet.calls
    if cost.memory > memory or cost.calls > calls:
        raise Excess(
            f"{len(data)} octets cost {cost.memory} octets of memory (bound {memory}) and "
            f"{cost.calls} calls (bound {calls})"
        )


def case(target: Target, seeds: tuple[bytes, ...], seed: str, number: int) -> bytes:
    """The input of one case."""
    random = Random(f"{seed} {target.name} {number}")
    if random.randrange(NOISE) == 0:
        return random.randbytes(random.randrange(400))
    return mutate(random.choice(seeds), seeds, random)


def campaign(target: Target, seed: str, bound: Bound) -> int:
    """
    Feed a target: first all its seeds, then mutants of them.

    :returns: the number of mutants.
    :raises Failed: the first finding, with the name of its case.
    """
    seeds = tuple(target.seeds())
    # Once without looking, so that what is made on first use counts for no input.
    for data in seeds:
        give(target, data, measured=False)
    for data in seeds:
        give(target, data, measured=True)
    number = -1
    for number in bound.numbers():
        data = case(target, seeds, seed, number)
        try:
            give(target, data, measured=number % SAMPLE == 0)
        except Failed as failed:
            raise Failed(f"seed {seed!r}, case {number}: {failed}") from None
    return number + 1


def corpus(target: Target) -> list[tuple[Path, bytes]]:
    """The inputs kept for a target, each with its file; lines that begin with # say what it is."""
    found = []
    for path in sorted((CORPUS / target.name).glob("*.hex")):
        lines = path.read_text().splitlines()
        found.append(
            (path, bytes.fromhex("".join(line for line in lines if not line.startswith("#"))))
        )
    return found
