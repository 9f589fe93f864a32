"""
An agent's remotesp endpoint that demands of the server that it logs on, and protects what it sends.

pyspnego verifies the server and every one of its PDUs.  [MS-TRP] 5.1.
"""

import struct

from tests.live import pdus
from tests.live.pdus import PDU, Security
from tests.live.peer import RemoteSP

ERROR_ACCESS_DENIED = 5


class SecuredRemoteSP(RemoteSP):
    """
    Accepts the server's calls from one account, at one level.

    :param account: as the server has to log on, ``DOMAIN\\user``.
    :param authType: the provider by which it has to.
    :param headerSigning: whether it is agreed to.
    :ivar verified: the PDUs that were what the server sent, of all connections.
    """

    def __init__(
        self,
        account: str,
        *,
        authType: int = pdus.GSS_NEGOTIATE,
        level: int = pdus.PKT_PRIVACY,
        headerSigning: bool = True,
    ) -> None:
        self.verified = 0
        self._account = account
        self._demanded = (authType, level)
        self._agreed = pdus.SUPPORT_HEADER_SIGN if headerSigning else 0
        super().__init__()

    def _serve(self) -> None:
        try:
            self._converse()
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 -- pyspnego may raise any where a seal is wrong
            self.complaints.append(f"remotesp: {error!r}")

    def _converse(self) -> None:
        security: Security | None = None
        stub = b""
        while (whole := self.receivePDU()) is not None:
            pdu = PDU.parse(whole)
            if pdu.PTYPE != pdus.REQUEST:
                if security is None and pdu.verifier is not None:
                    security = self._newSecurity(pdu)
                self._leg(pdu, security)
                continue
            (opnum,) = struct.unpack_from("<H", pdu.body, 6)
            if security is None or not security.context.complete:
                self.complaints.append(f"operation {opnum} comes from nobody")
                fault = struct.pack("<IHBxII", 32, 0, 0, ERROR_ACCESS_DENIED, 0)
                self._say(PDU(pdus.FAULT, pdus.WHOLE, pdu.call_id, fault))
                continue
            if security.protects:
                stub += security.unprotect(whole)
                self.verified += 1
            else:
                assert pdu.verifier is None
                stub += pdu.body[8:]
            if pdu.pfc_flags & pdus.LAST_FRAG:
                answer = self.perform(opnum, stub)
                head = struct.pack("<IHH", len(answer), 0, 0)
                plain = PDU(pdus.RESPONSE, pdus.WHOLE, pdu.call_id, head + answer)
                protects = security.protects
                self._clientSock.sendall(security.protect(plain) if protects else plain.encode())
                stub = b""

    def _newSecurity(self, bind: PDU) -> Security:
        verifier = bind.verifier
        assert verifier is not None
        assert (verifier.auth_type, verifier.auth_level) == self._demanded
        security = Security(
            pdus.acceptor(verifier.auth_type), verifier.auth_type, verifier.auth_level
        )
        security.contextID = verifier.auth_context_id
        assert bind.pfc_flags & pdus.SUPPORT_HEADER_SIGN, "header signing is offered"
        security.headerSigning = bool(self._agreed)
        return security

    def _leg(self, pdu: PDU, security: Security | None) -> None:
        """
        A bind, an alter_context or an auth3.

        :raises AssertionError: the server is not who it has to be.
        """
        verifier = None
        if security is not None:
            assert pdu.verifier is not None
            token = security.step(pdu.verifier.auth_value)
            verifier = security.verifier(token)
            if security.context.complete:
                assert security.context.client_principal == self._account
        if pdu.PTYPE == pdus.AUTH3:
            return
        kind = pdus.BIND_ACK if pdu.PTYPE == pdus.BIND else pdus.ALTER_CONTEXT_RESP
        address = str(self.port).encode() + b"\0" if pdu.PTYPE == pdus.BIND else b""
        area = struct.pack("<H", len(address)) + address
        area += bytes(-len(area) % 4)
        body = (
            struct.pack("<HHI", pdus.FRAGMENT, pdus.FRAGMENT, 0x1234)
            + area
            + struct.pack("<BxxxHH", 1, 0, 0)
            + pdus.NDR
        )
        flags = pdus.WHOLE | pdu.pfc_flags & self._agreed
        self._say(PDU(kind, flags, pdu.call_id, body, verifier))

    def _say(self, pdu: PDU) -> None:
        self._clientSock.sendall(pdu.encode())
