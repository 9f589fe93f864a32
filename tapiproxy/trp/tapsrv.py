"""
The three operations of tapsrv: NDR in, NDR out, context handles between.  [MS-TRP] 3.1.4

What a request means is ``dispatch``'s, what attaching means ``server``'s.
"""

from collections.abc import Callable
from typing import Protocol

from attrs import frozen

from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_X_BAD_STUB_DATA,
    Call,
    Connection,
    Fault,
    Interface,
)
from tapiproxy.tapi.lineerr import LINEERR_INVALPARAM
from tapiproxy.trp import idl
from tapiproxy.trp.dispatch import answer
from tapiproxy.trp.rules import clientrequest
from tapiproxy.trp.session import Client
from tapiproxy.trp.templates import acknowledgement

__all__ = ["TAPIERR_INVALRPCCONTEXT", "Attached", "Attachments", "makeInterface"]

# 2.2.5.2: the request was made with a handle that is being torn down.
TAPIERR_INVALRPCCONTEXT = 0x0000F101


@frozen
class Attached:
    """
    How ClientAttach ends.

    :ivar result: 0, LINEERR_OPERATIONFAILED or -19.
    :ivar phAsyncEventsEvent: by lProcessID.
    :ivar client: None unless result is 0.
    """

    result: int
    phAsyncEventsEvent: int = 0
    client: Client | None = None


class Attachments(Protocol):
    """What the operations need of the server."""

    def attach(
        self, call: Call, request: idl.AttachRequest, attached: Callable[[Attached], None]
    ) -> None:
        """Attach a client; *attached* is called once, soon or within the call-back's deadline."""

    def joined(self, client: Client, connection: Connection) -> None:
        """Note that a client uses a connection."""

    def detached(self, client: Client) -> Callable[[], None]:
        """End a client that detaches; what is returned is called after it has its answer."""

    def runDown(self, client: Client) -> None:
        """End a client whose last connection has closed."""


def makeInterface(server: Attachments) -> Interface:
    """
    Make tapsrv.

    :param server: where clients attach.
    """

    def clientAttach(call: Call, data: bytes, start: int, end: int) -> bytes | None:
        request = idl.decodeClientAttach(data, start, end, call.littleEndian, call.transferSyntax)
        connection = call.connection
        if call.principal != connection.principal:
            # A connection is one client's: whose logon was handed on to it speaks for nobody else.
            raise Fault(ERROR_ACCESS_DENIED)

        def attached(ending: Attached) -> None:
            context = idl.NO_CONTEXT
            if ending.client is not None:
                try:
                    context = connection.group.handles.open(
                        interface,
                        ending.client,
                        server.runDown,
                        call.principal,
                        call.authLevel,
                    )
                except Fault as fault:
                    server.runDown(ending.client)
                    call.fault(fault.status)
                    return
                server.joined(ending.client, connection)
            call.respond(
                idl.encodeClientAttachReply(
                    context, ending.phAsyncEventsEvent, ending.result, call.transferSyntax
                )
            )

        server.attach(call, request, attached)
        return None

    def clientRequest(call: Call, data: bytes, start: int, end: int) -> bytes:
        context, at, used, needed = idl.decodeClientRequest(
            data, start, end, call.littleEndian, call.transferSyntax
        )
        connection = call.connection
        client: Client = connection.group.handles.find(context, call, interface)
        stop = at + used
        for broken in clientrequest.SIZES.values():
            if broken(used, needed):
                if used < 4:
                    raise Fault(RPC_X_BAD_STUB_DATA)
                reply = acknowledgement(data, at, stop, LINEERR_INVALPARAM)
                break
        else:
            if client.ended:
                reply = acknowledgement(data, at, stop, TAPIERR_INVALRPCCONTEXT)
            else:
                if connection not in client.connections:
                    server.joined(client, connection)
                reply = answer(client, connection, data, at, stop, needed)
        return idl.encodeClientRequestReply(reply, needed, call.transferSyntax)

    def clientDetach(call: Call, data: bytes, start: int, end: int) -> bytes:
        context = idl.decodeClientDetach(data, start, end, call.littleEndian, call.transferSyntax)
        handles = call.connection.group.handles
        client: Client = handles.find(context, call, interface)
        handles.close(context)
        call.connection.afterSent(server.detached(client))
        return idl.encodeClientDetachReply()

    interface = Interface(
        idl.TAPSRV,
        idl.TAPSRV_VERSION,
        {
            idl.ClientAttach: clientAttach,
            idl.ClientRequest: clientRequest,
            idl.ClientDetach: clientDetach,
        },
        idl.TRANSFER_SYNTAXES,
    )
    return interface
