"""
A telephony server with its broker, driven by bytes through tapsrv's own entry; no sockets.

``Harness`` is the server, an ``Application`` one attached client of it with a call-back that it
answers itself.  ``FakeHandler`` provides all twenty requests and answers as told.
"""

import uuid
from collections.abc import Callable
from typing import Any

from attrs import define, frozen
from twisted.internet import task
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from zope.interface import implementer

from tapiproxy.dcerpc.contexthandles import AssociationGroup
from tapiproxy.dcerpc.interface import RPC_C_AUTHN_LEVEL_NONE, Fault
from tapiproxy.dcerpc.ndr import NDR
from tapiproxy.interfaces import (
    IAgentProxyHandler,
    ICallCenterProxyHandler,
    IClientObserver,
)
from tapiproxy.proxy.broker import Assignment, Broker
from tapiproxy.proxy.host import ProxyHost
from tapiproxy.proxy.lines import StaticLine, StaticLines, staticLine
from tapiproxy.tapi import agentstructs as structs
from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS
from tapiproxy.tapi.versions import TAPI_3_1
from tapiproxy.trp import idl, templates
from tapiproxy.trp.events import ASYNCEVENTMSG, LINE_REPLY, decodeList
from tapiproxy.trp.principals import Principal
from tapiproxy.trp.requests import agent, line, phone
from tapiproxy.trp.server import TelephonyServer
from tapiproxy.trp.settings import Settings

GROUP = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
ALICE = Principal("DOM\\alice", frozenset({"Agents"}))

#: What a client on PC-1 says in ClientAttach.
MACHINE = 'PC-1"ncacn_ip_tcp"45001"\0'.rstrip("\0")


@frozen
class Peer:
    """An address as ``transport.getPeer()`` gives it."""

    host: str = "192.0.2.1"
    port: int = 49152


class FakeConnection:
    """
    The runtime's side of one tapsrv connection.

    :ivar blocked: what was sent does not leave: ``afterSent`` waits for `unblock`.
    """

    def __init__(self, group: AssociationGroup, principal: Any = None) -> None:
        self.peer = Peer()
        self.group = group
        self.principal = principal
        self.authLevel = RPC_C_AUTHN_LEVEL_NONE
        self.mechanism = ""
        self.attached = False
        self.aborted = ""
        self.blocked = False
        self.receiving = False
        self._sent: list[Callable[[], object]] = []
        self._lost: list[Callable[[], object]] = []
        group.connections.append(self)

    def afterSent(self, f: Callable[[], object]) -> None:
        self._sent.append(f)
        if not self.receiving:
            self.sent()

    def sent(self) -> None:
        """What was written has left, unless the connection is blocked."""
        if not self.blocked:
            waiting, self._sent = self._sent, []
            for f in waiting:
                f()

    def unblock(self) -> None:
        self.blocked = False
        self.sent()

    def onLost(self, f: Callable[[], object]) -> None:
        self._lost.append(f)

    @property
    def waiting(self) -> int:
        """How many things are to be called when it goes."""
        return len(self._lost)

    def setAttached(self, attached: bool) -> None:
        self.attached = attached

    def abort(self, reason: str) -> None:
        if not self.aborted:
            self.aborted = reason
            self.lose()

    def lose(self) -> None:
        """The connection has gone; with the group's last the handles are run down."""
        if self in self.group.connections:
            self.group.connections.remove(self)
        self.blocked = False
        self.sent()
        lost, self._lost = self._lost, []
        if not self.group.connections:
            self.group.handles.runDown(lambda: None)
        for f in lost:
            f()


class FakeCall:
    """One request of a connection."""

    littleEndian = True
    transferSyntax = NDR

    def __init__(self, connection: FakeConnection) -> None:
        self.connection = connection
        self.principal = connection.principal
        self.authLevel = connection.authLevel
        self.mechanism = connection.mechanism
        self.answers: list[bytes] = []
        self.faults: list[int] = []

    def respond(self, stub: bytes) -> None:
        self.answers.append(stub)

    def fault(self, status: int) -> None:
        self.faults.append(status)


