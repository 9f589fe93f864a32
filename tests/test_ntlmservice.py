"""A server that asks who its clients are: from the configuration to the client's principal."""

import socket
import subprocess
import sys

from twisted.internet.address import IPv4Address
from twisted.internet.defer import succeed
from twisted.internet.testing import StringTransport
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tapiproxy import usersfile
from tapiproxy.configkeys import ConfigurationError
from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_C_AUTHN_GSS_NEGOTIATE,
    RPC_C_AUTHN_WINNT,
    nca_s_fault_context_mismatch,
)
from tapiproxy.dcerpc.ntlmmessages import (
    ChallengeMessage,
    MsvAvDnsDomainName,
    MsvAvNbComputerName,
    MsvAvNbDomainName,
    NegotiateMessage,
)
from tapiproxy.dcerpc.security import IAuthenticationService
from tapiproxy.nthash import ntHash
from tapiproxy.trp import idl
from tapiproxy.trp.principals import NOBODY, Principal
from tapiproxy.winbind import Answer
from tests.assembled import assembled
from tests.dcerpc.ntlmpeers import (
    LEVELS,
    Secured,
    account,
    legOf,
    nobody,
    ntlmInitiator,
    spnegoInitiator,
)
from tests.dcerpc.ntlmvectors import GOLDEN
from tests.dcerpc.pdus import alter, bind, context, request
from tests.folders import makeFolder

TAPSRV = context(0, pdu.SyntaxID(idl.TAPSRV, *idl.TAPSRV_VERSION))
ATTACH = idl.encodeClientAttach(-1, "DOM\\mallory", "PC")


def verified(logon):
    """What a domain controller says that knows Alice's password."""
    key = logon.sessionBaseKey(ntHash(GOLDEN.password))
    return succeed(Answer(sessionBaseKey=key, problem=""))


class Peer:
    """A connection to a server, and the client's end of it."""

    def __init__(self, factory, host="192.0.2.7"):
        address = IPv4Address("TCP", host, 50000)
        self.protocol = factory.buildProtocol(address)
        self.transport = StringTransport(peerAddress=address)
        self.protocol.makeConnection(self.transport)

    def say(self, octets):
        """What the server answers."""
        self.transport.clear()
        self.protocol.dataReceived(octets)
        return self.transport.value()

    def logOn(self, client, group=0):
        """Go through all legs."""
        secured = Secured(client)
        answer = self.say(bind(TAPSRV, verifier=secured.begin(), group=group))
        verifier = secured.goOn(answer)
        if client.authType == RPC_C_AUTHN_GSS_NEGOTIATE:
            answer = self.say(alter(TAPSRV, verifier=verifier))
            legOf(client, pdu.decode(answer).auth_verifier.auth_value)
        else:
            self.say(pdu.Auth3(call_id=1, auth_verifier=verifier).encode())
        return secured


class ServerCase(SynchronousTestCase):
    more = ""

    def setUp(self):
        self.folder = makeFolder(self)
        self.users = self.folder / "users"
        usersfile.rewrite(
            self.users,
            lambda text: usersfile.withUser("", "DOM\\alice", ntHash(GOLDEN.password), ["Sales"]),
        )
        self.logged = []
        observer = lambda event: self.logged.append(formatEvent(event))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def assemble(self, listeners, head=""):
        """A server whose listeners are these, by minimum level."""
        text = f"poll_without_callback = true\n{head}\n"
        for number, level in enumerate(listeners):
            text += f"[listeners.l{number}]\nendpoint = 'tcp:{number + 1}:interface=127.0.0.1'\n"
            text += f"minimum_level = '{level}'\n"
        text += f"[authentication]\nusers_file = '{self.users}'\n{self.more}\n"
        text += "[handlers.fixed]\narguments = 'Sales'\n[lines.a]\naddresses = ['1']\n"
        return assembled(text, self.folder / "data")


