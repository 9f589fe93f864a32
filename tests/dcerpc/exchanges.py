"""
What clients send without authentication, what they are answered, and when that is the end.

The expectations are those of MS-RPC servers, as docs/dcerpc.md tells them.
"""

import attrs

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.fragments import MAX_STUB
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_S_NO_CALL_ACTIVE,
    nca_s_fault_remote_no_memory,
    nca_s_fault_unspec,
    nca_s_op_rng_error,
    nca_s_proto_error,
    nca_s_unk_if,
)
from tapiproxy.dcerpc.ndr import NDR, NDR64
from tests.dcerpc.conversation import ACCEPTED, ack, alterAck, fault, nak, response
from tests.dcerpc.pdus import (
    DNE,
    ECHO,
    FIRST,
    LAST,
    UNKNOWN,
    alter,
    alterNothing,
    bind,
    bindNothing,
    context,
    features,
    request,
)

HDR, MPX = pdu.PFC_SUPPORT_HEADER_SIGN, pdu.PFC_CONC_MPX
CANCEL = pdu.CoCancel(call_id=1).encode()
ORPHAN = pdu.Orphaned(call_id=1).encode()
NO_INTERFACE = pdu.ContextResult(pdu.PROVIDER_REJECTION, pdu.ABSTRACT_SYNTAX_NOT_SUPPORTED)
NO_SYNTAX = pdu.ContextResult(pdu.PROVIDER_REJECTION, pdu.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED)
NONE = pdu.NO_SYNTAX
VERIFIER = pdu.AuthVerifier(0, 2, 1, b"\1" + bytes(15))


def changed(octets: bytes, place: int, *others: int) -> bytes:
    """A PDU with octets of its own choice."""
    return octets[:place] + bytes(others) + octets[place + len(others) :]


@attrs.frozen
class Row:
    """What a client sends, what it is answered, and whether that is the end."""

    sent: tuple[bytes, ...]
    answers: tuple[pdu.AnyPDU, ...]
    ends: bool = False


