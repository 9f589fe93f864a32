"""
The built-in ACD as a handler: its requests, its life, its clients, its configuration.
"""

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from tapiproxy.interfaces import (
    IAgentProxyHandler,
    ICallCenterProxyHandler,
    IClientObserver,
    IControllable,
    IDemonstration,
    ILine,
    IPrincipal,
    IProxyHandlerLifecycle,
    IProxyHost,
    IReloadable,
)
from tapiproxy.plugins.acd.agentrequests import AgentRequests
from tapiproxy.plugins.acd.callcenterrequests import CallCenterRequests
from tapiproxy.plugins.acd.control import Verbs
from tapiproxy.plugins.acd.operation import Operation
from tapiproxy.plugins.acd.options import readSite
from tapiproxy.plugins.acd.site import Site
from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS

__all__ = ["ACDHandler"]

_REQUEST_TYPES = frozenset(each.requestType for each in PROXY_REQUESTS)


@implementer(
    IAgentProxyHandler,
    ICallCenterProxyHandler,
    IProxyHandlerLifecycle,
    IClientObserver,
    IReloadable,
    IControllable,
    IDemonstration,
)
class ACDHandler(AgentRequests, CallCenterRequests):
    """
    The built-in ACD.

    :param host: the handler's host.
    :param site: the configuration.
    :param epoch: as in `operation.Operation`.
    """

    def __init__(self, host: IProxyHost, site: Site, epoch: float | None = None) -> None:
        super().__init__(Operation(host, site, _REQUEST_TYPES, epoch))

    @property
    def demo(self) -> bool:
        """Whether this is the demo site."""
        return self.operation.site.demo

    def start(self) -> "Deferred[None]":
        """Open the log."""
        return self.operation.start()

    def stop(self) -> "Deferred[None]":
        """Close the log."""
        return self.operation.stop()

    def check(self, options: Mapping[str, object]) -> None:
        """Read the options without using them."""
        readSite(options)

    def reload(self, options: Mapping[str, object]) -> None:
        """Use other options."""
        self.operation.useSite(readSite(options))

    def controlVerbs(self) -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
        """``feed`` and ``recompute``."""
        return Verbs(self.operation).all()

    def clientOpened(self, client: object, line: ILine, principal: IPrincipal) -> None:
        """Nothing is known of its agents yet."""

    def clientClosed(self, client: object, reason: str) -> None:
        """Whoever has no application any more is on his own from now."""
        operation = self.operation
        left = operation.attendance.leave(client)
        if not left or not operation.open:
            return
        now, agents = operation.now(), operation.centre.model.agents
        for name in left:
            # What a failed commit has undone is not there any more.
            if name in agents:
                operation.centre.unattend(agents[name], now)
        operation.keep()