class FakeCallback:
    """
    A client's remotesp endpoint, from the server's side of the connection.

    :ivar buffers: the pBuffers of RemoteSPEventProc, in order.
    :ivar answering: answer each call in the next turn of `Application.settle`.
    """

    CONTEXT = bytes(4) + b"remotesp context".ljust(16)
    littleEndian = True
    transferSyntax = NDR

    def __init__(self) -> None:
        self.buffers: list[bytes] = []
        self.detached = 0
        self.closed = False
        self.answering = True
        self.attachResult = 0
        self.receiver: Any = None
        self._lost: list[Callable[[], object]] = []

    def call(self, opnum: int, stub: bytes, deadline: float) -> Deferred[bytes]:
        if opnum == idl.RemoteSPAttach:
            return succeed(idl.encodeRemoteSPAttachReply(self.CONTEXT, self.attachResult))
        assert opnum == idl.RemoteSPDetach
        assert stub == self.CONTEXT
        self.detached += 1
        return succeed(idl.encodeRemoteSPDetachReply())

    def request(self, opnum: int, stub: bytes, receiver: Any) -> None:
        assert opnum == idl.RemoteSPEventProc
        assert self.receiver is None, "one call is in flight at most"
        context, start, size = idl.decodeRemoteSPEventProc(stub, 0, len(stub))
        assert context == self.CONTEXT
        self.buffers.append(stub[start : start + size])
        self.receiver = receiver

    def answer(self) -> bool:
        """Answer the call in flight; whether there was one."""
        receiver, self.receiver = self.receiver, None
        if receiver is None:
            return False
        receiver.responded(b"", 0, 0)
        return True

    def onLost(self, f: Callable[[], object]) -> None:
        self._lost.append(f)

    def lose(self) -> None:
        """The connection breaks."""
        lost, self._lost = self._lost, []
        for f in lost:
            f()

    def close(self) -> None:
        self.closed = True


@implementer(IAgentProxyHandler, ICallCenterProxyHandler, IClientObserver)
class FakeHandler:
    """
    A handler that answers as ``answers`` says, by method name: a value, an exception to raise, or
    a callable of the request; by default with something of the right type.
    """

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.opened: list[Any] = []
        self.closed: list[Any] = []
        self.answers: dict[str, Any] = dict(DEFAULTS)

    def clientOpened(self, client: Any, line: Any, principal: Any) -> None:
        self.opened.append((client, line.name))

    def clientClosed(self, client: Any, reason: str) -> None:
        self.closed.append((client, reason))

    def _answer(self, method: str, request: Any) -> Any:
        self.requests.append(request)
        answer = self.answers.get(method)
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    def setAgentGroup(self, request: Any) -> Any:
        return self._answer("setAgentGroup", request)

    def setAgentState(self, request: Any) -> Any:
        return self._answer("setAgentState", request)

    def setAgentActivity(self, request: Any) -> Any:
        return self._answer("setAgentActivity", request)

    def getAgentCaps(self, request: Any) -> Any:
        return self._answer("getAgentCaps", request)

    def getAgentStatus(self, request: Any) -> Any:
        return self._answer("getAgentStatus", request)

    def agentSpecific(self, request: Any) -> Any:
        return self._answer("agentSpecific", request)

    def getAgentActivityList(self, request: Any) -> Any:
        return self._answer("getAgentActivityList", request)

    def getAgentGroupList(self, request: Any) -> Any:
        return self._answer("getAgentGroupList", request)

    def createAgent(self, request: Any) -> Any:
        return self._answer("createAgent", request)

    def setAgentMeasurementPeriod(self, request: Any) -> Any:
        return self._answer("setAgentMeasurementPeriod", request)

    def getAgentInfo(self, request: Any) -> Any:
        return self._answer("getAgentInfo", request)

    def createAgentSession(self, request: Any) -> Any:
        return self._answer("createAgentSession", request)

    def getAgentSessionList(self, request: Any) -> Any:
        return self._answer("getAgentSessionList", request)

    def getAgentSessionInfo(self, request: Any) -> Any:
        return self._answer("getAgentSessionInfo", request)

    def setAgentSessionState(self, request: Any) -> Any:
        return self._answer("setAgentSessionState", request)

    def getQueueList(self, request: Any) -> Any:
        return self._answer("getQueueList", request)

    def setQueueMeasurementPeriod(self, request: Any) -> Any:
        return self._answer("setQueueMeasurementPeriod", request)

    def getQueueInfo(self, request: Any) -> Any:
        return self._answer("getQueueInfo", request)

    def getGroupList(self, request: Any) -> Any:
        return self._answer("getGroupList", request)

    def setAgentStateEx(self, request: Any) -> Any:
        return self._answer("setAgentStateEx", request)


