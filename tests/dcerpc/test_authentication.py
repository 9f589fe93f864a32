"""The providers of an endpoint: which there are, and what level is wanted."""

from collections.abc import Hashable
from uuid import UUID

from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from tapiproxy.dcerpc.authentication import Authentication
from tapiproxy.dcerpc.interface import AuthenticationFailed, Interface
from tapiproxy.dcerpc.ntlm import NTLMAcceptor
from tapiproxy.dcerpc.pdu import NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED, NAK_INVALID_CHECKSUM
from tapiproxy.dcerpc.security import IAuthenticationService, ISecurityContext
from tapiproxy.dcerpc.spnegotokens import KERBEROS, NTLMSSP
from tests.dcerpc.ntlmpeers import (
    LEVELS,
    ntlmAcceptor,
    ntlmInitiator,
    service,
    shake,
    spnegoInitiator,
)

ANY = Interface(UUID(int=1), (1, 0), {})


class Providers(TestCase):
    def test_seam(self) -> None:
        """The service, and what it begins, have all that the seam asks for."""
        verifyObject(IAuthenticationService, service())
        for authType in (9, 10):
            verifyObject(ISecurityContext, service().newContext(authType, 2, "peer"))

    def test_known(self) -> None:
        """NTLM and SPNEGO are accepted at every level that clients ask for."""
        for level in LEVELS:
            for client in (ntlmInitiator(level), spnegoInitiator(level)):
                context = service().newContext(client.authType, level, "peer")
                self.assertEqual((context.authType, context.authLevel), (client.authType, level))
                shake(client, context)
                self.assertEqual(context.principal, "DOM\\alice")

    def test_byItself(self) -> None:
        """A mechanism is accepted under its own provider too; NTLM's acceptor plays Kerberos."""
        providers = Authentication(
            mechanisms={KERBEROS: lambda level, peer: ntlmAcceptor(level)},
        )
        shake(ntlmInitiator(6), providers.newContext(16, 6, "peer"))
        shake(spnegoInitiator(6, None, KERBEROS), providers.newContext(9, 6, "peer"))
        self.assertRaises(AuthenticationFailed, providers.newContext, 10, 6, "peer")

    def test_unknown(self) -> None:
        """Another provider, or the level of datagrams, is refused with its reason."""
        for authType, level, reason in (
            (16, 6, NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED),
            (0, 2, NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED),
            (0, 3, NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED),
            (68, 6, NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED),
            (10, 3, NAK_INVALID_CHECKSUM),
            (9, 3, NAK_INVALID_CHECKSUM),
        ):
            failure = self.assertRaises(
                AuthenticationFailed, service().newContext, authType, level, "peer"
            )
            self.assertEqual(failure.reason, reason)

    def test_accountsOfAPeer(self) -> None:
        """An acceptor is made for the client's address, whose logons are counted."""
        asked: list[Hashable] = []

        def ntlm(level: int, peer: Hashable) -> NTLMAcceptor:
            asked.append(peer)
            return ntlmAcceptor(level)

        providers = Authentication(mechanisms={NTLMSSP: ntlm})
        shake(ntlmInitiator(6), providers.newContext(10, 6, "one"))
        shake(spnegoInitiator(6), providers.newContext(9, 6, "other"))
        self.assertEqual(asked, ["one", "other"])


class Permitting(TestCase):
    def test_levels(self) -> None:
        """Calls are permitted from the lowest level on that is wanted."""
        for minimum in range(1, 7):
            providers = service(minimum=minimum)
            self.assertEqual(providers.permits(ANY, None), minimum == 1)
            for level in LEVELS:
                context = providers.newContext(10, level, "peer")
                self.assertEqual(providers.permits(ANY, context), level >= minimum)

    def test_unsaid(self) -> None:
        """If nothing is said, only sealed calls are."""
        providers = Authentication(
            mechanisms={NTLMSSP: lambda level, peer: ntlmAcceptor(level)},
        )
        self.assertFalse(providers.permits(ANY, None))
        for level in LEVELS:
            context = providers.newContext(10, level, "peer")
            self.assertEqual(providers.permits(ANY, context), level == 6)
