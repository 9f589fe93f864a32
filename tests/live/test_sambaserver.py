"""
Our client logs on to Samba's own RPC servers, which verify every request: the initiators behind the
call-backs, against acceptors that thousands of Windows clients meet.

Level CONNECT is not here: Samba's servers refuse it.
"""

import itertools
import struct
import uuid
from collections.abc import Iterator

import pytest
from impacket.dcerpc.v5 import epm, samr
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.client import ClientConnection, connect
from tapiproxy.dcerpc.clientassociation import AssociationFailed
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_GSS_NEGOTIATE,
    RPC_C_AUTHN_LEVEL_PKT,
    RPC_C_AUTHN_LEVEL_PKT_INTEGRITY,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_C_AUTHN_WINNT,
    Fault,
    Interface,
    nca_s_proto_error,
)
from tapiproxy.dcerpc.ntlminitiator import NTLMAccount, NTLMInitiator
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnegoinitiator import Choice, SPNEGOInitiator
from tapiproxy.dcerpc.spnegotokens import KERBEROS, NTLMSSP
from tapiproxy.nthash import ntHash
from tests.extras import needsGSSAPI
from tests.live import smbd as samba
from tests.live.domaincontroller import REALM, DomainController
from tests.live.kdc import KDC
from tests.live.relay import HeaderSigningOff

# [MS-SAMR] 1.9, 3.1.5.1.3 and 3.1.5.13.1
SAMR = Interface(uuid.UUID("12345778-1234-abcd-ef00-0123456789ac"), (1, 0), {})
SamrCloseHandle = 1
SamrConnect2 = 57
MAXIMUM_ALLOWED = 0x02000000

#: Seconds for each thing that is asked.
PATIENCE = 10.0

PROVIDERS = (RPC_C_AUTHN_GSS_NEGOTIATE, RPC_C_AUTHN_WINNT)
LEVELS = (
    RPC_C_AUTHN_LEVEL_PKT,
    RPC_C_AUTHN_LEVEL_PKT_INTEGRITY,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
)


needsSmbd = pytest.mark.skipif(samba.missing() is not None, reason=str(samba.missing()))


def initiator(authType: int, level: int, password: str = samba.PASSWORD) -> ISecurityContext:
    account = NTLMAccount(domain=samba.DOMAIN, user="alice", ntHash=ntHash(password))

    def ntlm() -> NTLMInitiator:
        return NTLMInitiator(account, level, "host/127.0.0.1")

    if authType == RPC_C_AUTHN_WINNT:
        return ntlm()
    return SPNEGOInitiator([Choice(NTLMSSP, ntlm)], level)


def kerberosChoice(realm: KDC | DomainController, target: str, level: int) -> Choice:
    """Kerberos with alice's tickets, to be offered or to be used by itself."""
    from tapiproxy.dcerpc.kerberosinitiator import KerberosAccount, KerberosInitiator

    account = KerberosAccount(principal="", ccache=f"FILE:{realm.ccache('alice')}")
    return Choice(
        KERBEROS,
        lambda: KerberosInitiator(account, lambda leg, done: done(leg()), level, target),
    )


class Samr(TestCase):
    """What both servers are asked."""

    timeout = 60

    async def _connect(self, host: str, port: int, security: ISecurityContext) -> ClientConnection:
        connection = await connect(
            reactor, host, port, SAMR, PATIENCE, strictCallID=True, security=security
        )
        self.addCleanup(connection.close)
        return connection

    async def _use(self, connection: ClientConnection, name: str) -> None:
        """SamrConnect2 with a name as long as is wanted, and SamrCloseHandle."""
        text = name.encode("utf-16-le") + b"\0\0"
        count = len(text) // 2
        stub = struct.pack("<4I", 1, count, 0, count) + text + bytes(-len(text) % 4)
        stub += struct.pack("<I", MAXIMUM_ALLOWED)
        answer = await connection.call(SamrConnect2, stub, PATIENCE)
        handle, status = struct.unpack("<20sI", answer)
        self.assertEqual(status, 0)
        self.assertNotEqual(handle, bytes(20))
        answer = await connection.call(SamrCloseHandle, handle, PATIENCE)
        self.assertEqual(answer, bytes(24))

    async def _useAll(self, host: str, port: int, security: ISecurityContext) -> None:
        """Requests of one fragment and of several."""
        connection = await self._connect(host, port, security)
        await self._use(connection, "SERVER")
        await self._use(connection, "S" * 10_000)
        connection.close()


