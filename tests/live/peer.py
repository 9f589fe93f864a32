"""
An agent application that shares no code with tapiproxy: impacket is its RPC runtime, both ways.

The stubs are written from the IDL of [MS-TRP] 6, the packets (``packets.py``) from the tables of
2.2, and nothing of ``tapiproxy`` is imported: a mistake that server and codec share must show
here.  What the packets mean is the tests' affair.
"""

import contextlib
import os
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from tests.live.packets import (
    LINE_REPLY,
    NO_DATA,
    Event,
    GetDevCaps,
    Initialize,
    Open,
    Reply,
    VarData,
    request,
    sizedText,
    splitEvents,
)

REASON = "impacket, the RPC implementation that drives the live tests, is not installed"
rpcrt = pytest.importorskip("impacket.dcerpc.v5.rpcrt", reason=REASON)
transport = pytest.importorskip("impacket.dcerpc.v5.transport", reason=REASON)
ndr = pytest.importorskip("impacket.dcerpc.v5.ndr", reason=REASON)
dtypes = pytest.importorskip("impacket.dcerpc.v5.dtypes", reason=REASON)
impacketUUID = pytest.importorskip("impacket.uuid", reason=REASON)

TAPSRV = ("2F5F6520-CA46-1067-B319-00DD010662DA", "1.0")
REMOTESP = ("2F5F6521-CA47-1068-B319-00DD010662DB", "1.0")

#: What ClientAttach gives for a server that knows NegotiateAPIVersionForAllDevices, 3.1.4.1.
ALL_DEVICES = 0xA5C369A5

#: Seconds that anything here waits for the server before the test fails.
PATIENCE = 15.0


# [MS-TRP] 6.2, in impacket's words.


class CONTEXT_HANDLE(ndr.NDRSTRUCT):
    align = 4
    structure = (("Data", '20s=b""'),)


class BUFFER(ndr.NDRUniConformantVaryingArray):
    """``size_is(lNeededSize), length_is(*plUsedSize)``: the two counts differ."""

    needed = None

    def getArraySize(self):
        return self.needed if self.needed is not None else super().getArraySize()


class ClientAttach(ndr.NDRCALL):
    opnum = 0
    structure = (
        ("lProcessID", dtypes.LONG),
        ("pszDomainUser", dtypes.WSTR),
        ("pszMachine", dtypes.WSTR),
    )


class ClientAttachResponse(ndr.NDRCALL):
    structure = (
        ("pphContext", CONTEXT_HANDLE),
        ("phAsyncEventsEvent", dtypes.ULONG),
        ("ErrorCode", dtypes.ULONG),
    )


class ClientRequest(ndr.NDRCALL):
    opnum = 1
    structure = (
        ("phContext", CONTEXT_HANDLE),
        ("pBuffer", BUFFER),
        ("lNeededSize", dtypes.LONG),
        ("plUsedSize", dtypes.LONG),
    )


class ClientRequestResponse(ndr.NDRCALL):
    structure = (("pBuffer", BUFFER), ("plUsedSize", dtypes.LONG))


class ClientDetach(ndr.NDRCALL):
    opnum = 2
    structure = (("pphContext", CONTEXT_HANDLE),)


class ClientDetachResponse(ndr.NDRCALL):
    structure = (("pphContext", CONTEXT_HANDLE),)


def faultStatus(error: Exception) -> int:
    """The status of the fault PDU behind one of impacket's exceptions, which keep its text only."""
    text = str(error)
    for code, name in rpcrt.rpc_status_codes.items():
        if name == text:
            return code
    if "status code: " in text:
        return int(text.rsplit(" ", 1)[1], 16)
    raise AssertionError(f"not a fault: {text}") from error


# The two ends.