BINDING = {
    "plain": Row((bind(),), (ack(),)),
    "lower minor version": Row((bind(context(0, ECHO)),), (ack(),)),
    "higher minor version": Row(
        (bind(context(0, attrs.evolve(ECHO, minor=3))),), (ack(NO_INTERFACE),)
    ),
    "other major version": Row(
        (bind(context(0, attrs.evolve(ECHO, major=2))),), (ack(NO_INTERFACE),)
    ),
    "unknown interface": Row(
        (bind(context(0, UNKNOWN)), alter(context(0, UNKNOWN)), request(), request(callID=2)),
        (
            ack(NO_INTERFACE),
            alterAck(NO_INTERFACE),
            fault(nca_s_unk_if, flags=DNE),
            fault(nca_s_unk_if, 2, flags=DNE),
        ),
    ),
    "second syntax of the list": Row(
        (
            bind(context(0, transfer=(NONE, NDR.syntaxID))),
            alter(context(0, transfer=(NONE, NDR.syntaxID))),
            request(opnum=0xFFFF),
        ),
        (ack(), alterAck(), fault(nca_s_op_rng_error, flags=DNE)),
    ),
    "no context": Row((bindNothing(), request()), (nak(),), ends=True),
    "context without syntax": Row((bind(context(transfer=())), request()), (nak(),), ends=True),
    "bound twice": Row((bind(), bind(), request()), (ack(), nak()), ends=True),
    "header signing": Row((bind(flags=3 | HDR),), (ack(flags=HDR),)),
    "multiplexing": Row((bind(flags=3 | MPX),), (ack(flags=MPX),)),
    "flags without a meaning here": Row((bind(flags=0x08 | 0x20 | 0x40 | 0x80),), (ack(),)),
    "neither first nor last": Row((bind(flags=0), request(b"x")), (ack(), response(b"x"))),
    "all flags": Row((bind(flags=0xFF),), (ack(flags=HDR | MPX),)),
    "unknown group": Row((bind(group=99),), (nak(),), ends=True),
    "no features": Row((bind(context(1, NONE, (features(0),))),), (ack(pdu.ContextResult(3, 0)),)),
    "features": Row(
        (bind(context(1, NONE, (features(7), NDR.syntaxID))),), (ack(pdu.ContextResult(3, 3)),)
    ),
    "features twice": Row(
        (bind(context(1, NONE, (features(0),)), context(2, NONE, (features(0),))),),
        (nak(),),
        ends=True,
    ),
    "provider unknown": Row(
        (bind(verifier=pdu.AuthVerifier(10, 2, 1, b"token")),), (nak(8),), ends=True
    ),
    **{
        f"level {level}": Row(
            (bind(verifier=pdu.AuthVerifier(10, level, 1, b"token")),), (nak(reason),), ends=True
        )
        for level, reason in ((0, 0), (1, 0), (2, 8), (3, 8), (6, 8), (7, 0), (255, 0))
    },
    "big endian": Row(
        (pdu.decode(bind()).encode(pdu.BIG), request(b"x", order=pdu.BIG)), (ack(), response(b"x"))
    ),
    "another protocol": Row((b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",), (), ends=True),
    "another protocol, bound": Row((bind(), b"GET / HTTP/1.1\r\n\r\n"), (ack(),), ends=True),
    "verifier longer than the PDU": Row((changed(bind(), 10, 0xFF, 0),), (nak(4),), ends=True),
    "truncated list": Row((changed(bind(), 24, 9),), (nak(4),), ends=True),
    "version 4": Row((changed(bind(), 0, 4),), (nak(4),), ends=True),
    "version 5.1": Row((changed(bind(), 1, 1),), (nak(4),), ends=True),
    "no byte order": Row((changed(bind(), 4, 0x20),), (), ends=True),
    "shorter than its header": Row((changed(bind(), 8, 15, 0),), (), ends=True),
    "request of version 4": Row((bind(), changed(request(), 0, 4)), (ack(),), ends=True),
}

SIZES = {
    f"{xmit}, {recv}": Row(
        (bind(xmit=xmit, recv=recv), alter(), request(bytes(5816)), request(bytes(5817), callID=2)),
        (
            ack(size=size),
            alterAck(size=size),
            *(
                pdu.Response(
                    call_id=1,
                    pfc_flags=(FIRST if not offset else 0)
                    | (LAST if offset + size - 24 >= 5816 else 0),
                    alloc_hint=5816 - offset,
                    p_cont_id=0,
                    stub=bytes(min(size - 24, 5816 - offset)),
                )
                for offset in range(0, 5816, size - 24)
            ),
            fault(nca_s_proto_error, 2),
        ),
        ends=True,
    )
    for xmit, recv, size in (
        (0xFFFF, 0xFFFF, 5840),
        (0, 0xFFFF, 2048),
        (0xFFFF, 0, 2048),
        (0, 0, 2048),
        (3199, 0, 2048),
        (0, 3199, 2048),
        (3199, 0xFFFF, 3192),
        (0xFFFF, 3199, 3192),
    )
}

ALTERING = {
    "header signing": Row((bind(), alter(flags=3 | HDR)), (ack(), alterAck(flags=HDR))),
    "multiplexing belongs to bind": Row((bind(), alter(flags=3 | MPX)), (ack(), alterAck())),
    "all flags": Row((bind(), alter(flags=0xFF)), (ack(), alterAck(flags=HDR))),
    "no flags": Row((bind(), alter(flags=0), request(b"x")), (ack(), alterAck(), response(b"x"))),
    "no context": Row(
        (bind(), alterNothing(), request()),
        (ack(), fault(nca_s_proto_error, flags=DNE)),
        ends=True,
    ),
    "context without syntax": Row(
        (bind(), alter(context(transfer=()))),
        (ack(), fault(nca_s_proto_error, flags=DNE)),
        ends=True,
    ),
    "another syntax": Row(
        (bind(), alter(context(transfer=(NONE, NDR64.syntaxID)))),
        (ack(), fault(nca_s_proto_error, flags=DNE)),
        ends=True,
    ),
    "another interface": Row(
        (bind(), alter(context(0, UNKNOWN))),
        (ack(), fault(nca_s_proto_error, flags=DNE)),
        ends=True,
    ),
    "unusable syntaxes": Row(
        (bind(), alter(context(transfer=(NONE, UNKNOWN))), request(opnum=0xFFFF)),
        (ack(), alterAck(NO_SYNTAX), fault(nca_s_op_rng_error, flags=DNE)),
    ),
    "two contexts of one interface": Row(
        (bind(), alter(context(3), context(4)), request(p_cont_id=3), request(p_cont_id=4)),
        (ack(), alterAck(ACCEPTED, NO_SYNTAX), response(p_cont_id=3), fault(nca_s_unk_if, 1, DNE)),
    ),
    "features belong to bind": Row(
        (bind(), alter(context(1, NONE, (features(1),)))), (ack(), alterAck(NO_INTERFACE))
    ),
    "auth3 with a broken verifier": Row(
        (bind(), changed(pdu.Auth3(call_id=1, auth_verifier=VERIFIER).encode(), 10, 0xFF)),
        (ack(), fault(nca_s_fault_remote_no_memory, flags=DNE)),
        ends=True,
    ),
    "auth3 of no context": Row(
        (bind(), pdu.Auth3(call_id=1, auth_verifier=VERIFIER).encode()),
        (ack(), fault(nca_s_proto_error, flags=DNE)),
        ends=True,
    ),
    "before bind": Row((alter(),), (fault(nca_s_proto_error),), ends=True),
    "provider unknown": Row(
        (bind(), alter(verifier=pdu.AuthVerifier(10, 2, 1, b"token"))),
        (ack(), fault(ERROR_ACCESS_DENIED, flags=DNE)),
        ends=True,
    ),
    "provider none": Row(
        (bind(), alter(verifier=VERIFIER)),
        (ack(), fault(ERROR_ACCESS_DENIED, flags=DNE)),
        ends=True,
    ),
    "verifier longer than the PDU": Row(
        (bind(), changed(alter(), 10, 0xFF, 0)),
        (ack(), fault(nca_s_proto_error, flags=DNE)),
        ends=True,
    ),
}

REQUESTS = {
    "answered": Row((bind(), request(b"stub", callID=7)), (ack(), response(b"stub", 7))),
    "empty stub": Row((bind(), request()), (ack(), response())),
    "big endian": Row((bind(), request(b"stub", order=pdu.BIG)), (ack(), response(b"stub"))),
    "refused": Row((bind(), request(opnum=1), request()), (ack(), fault(0x6F7), response())),
    "refused for good": Row((bind(), request(opnum=4), request()), (ack(), fault(5)), ends=True),
    "a bug": Row(
        (bind(), request(opnum=2), request()), (ack(), fault(nca_s_fault_unspec), response())
    ),
    "answered through the call": Row((bind(), request(opnum=6)), (ack(), response(b"first"))),
    "unknown operation": Row(
        (bind(), request(opnum=7), request()),
        (ack(), fault(nca_s_op_rng_error, flags=DNE), response()),
    ),
    "unknown context": Row(
        (bind(), request(p_cont_id=5), request()),
        (ack(), fault(nca_s_unk_if, flags=DNE), response()),
    ),
    "context 0xFFFF": Row(
        (
            bind(context(0xFFFF)),
            request(b"x", p_cont_id=0xFFFF),
            request(opnum=1, p_cont_id=0xFFFF),
        ),
        (ack(), response(b"x", p_cont_id=0xFF), fault(0x6F7, p_cont_id=0xFFFF)),
    ),
    "any alloc_hint": Row(
        (bind(), request(b"x", hint=0xFFFFFFFF), request(b"y", hint=1), request(b"z", hint=0)),
        (ack(), response(b"x"), response(b"y"), response(b"z")),
    ),
    "object UUID": Row(
        (
            bind(),
            pdu.Request(
                call_id=1, pfc_flags=0x83, alloc_hint=1, p_cont_id=0, opnum=0, stub=b"x"
            ).encode(),
        ),
        (ack(), response(b"x")),
    ),
    "no room for the object UUID": Row(
        (bind(), changed(request(), 3, 0x83)), (ack(), fault(nca_s_proto_error)), ends=True
    ),
    "with a verifier": Row(
        (bind(), request(verifier=VERIFIER)), (ack(), fault(ERROR_ACCESS_DENIED)), ends=True
    ),
    "verifier longer than the PDU": Row(
        (bind(), changed(request(bytes(40)), 10, 0xFF, 0)),
        (ack(), fault(nca_s_proto_error)),
        ends=True,
    ),
    "before bind": Row((request(),), (fault(nca_s_proto_error),), ends=True),
    **{
        f"{length} octets": Row(
            (bind(), changed(request(), 8, length, 0)), (ack(), fault(nca_s_proto_error)), ends=True
        )
        for length in range(16, 24)
    },
    "larger than a fragment": Row(
        (bind(), request(bytes(5817))), (ack(), fault(nca_s_proto_error)), ends=True
    ),
}

FRAGMENTS = {
    "three": Row(
        (
            bind(),
            request(b"a", flags=FIRST),
            request(b"b", flags=0, hint=0),
            request(b"c", flags=LAST),
            request(b"on"),
        ),
        (ack(), response(b"abc"), response(b"on")),
    ),
    "only the first one says which operation": Row(
        (
            bind(),
            request(b"a", flags=FIRST),
            request(b"b", opnum=99, p_cont_id=99, flags=LAST),
        ),
        (ack(), response(b"ab")),
    ),
    "empty ones": Row(
        (bind(), request(flags=FIRST), request(flags=0), request(flags=LAST)), (ack(), response())
    ),
    "first twice": Row(
        (bind(), request(flags=FIRST), request(flags=FIRST)),
        (ack(), fault(nca_s_proto_error)),
        ends=True,
    ),
    "whole after first": Row(
        (bind(), request(flags=FIRST), request()), (ack(), fault(nca_s_proto_error)), ends=True
    ),
    "middle first": Row(
        (bind(context(3)), request(flags=0, p_cont_id=3)),
        (ack(), fault(nca_s_proto_error)),
        ends=True,
    ),
    "last first": Row(
        (bind(context(3)), request(flags=LAST, p_cont_id=3)),
        (ack(), fault(nca_s_proto_error)),
        ends=True,
    ),
    "middle first, multiplexing": Row(
        (bind(context(3), flags=3 | MPX), request(flags=0, p_cont_id=3)),
        (ack(flags=MPX), fault(nca_s_proto_error, p_cont_id=3)),
        ends=True,
    ),
    "middle first, multiplexing, unknown context": Row(
        (bind(flags=3 | MPX), request(flags=0, p_cont_id=9), request()),
        (ack(flags=MPX), fault(nca_s_unk_if, flags=DNE), response()),
    ),
    "another call between": Row(
        (bind(context(3)), request(flags=FIRST, p_cont_id=3), request(callID=2)),
        (ack(), fault(nca_s_proto_error, 1, p_cont_id=3)),
        ends=True,
    ),
    "another call between, multiplexing": Row(
        (bind(flags=3 | MPX), request(flags=FIRST), request(callID=2)),
        (ack(flags=MPX), fault(nca_s_proto_error, 2)),
        ends=True,
    ),
    "unknown context": Row(
        (bind(), request(flags=FIRST, p_cont_id=9), request(flags=LAST), request()),
        (ack(), fault(nca_s_unk_if, flags=DNE), response()),
    ),
    "alloc_hint beyond the limit": Row(
        (bind(), request(flags=FIRST, hint=MAX_STUB + 1)),
        (ack(), fault(ERROR_ACCESS_DENIED)),
        ends=True,
    ),
    "cancelled from the beginning": Row(
        (bind(), request(flags=FIRST | pdu.PFC_PENDING_CANCEL)),
        (ack(), fault(RPC_S_NO_CALL_ACTIVE, flags=DNE)),
        ends=True,
    ),
    "cancelled later": Row(
        (
            bind(),
            request(b"a", flags=FIRST),
            request(b"b", flags=pdu.PFC_PENDING_CANCEL),
            request(b"c", flags=LAST | pdu.PFC_PENDING_CANCEL),
        ),
        (ack(), response(b"abc")),
    ),
    "alter_context between": Row(
        (bind(), request(b"a", flags=FIRST), alter(), request(b"b", flags=LAST)),
        (ack(), alterAck(), response(b"ab")),
    ),
}

STOPPING = {
    "cancel of no call": Row((bind(), CANCEL, request()), (ack(), response())),
    "cancel between fragments": Row(
        (bind(), request(b"a", flags=FIRST), CANCEL, request(b"b", flags=LAST)),
        (ack(), response(b"ab")),
    ),
    "orphaned without call": Row((bind(), ORPHAN, request()), (ack(), response())),
    "orphaned between fragments": Row(
        (bind(), request(b"a", flags=FIRST), ORPHAN, request(b"b", flags=LAST)),
        (ack(), response(b"ab")),
    ),
    "a call after an orphaned first fragment": Row(
        (bind(context(3)), request(flags=FIRST, p_cont_id=3), ORPHAN, request(callID=2)),
        (ack(), fault(nca_s_proto_error, 1, p_cont_id=3)),
        ends=True,
    ),
    "the same, multiplexing": Row(
        (bind(flags=3 | MPX), request(flags=FIRST), ORPHAN, request(callID=2)),
        (ack(flags=MPX), fault(nca_s_proto_error, 2)),
        ends=True,
    ),
}

TABLES = {
    f"{group}: {name}": row
    for group, rows in (
        ("bind", BINDING),
        ("sizes", SIZES),
        ("alter_context", ALTERING),
        ("request", REQUESTS),
        ("fragments", FRAGMENTS),
        ("cancel and orphaned", STOPPING),
    )
    for name, row in rows.items()
}
