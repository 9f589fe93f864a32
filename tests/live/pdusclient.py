"""
A client of tapsrv on PDUs of the tests' own, which logs on as pyspnego does it.

Its bytes travel by impacket's transports: TCP, and named pipes of SMB.
"""

import struct
import uuid

from tests.live import pdus
from tests.live.pdus import PDU, Result, Security
from tests.live.peer import TAPSRV

#: [MS-RPCE] 2.2.2.13, with SEC_VT_COMMAND_BITMASK_1 alone: header signing is supported.
VERIFICATION_TRAILER = bytes.fromhex("8ae3137102f43671" + "0140" + "0400" + "01000000")


class Faulted(Exception):
    """The server answered with a fault PDU, or refused to be bound with a bind_nak."""

    def __init__(self, status: int) -> None:
        super().__init__(hex(status))
        self.status = status


class PDUsClient:
    """
    A connection that is bound to tapsrv.

    :param channel: a transport of impacket, not yet connected.
    :param security: an initiator.
    :param headerSigning: whether it is offered; the server has to agree then.
    :param syntaxes: each in a presentation context of its own.
    :param verificationTrailer: whether one follows each request.
    :ivar results: what the server said to the contexts; the first that it accepted is used.
    """

    def __init__(
        self,
        channel,
        security: Security,
        *,
        headerSigning: bool,
        syntaxes: tuple[bytes, ...] = (pdus.NDR,),
        verificationTrailer: bool = False,
    ) -> None:
        self.results: list[Result] = []
        self._channel = channel
        self._security = security
        self._syntaxes = syntaxes
        self._verificationTrailer = verificationTrailer
        self._contextID = 0
        self._input = b""
        self._callID = 1
        channel.connect()
        try:
            self._bind(pdus.SUPPORT_HEADER_SIGN if headerSigning else 0)
        except BaseException:
            channel.disconnect()
            raise

    def request(self, opnum: int, stub: bytes) -> bytes:
        self._callID += 1
        if self._verificationTrailer:
            stub += bytes(-len(stub) % 4) + VERIFICATION_TRAILER
        room = pdus.FRAGMENT - 128
        pieces = [stub[at : at + room] for at in range(0, len(stub) or 1, room)]
        for index, piece in enumerate(pieces):
            flags = pdus.FIRST_FRAG if index == 0 else 0
            flags |= pdus.LAST_FRAG if index == len(pieces) - 1 else 0
            head = struct.pack("<IHH", len(stub) - index * room, self._contextID, opnum)
            plain = PDU(pdus.REQUEST, flags, self._callID, head + piece)
            protects = self._security.protects
            self._channel.send(self._security.protect(plain) if protects else plain.encode())
        return self._answer()

    def disconnect(self) -> None:
        self._channel.disconnect()

    def _answer(self) -> bytes:
        stub = b""
        while True:
            whole = self._receive()
            pdu = PDU.parse(whole)
            if pdu.PTYPE == pdus.FAULT:
                raise Faulted(*struct.unpack_from("<I", pdu.body, 8))
            assert (pdu.PTYPE, pdu.call_id) == (pdus.RESPONSE, self._callID)
            if self._security.protects:
                stub += self._security.unprotect(whole)
            else:
                assert pdu.verifier is None, "at CONNECT nothing is signed"
                stub += pdu.body[8:]
            if pdu.pfc_flags & pdus.LAST_FRAG:
                return stub

    def _bind(self, flags: int) -> None:
        """
        The legs of the handshake.

        :raises Faulted: the server refuses.
        """
        security = self._security
        interface, version = TAPSRV
        syntax = uuid.UUID(interface).bytes_le + struct.pack("<I", int(float(version)))
        body = pdus.presentation(syntax, *self._syntaxes)
        kind, token = pdus.BIND, security.step(b"")
        while token or not security.context.complete:
            answer = self._leg(PDU(kind, pdus.WHOLE | flags, 1, body, security.verifier(token)))
            if kind == pdus.BIND:
                assert answer.pfc_flags & pdus.SUPPORT_HEADER_SIGN == flags
                self.results = pdus.results(answer.body)
                results = [each.result for each in self.results]
                assert 0 in results, "no presentation context was accepted"
                self._contextID = results.index(0)
            assert answer.verifier is not None
            token = b""
            if not security.context.complete:
                token = security.step(answer.verifier.auth_value)
            if security.context.complete and security.authType != pdus.GSS_NEGOTIATE:
                last = PDU(pdus.AUTH3, pdus.WHOLE, 1, bytes(4), security.verifier(token))
                self._channel.send(last.encode())
                break
            kind = pdus.ALTER_CONTEXT
        security.headerSigning = bool(flags)

    def _leg(self, pdu: PDU) -> PDU:
        """
        Send a bind or an alter_context, and take its answer.

        :raises Faulted: the server refuses.
        """
        self._channel.send(pdu.encode())
        answer = PDU.parse(self._receive())
        if answer.PTYPE == pdus.BIND_NAK:
            raise Faulted(*struct.unpack_from("<H", answer.body))
        if answer.PTYPE == pdus.FAULT:
            raise Faulted(*struct.unpack_from("<I", answer.body, 8))
        assert answer.PTYPE == pdu.PTYPE + 1
        return answer

    def _receive(self) -> bytes:
        while True:
            whole, self._input = pdus.cut(self._input)
            if whole is not None:
                return whole
            data = self._channel.recv()
            if not data:
                raise ConnectionError("the server has closed the connection")
            self._input += data
