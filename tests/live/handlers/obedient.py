"""
A handler for live tests, as a third party ships one: it does what AgentSpecific tells it.

The parameter block is a word.  ``close`` and ``open`` change what is available, ``answer`` answers
the oldest CreateAgent, which is otherwise kept waiting; ``fail`` fails it with an exception.
"""

from twisted.internet.defer import Deferred
from zope.interface import implementer

from tapiproxy.errors import OperationUnavailable
from tapiproxy.interfaces import (
    IAgentProxyHandler,
    ICallCenterProxyHandler,
    IProxyHandlerFactory,
)

ALL = range(1, 21)
LINEPROXYREQUEST_AGENTSPECIFIC = 6


@implementer(IAgentProxyHandler, ICallCenterProxyHandler)
class ObedientHandler:
    def __init__(self, host):
        self.host = host
        self.waiting = []

    def createAgent(self, request):
        deferred = Deferred()
        self.waiting.append(deferred)
        return deferred

    def agentSpecific(self, request):
        match request.Params.rstrip(b"\0"):
            case b"close":
                self.host.setAvailable({LINEPROXYREQUEST_AGENTSPECIFIC})
            case b"open":
                self.host.setAvailable(ALL)
            case b"answer":
                self.waiting.pop(0).callback(0x1001)
            case b"fail":
                self.waiting.pop(0).errback(RuntimeError("a secret of the handler"))

    def _nothing(self, request):
        raise OperationUnavailable("this handler has nothing to tell")

    setAgentGroup = setAgentState = setAgentActivity = getAgentCaps = getAgentStatus = _nothing
    getAgentActivityList = getAgentGroupList = setAgentMeasurementPeriod = getAgentInfo = _nothing
    createAgentSession = getAgentSessionList = getAgentSessionInfo = _nothing
    setAgentSessionState = getQueueList = setQueueMeasurementPeriod = getQueueInfo = _nothing
    getGroupList = setAgentStateEx = _nothing


@implementer(IProxyHandlerFactory)
class ObedientHandlerFactory:
    handlerName = "obedient"
    handlerHelp = "does what AgentSpecific tells it"
    argStringFormat = ""

    def makeHandler(self, argString, host):
        return ObedientHandler(host)


obedient = ObedientHandlerFactory()
