"""
The client's own RPC server: the interface remotesp, by which events reach it.  [MS-TRP] 3.3

It admits one call-back of one server and hands on what passes the checks of 3.3.4.2.  What an event
means, and whose it is, is not known here.
"""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from tapiproxy.dcerpc.addresses import shown
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_X_BAD_STUB_DATA,
    Call,
    Fault,
    Interface,
)
from tapiproxy.trp import idl
from tapiproxy.wire.errors import DecodeError

__all__ = ["RemoteSP"]

_log = Logger()


class RemoteSP:
    """
    The remotesp endpoint of one client.

    :param server: the address that the call-back must come from: the server's.
    :param deliver: called with ``data, start, end`` for each RemoteSPEventProc, data[start:end]
        being its pBuffer; raises DecodeError for what 3.3.4.2 says to fail.
    :param lost: called once, when the call-back's connection has gone without RemoteSPDetach.

    :ivar interface: what a DCE/RPC server is to offer.
    :ivar elsewhere: the address of a call-back that was refused because it is not the server's;
        empty if there was none.
    :ivar attached: fires when the server's call-back has come.
    :ivar detached: fires when RemoteSPDetach has been called, or its connection has gone.
    """

    def __init__(
        self,
        server: str,
        deliver: Callable[[bytes, int, int], None],
        lost: Callable[[], object],
    ) -> None:
        self._server = server
        self._deliver = deliver
        self._lost = lost
        self._admitted = False
        self.elsewhere = ""
        self.attached: Deferred[None] = Deferred()
        self.detached: Deferred[None] = Deferred()
        self.interface = Interface(
            idl.REMOTESP,
            idl.REMOTESP_VERSION,
            {
                idl.RemoteSPAttach: self._attach,
                idl.RemoteSPEventProc: self._eventProc,
                idl.RemoteSPDetach: self._detach,
            },
            idl.TRANSFER_SYNTAXES,
        )

    def _attach(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        # 3.3.4.1.  A second one is refused for good: were it let in, whoever can reach this port
        # could feed events to the application.
        peer = getattr(call.connection.peer, "host", None)
        if self._admitted or peer != self._server:
            if peer != self._server:
                self.elsewhere = str(peer)
            _log.warn("refused a call-back from {peer}", peer=shown(call.connection.peer))
            raise Fault(ERROR_ACCESS_DENIED)
        handle = call.connection.group.handles.open(
            self.interface, self, RemoteSP._runDown, call.principal, call.authLevel
        )
        self._admitted = True
        call.connection.setAttached(True)
        self._fire(self.attached)
        return idl.encodeRemoteSPAttachReply(handle, 0)

    def _eventProc(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        context, begin, size = idl.decodeRemoteSPEventProc(
            data, start, end, call.littleEndian, call.transferSyntax
        )
        call.connection.group.handles.find(context, call, self.interface)
        try:
            self._deliver(data, begin, begin + size)
        except DecodeError as error:
            _log.warn("refused events of the server: {error}", error=str(error))
            raise Fault(RPC_X_BAD_STUB_DATA) from error
        return idl.encodeRemoteSPEventProcReply()

    def _detach(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        context = idl.decodeRemoteSPDetach(data, start, end, call.littleEndian, call.transferSyntax)
        call.connection.group.handles.find(context, call, self.interface)
        call.connection.group.handles.close(context)
        call.connection.setAttached(False)
        self._fire(self.detached)
        return idl.encodeRemoteSPDetachReply()

    def _fire(self, waited: "Deferred[None]") -> None:
        # Fired already, or nobody waits any more: a deadline has cancelled it.
        if not waited.called:
            waited.callback(None)

    def _runDown(self) -> None:
        self._fire(self.detached)
        self._lost()