class Standalone(Samr):
    """A server of no domain: it knows NTLM alone."""

    @classmethod
    def setUpClass(cls) -> None:
        running = samba.running()
        cls.smbd = running.__enter__()
        cls.addClassCleanup(running.__exit__, None, None, None)
        cls.smbd.serveRPC()


@needsSmbd
class StandaloneTests(Standalone):
    async def test_levels(self) -> None:
        """Each provider at each level."""
        for authType, level in itertools.product(PROVIDERS, LEVELS):
            await self._useAll("127.0.0.1", self.smbd.rpcPort, initiator(authType, level))

    async def test_withoutHeaderSigning(self) -> None:
        """The same where header signing is not agreed on."""
        port, relay = HeaderSigningOff.ofPort(self.smbd.rpcPort)
        self.addCleanup(relay.close)
        for count, (authType, level) in enumerate(itertools.product(PROVIDERS, LEVELS), 1):
            await self._useAll("127.0.0.1", port, initiator(authType, level))
            self.assertGreaterEqual(relay.offers, count)

    async def test_wrongPassword(self) -> None:
        """A wrong password is refused in the handshake, or with the first call."""
        wrong = initiator(RPC_C_AUTHN_GSS_NEGOTIATE, RPC_C_AUTHN_LEVEL_PKT_PRIVACY, "another")
        with self.assertRaises(AssociationFailed):
            await self._connect("127.0.0.1", self.smbd.rpcPort, wrong)
        wrong = initiator(RPC_C_AUTHN_WINNT, RPC_C_AUTHN_LEVEL_PKT_PRIVACY, "another")
        connection = await self._connect("127.0.0.1", self.smbd.rpcPort, wrong)
        with self.assertRaises(Fault) as caught:
            await connection.call(SamrCloseHandle, bytes(20), PATIENCE)
        self.assertEqual(caught.exception.status, nca_s_proto_error)


@needsGSSAPI
@needsSmbd
class PreferringTests(Standalone):
    @pytest.fixture(autouse=True)
    def realm(self, kdc: KDC) -> Iterator[None]:
        """A realm that has tickets for a server which does not know it."""
        self.kdc = kdc
        with kdc.inUse():
            yield

    async def test_otherwiseNTLM(self) -> None:
        """What begins with Kerberos goes on with NTLM, and both sides sign what was offered."""
        for level in LEVELS:
            kerberos = kerberosChoice(self.kdc, "host/localhost", level)
            ntlm = Choice(NTLMSSP, lambda level=level: initiator(RPC_C_AUTHN_WINNT, level))
            security = SPNEGOInitiator([kerberos, ntlm], level)
            await self._useAll("127.0.0.1", self.smbd.rpcPort, security)


@needsGSSAPI
class DomainControllerTests(Samr):
    @pytest.fixture(autouse=True)
    def domain(self, domainController: DomainController) -> Iterator[None]:
        """The domain, whose realm this process uses meanwhile."""
        self.controller = domainController
        with domainController.inUse():
            yield

    async def test_kerberos(self) -> None:
        """Kerberos by itself and negotiated, at each level."""
        address = self.controller.address
        found = epm.hept_map(address, samr.MSRPC_UUID_SAMR, protocol="ncacn_ip_tcp")
        port = int(found.partition("[")[2].rstrip("]"))
        target = f"host/controller.{REALM.lower()}"
        for level in LEVELS:
            choice = kerberosChoice(self.controller, target, level)
            await self._useAll(address, port, choice.make())
            await self._useAll(address, port, SPNEGOInitiator([choice], level))
