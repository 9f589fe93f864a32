"""A server's association without transport, and what it answers, PDU by PDU."""

from collections.abc import Callable
from typing import Any

import attrs

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.association import ServerAssociation
from tapiproxy.dcerpc.call import Call
from tapiproxy.dcerpc.endpoint import Endpoint
from tapiproxy.dcerpc.interface import AuthenticationFailed, Fault, Interface
from tapiproxy.dcerpc.ndr import NDR
from tapiproxy.dcerpc.security import IAuthenticationService, NoAuthentication
from tapiproxy.dcerpc.securitycontexts import AuthContext, levelOf
from tests.dcerpc.pdus import ECHO, split

ACCEPTED = pdu.ContextResult(pdu.ACCEPTANCE, 0, NDR.syntaxID)


class Conversation:
    """
    One client's octets in, the answers out; the connection is a part of it.

    Operations of the interface: 0 answers with its stub, 1 refuses, 2 has a bug, 3 waits, 4 refuses
    and closes, 5 gives a lot, 6 answers through its call at once.

    :ivar host: the address that the client has reached, for who wants to know.
    :ivar calls: the calls that operation 3 has kept, and all others that were made.
    """

    peer = "client"
    host: Any = None

    def __init__(
        self,
        authentication: IAuthenticationService | None = None,
        endpoint: Endpoint | None = None,
        peerKey: str = "client",
    ) -> None:
        self.calls: list[Call] = []
        self.stubs: list[bytes] = []
        self.failures = 0
        self.refusedLogons: list[tuple[int, int, str, str]] = []
        self.refusedCalls: list[int] = []
        self.flushed = 0
        self.resumed = 0
        interface = Interface(
            ECHO.if_uuid,
            (ECHO.major, 2),
            {
                0: self.echo,
                1: self.refuse,
                2: self.bug,
                3: self.wait,
                4: self.close,
                5: self.lots,
                6: self.atOnce,
            },
        )
        self.endpoint = endpoint or Endpoint([interface], authentication or NoAuthentication())
        self.association = ServerAssociation(self.endpoint, self, peerKey, b"135\0")

    # The client

    def raw(self, *sent: bytes) -> bytes:
        """What is answered to PDUs that come together."""
        self.association.receiveData(b"".join(sent))
        while self.association.unfinished:
            self.association.receiveData()
        return self.association.takeOutput()

    def say(self, *sent: bytes) -> list[pdu.AnyPDU]:
        """The same, decoded; the group, which is drawn by chance, is 0 in it."""
        found = []
        for octets in split(self.raw(*sent)):
            answer = pdu.decode(octets)
            if isinstance(answer, pdu.BindAck):
                answer = attrs.evolve(answer, assoc_group_id=0)
            found.append(answer)
        return found

    @property
    def ended(self) -> str:
        """Why the association has ended."""
        return self.association.ended

    # The connection

    @property
    def group(self) -> Any:
        """The association group."""
        return self.association.group

    @property
    def principal(self) -> Any:
        """Who the client is."""
        return self.association.security.principal

    @property
    def authLevel(self) -> int:
        """At which level."""
        return self.association.security.authLevel

    def afterSent(self, f: Callable[[], object]) -> None:
        """Nothing is sent here."""

    def setAttached(self, attached: bool) -> None:
        """Nothing is timed here."""

    def abort(self, reason: str) -> None:
        """End, as a connection does."""
        self.association.end(reason)

    def onLost(self, f: Callable[[], object]) -> None:
        """Nothing is lost here."""

    def flush(self) -> None:
        """Count."""
        self.flushed += 1

    def resume(self) -> None:
        """Go on, as a connection does."""
        self.resumed += 1
        self.association.receiveData()

    def operationFailed(self, call: Call) -> None:
        """Count."""
        self.failures += 1

    def logonFailed(self, verifier: pdu.AuthVerifier, failure: AuthenticationFailed) -> None:
        """Keep provider, level, reason and user."""
        self.refusedLogons.append(
            (verifier.auth_type, verifier.auth_level, str(failure), failure.user)
        )

    def callRefused(self, security: AuthContext | None) -> None:
        """Keep the level."""
        self.refusedCalls.append(levelOf(security))

    # Operations

    def echo(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        """Answer with what came."""
        self.calls.append(call)
        self.stubs.append(data[start:end])
        return data[start:end]

    def refuse(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        """Refuse."""
        raise Fault(0x6F7)

    def bug(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        """Fail as code does."""
        raise ZeroDivisionError("a bug")

    def wait(self, call: Call, data: bytes, start: int, end: int) -> None:
        """Answer when the test says so."""
        self.calls.append(call)

    def close(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        """Refuse for good."""
        raise Fault(0x5, closes=True)

    def lots(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        """Answer with as many octets as the request's first two say."""
        return bytes(range(256)) * (int.from_bytes(data[start : start + 2], "little") // 256)

    def atOnce(self, call: Call, data: bytes, start: int, end: int) -> None:
        """Answer through the call, twice, before returning."""
        call.respond(b"first")
        call.fault(0x5)


# What is answered


def ack(
    *results: pdu.ContextResult, flags: int = 0, size: int = 5840, callID: int = 1
) -> pdu.BindAck:
    """The answer to bind."""
    return pdu.BindAck(
        call_id=callID,
        pfc_flags=pdu.WHOLE | flags,
        max_xmit_frag=size,
        max_recv_frag=size,
        assoc_group_id=0,
        sec_addr=b"135\0",
        results=results or (ACCEPTED,),
    )


def alterAck(*results: pdu.ContextResult, flags: int = 0, size: int = 5840) -> pdu.AlterContextResp:
    """The answer to alter_context."""
    return pdu.AlterContextResp(
        call_id=1,
        pfc_flags=pdu.WHOLE | flags,
        max_xmit_frag=size,
        max_recv_frag=size,
        assoc_group_id=0,
        sec_addr=b"",
        results=results or (ACCEPTED,),
    )


def nak(reason: int = 0) -> pdu.BindNak:
    """The refusal of a bind."""
    return pdu.BindNak(call_id=1, provider_reject_reason=reason)


def response(stub: bytes = b"", callID: int = 1, p_cont_id: int = 0) -> pdu.Response:
    """A whole response."""
    return pdu.Response(call_id=callID, alloc_hint=len(stub), p_cont_id=p_cont_id, stub=stub)


def fault(status: int, callID: int = 1, flags: int = 0, p_cont_id: int = 0) -> pdu.FaultPDU:
    """A fault."""
    return pdu.FaultPDU(
        call_id=callID,
        pfc_flags=pdu.WHOLE | flags,
        status=status,
        p_cont_id=p_cont_id,
        alloc_hint=32,
    )