#: What FakeHandler answers unless told otherwise: handles, empty structs, None.
DEFAULTS: dict[str, Any] = {
    row.method: 0x7001 if row.result is int else row.result() if row.result else None
    for row in PROXY_REQUESTS
    if row.result is not bytes
}
DEFAULTS["getAgentGroupList"] = structs.LINEAGENTGROUPLIST(
    List=(structs.LINEAGENTGROUPENTRY(GroupID=GROUP, Name="Sales"),)
)

LINES = (
    staticLine("Sales", ("1000", "1001")),
    staticLine("Support", ("2000",)),
    staticLine("Bare", ("3000",)),
)
ASSIGNMENTS = (
    Assignment(line=LINES[0], handler="acd"),
    Assignment(line=LINES[1], handler="acd"),
    Assignment(line=LINES[2]),
)


class Application:
    """
    One client of a harness.

    :ivar connection: its (first) tapsrv connection.
    :ivar callback: its remotesp endpoint.
    :ivar context: from ClientAttach.
    :ivar hLineApp: from `initialize`.
    :ivar hLine: from `open`, the last one.
    """

    def __init__(self, harness: "Harness", principal: Any = None) -> None:
        self.harness = harness
        self.group = AssociationGroup(1, "peer")
        self.connection = FakeConnection(self.group, principal)
        self.callback = FakeCallback()
        self.context = idl.NO_CONTEXT
        self.hLineApp = 0
        self.hLine = 0
        self._taken = 0

    # Operations

    def call(self, opnum: int, stub: bytes, connection: FakeConnection | None = None) -> FakeCall:
        """Call an operation as the runtime does: afterwards the answer is sent."""
        connection = connection or self.connection
        call = FakeCall(connection)
        connection.receiving = True
        operation = self.harness.server.interface.operations[opnum]
        try:
            answer = operation(call, stub, 0, len(stub))
        except Fault as fault:
            call.fault(fault.status)
        else:
            if answer is not None:
                call.respond(answer)
        connection.receiving = False
        connection.sent()
        return call

    def attach(
        self, machine: str = MACHINE, user: str = "", lProcessID: int = -1
    ) -> idl.AttachReply:
        """ClientAttach, with the call-back that this application's fake answers."""
        call = self.attaching(machine, user, lProcessID)
        assert call.answers, "the call-back has not answered"
        return self.attachReply(call)

    def attaching(self, machine: str = MACHINE, user: str = "", lProcessID: int = -1) -> FakeCall:
        """ClientAttach, which may not be answered yet."""
        self.harness.endpoints.append(self.callback)
        stub = idl.encodeClientAttach(lProcessID, user, machine)
        return self.call(idl.ClientAttach, stub)

    def attachReply(self, call: FakeCall) -> idl.AttachReply:
        stub = call.answers[0]
        reply = idl.decodeClientAttachReply(stub, 0, len(stub))
        self.context = reply.phContext
        return reply

    def detach(self) -> FakeCall:
        return self.call(idl.ClientDetach, idl.encodeClientDetach(self.context))

    def rawCall(
        self, pBuffer: bytes, needed: int | None = None, connection: FakeConnection | None = None
    ) -> FakeCall:
        """ClientRequest with any octets; by default with room for a large answer."""
        needed = max(len(pBuffer), 4096) if needed is None else needed
        stub = idl.encodeClientRequest(self.context, pBuffer, needed)
        return self.call(idl.ClientRequest, stub, connection)

    def raw(
        self, pBuffer: bytes, needed: int | None = None, connection: FakeConnection | None = None
    ) -> bytes:
        """As `rawCall`; the answer's pBuffer."""
        call = self.rawCall(pBuffer, needed, connection)
        assert not call.faults, f"fault {call.faults[0]:#x}"
        (stub,) = call.answers
        start, used = idl.decodeClientRequestReply(stub, 0, len(stub))
        return stub[start : start + used]

    def request(
        self, message: Any, needed: int | None = None, version: int = TAPI_3_1
    ) -> templates.Reply[Any]:
        """Send a request; the reply, decoded."""
        answer = self.raw(templates.encodeRequest(message), needed)
        return templates.decodeReply(type(message), answer, version=version)

    def result(self, message: Any, needed: int | None = None) -> int:
        """Send a request; Ack_ReturnValue."""
        return int.from_bytes(self.raw(templates.encodeRequest(message), needed)[:4], "little")

    # The first steps of every client

    def initialize(self, InitContext: int = 0x1111, version: int = TAPI_3_1) -> int:
        """Initialize; the HLINEAPP."""
        reply = self.request(
            line.Initialize(
                InitContext=InitContext,
                dwFriendlyNameOffset="Agent",
                dwModuleNameOffset="agent.exe",
                dwAPIVersion=version,
            )
        )
        assert reply.result == 0, f"{reply.result:#x}"
        self.hLineApp = reply.message.hLineApp
        return self.hLineApp

    def open(
        self,
        dwDeviceID: int = 0,
        version: int = TAPI_3_1,
        OpenContext: int = 0x2222,
        hRemoteLine: int = 0,
        dwPrivileges: int = 2,
        **members: Any,
    ) -> int:
        """Open, to monitor; the HLINE."""
        reply = self.request(
            line.Open(
                hLineApp=self.hLineApp,
                dwDeviceID=dwDeviceID,
                dwNegotiatedVersion=version,
                OpenContext=OpenContext,
                dwPrivileges=dwPrivileges,
                hRemoteLine=hRemoteLine,
                **members,
            )
        )
        assert reply.result == 0, f"{reply.result:#x}"
        self.hLine = reply.message.hLine
        return self.hLine

    def ready(self) -> "Application":
        """Attach, Initialize and Open: as every request about agents needs it."""
        assert self.attach().result == 0
        self.initialize()
        self.open()
        self.events()
        return self

    # Events

    def settle(self) -> None:
        """Let the reactor turn and the call-back answer until nothing happens any more."""
        self.harness.clock.advance(0)
        while self.callback.answering and self.callback.answer():
            self.harness.clock.advance(0)

    def events(self) -> list[ASYNCEVENTMSG]:
        """What has been pushed since the last time, after settling."""
        self.settle()
        taken = b"".join(self.callback.buffers[self._taken :])
        self._taken = len(self.callback.buffers)
        return decodeList(taken)

    def replies(self) -> list[ASYNCEVENTMSG]:
        """The LINE_REPLYs among the events."""
        return [event for event in self.events() if event.Msg == LINE_REPLY]


