"""
Two servers for the same tests: a scripted one, and the product's own with a handler that is fake.

Both listen on a `MemoryNetwork` and call back over it; both answer the 20 requests as
`canned` says.
"""

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from zope.interface import implementer

from tapiproxy.client.connect import connect
from tapiproxy.client.telephony import TelephonyClient
from tapiproxy.dcerpc.client import connect as connectRPC
from tapiproxy.dcerpc.interface import Fault, Interface
from tapiproxy.dcerpc.security import IAuthenticationService, ISecurityContext
from tapiproxy.dcerpc.server import ServerFactory
from tapiproxy.errors import TAPIError
from tapiproxy.interfaces import IAgentProxyHandler, ICallCenterProxyHandler
from tapiproxy.proxy.broker import Assignment, Broker
from tapiproxy.proxy.lines import StaticLines, staticLine
from tapiproxy.tapi import lineerr
from tapiproxy.tapi.agentstructs import LINEPROXYREQUESTLIST
from tapiproxy.tapi.linestructs import LINEADDRESSCAPS, LINEDEVCAPS
from tapiproxy.tapi.proxymessages import LINE_AGENTSESSIONSTATUS
from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS
from tapiproxy.trp import completions, events, idl, templates
from tapiproxy.trp.events import Recipient
from tapiproxy.trp.remotesp import parseMachine, tcpConnector
from tapiproxy.trp.requests import agent, generic, line
from tapiproxy.trp.server import TelephonyServer
from tests.client.canned import ANSWERS, H_SESSION, PIN
from tests.client.network import MemoryNetwork

HOST = "192.0.2.10"
PORT = 135

REMOTESP = Interface(idl.REMOTESP, idl.REMOTESP_VERSION, {}, idl.TRANSFER_SYNTAXES)
NEW_SESSION = LINE_AGENTSESSIONSTATUS(hAgentSession=H_SESSION, dwAgentSessionStatus=1)


def answerTo(name: str, request: Any) -> Any:
    """
    What both servers' handlers say.

    :param request: an arm or a packet.
    :returns: a value, or a Deferred for agent 0xDEAD, which is thought about for ever.
    """
    if getattr(request, "hAgent", 0) == 0xDEAD:
        return Deferred()
    pin = getattr(request, "AgentPIN", None) or getattr(request, "lpszAgentPIN", None)
    if name == "CreateAgent" and pin != PIN:
        raise TAPIError(lineerr.LINEERR_INVALPASSWORD)
    return ANSWERS[name]


class ScriptedServer:
    """
    A server of one client, without rules: it answers everything well-formed, in NDR alone.

    :ivar requests: the packets that came.
    :ivar callBackFrom: the address that it calls back from; empty for its own.
    :ivar replyFirst: send LINE_REPLY before the acknowledgement.
    """

    def __init__(self, network: MemoryNetwork) -> None:
        self.network = network
        self.requests: list[Any] = []
        self.replyFirst = False
        self.callBack = True
        self.callBackFrom = ""
        self.attachResult = 0
        self._callback: Any = None
        self._context = b""
        self._recipient = Recipient(0)
        interface = Interface(
            idl.TAPSRV,
            idl.TAPSRV_VERSION,
            {
                idl.ClientAttach: self._attach,
                idl.ClientRequest: self._request,
                idl.ClientDetach: self._detach,
            },
        )
        self.factory = ServerFactory(network, [interface])  # type: ignore[arg-type]  # a Clock
        network.listenTCP(PORT, self.factory, interface=HOST)

    def _attach(self, call: Any, data: bytes, start: int, end: int) -> None:
        machine = parseMachine(idl.decodeClientAttach(data, start, end).pszMachine)
        call.connection.setAttached(True)
        if self.attachResult or not self.callBack:
            call.respond(idl.encodeClientAttachReply(idl.NO_CONTEXT, 0xA5C369A5, self.attachResult))
            return
        Deferred.fromCoroutine(self._callBack(call, machine.ports[0]))

    async def _callBack(self, call: Any, port: int) -> None:
        # Whoever connects to an address comes from it, in this network.
        peer = self.callBackFrom or call.connection.peer.host
        self._callback = await connectRPC(self.network, peer, port, REMOTESP, 3)  # type: ignore[arg-type]  # a Clock
        try:
            stub = await self._callback.call(idl.RemoteSPAttach, idl.encodeRemoteSPAttach(), 3)
        except Fault:
            refused = lineerr.LINEERR_OPERATIONFAILED
            call.respond(idl.encodeClientAttachReply(idl.NO_CONTEXT, 0xA5C369A5, refused))
            return
        self._context = idl.decodeRemoteSPAttachReply(stub, 0, len(stub)).phContext
        call.respond(idl.encodeClientAttachReply(b"\0\0\0\0" + bytes(range(16)), 0xA5C369A5, 0))

    def push(self, pBuffer: bytes) -> "Deferred[bytes]":
        """Call RemoteSPEventProc."""
        result: Deferred[bytes] = self._callback.call(
            idl.RemoteSPEventProc, idl.encodeRemoteSPEventProc(self._context, pBuffer), 10
        )
        return result

    def _event(self, event: Any) -> None:
        self.push(events.encode(event, self._recipient)).addErrback(lambda failure: None)

    def _request(self, call: Any, data: bytes, start: int, end: int) -> bytes | None:
        _, begin, used, needed = idl.decodeClientRequest(data, start, end)
        packet = templates.decodeRequest(data, begin, begin + used)
        self.requests.append(packet)
        if packet.completes == templates.NOW:
            return idl.encodeClientRequestReply(self._now(packet), needed)
        acknowledgement = idl.encodeClientRequestReply(
            templates.acknowledgement(data, begin, begin + used, packet.dwRequestID), needed
        )
        if self.replyFirst:
            self._reply(packet).addCallback(lambda _: call.respond(acknowledgement))
            return None
        call.connection.afterSent(lambda: self._reply(packet))
        return acknowledgement

    def _now(self, packet: Any) -> bytes:
        changes: dict[str, Any] = {}
        if isinstance(packet, line.Initialize):
            self._recipient = Recipient(packet.InitContext)
            changes = {"hLineApp": 1, "dwNumDevs": 1}
        elif isinstance(packet, line.NegotiateAPIVersion):
            changes = {"dwNegotiatedVersion": 0x00020002, "ExtensionID": bytes(16)}
        elif isinstance(packet, generic.NegotiateAPIVersionForAllDevices):
            changes = {
                "dwLineAPIVersionListOffset": (0x00020002).to_bytes(4, "little"),
                "dwLineExtensionIDListOffset": bytes(16),
                "dwPhoneAPIVersionListOffset": 0,
                "dwPhoneExtensionIDListOffset": 0,
            }
        elif isinstance(packet, line.GetDevCaps):
            changes = {"lpLineDevCaps": LINEDEVCAPS(LineName="Line 1", dwNumAddresses=1)}
        elif isinstance(packet, line.GetAddressCaps):
            changes = {"lpAddressCaps": LINEADDRESSCAPS(Address="1000")}
        elif isinstance(packet, agent.GetProxyStatus):
            types = tuple(row.requestType for row in PROXY_REQUESTS)
            changes = {"lpLineProxyRequestList": LINEPROXYREQUESTLIST(List=types)}
        elif isinstance(packet, line.Open):
            self._recipient = evolve(self._recipient, hDevice=packet.hRemoteLine)
            changes = {"hLine": 2}
        return templates.encodeReply(evolve(packet, **changes), 0, packet, 0x00020002)

    def _reply(self, packet: Any) -> "Deferred[Any]":
        name = type(packet).__name__
        code = 0
        value = None
        try:
            value = answerTo(name, packet)
        except TAPIError as error:
            code = error.code
        if isinstance(value, Deferred):
            return value
        done = self.push(
            completions.encode(packet, packet.dwRequestID, self._recipient, code, value, 0x00020002)
        )
        done.addErrback(lambda failure: None)
        if name == "CreateAgentSession":
            self._event(NEW_SESSION)
        return done

    def _detach(self, call: Any, data: bytes, start: int, end: int) -> bytes:
        said = self._callback.call(idl.RemoteSPDetach, idl.encodeRemoteSPDetach(self._context), 2)
        said.addBoth(lambda result: self._callback.close())
        return idl.encodeClientDetachReply()