class EndToEndTests(ServerCase):
    def test_principal(self):
        """Under each provider, at each level, who logs on is his account with its groups."""
        for make in (ntlmInitiator, spnegoInitiator):
            for level in LEVELS:
                parts = self.assemble(["connect"])
                peer = Peer(parts.factories[0])
                secured = peer.logOn(make(level))
                call = request(ATTACH)
                answer = peer.say(call if level == 2 else secured.protect(call))
                stub = answer[24:] if level == 2 else secured.unprotect(answer)
                self.assertEqual(idl.decodeClientAttachReply(stub, 0, len(stub)).result, 0)
                [client] = parts.server.clients
                self.assertEqual(client.principal, Principal("DOM\\alice", frozenset(["Sales"])))
                self.assertEqual(client.user, "DOM\\alice")

    def test_level(self):
        """A request at a lower level than the listener's least is refused; at that level not."""
        for level in LEVELS[:-1]:
            parts = self.assemble(["privacy"])
            peer = Peer(parts.factories[0])
            secured = peer.logOn(ntlmInitiator(level))
            call = request(ATTACH)
            answer = peer.say(call if level == 2 else secured.protect(call))
            self.assertEqual(pdu.decode(answer).status, ERROR_ACCESS_DENIED)
            self.assertEqual(parts.server.clients, {})

    def test_nobody(self):
        """Without authentication nothing is served, except where the least is none."""
        parts = self.assemble(["connect", "none"])
        guarded, opened = map(Peer, parts.factories)
        guarded.say(bind(TAPSRV))
        self.assertEqual(pdu.decode(guarded.say(request(ATTACH))).status, ERROR_ACCESS_DENIED)
        opened.say(bind(TAPSRV))
        self.assertIsInstance(pdu.decode(opened.say(request(ATTACH))), pdu.Response)
        [client] = parts.server.clients
        self.assertEqual(client.principal, NOBODY)

    def test_anonymous(self):
        """Nobody can log on as nobody, and tapsrv would not be for him."""
        parts = self.assemble(["connect", "none"])
        self.assertFalse(parts.server.interface.public)
        for factory in parts.factories:
            peer = Peer(factory)
            leg = pdu.AuthVerifier(10, 2, 1, NegotiateMessage(GOLDEN.flags).encode())
            peer.say(bind(TAPSRV, verifier=leg))
            leg = pdu.AuthVerifier(10, 2, 1, nobody())
            self.assertEqual(peer.say(pdu.Auth3(call_id=1, auth_verifier=leg).encode()), b"")
            self.assertIsNone(peer.protocol.principal)
            self.assertEqual(pdu.decode(peer.say(request(ATTACH))).status, ERROR_ACCESS_DENIED)
        self.assertEqual(parts.server.clients, {})

    def test_administrator(self):
        """An administrator may attach as one; another account may not."""
        attach = request(idl.encodeClientAttach(-3, "", "PC"))
        for head, wanted in (("administrators = ['dom\\Alice']", 0), ("", 0xFFFFFFED)):
            peer = Peer(self.assemble(["privacy"], head).factories[0])
            secured = peer.logOn(ntlmInitiator(6))
            stub = secured.unprotect(peer.say(secured.protect(attach)))
            self.assertEqual(idl.decodeClientAttachReply(stub, 0, len(stub)).result, wanted)

    def test_wrongPassword(self):
        """A wrong password is refused at the first request, and logged with the address."""
        parts = self.assemble(["privacy"])
        peer = Peer(parts.factories[0])
        secured = peer.logOn(ntlmInitiator(6, account(ntHash=bytes(16))))
        answer = peer.say(secured.protect(request(ATTACH)))
        self.assertEqual(pdu.decode(answer).status, ERROR_ACCESS_DENIED)
        self.assertIn("failed logon of 'DOM' 'alice' from 192.0.2.7", self.logged[-1])

    def test_failedLogons(self):
        """Failures count for all listeners together, and then the right password fails too."""
        parts = self.assemble(["privacy", "connect"], "limits.failedLogonsPerAccount = 2")
        for factory in parts.factories:
            Peer(factory).logOn(ntlmInitiator(6, account(ntHash=bytes(16))))
        peer = Peer(parts.factories[0], "192.0.2.8")
        secured = peer.logOn(ntlmInitiator(6))
        answer = peer.say(secured.protect(request(ATTACH)))
        self.assertEqual(pdu.decode(answer).status, ERROR_ACCESS_DENIED)

    def test_reread(self):
        """Whoever is deleted from the users file cannot log on once it has been taken over."""
        parts = self.assemble(["privacy"])
        usersfile.rewrite(self.users, lambda text: usersfile.withoutUser(text, "DOM\\alice"))
        for wanted in (pdu.Response, pdu.FaultPDU):
            peer = Peer(parts.factories[0])
            secured = peer.logOn(ntlmInitiator(6))
            answer = pdu.decode(peer.say(secured.protect(request(ATTACH))))
            self.assertIsInstance(answer, wanted)
            parts.accounts.takeOver(parts.accounts.reread())


