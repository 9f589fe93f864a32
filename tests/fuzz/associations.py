"""Targets: the server's side of an association, fed in pieces as a network delivers them."""

import zlib
from collections.abc import Callable, Hashable, Sequence
from random import Random
from typing import Any
from uuid import UUID

import attrs
from zope.interface import implementer

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.association import ServerAssociation
from tapiproxy.dcerpc.call import Call
from tapiproxy.dcerpc.endpoint import Endpoint
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_LEVEL_PKT_INTEGRITY,
    RPC_C_AUTHN_WINNT,
    RPC_S_SEC_PKG_ERROR,
    AuthenticationFailed,
    Fault,
    Interface,
)
from tapiproxy.dcerpc.ndr import NDR, NDR64
from tapiproxy.dcerpc.security import (
    IAuthenticationService,
    ISecurityContext,
    NoAuthentication,
)
from tapiproxy.dcerpc.securitycontexts import AuthContext
from tests.dcerpc.vectors import load
from tests.fuzz.cost import Cost
from tests.fuzz.mutation import pieces
from tests.fuzz.target import Target

__all__ = ["ASSOCIATIONS"]

#: Octets that the peer may be sent for each of its own, whatever it asks.
MOST_AMPLIFICATION = 16

TAPSRV = UUID("2f5f6520-ca46-1067-b319-00dd010662da")
FIRST_OF_TWO, TOKEN = b"may I come in", b"let me in"


