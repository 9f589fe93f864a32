"""The built-in ACD and the kit for handlers."""

from tapiproxy.interfaces import IAgentProxyHandler, ICallCenterProxyHandler
from tapiproxy.plugins.acd import acd
from tapiproxy.testing import KnownAgent, makeProxyHandlerTests

ACDConformanceTests = makeProxyHandlerTests(
    acd,
    provides=(IAgentProxyHandler, ICallCenterProxyHandler),
    agent=KnownAgent(AgentID="1001", AgentPIN="1234", strict=True),
    name="ACDConformanceTests",
)