class ForeignHandleTests(ServerCase):
    """A context handle that somebody has got hold of: ClientRequest and ClientDetach with it."""

    def setUp(self):
        super().setUp()
        usersfile.rewrite(
            self.users,
            lambda text: usersfile.withUser(text, "DOM\\bob", ntHash(GOLDEN.password), []),
        )
        self.parts = self.assemble(["none"])
        self.alice = Peer(self.parts.factories[0])
        self.secured = self.alice.logOn(ntlmInitiator(6))
        stub = self.secured.unprotect(self.alice.say(self.secured.protect(request(ATTACH))))
        self.context = idl.decodeClientAttachReply(stub, 0, len(stub)).phContext
        self.group = self.alice.protocol.group.groupID

    def status(self, peer, secured=None):
        """The fault of a ClientRequest, which a ClientDetach has as well; 0 if it is served."""
        found = set()
        for opnum, stub in (
            (idl.ClientRequest, idl.encodeClientRequest(self.context, bytes(60), 60)),
            (idl.ClientDetach, idl.encodeClientDetach(self.context)),
        ):
            call = request(stub, opnum)
            answer = pdu.decode(peer.say(secured.protect(call) if secured else call))
            found.add(answer.status if isinstance(answer, pdu.FaultPDU) else 0)
        [status] = found
        return status

    def test_foreign(self):
        """It is unknown to whoever is not its principal, in its group, at its level."""
        for who, level, group in (
            ("bob", 6, self.group),
            ("bob", 6, 0),
            ("alice", 5, self.group),
            ("alice", 4, self.group),
            ("alice", 6, 0),
        ):
            peer = Peer(self.parts.factories[0])
            secured = peer.logOn(ntlmInitiator(level, account(who)), group)
            self.assertEqual(self.status(peer, secured), nca_s_fault_context_mismatch, who)
        [client] = self.parts.server.clients
        self.assertEqual(client.principal.name, "DOM\\alice")

    def test_nobody(self):
        """It is unknown to who has not logged on, though the listener serves him."""
        for group in (self.group, 0):
            peer = Peer(self.parts.factories[0])
            peer.say(bind(TAPSRV, group=group))
            self.assertEqual(self.status(peer), nca_s_fault_context_mismatch)

    def test_sameConnection(self):
        """It is unknown under another principal's security context of its own connection."""
        other = Secured(ntlmInitiator(6, account("bob")), 2)
        answer = self.alice.say(alter(TAPSRV, verifier=other.begin()))
        leg = other.goOn(answer)
        self.alice.say(pdu.Auth3(call_id=1, auth_verifier=leg).encode())
        self.assertEqual(self.status(self.alice, other), nca_s_fault_context_mismatch)

    def test_own(self):
        """It serves its principal, on another connection of its group as well."""
        peer = Peer(self.parts.factories[0])
        secured = peer.logOn(ntlmInitiator(6), self.group)
        self.assertEqual(self.status(peer, secured), 0)
        self.assertEqual(self.parts.server.clients, {})

    def test_otherAddress(self):
        """Its group cannot be joined from another address."""
        peer = Peer(self.parts.factories[0], "192.0.2.8")
        secured = Secured(ntlmInitiator(6))
        answer = peer.say(bind(TAPSRV, verifier=secured.begin(), group=self.group))
        self.assertIsInstance(pdu.decode(answer), pdu.BindNak)


