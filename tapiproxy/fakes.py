"""
Stand-ins for what a handler meets in a server: host, lines, principals, requests.

Public through `tapiproxy.testing`.  The host refuses what the server's own refuses, with the same
errors, so that a handler that passes with one passes with the other.
"""

import itertools
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import Factory, define, field, frozen
from twisted.internet import task
from zope.interface import implementer

from tapiproxy import interfaces, verify
from tapiproxy.tapi.proxymessages import PROXY_MESSAGES, ProxyMessage
from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS, Arm
from tapiproxy.tapi.versions import TAPI_3_1

__all__ = [
    "FakeAddress",
    "FakeClient",
    "FakeLine",
    "FakePrincipal",
    "FakeProxyHost",
    "FakeRequestContext",
    "makeRequest",
]

_ROWS = {row.method: row for row in PROXY_REQUESTS}
_numbers = itertools.count(1)


@implementer(interfaces.IPrincipal)
@frozen
class FakePrincipal:
    """Who is at the other end: nobody in particular, unless told."""

    name: str = ""
    groups: frozenset[str] = frozenset()


@implementer(interfaces.IAddress)
@frozen
class FakeAddress:
    """An address of a line."""

    dwAddressID: int
    address: str


@implementer(interfaces.ILine)
@frozen
class FakeLine:
    """A line of one address, unless told."""

    name: str = "Line 1"
    addresses: tuple[FakeAddress, ...] = (FakeAddress(0, "1000"),)
    dwPermanentLineID: int = 1


@frozen(eq=False)
class FakeClient:
    """One open line of one application: opaque and hashable, as handlers see it."""

    number: int = Factory(lambda: next(_numbers))


@frozen
class FakeRequestContext:
    """What every request carries beside its own members."""

    line: Any
    client: Any
    principal: Any
    clientMachineName: str
    clientUserName: str
    dwClientAppAPIVersion: int
    deadline: float


@implementer(interfaces.IProxyHost)
@define(eq=False)
class FakeProxyHost:
    """
    A host that keeps what a handler tells it.

    :ivar messages: (line, message) in the order of ``proxyMessage``.
    :ivar available: request types by line name, as ``setAvailable`` said; a line on which it said
        nothing is missing.
    :ivar handler: set it to the handler, so that request types are held against what it provides.
    """

    lines: tuple[Any, ...] = (FakeLine(),)
    reactor: Any = Factory(task.Clock)
    options: Mapping[str, Any] = Factory(dict)
    name: str = "test"
    dataDirectory: Path = field()
    handler: Any = None
    messages: list[tuple[Any, ProxyMessage]] = field(factory=list, init=False)
    available: dict[str, frozenset[int]] = field(factory=dict, init=False)

    @dataDirectory.default
    def _ownFolder(self) -> Path:
        folder = tempfile.mkdtemp(prefix="tapiproxy-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def proxyMessage(self, line: Any, message: ProxyMessage) -> None:
        """As `tapiproxy.interfaces.IProxyHost`."""
        if type(message) not in PROXY_MESSAGES:
            names = ", ".join(each.__name__ for each in PROXY_MESSAGES)
            raise TypeError(f"proxyMessage takes one of {names}, not {type(message).__name__}")
        self._own([line])
        self.messages.append((line, message))

    def setAvailable(
        self, requestTypes: Iterable[int], lines: Iterable[Any] | None = interfaces.ALL_LINES
    ) -> None:
        """As `tapiproxy.interfaces.IProxyHost`."""
        types = frozenset(requestTypes)
        provided = (
            frozenset(verify.REQUEST_TYPES.values())
            if self.handler is None
            else verify.providedRequestTypes(self.handler)
        )
        if not types <= provided:
            raise ValueError(
                f"setAvailable was given request types {sorted(types - provided)}, which the "
                "handler does not provide"
            )
        chosen = self.lines if lines is interfaces.ALL_LINES else tuple(lines)
        self._own(chosen)
        for line in chosen:
            self.available[line.name] = types

    def _own(self, lines: Iterable[Any]) -> None:
        for line in lines:
            if line not in self.lines:
                raise ValueError(f"{line!r} is not a line of handler {self.name!r}")


def makeRequest(
    method: str,
    host: FakeProxyHost,
    *,
    line: Any = None,
    client: Any = None,
    principal: Any = None,
    seconds: float = 5.0,
    version: int = TAPI_3_1,
    **members: Any,
) -> Arm:
    """
    Make the arm of a request, as a handler's method gets it.

    :param method: the handler's method, such as ``"createAgent"``.
    :param host: the handler's host.
    :param line: the host's first one without it.
    :param client: a new one without it; getAgentCaps has none.
    :param principal: nobody in particular without it.
    :param seconds: how far away the deadline is.
    :param version: the highest TAPI version that the application knows.
    :param members: the members of the arm, by name.
    """
    row = _ROWS[method]
    if client is None and method != "getAgentCaps":
        client = FakeClient()
    context = FakeRequestContext(
        line=host.lines[0] if line is None else line,
        client=client,
        principal=FakePrincipal() if principal is None else principal,
        clientMachineName="TESTPC",
        clientUserName="tester",
        dwClientAppAPIVersion=version,
        deadline=host.reactor.seconds() + seconds,
    )
    return row.arm(context, **members)
