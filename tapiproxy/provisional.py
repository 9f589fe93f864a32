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
    :ivar provided: the request types that the handler answers, None while it is being made.
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
        self.provided: frozenset[int] | None = None
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
            return
        # Refused now, as any host does: when the configuration is in force it is too late.
        types, chosen = frozenset(requestTypes), None if lines is ALL_LINES else tuple(lines)
        if self.provided is not None and not types <= self.provided:
            raise ValueError(
                f"request types {sorted(types - self.provided)} are not provided by "
                f"handler {self.name!r}"
            )
        names = {line.name for line in self._upcoming}
        for line in chosen or ():
            if getattr(line, "name", None) not in names:
                raise ValueError(f"{line!r} is not a line of handler {self.name!r}")
        self._kept.append((types, chosen))

    def commit(self) -> None:
        """Become an ordinary host: the broker has the lines and the handler now."""
        self._upcoming = None
        for requestTypes, lines in self._kept:
            # What was said while it was made was not held against what it provides.
            provided = requestTypes if self.provided is None else requestTypes & self.provided
            super().setAvailable(provided, lines)
        self._kept.clear()