class RemoteSP(rpcrt.DCERPCServer):
    """
    The agent's remotesp endpoint on impacket's server: RemoteSPAttach, EventProc and Detach.

    impacket's server reads no fragments, so reading and answering requests is done here, with its
    PDU classes; bind is its own.

    :ivar called: the method names in the order they were called.
    :ivar complaints: what the server did against 3.3.4; a test fails if there is any.
    """

    #: What RemoteSPAttach returns.
    attachResult = 0

    def __init__(self) -> None:
        super().__init__()
        self.daemon = True
        self.name = "remotesp"
        self.port = self.getListenPort()
        self.called: list[str] = []
        self.events: list[Event] = []
        self.batches: list[int] = []
        self.complaints: list[str] = []
        self.connections = 0
        #: Called with the number of events of a RemoteSPEventProc, before anything else is done.
        self.arrived: Callable[[int], object] = int
        #: Cleared, it keeps RemoteSPEventProc (and Attach) from answering.
        self.answering = threading.Event()
        self.answering.set()
        self._arrival = threading.Condition()
        self._context = struct.pack("<I", 0) + uuid.uuid4().bytes
        self._stub = b""
        self.addCallbacks(REMOTESP, str(self.port), {})
        self._sock.listen(4)
        self.start()

    # What tests call.

    def take(
        self, wanted: Callable[[Event], bool], what: str = "event", timeout: float = PATIENCE
    ) -> Event:
        """
        Remove and return the first event that is wanted, waiting for it if need be.

        :raises ConnectionError: it has not come, and the server's connection is gone.
        """
        deadline = time.monotonic() + timeout
        with self._arrival:
            while True:
                for index, event in enumerate(self.events):
                    if wanted(event):
                        return self.events.pop(index)
                if self.called[-1:] == ["lost"]:
                    raise ConnectionError(f"no {what}, and the server has gone")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no {what} within {timeout} s; there is {self.events}")
                self._arrival.wait(left)

    def waitFor(self, method: str, timeout: float = PATIENCE) -> None:
        """Until the server has called a method."""
        deadline = time.monotonic() + timeout
        with self._arrival:
            while method not in self.called:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no {method} within {timeout} s; there was {self.called}")
                self._arrival.wait(left)

    def close(self) -> None:
        """End the thread and both sockets."""
        self.answering.set()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self.cut()
        self.join(PATIENCE)
        self._sock.close()
        assert not self.is_alive(), "the remotesp thread did not end"

    def cut(self) -> None:
        """End the call-back connection as a dying client would."""
        if self._clientSock is not None:
            with contextlib.suppress(OSError):
                self._clientSock.shutdown(socket.SHUT_RDWR)

    # The server's thread.

    def run(self) -> None:
        while True:
            try:
                self._clientSock, _ = self._sock.accept()
            except OSError:
                return
            self.connections += 1
            with contextlib.suppress(OSError):
                self._serve()
            self._clientSock.close()
            self._note("lost")

    def _serve(self) -> None:
        while (data := self.recv()) is not None:
            answer = self.processRequest(data)
            if answer is not None:
                self.send(answer)

    def recv(self) -> bytes | None:
        """The first PDU of one call or bind; the stub of all its fragments is kept."""
        first = None
        self._stub = b""
        while True:
            whole = self.receivePDU()
            if whole is None:
                return None
            first = first or whole
            self._stub += whole[24:]
            if whole[3] & rpcrt.PFC_LAST_FRAG:
                return first

    def receivePDU(self) -> bytes | None:
        """The next PDU; None at the end of the connection."""
        header = self._exactly(16)
        if header is None:
            return None
        (length,) = struct.unpack_from("<H", header, 8)
        rest = self._exactly(length - 16)
        return None if rest is None else header + rest

    def _exactly(self, count: int) -> bytes | None:
        data = b""
        while len(data) < count:
            piece = self._clientSock.recv(count - len(data))
            if not piece:
                return None
            data += piece
        return data

    def processRequest(self, data: bytes) -> object:
        header = rpcrt.MSRPCRequestHeader(data)
        if header["type"] != rpcrt.MSRPC_REQUEST:
            return super().processRequest(data)
        response = rpcrt.MSRPCRespHeader()
        response["call_id"] = header["call_id"]
        response["ctx_id"] = header["ctx_id"]
        response["pduData"] = self.perform(header["op_num"], self._stub)
        response["alloc_hint"] = len(response["pduData"])
        response["frag_len"] = len(response)
        return response

    def perform(self, opnum: int, stub: bytes) -> bytes:
        """Carry out an operation: the answer's stub."""
        return [self._attach, self._eventProc, self._detach][opnum](stub)

    def _note(self, what: str) -> None:
        with self._arrival:
            self.called.append(what)
            self._arrival.notify_all()

    def _attach(self, stub: bytes) -> bytes:
        if stub:
            self.complaints.append(f"RemoteSPAttach has a stub of {len(stub)} bytes")
        self._note("RemoteSPAttach")
        self.answering.wait(60)
        return self._context + struct.pack("<I", self.attachResult)

    def _eventProc(self, stub: bytes) -> bytes:
        events: list[Event] = []
        try:
            assert stub[:20] == self._context, "not the context handle of RemoteSPAttach"
            maximum, offset, actual = struct.unpack_from("<3I", stub, 20)
            buffer = stub[32 : 32 + actual]
            (lSize,) = struct.unpack_from("<I", stub, 32 + actual + -actual % 4)
            assert (maximum, offset, actual) == (lSize, 0, lSize), (maximum, offset, actual, lSize)
            events = splitEvents(buffer)
            self.arrived(len(events))
        except (AssertionError, struct.error) as error:
            self.complaints.append(f"RemoteSPEventProc: {error}")
        with self._arrival:
            self.called.append("RemoteSPEventProc")
            self.batches.append(len(events))
            self.events.extend(events)
            self._arrival.notify_all()
        self.answering.wait(60)
        return b""

    def _detach(self, stub: bytes) -> bytes:
        if stub != self._context:
            self.complaints.append("RemoteSPDetach: not the context handle of RemoteSPAttach")
        self._note("RemoteSPDetach")
        return bytes(20)


