"""What a client side logs on with: which providers, and for whom."""

from functools import partial

from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from tapiproxy.dcerpc.initiators import Initiators
from tapiproxy.dcerpc.interface import RPC_C_AUTHN_GSS_NEGOTIATE, RPC_C_AUTHN_WINNT
from tapiproxy.dcerpc.mechanism import IMechanism
from tapiproxy.dcerpc.ntlminitiator import NTLMInitiator
from tapiproxy.dcerpc.ntlmmessages import (
    AuthenticateMessage,
    MsvAvTargetName,
    responsePairs,
)
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnegotokens import KERBEROS, NTLMSSP, decodeInit
from tests.dcerpc.ntlmpeers import LEVELS, account, legOf, ntlmInitiator, service, shake

MECHANISMS = {NTLMSSP: partial(NTLMInitiator, account())}


def initiators(authType: int, authLevel: int) -> Initiators:
    """Alice, by NTLM."""
    return Initiators(mechanisms=MECHANISMS, authType=authType, authLevel=authLevel)


class Made(TestCase):
    def test_providers(self) -> None:
        """Both providers log on at each level, as the account."""
        for authType in (RPC_C_AUTHN_GSS_NEGOTIATE, RPC_C_AUTHN_WINNT):
            for level in LEVELS:
                client = initiators(authType, level).newContext("192.0.2.7")
                verifyObject(ISecurityContext, client)
                self.assertEqual((client.authType, client.authLevel), (authType, level))
                acceptor = service().newContext(authType, level, "peer")
                shake(client, acceptor)
                self.assertEqual(acceptor.principal, "DOM\\alice")

    def test_defaults(self) -> None:
        """Unless told otherwise it is negotiated, and sealed: [MS-TRP] 5.1."""
        client = Initiators(mechanisms=MECHANISMS).newContext("192.0.2.7")
        self.assertEqual((client.authType, client.authLevel), (9, 6))

    def test_preference(self) -> None:
        """What is named first is begun with; the server may choose the other."""
        mechanisms = {KERBEROS: MECHANISMS[NTLMSSP], **MECHANISMS}
        client = Initiators(mechanisms=mechanisms).newContext("192.0.2.7")
        self.assertEqual(decodeInit(legOf(client, b"")).mechTypes, (KERBEROS, NTLMSSP))
        client = Initiators(mechanisms=mechanisms).newContext("192.0.2.7")
        shake(client, service().newContext(9, 6, "peer"))
        self.assertTrue(client.complete)

    def test_name(self) -> None:
        """Kerberos asks for the name, unless it is none; NTLM means the address."""
        targets: list[tuple[str, str]] = []

        def make(mechanism: str, level: int, target: str) -> IMechanism:
            targets.append((mechanism, target))
            return ntlmInitiator(level)

        both = Initiators(
            mechanisms={KERBEROS: partial(make, "kerberos"), NTLMSSP: partial(make, "ntlm")}
        )
        for name, expected in (
            ("PC-7", "host/PC-7"),
            ("pc7.dom.example", "host/pc7.dom.example"),
            *(
                (wrong, "host/192.0.2.7")
                for wrong in ("", "x@EVIL", "a/b", ".", "\u00e4", "x" * 256)
            ),
        ):
            targets.clear()
            shake(both.newContext("192.0.2.7", name), service().newContext(9, 6, "peer"))
            self.assertEqual(targets, [("kerberos", expected), ("ntlm", "host/192.0.2.7")])

    def test_target(self) -> None:
        """A logon names, signed, whom it is for."""
        client = initiators(10, 6).newContext("192.0.2.7")
        token = shake(client, service().newContext(10, 6, "peer"))[2]
        response = AuthenticateMessage.decode(token).NtChallengeResponse
        self.assertEqual(
            responsePairs(response)[MsvAvTargetName], "host/192.0.2.7".encode("utf-16-le")
        )