@define
class Harness:
    """
    A server with a broker, three lines and a fake handler on two of them.

    :ivar clock: all the time there is.
    :ivar endpoints: the call-backs that the next connections find, one each; empty: refused.
    :ivar connects: the (host, port) that the server connected to.
    """

    clock: task.Clock
    handler: FakeHandler
    broker: Broker
    host: ProxyHost
    server: TelephonyServer
    endpoints: list[Any]
    connects: list[tuple[str, int]]

    def application(self, principal: Any = None) -> Application:
        """A client that has not attached yet."""
        return Application(self, principal)

    def outcomes(self) -> dict[str, int]:
        """Outcomes that are not 0."""
        return {k: v for k, v in self.server.status()["outcomes"].items() if v}


def makeHarness(
    settings: Settings | None = None,
    lines: tuple[StaticLine, ...] = LINES,
    assignments: tuple[Assignment, ...] = ASSIGNMENTS,
) -> Harness:
    """Build what the service builds, on a Clock."""
    clock = task.Clock()
    settings = settings or Settings()
    endpoints: list[Any] = []
    connects: list[tuple[str, int]] = []

    def connector(host: str, port: int, seconds: float, name: str) -> Deferred[Any]:
        connects.append((host, port))
        if not endpoints:
            return fail(ConnectionRefusedError())
        endpoint = endpoints.pop(0)
        return endpoint if isinstance(endpoint, Deferred) else succeed(endpoint)

    broker = Broker(settings)
    broker.assign(assignments)
    host = ProxyHost("acd", broker, clock, None, {})  # type: ignore[arg-type]  # no directory
    handler = FakeHandler()
    broker.addHandler("acd", handler)
    server = TelephonyServer(clock, StaticLines(lines), broker, connector, settings)
    return Harness(clock, handler, broker, host, server, endpoints, connects)