class Client(Protocol):
    """A client of an RPC runtime that is bound to tapsrv."""

    def request(self, opnum: int, stub: bytes) -> bytes:
        """Call an operation: the answer's stub."""

    def disconnect(self) -> None:
        """Close the connection."""


def channelTo(binding: str):
    """impacket's transport for a string binding, not yet connected."""
    channel = transport.DCERPCTransportFactory(binding)
    channel.set_connect_timeout(PATIENCE)
    return channel


class ImpacketClient:
    """
    impacket's client.

    :param binding: where tapsrv is, as a string binding.
    :param secure: called with impacket's DCERPC before anything is sent, to say who logs on.
    """

    def __init__(self, binding: str, secure: Callable[[Any], object] | None = None) -> None:
        channel = channelTo(binding)
        self.dce = rpcrt.DCERPC_v5(channel)
        if secure is not None:
            secure(self.dce)
        self.dce.connect()
        if binding.startswith("ncacn_ip_tcp:"):
            channel.get_socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.dce.bind(impacketUUID.uuidtup_to_bin(TAPSRV))
        except BaseException:
            self.dce.disconnect()
            raise

    def request(self, opnum: int, stub: bytes) -> bytes:
        self.dce.call(opnum, stub)
        return self.dce.recv()

    def disconnect(self) -> None:
        self.dce.disconnect()


