"""
The conformance kit: what every handler is held to, for its author to run.

In a test module of the handler's own::

    from tapiproxy.interfaces import IAgentProxyHandler, ICallCenterProxyHandler
    from tapiproxy.testing import KnownAgent, makeProxyHandlerTests

    MyHandlerTests = makeProxyHandlerTests(
        myplugin.factory,
        provides=(IAgentProxyHandler, ICallCenterProxyHandler),
        agent=KnownAgent(AgentID="1001", AgentPIN="1234"),
    )

The class is a ``twisted.trial`` TestCase: ``trial`` and ``pytest`` run it.  It makes the handler
anew for each test, asks it everything that it answers, and says in words what a client or the
server would have met.  What the answers should contain is for the author's own tests, for which
`FakeProxyHost` and `makeRequest` are here.
"""

from collections.abc import Callable, Mapping
from typing import Any

from zope.interface.interface import InterfaceClass

from tapiproxy.conformance import ProxyHandlerTests
from tapiproxy.fakes import (
    FakeAddress,
    FakeClient,
    FakeLine,
    FakePrincipal,
    FakeProxyHost,
    FakeRequestContext,
    makeRequest,
)
from tapiproxy.samplerequests import KnownAgent
from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS

__all__ = [
    "FakeAddress",
    "FakeClient",
    "FakeLine",
    "FakePrincipal",
    "FakeProxyHost",
    "FakeRequestContext",
    "KnownAgent",
    "makeProxyHandlerTests",
    "makeRequest",
]


def makeProxyHandlerTests(
    factory: object,
    provides: tuple[InterfaceClass, ...],
    *,
    argString: str = "",
    options: Mapping[str, Any] | None = None,
    lines: tuple[Any, ...] = (FakeLine(),),
    agent: KnownAgent | None = None,
    makeReactor: Callable[[], Any] | None = None,
    name: str = "ConformanceTests",
) -> type[ProxyHandlerTests]:
    """
    Make the test case that a handler has to pass.

    :param factory: the plugin object, an `tapiproxy.interfaces.IProxyHandlerFactory`.
    :param provides: the handler interfaces that the handler is meant to provide.
    :param argString: what ``makeHandler`` is given.
    :param options: what ``host.options`` is to be.
    :param lines: the lines of the host.
    :param agent: somebody whom the handler knows; without it any id is taken to be good.
    :param makeReactor: makes ``host.reactor`` for each test.  Without it that is a
        ``twisted.internet.task.Clock``, which the kit moves on; a handler that needs threads or
        connections gives the real reactor here, and its tests then take real time.
    :param name: the class's name, for reports.
    """
    attributes: dict[str, Any] = {
        "__doc__": f"What every handler is held to, here that of {type(factory).__name__}.",
        "factory": staticmethod(lambda: factory),
        "provides": provides,
        "argString": argString,
        "options": dict(options or {}),
        "lines": lines,
        "agent": agent or KnownAgent(),
    }
    if makeReactor is not None:
        attributes["makeReactor"] = staticmethod(makeReactor)
    methods = {method for interface in provides for method in interface.names()}
    for row in PROXY_REQUESTS:
        if row.method in methods:
            attributes[f"test_{row.method}"] = _requestTest(row.method)
    return type(name, (ProxyHandlerTests,), attributes)


def _requestTest(method: str) -> Callable[[ProxyHandlerTests], Any]:
    def test(self: ProxyHandlerTests) -> Any:
        return self.checkRequest(method)

    test.__name__ = f"test_{method}"
    test.__doc__ = f"{method} answers a request with what it should, or refuses it properly."
    return test
