"""
What each address may have written into the log: a flood must not fill that as well.

Nothing is logged here; who logs asks first.
"""

from __future__ import annotations

from collections.abc import Hashable

from twisted.internet.interfaces import IReactorTime

SECONDS = 60.0
"""Between two lines about one address: who is refused may come back at once, and again."""

MAX_ADDRESSES = 1024
"""Addresses of which that is known, and so lines in that time; any more are left unsaid."""


class LogShare:
    """
    One line for each address in a minute.

    :param clock: the reactor.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        # When each address had its last line, the oldest first, and how many it went without since.
        self._said: dict[Hashable, float] = {}
        self._unsaid: dict[Hashable, int] = {}

    def take(self, address: Hashable) -> str | None:
        """
        Ask for a line about an address.

        :returns: None if it is to be left unsaid, else what to add to it: how many about that
            address were left unsaid before it.
        """
        now = self._clock.seconds()
        last = self._said.get(address)
        if last is not None and now - last < SECONDS:
            self._unsaid[address] = self._unsaid.get(address, 0) + 1
            return None
        if last is None and len(self._said) >= MAX_ADDRESSES:
            oldest = next(iter(self._said))
            if now - self._said[oldest] < SECONDS:
                return None
            self._forget(oldest)
        unsaid = self._forget(address)
        self._said[address] = now
        return f" ({unsaid} more of it left unsaid before)" if unsaid else ""

    def _forget(self, address: Hashable) -> int:
        self._said.pop(address, None)
        return self._unsaid.pop(address, 0)
