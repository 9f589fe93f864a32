"""What handling an input costs: memory at its peak, and calls, which unlike time can be counted."""

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType

import attrs

__all__ = ["Cost", "Excess", "costOf"]


@attrs.frozen
class Cost:
    """
    A bound, or what was used.

    :ivar memory: octets allocated at the peak, beyond what was allocated before.
    :ivar calls: function calls, those of built-in functions included.
    """

    memory: int
    calls: int


class Excess(AssertionError):
    """An input costs more than is in proportion to its length."""


def costOf(act: Callable[[], object]) -> Cost:
    """
    Do something and find what it costs.

    Memory and calls are counted in one pass: both are the same on every run, which time is not.
    """
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return Cost(memory=peak - before, calls=calls)
