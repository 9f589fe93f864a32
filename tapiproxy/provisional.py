"""
The host of a handler that joins a running server: it starts before anything of the new
configuration is in force, and sees its lines already.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zope.interface import implementer

from tapiproxy.interfaces import ALL_LINES, ILine, IProxyHost
from tapiproxy.proxy.broker import Broker
from tapiproxy.proxy.host import ProxyHost
from tapiproxy.tapi.proxymessages import ProxyMessage

__all__ = ["ProvisionalHost"]


@implementer(IProxyHost)
class ProvisionalHost(ProxyHost):
    """
    A host whose lines are not the broker's yet.

    Until `commit` nobody can have a line of the handler open: messages reach nobody, and what the
    handler says of its availability is kept.

    :param upcoming: the lines that will name the handler.
    """

    def __init__(
        self,
        name: str,
        broker: Broker,
        reactor: Any,
        dataDirectory: Path,
        options: Mapping[str, Any],
        upcoming: tuple[ILine, ...],
    ) -> None:
        super().__init__(name, broker, reactor, dataDirectory, options)
        self._upcoming: tuple[ILine, ...] | None = upcoming
        self._kept: list[tuple[frozenset[int], tuple[ILine, ...] | None]] = []

    @property
    def lines(self) -> tuple[ILine, ...]:
        """As `IProxyHost`."""
        return super().lines if self._upcoming is None else self._upcoming

    def proxyMessage(self, line: ILine, message: ProxyMessage) -> None:
        """As `IProxyHost`."""
        if self._upcoming is None:
            super().proxyMessage(line, message)

    def setAvailable(
        self, requestTypes: Iterable[int], lines: Iterable[ILine] | None = ALL_LINES
    ) -> None:
        """As `IProxyHost`."""
        if self._upcoming is None:
            super().setAvailable(requestTypes, lines)
        else:
            chosen = None if lines is ALL_LINES else tuple(lines)
            self._kept.append((frozenset(requestTypes), chosen))

    def commit(self) -> None:
        """Become an ordinary host: the broker has the lines and the handler now."""
        self._upcoming = None
        for requestTypes, lines in self._kept:
            super().setAvailable(requestTypes, lines)
        self._kept.clear()