class AssemblyTests(ServerCase):
    def test_provided(self):
        """What is made of a configuration has all that the seam asks for."""
        for factory in self.assemble(["none", "privacy"]).factories:
            verifyObject(IAuthenticationService, factory.endpoint.authentication)

    def test_factories(self):
        """Listeners of one minimum level share their factory, others do not."""
        first, second, third = self.assemble(["none", "privacy", "none"]).factories
        self.assertIs(first, third)
        self.assertIsNot(first, second)

    def test_domain(self):
        """A user of a domain whom winbind verifies has the groups that the users file gives."""
        usersfile.rewrite(self.users, lambda text: "group Support:DOM\\alice\n")
        self.more = "ntlm_auth = '/bin/true'\ndomains = {DOM = 'dom.test'}"
        parts = self.assemble(["privacy"])
        self.assertIsNotNone(parts.winbind)
        self.patch(parts.winbind, "verify", verified)
        peer = Peer(parts.factories[0])
        secured = peer.logOn(ntlmInitiator(6))
        secured.unprotect(peer.say(secured.protect(request(ATTACH))))
        [client] = parts.server.clients
        self.assertEqual(client.principal, Principal("DOM\\alice", frozenset(["Support"])))

    def test_domainGroups(self):
        """A user of a domain has the groups that wbinfo gives as well, whoever has verified him."""
        usersfile.rewrite(self.users, lambda text: text + "group Support:DOM\\alice\n")
        self.more = "wbinfo = '/bin/true'\ndomains = {DOM = 'dom.test'}"
        parts = self.assemble(["privacy"])
        known = {"DOM\\alice": frozenset(["S-1-5-21-7"])}
        self.patch(parts.domainGroups, "groupsOf", lambda name: succeed(known[name]))
        peer = Peer(parts.factories[0])
        secured = peer.logOn(ntlmInitiator(6))
        secured.unprotect(peer.say(secured.protect(request(ATTACH))))
        [client] = parts.server.clients
        self.assertEqual(client.principal.groups, {"Sales", "Support", "S-1-5-21-7"})

    def challenge(self):
        """What clients are told of the server."""
        [factory] = self.assemble(["privacy"]).factories
        context = factory.endpoint.authentication.newContext(RPC_C_AUTHN_WINNT, 6, "peer")
        return ChallengeMessage.decode(legOf(context, GOLDEN.negotiate))

    def test_target(self):
        """Where a domain's controller verifies logons, clients are told of the first domain."""
        computer = socket.gethostname().partition(".")[0].upper()[:15]
        self.more = "domains = {DOM = 'dom.test', SUB = 'sub.dom.test'}"
        self.assertEqual(self.challenge().TargetName, computer)
        self.more += "\nntlm_auth = '/bin/true'"
        challenge = self.challenge()
        self.assertEqual(challenge.TargetName, "DOM")
        for kind, text in (
            (MsvAvNbComputerName, computer),
            (MsvAvNbDomainName, "DOM"),
            (MsvAvDnsDomainName, "dom.test"),
        ):
            self.assertEqual(challenge.TargetInfo[kind].decode("utf-16-le"), text)

    def test_noProgram(self):
        """A program that is not there stops the start, with the package that has it."""
        for name in ("ntlm_auth", "wbinfo"):
            self.more = f"{name} = '/no/{name}'\ndomains = {{DOM = 'dom.test'}}"
            error = self.assertRaises(ConfigurationError, self.assemble, ["privacy"])
            self.assertIn(f"{name} '/no/{name}' cannot be run", str(error))
            self.assertIn("package winbind", str(error))

    def test_usersFile(self):
        """A users file that cannot be used stops the start with its reason."""
        self.users.chmod(0o644)
        error = self.assertRaises(ConfigurationError, self.assemble, ["privacy"])
        self.assertIn("site.toml: [authentication] the users file", str(error))
        self.assertIn("chmod 0600", str(error))

    def test_extras(self):
        """Without the extra of a mechanism the start stops with the line to type."""
        for key, module, needed in (
            ("users_file", "cryptography", "cryptography: pip install 'tapiproxy[auth]'"),
            (
                "keytab",
                "gssapi",
                "gssapi, which is built with Debian's libkrb5-dev and gcc: "
                "pip install 'tapiproxy[kerberos]'",
            ),
        ):
            self.assertEqual(
                self.saidWithout(module, f"[authentication]\n{key} = '{self.users}'\n"),
                f"site.toml: [authentication] needs {needed}\n",
            )

    def saidWithout(self, module, text):
        """What a process that does not have a module says to a configuration."""
        program = (
            "import sys\n"
            f"sys.modules[{module!r}] = None\n"
            "from tapiproxy import assembly, config, configkeys\n"
            f"configuration = config.parse({text!r}, 'site.toml', assembly.allowedLimits())\n"
            "own = assembly.OwnLogons(machineID=b'')\n"
            "try:\n"
            "    accounts = assembly._accounts(configuration)\n"
            "    assembly._services(configuration, accounts, None, None, own, None)\n"
            "except configkeys.ConfigurationError as error:\n"
            "    print(error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout
