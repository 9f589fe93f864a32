"""
What a handler may ask of the server: the one `IProxyHost` that is not a fake.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zope.interface import implementer

from tapiproxy.interfaces import ALL_LINES, ILine, IProxyHost
from tapiproxy.proxy.broker import Broker
from tapiproxy.tapi.proxymessages import ProxyMessage

__all__ = ["ProxyHost"]


@implementer(IProxyHost)
class ProxyHost:
    """
    The host of one configured handler.

    :param name: as in the configuration.
    :param broker: where its lines are.
    :param reactor: time and connections.
    :param dataDirectory: the handler's own, which exists.
    :param options: the handler's keys of its table; a reload puts others here.
    """

    def __init__(
        self,
        name: str,
        broker: Broker,
        reactor: Any,
        dataDirectory: Path,
        options: Mapping[str, Any],
    ) -> None:
        self.name = name
        self.reactor = reactor
        self.dataDirectory = dataDirectory
        self.options = options
        self._broker = broker

    @property
    def lines(self) -> tuple[ILine, ...]:
        """The lines that name this handler now."""
        return self._broker.linesOf(self.name)

    def proxyMessage(self, line: ILine, message: ProxyMessage) -> None:
        """As `IProxyHost`."""
        self._broker.proxyMessage(self.name, line, message)

    def setAvailable(
        self, requestTypes: Iterable[int], lines: Iterable[ILine] | None = ALL_LINES
    ) -> None:
        """As `IProxyHost`."""
        self._broker.setAvailable(self.name, requestTypes, lines)
