"""Makes the PDUs that tests send, with what does not matter left out."""

from uuid import UUID

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.ndr import NDR

ECHO = pdu.SyntaxID(UUID("7c1a0000-0000-4000-8000-00000000d00d"), 1)
UNKNOWN = pdu.SyntaxID(UUID("7c1a0000-0000-4000-8000-0000000000ff"), 1)
FIRST, LAST = pdu.PFC_FIRST_FRAG, pdu.PFC_LAST_FRAG
DNE = pdu.PFC_DID_NOT_EXECUTE


def features(bits: int) -> pdu.SyntaxID:
    """The transfer syntax that offers bind-time features."""
    octets = bytes.fromhex("2c1cb76c12984045") + bits.to_bytes(8, "little")
    return pdu.SyntaxID(UUID(bytes_le=octets), 1)


def context(
    p_cont_id: int = 0,
    abstract: pdu.SyntaxID = ECHO,
    transfer: tuple[pdu.SyntaxID, ...] = (NDR.syntaxID,),
) -> pdu.PresentationContext:
    """A presentation context."""
    return pdu.PresentationContext(p_cont_id, abstract, transfer)


def bind(
    *contexts: pdu.PresentationContext,
    flags: int = pdu.WHOLE,
    group: int = 0,
    xmit: int = 5840,
    recv: int = 5840,
    verifier: pdu.AuthVerifier | None = None,
    callID: int = 1,
) -> bytes:
    """A bind, of the echo interface in NDR if nothing else is asked for."""
    return pdu.Bind(
        call_id=callID,
        pfc_flags=flags,
        auth_verifier=verifier,
        max_xmit_frag=xmit,
        max_recv_frag=recv,
        assoc_group_id=group,
        contexts=contexts or (context(),),
    ).encode()


def bindNothing() -> bytes:
    """A bind that proposes no context."""
    return pdu.Bind(
        call_id=1, max_xmit_frag=5840, max_recv_frag=5840, assoc_group_id=0, contexts=()
    ).encode()


def alter(
    *contexts: pdu.PresentationContext,
    flags: int = pdu.WHOLE,
    verifier: pdu.AuthVerifier | None = None,
    callID: int = 1,
) -> bytes:
    """An alter_context, which proposes the context of :func:`bind` once more."""
    return pdu.AlterContext(
        call_id=callID,
        pfc_flags=flags,
        auth_verifier=verifier,
        max_xmit_frag=0xFFFF,
        max_recv_frag=0xFFFF,
        assoc_group_id=0,
        contexts=contexts or (context(),),
    ).encode()


def alterNothing() -> bytes:
    """An alter_context that proposes no context."""
    return pdu.AlterContext(
        call_id=1, max_xmit_frag=0, max_recv_frag=0, assoc_group_id=0, contexts=()
    ).encode()


def request(
    stub: bytes = b"",
    opnum: int = 0,
    *,
    callID: int = 1,
    flags: int = pdu.WHOLE,
    p_cont_id: int = 0,
    hint: int | None = None,
    verifier: pdu.AuthVerifier | None = None,
    order: pdu.Order = pdu.LITTLE,
) -> bytes:
    """A request, or a fragment of one; operation 0 of the test interface is an echo."""
    return pdu.Request(
        call_id=callID,
        pfc_flags=flags,
        auth_verifier=verifier,
        alloc_hint=len(stub) if hint is None else hint,
        p_cont_id=p_cont_id,
        opnum=opnum,
        stub=stub,
    ).encode(order)


def split(data: bytes) -> list[bytes]:
    """The PDUs that follow each other in *data*."""
    found = []
    while data:
        size = pdu.readHeader(data, 0).frag_length
        found.append(data[:size])
        data = data[size:]
    return found