class Owner:
    """The connection that an association belongs to, without a transport."""

    peer = "fuzz"
    principal = None
    authLevel = 1

    def __init__(self, endpoint: Endpoint) -> None:
        self.pending: list[Call] = []
        self.association = ServerAssociation(endpoint, self, "fuzz", b"135\0")

    @property
    def group(self) -> Any:
        return self.association.group

    def afterSent(self, f: Callable[[], object]) -> None:
        f()

    def setAttached(self, attached: bool) -> None:
        """Nothing depends on it here."""

    def abort(self, reason: str) -> None:
        """Nothing is closed here."""

    def onLost(self, f: Callable[[], object]) -> None:
        """Nobody waits."""

    def flush(self) -> None:
        """Output is taken at the end."""

    def resume(self) -> None:
        self.receive(b"")

    def operationFailed(self, call: Call) -> None:
        raise AssertionError("an operation of the target failed")

    def logonFailed(self, verifier: pdu.AuthVerifier, failure: AuthenticationFailed) -> None:
        """Many do."""

    def callRefused(self, security: AuthContext | None) -> None:
        """This endpoint permits all."""
        raise AssertionError("an endpoint that permits all has refused")

    def receive(self, data: bytes) -> None:
        self.association.receiveData(data)
        while self.association.unfinished:
            self.association.receiveData()

    # Operations

    def answerLater(self, call: Call, data: bytes, start: int, end: int) -> None:
        self.pending.append(call)

    def echo(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        return data[start:end]

    def refuse(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        raise Fault(RPC_S_SEC_PKG_ERROR, closes=end - start == 1)


@implementer(ISecurityContext)
class Checksum:
    """A security context of one leg or two that signs with a checksum."""

    authType = RPC_C_AUTHN_WINNT
    tokenSize = 4
    needsHeaderSigning = False
    complete = False
    principal = None

    def __init__(self, authLevel: int) -> None:
        self.authLevel = authLevel

    def step(self, token: bytes, done: Callable[[bytes | AuthenticationFailed], object]) -> None:
        if token == TOKEN:
            self.complete = True
            done(b"")
        elif token == FIRST_OF_TWO:
            done(TOKEN)
        else:
            done(AuthenticationFailed("another token", reason=pdu.NAK_INVALID_CHECKSUM))

    def protect(
        self, head: bytes, body: bytes, trailer: bytes, headerSigning: bool
    ) -> tuple[bytes, bytes]:
        return body, zlib.crc32(body).to_bytes(4, "little")

    def unprotect(
        self, head: bytes, body: bytes, trailer: bytes, token: bytes, headerSigning: bool
    ) -> bytes:
        # Half of the tokens pass, so that mutants of what is signed come further than this.
        if token[:1] > b"\x7f":
            raise Fault(RPC_S_SEC_PKG_ERROR)
        return body


@implementer(IAuthenticationService)
class Guarded(NoAuthentication):
    """Knows one provider."""

    def newContext(self, authType: int, authLevel: int, peer: Hashable) -> Checksum:
        if authType != RPC_C_AUTHN_WINNT:
            raise AuthenticationFailed("unknown", reason=pdu.NAK_REASON_NOT_SPECIFIED)
        return Checksum(authLevel)


def answers(service: type[NoAuthentication], parts: Sequence[bytes]) -> list[pdu.AnyPDU]:
    """
    Feed a new association, end it, and read what it answered.

    :raises AssertionError: it sent what is no PDU, or left something behind.
    """
    operations: dict[int, Any] = {}
    endpoint = Endpoint([Interface(TAPSRV, (1, 0), operations)], service())
    owner = Owner(endpoint)
    operations.update({0: owner.echo, 1: owner.echo, 2: owner.refuse, 3: owner.answerLater})
    for part in parts:
        owner.receive(part)
    for call in owner.pending:
        call.respond(bytes(10))
    output = owner.association.takeOutput()
    octets = sum(map(len, parts))
    if len(output) > MOST_AMPLIFICATION * octets:
        raise AssertionError(f"{len(output)} octets answer {octets}")
    owner.association.connectionLost(lambda: None)
    if endpoint.reassembling or len(endpoint.groups):
        raise AssertionError("something is left behind")
    found = []
    position = 0
    while position < len(output):
        found.append(pdu.decode(output, position))
        position += pdu.readHeader(output, position).frag_length
    return found


def comparable(answer: pdu.AnyPDU) -> tuple[object, ...]:
    """An answer without its group, which is drawn by chance."""
    body = answer.encode()
    if isinstance(answer, pdu.BindAck):
        body = body[:20] + body[24:]
    return type(answer), body


def feeding(service: type[NoAuthentication]) -> Callable[[bytes], None]:
    """Feed the input whole and in pieces: what is answered may not depend on that."""

    def feed(data: bytes) -> None:
        whole = [comparable(answer) for answer in answers(service, [data])]
        cut = pieces(data, Random(zlib.crc32(data)))
        if [comparable(answer) for answer in answers(service, cut)] != whole:
            raise AssertionError(
                f"cut into {[len(piece) for piece in cut]} it is answered otherwise"
            )

    return feed


#: Frames of the capture that the client sent to tapsrv.
CAPTURED = (4, 8, 19, 23, 27, 31, 35, 39, 41)

VERIFIER = pdu.AuthVerifier(RPC_C_AUTHN_WINNT, RPC_C_AUTHN_LEVEL_PKT_INTEGRITY, 2, TOKEN)

CONTEXTS = tuple(
    pdu.PresentationContext(number, pdu.SyntaxID(TAPSRV, 1), (syntax.syntaxID,))
    for number, syntax in enumerate((NDR, NDR64))
)


def bind(
    kind: type[pdu.Bind] = pdu.Bind,
    verifier: pdu.AuthVerifier | None = None,
    flags: int = pdu.WHOLE,
) -> bytes:
    """A bind or alter_context of both transfer syntaxes."""
    return kind(
        call_id=1,
        pfc_flags=flags,
        auth_verifier=verifier,
        max_xmit_frag=5840,
        max_recv_frag=5840,
        assoc_group_id=0,
        contexts=CONTEXTS,
    ).encode()


def request(
    opnum: int, stub: bytes = bytes(16), flags: int = pdu.WHOLE, callID: int = 2, **more: Any
) -> bytes:
    """A request, or a fragment of one."""
    return pdu.Request(
        call_id=callID,
        pfc_flags=flags,
        alloc_hint=len(stub),
        p_cont_id=0,
        opnum=opnum,
        stub=stub,
        **more,
    ).encode(pdu.BIG if callID % 2 else pdu.LITTLE)


def conversations() -> Sequence[bytes]:
    """What clients say: the captured conversation, and others for what it lacks."""
    captured = [vector.pdu for vector in load() if vector.frame in CAPTURED]
    fragments = [request(1, flags=flags) for flags in (pdu.PFC_FIRST_FRAG, 0, pdu.PFC_LAST_FRAG)]
    concurrent = [request(opnum, callID=callID) for callID, opnum in enumerate((3, 3, 1, 2, 3))]
    stops = [pdu.CoCancel(call_id=3).encode(), pdu.Orphaned(call_id=3).encode()]
    return [
        b"".join(captured),
        b"".join([bind(), *fragments, *fragments]),
        b"".join([bind(flags=pdu.WHOLE | pdu.PFC_CONC_MPX), *concurrent, *stops, request(1)]),
        b"".join([bind(), bind(pdu.AlterContext), request(1)]),
        *captured,
    ]


def guardedConversations() -> Sequence[bytes]:
    """The same of clients that authenticate, in each of the ways to."""
    signed = request(1, auth_verifier=VERIFIER)
    third = pdu.Auth3(call_id=1, auth_verifier=VERIFIER).encode()
    return [
        bind(verifier=VERIFIER) + signed + signed,
        bind() + bind(pdu.AlterContext, VERIFIER) + signed + request(1),
        bind(verifier=attrs.evolve(VERIFIER, auth_value=FIRST_OF_TWO)) + third + signed,
    ]


ASSOCIATIONS = (
    Target(
        name="association",
        seeds=conversations,
        feed=feeding(NoAuthentication),
        base=Cost(memory=262144, calls=5000),
        perOctet=Cost(memory=400, calls=40),
    ),
    Target(
        name="association.guarded",
        seeds=guardedConversations,
        feed=feeding(Guarded),
        base=Cost(memory=262144, calls=5000),
        perOctet=Cost(memory=400, calls=40),
    ),
)
