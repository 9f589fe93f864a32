"""
The remote management interface, which every endpoint offers beside its own.  C706 appendix Q

What it tells is true and no secret: which interfaces a bind would find here, and how much was
called.  Hence it may be called without authentication, as in other servers ([MS-RPCE] leaves that
to them); what changes the server or vouches for it is refused.  NDR 2.0 only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_S_UNKNOWN_AUTHN_SERVICE,
    Call,
    Fault,
    Interface,
    nca_s_fault_invalid_bound,
)
from tapiproxy.dcerpc.ndr import Reader, Writer

MGMT = UUID("afa8bd80-7d8a-11c9-bef4-08002b102989")
MGMT_VERSION = (1, 0)
rpc__mgmt_inq_if_ids = 0
rpc__mgmt_inq_stats = 1
rpc__mgmt_is_server_listening = 2
rpc__mgmt_stop_server_listening = 3
rpc__mgmt_inq_princ_name = 4

error_status_ok = 0


class Statistics:
    """
    What a server's runtime has done since it was started.

    Counted once per read and once per send, so that the read under way is not in it.

    :ivar callsOut: calls that it made.
    :ivar noCalls: those of *pktsIn* that were no call: few, so that it costs less to count them.
    :ivar pktsIn: PDUs that it took.
    :ivar pktsOut: PDUs that it sent.
    """

    __slots__ = ("callsOut", "noCalls", "pktsIn", "pktsOut")

    def __init__(self) -> None:
        self.callsOut = 0
        self.noCalls = 0
        self.pktsIn = 0
        self.pktsOut = 0

    @property
    def callsIn(self) -> int:
        """Requests that came whole, whatever became of them."""
        return self.pktsIn - self.noCalls

    def vector(self) -> tuple[int, ...]:
        """The counters in the order of rpc_c_stats_calls_in and those that follow."""
        return (self.callsIn, self.callsOut, self.pktsIn, self.pktsOut)


def makeManagement(offered: Callable[[], Iterable[Interface]], statistics: Statistics) -> Interface:
    """
    Make the interface mgmt of one endpoint.

    :param offered: gives the interfaces of the endpoint, this one among them.
    :param statistics: what to tell of.
    """

    def inqIfIds(call: Call, data: bytes, start: int, end: int) -> bytes:
        """Name the interfaces."""
        interfaces = tuple(offered())
        writer = Writer(call.transferSyntax)
        # rpc_if_id_vector_t: a conformant array of pointers, whose referents follow it.
        writer.pointer(True)
        writer.count(len(interfaces))
        writer.long(len(interfaces))
        for _ in interfaces:
            writer.pointer(True)
        for interface in interfaces:
            writer.uuid(interface.uuid)
            for part in interface.version:
                writer.short(part)
        writer.long(error_status_ok)
        return writer.stub()

    def inqStats(call: Call, data: bytes, start: int, end: int) -> bytes:
        """Tell as many counters as there is room for."""
        room = Reader(data, start, end, call.littleEndian, call.transferSyntax).unsignedLong()
        counters = statistics.vector()[:room]
        writer = Writer(call.transferSyntax)
        writer.long(len(counters))
        writer.count(len(counters))
        for counter in counters:
            writer.long(counter)
        writer.long(error_status_ok)
        return writer.stub()

    def isServerListening(call: Call, data: bytes, start: int, end: int) -> bytes:
        """Yes: who listens to nobody does not answer."""
        writer = Writer(call.transferSyntax)
        writer.long(error_status_ok)
        writer.long(True)
        return writer.stub()

    def stopServerListening(call: Call, data: bytes, start: int, end: int) -> bytes:
        """Refuse: no client may end the service of the others."""
        writer = Writer(call.transferSyntax)
        writer.long(ERROR_ACCESS_DENIED)
        return writer.stub()

    def inqPrincName(call: Call, data: bytes, start: int, end: int) -> bytes:
        """Name no principal: a client that has to ask whom to trust cannot trust the answer."""
        read = Reader(data, start, end, call.littleEndian, call.transferSyntax)
        read.unsignedLong()
        room = read.unsignedLong()
        if not room:
            # princ_name is a string, whose terminator needs room too.
            raise Fault(nca_s_fault_invalid_bound)
        writer = Writer(call.transferSyntax)
        writer.octets(b"\0", room)
        writer.long(RPC_S_UNKNOWN_AUTHN_SERVICE)
        return writer.stub()

    return Interface(
        MGMT,
        MGMT_VERSION,
        {
            rpc__mgmt_inq_if_ids: inqIfIds,
            rpc__mgmt_inq_stats: inqStats,
            rpc__mgmt_is_server_listening: isServerListening,
            rpc__mgmt_stop_server_listening: stopServerListening,
            rpc__mgmt_inq_princ_name: inqPrincName,
        },
        public=True,
    )