@implementer(IAgentProxyHandler, ICallCenterProxyHandler)
class CannedHandler:
    """All twenty methods, as `canned` says."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def __getattr__(self, name: str) -> Any:
        row = next((row for row in PROXY_REQUESTS if row.method == name), None)
        if row is None:
            raise AttributeError(name)

        def method(request: Any) -> Any:
            answer = answerTo(row.name, request)
            if row.name == "CreateAgentSession" and not isinstance(answer, Deferred):
                self._broker.proxyMessage("canned", request.line, NEW_SESSION)
            return answer

        return method


class RealServer:
    """
    The product's server: runtime, session and broker, with the canned handler behind.

    :param authentication: who may come in; None for everybody.
    :param newContext: gives the initiators of its call-backs; None to call back as nobody.
    :param required: refuse clients that do not take that.
    :param port: where it listens.
    """

    def __init__(
        self,
        network: MemoryNetwork,
        authentication: IAuthenticationService | None = None,
        newContext: Callable[[str, str], ISecurityContext] | None = None,
        required: bool = True,
        port: int = PORT,
    ) -> None:
        broker = Broker()
        only = staticLine("Line 1", ("1000",))
        broker.assign([Assignment(line=only, handler="canned")])
        broker.addHandler("canned", CannedHandler(broker))
        self.broker = broker

        clock: Any = network
        self.telephony = TelephonyServer(
            clock,
            StaticLines((only,)),
            broker,
            tcpConnector(clock, newContext),
            otherwise=None if required else tcpConnector(clock),
        )
        self.factory = ServerFactory(clock, [self.telephony.interface], authentication)
        network.listenTCP(port, self.factory, interface=HOST)


class Application:
    """
    A client on the network, and what it was told.

    :ivar events: in order.
    """

    def __init__(self, network: MemoryNetwork) -> None:
        self.network = network
        self.events: list[Any] = []
        self.passed: list[Any] = []

    def result(self, deferred: "Deferred[Any]") -> Any:
        """Let the network come to rest and give the result, or raise."""
        found: list[Any] = []
        deferred.addBoth(found.append)
        self.network.flush()
        if not found:
            raise AssertionError("nothing came")
        if hasattr(found[0], "raiseException"):
            found[0].raiseException()
        return found[0]

    def connecting(
        self,
        newContext: Callable[[str], ISecurityContext] | None = None,
        servers: IAuthenticationService | None = None,
    ) -> "Deferred[TelephonyClient]":
        """Begin to attach."""
        return connect(
            self.network,  # type: ignore[arg-type]  # a Clock
            HOST,
            PORT,
            onEvent=lambda event, hRemoteLine: self.events.append(event),
            observer=self.passed.append,
            newContext=newContext,
            servers=servers,
        )

    def connect(
        self,
        newContext: Callable[[str], ISecurityContext] | None = None,
        servers: IAuthenticationService | None = None,
    ) -> TelephonyClient:
        """Attach."""
        client: TelephonyClient = self.result(self.connecting(newContext, servers))
        return client
