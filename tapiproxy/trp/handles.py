"""
The handle table of one client.  [MS-TRP] 2.2.2

A handle is found only through the client that it was given to, so no client can name another's.
"""

from typing import Generic, TypeVar

__all__ = ["HandleNumbers", "HandleTable"]

T = TypeVar("T")

#: The first handle: above every device and address identifier, so that mixing them up shows.
_FIRST = 0x00010000
_LAST = 0x7FFFFFFF


class HandleNumbers:
    """
    Gives out numbers for the handles of one client.

    All its tables share one series: a number that is an HLINE is no HLINEAPP, and one that was
    closed comes back only after two thousand million others.
    """

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = _FIRST

    def draw(self) -> int:
        """Give the next number, never 0 and never 0xFFFFFFFF (TAPI_NO_DATA)."""
        number = self._next
        self._next = number + 1 if number < _LAST else _FIRST
        return number


class HandleTable(dict[int, T], Generic[T]):
    """
    The handles of one kind (HLINEAPP, HLINE, HPHONEAPP) that a client has.

    A dict, because resolving a handle is on the path of every request.

    :param numbers: the client's series.
    """

    __slots__ = ("_numbers",)

    def __init__(self, numbers: HandleNumbers) -> None:
        super().__init__()
        self._numbers = numbers

    def reserve(self) -> int:
        """Draw a number that no entry of this table has (the series may have gone round)."""
        number = self._numbers.draw()
        while number in self:
            number = self._numbers.draw()
        return number