def accepted(app: Application) -> dict[int, Any]:
    """
    One request of each packet that is served, which a `ready` application gets accepted.

    Phone requests about a device are missing: there are no phones.

    :returns: by Req_Func.
    """
    lineApp, hLine = app.hLineApp, app.hLine
    room = 1024
    requests = [
        line.Initialize(dwFriendlyNameOffset="Agent", dwModuleNameOffset="agent.exe"),
        line.NegotiateAPIVersion(
            hLineApp=lineApp, dwVersion=0x10003, dwVersionCurrent=TAPI_3_1, ExtensionID=16
        ),
        line.GetDevCaps(hLineApp=lineApp, dwTSPIVersion=TAPI_3_1, lpLineDevCaps=room),
        line.GetAddressCaps(hLineApp=lineApp, dwTSPIVersion=TAPI_3_1, lpAddressCaps=room),
        line.Open(hLineApp=lineApp, dwNegotiatedVersion=TAPI_3_1, dwPrivileges=2),
        line.GetAddressID(hLine=hLine, dwAddressMode=2, lpsAddress="1000"),
        line.GetAddressStatus(hLine=hLine, lpAddressStatus=room),
        line.GetID(hLine=hLine, dwSelect=1, lpDeviceID=room, lpszDeviceClass="tapi/line"),
        line.GetLineDevStatus(hLine=hLine, lpLineDevStatus=room),
        line.GetNumAddressIDs(hLine=hLine),
        line.NegotiateExtVersion(hLineApp=lineApp, dwTSPIVersion=TAPI_3_1),
        line.SelectExtVersion(hLine=hLine),
        line.SetStatusMessages(hLine=hLine),
        agent.GetProxyStatus(
            hLineApp=lineApp, dwAppAPIVersion=TAPI_3_1, lpLineProxyRequestList=room
        ),
        agent.SetAgentGroup(hLine=hLine, lpAgentGroupList=structs.LINEAGENTGROUPLIST()),
        agent.SetAgentState(hLine=hLine, dwAgentState=4),
        agent.SetAgentActivity(hLine=hLine, dwActivityID=1),
        agent.GetAgentCaps(
            hLineApp=lineApp, dwAppAPIVersion=TAPI_3_1, lpAgentCapsSize=room, lpContext=7
        ),
        agent.GetAgentStatus(hLine=hLine, lpAgentStatusSize=room),
        agent.AgentSpecific(hLine=hLine, lpParams=b"ping"),
        agent.GetAgentActivityList(hLine=hLine, lpAgentActivityList=room),
        agent.GetAgentGroupList(hLine=hLine, lpAgentGroupListSize=room),
        agent.CreateAgent(hLine=hLine, lpszAgentID="1001", lpszAgentPIN="1234"),
        agent.SetAgentMeasurementPeriod(hLine=hLine, hAgent=1, dwMeasurementPeriod=60),
        agent.GetAgentInfo(hLine=hLine, hAgent=1, lpAgentInfo=room),
        agent.CreateAgentSession(hLine=hLine, hAgent=1, lpGroupID=GROUP),
        agent.GetAgentSessionList(hLine=hLine, hAgent=1, lpAgentSessionList=room),
        agent.SetAgentSessionState(hLine=hLine, hAgentSession=1, dwAgentSessionState=2),
        agent.GetAgentSessionInfo(hLine=hLine, hAgentSession=1, lpAgentSessionInfo=room),
        agent.GetQueueList(hLine=hLine, pGroupID=GROUP, lpQueueList=room),
        agent.SetQueueMeasurementPeriod(hLine=hLine, dwQueueID=1, dwMeasurementPeriod=60),
        agent.GetQueueInfo(hLine=hLine, dwQueueID=1, lpQueueInfo=room),
        agent.GetGroupList(hLine=hLine, lpAgentGroupListSize=room),
        agent.SetAgentStateEx(hLine=hLine, hAgent=1, dwAgentState=2),
        phone.Initialize(dwFriendlyNameOffset="Agent", dwModuleNameOffset="agent.exe"),
    ]
    return {request.Req_Func: request for request in requests}
