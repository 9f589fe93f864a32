"""
What the session layer asks of the broker, and what the broker asks of it.

The broker (``tapiproxy.proxy``) is above: it is handed in, and these are the shapes that it has and
that it sees.  A line and what a client may know of itself go up; no handle does.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from attrs import frozen

from tapiproxy.interfaces import ILine, IPrincipal
from tapiproxy.tapi.proxymessages import ProxyMessage
from tapiproxy.trp.events import LINE_PROXYSTATUS
from tapiproxy.trp.pending import Service

__all__ = [
    "Broker",
    "ClientToken",
    "Listener",
    "ProxyService",
    "RequestContext",
    "Requester",
]


class ClientToken:
    """
    What a handler knows one open line of one application by: opaque and hashable.

    :param description: for logs: ``"PC-1 #2 line 'Sales'"``.
    """

    __slots__ = ("_description",)

    def __init__(self, description: str) -> None:
        self._description = description

    def __repr__(self) -> str:
        return f"<client {self._description}>"


@frozen
class Requester:
    """
    Who asks, as a handler sees it: made once for a handle.

    :ivar client: None for an HLINEAPP (GetAgentCaps).
    """

    line: ILine
    client: ClientToken | None
    principal: IPrincipal
    clientMachineName: str
    clientUserName: str
    dwClientAppAPIVersion: int


class RequestContext:
    """
    What one request carries to the handler: `tapiproxy.tapi.proxyrequest.RequestContext`.

    :param requester: who asks.
    :param deadline: in seconds of the reactor.
    """

    __slots__ = ("_requester", "deadline")

    def __init__(self, requester: Requester, deadline: float) -> None:
        self._requester = requester
        self.deadline = deadline

    @property
    def line(self) -> ILine:
        """The line that the request is for."""
        return self._requester.line

    @property
    def client(self) -> ClientToken | None:
        """The open line of one application; None for GetAgentCaps."""
        return self._requester.client

    @property
    def principal(self) -> IPrincipal:
        """Who is at the other end."""
        return self._requester.principal

    @property
    def clientMachineName(self) -> str:
        """The client's computer, as it says."""
        return self._requester.clientMachineName

    @property
    def clientUserName(self) -> str:
        """The client's user, as it says."""
        return self._requester.clientUserName

    @property
    def dwClientAppAPIVersion(self) -> int:
        """The TAPI version that was negotiated."""
        return self._requester.dwClientAppAPIVersion


class ProxyService(Service, Protocol):
    """The proxy handler of one line, one object for as long as the line is there."""

    @property
    def registered(self) -> bool:
        """Whether the line has a handler at all."""

    def handles(self, Req_Func: int) -> bool:
        """Tell whether the handler answers a request now."""

    def requestTypes(self) -> tuple[int, ...]:
        """Name what it answers now, LINEPROXYREQUEST_Constants in ascending order."""


class Listener(Protocol):
    """What the broker tells the session layer."""

    def proxyMessage(self, lines: Iterable[ILine], message: ProxyMessage) -> None:
        """Send an event of a handler to whoever has the lines open."""

    def proxyStatusChanged(self, line: ILine, changes: Iterable[LINE_PROXYSTATUS]) -> None:
        """Tell whoever has the line open what can be asked now."""

    def handlerRemoved(self, service: Service) -> None:
        """End what the handler of a line has not answered."""


class Broker(Protocol):
    """The broker as the session layer sees it."""

    def listen(self, listener: Listener) -> None:
        """Take who is told of messages and changes."""

    def service(self, line: ILine) -> ProxyService:
        """Find the handler of a line; a line without has one that handles nothing."""

    def clientOpened(self, client: ClientToken, line: ILine, principal: IPrincipal) -> None:
        """Say that an application opened a line."""

    def clientClosed(self, client: ClientToken, reason: str) -> None:
        """Say that it closed the line, detached or was lost; see `IClientObserver`."""

    def status(self) -> dict[str, Any]:
        """Describe handlers for ``tapiproxy status``."""