class Agent:
    """
    An agent application: attaches, asks, and sees its events.

    :param port: tapsrv's TCP port on loopback.
    :param endpoints: what pszMachine names; by default the agent's *remotesp*.
    :param client: what carries the calls; by default impacket, which does not log on.
    :param remotesp: where events come; by default one that asks the server for no credentials.
    """

    nextRequestID = 0x1000

    def __init__(
        self,
        port: int,
        machine: str = "PEER",
        endpoints: str | None = None,
        client: Client | None = None,
        remotesp: RemoteSP | None = None,
    ) -> None:
        self.port = port
        self.remotesp = remotesp or RemoteSP()
        self.machine = machine
        self.endpoints = endpoints or f'"ncacn_ip_tcp"{self.remotesp.port}"'
        self.context = b""
        self.hLineApp = 0
        self.hLine = 0
        self.InitContext = int.from_bytes(os.urandom(4), "little")
        self.client = client or ImpacketClient(f"ncacn_ip_tcp:127.0.0.1[{port}]")

    @property
    def dce(self):
        """impacket's DCERPC, of an agent that has no other client."""
        return self.client.dce

    @property
    def socket(self) -> socket.socket:
        return self.dce.get_rpc_transport().get_socket()

    def _call(self, call, response):
        """A call in impacket's NDR, by whatever client."""
        return response(self.client.request(call.opnum, call.getData()))

    # The three methods of tapsrv.

    def clientAttach(self, lProcessID: int = -1, pszDomainUser: str = "") -> tuple[int, int]:
        """ClientAttach: phAsyncEventsEvent and the return value."""
        call = ClientAttach()
        call["lProcessID"] = lProcessID
        call["pszDomainUser"] = pszDomainUser + "\0"
        call["pszMachine"] = self.machine + self.endpoints + "\0"
        answer = self._call(call, ClientAttachResponse)
        self.context = answer["pphContext"]
        return answer["phAsyncEventsEvent"], answer["ErrorCode"]

    def clientRequest(self, packet: bytes, lNeededSize: int | None = None) -> bytes:
        """ClientRequest: the buffer as it comes back, *plUsedSize bytes of it."""
        call = ClientRequest()
        call["phContext"] = self.context
        call["pBuffer"] = packet
        needed = len(packet) if lNeededSize is None else lNeededSize
        call.fields["pBuffer"].needed = needed
        call["lNeededSize"] = needed
        call["plUsedSize"] = len(packet)
        answer = self._call(call, ClientRequestResponse)
        buffer = b"".join(answer["pBuffer"])
        assert len(buffer) == answer["plUsedSize"]
        return buffer

    def clientDetach(self) -> bytes:
        """ClientDetach: the context handle as it comes back."""
        call = ClientDetach()
        call["pphContext"] = self.context
        return self._call(call, ClientDetachResponse)["pphContext"]

    # Packets.

    def ask(self, Req_Func: int, *args: int, varData: bytes = b"", room: int = 0) -> Reply:
        """One request; ``room`` is how long VarData may be in the answer."""
        packet = request(Req_Func, *args, varData=varData)
        buffer = self.clientRequest(packet, max(len(packet), 60 + room))
        return Reply.parse(buffer)

    def must(self, Req_Func: int, *args: int, varData: bytes = b"", room: int = 0) -> Reply:
        """`ask`, and the answer is success."""
        reply = self.ask(Req_Func, *args, varData=varData, room=room)
        assert reply.ack == 0, f"Req_Func {Req_Func}: {reply.ack:#x}"
        return reply

    def start(self, Req_Func: int, *args: int, varData: bytes = b"") -> int:
        """
        A request that completes later, with an ID of the agent's own choice.

        :returns: the ID, after the acknowledgement has said that it is taken.
        """
        self.nextRequestID += 1
        reply = self.ask(Req_Func, self.nextRequestID, *args, varData=varData)
        assert reply.ack == self.nextRequestID, f"Req_Func {Req_Func}: {reply.ack:#x}"
        return self.nextRequestID

    def reply(self, requestID: int, timeout: float = PATIENCE) -> Event:
        """The LINE_REPLY of a request: Param2 is its result."""
        return self.remotesp.take(
            lambda event: event.Msg == LINE_REPLY and event.Param1 == requestID,
            f"LINE_REPLY {requestID:#x}",
            timeout,
        )

    def complete(self, Req_Func: int, *args: int, varData: bytes = b"") -> Event:
        """A request that completes later, and its LINE_REPLY."""
        return self.reply(self.start(Req_Func, *args, varData=varData))

    def succeed(self, Req_Func: int, *args: int, varData: bytes = b"") -> Event:
        """`complete`, and the result is success."""
        event = self.complete(Req_Func, *args, varData=varData)
        assert event.Param2 == 0, f"Req_Func {Req_Func}: {event.Param2:#x}"
        return event

    # The session of [MS-TRP] 4.1, for tests of what comes after it.

    def establish(
        self, version: int = 0x00030000, privileges: int = 2, hRemoteLine: int = 0, device: int = 0
    ) -> "Agent":
        """Attach, initialize and open a line."""
        event, result = self.clientAttach()
        assert result == 0, f"ClientAttach: {result:#x}"
        assert event == ALL_DEVICES
        self.initialize(version)
        self.open(device, version, privileges, hRemoteLine)
        return self

    def initialize(self, version: int = 0x00030000) -> Reply:
        """Initialize, 2.2.4.1.1.1."""
        area = VarData()
        name, module = area.text(self.machine), area.text("peer.exe")
        reply = self.must(
            Initialize, 0, 0, self.InitContext, name, 0, module, version, varData=area.data
        )
        self.hLineApp = reply.args[0]
        return reply

    def open(self, device: int, version: int, privileges: int = 2, hRemoteLine: int = 0) -> Reply:
        """Open, 2.2.4.1.1.5."""
        reply = self.must(
            Open,
            self.hLineApp,
            device,
            NO_DATA,
            version,
            0,
            self.OpenContext,
            privileges,
            4,  # LINEMEDIAMODE_INTERACTIVEVOICE
            NO_DATA,
            NO_DATA,
            0,
            hRemoteLine,
        )
        self.hLine = reply.args[2]
        return reply

    def lines(self) -> list[str]:
        """Attach and initialize: the names of the lines that there are for the user."""
        _, result = self.clientAttach()
        assert result == 0, f"ClientAttach: {result:#x}"
        dwNumDevs = self.initialize().args[4]
        return [self.lineName(device) for device in range(dwNumDevs)]

    def lineName(self, device: int) -> str:
        """The name of a line device: dwLineName of GetDevCaps, 2.2.4.1.1.3."""
        caps = self.must(GetDevCaps, self.hLineApp, device, 0x00030000, 0, 1024, room=1024)
        return sizedText(caps.struct(caps.args[4]), 32)

    OpenContext = 0x0BE70C7E

    # Ends.

    def close(self) -> None:
        """Close all sockets, without ClientDetach."""
        self.client.disconnect()
        self.remotesp.close()

    def vanish(self) -> None:
        """Die: the tapsrv connection is reset, the call-back endpoint disappears."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()
