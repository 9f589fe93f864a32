"""Client and server that prove to each other who they are, and what comes of it if they do not."""

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, eventAsText, globalLogPublisher
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from tapiproxy.client.callers import Callers
from tapiproxy.client.errors import AttachRefused, CallFailed, ConnectionEnded, LogonRefused
from tapiproxy.client.telephony import TelephonyClient
from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.identity import NTLMLogon, Verified
from tapiproxy.dcerpc.ntlmmessages import SIGNATURE
from tapiproxy.dcerpc.security import IAuthenticationService, ISecurityContext
from tapiproxy.dcerpc.spnegotokens import decodeResp
from tapiproxy.tapi.lineerr import LINEERR_OPERATIONFAILED
from tapiproxy.trp.principals import Principal
from tests.client.canned import H_AGENT, H_SESSION, PIN
from tests.client.network import MemoryNetwork, Pipe
from tests.client.servers import NEW_SESSION, PORT, Application, RealServer
from tests.dcerpc.conversation import fault, response
from tests.dcerpc.ntlmpeers import LEVELS, Accounts, account, ntlmInitiator, server, spnegoInitiator
from tests.dcerpc.ntlmpeers import service as ntlmService
from tests.dcerpc.pdus import split

MAKERS = (spnegoInitiator, ntlmInitiator)

NewContext = Callable[..., ISecurityContext]


class Known(Accounts):
    """Alice, as the session layer wants her."""

    def logOn(self, logon: NTLMLogon, done: Callable[[Verified | None], None]) -> None:
        """By the hash."""

        def named(verified: Verified | None) -> None:
            if verified is not None:
                verified = evolve(verified, principal=Principal(str(verified.principal)))
            done(verified)

        super().logOn(logon, named)


def service(minimum: int = 6) -> IAuthenticationService:
    """Who accepts Alice, for either side."""
    return ntlmService(Known(), minimum, server())


def logon(make: Any = spnegoInitiator, level: int = 6, password: bool = True) -> NewContext:
    """Alice's logons, with a wrong password if wanted."""
    who = account() if password else account(ntHash=bytes(16))
    return lambda host, name="": make(level, who)


class Site(TestCase):
    """A server and its clients."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.app = Application(self.network)
        self.logged: list[str] = []

        def observe(event: LogEvent) -> None:
            self.logged.append(eventAsText(event, includeTimestamp=False))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def refused(self, connecting: "Deferred[TelephonyClient]", kind: type[Exception]) -> Any:
        """How the attempt fails, and that nothing of it is left."""
        found: list[Any] = []
        connecting.addBoth(found.append)
        self.network.flush()
        for _ in range(4):
            # Some refusals are only the end of somebody's patience.
            self.network.advance(1)
            self.network.flush()
        [failure] = found
        failure.trap(kind)
        self.assertFalse(any(pipe.connected for pipe in self.network.pipes))
        self.assertEqual(list(self.network.ports), [PORT])
        return failure.value

    def said(self, words: str) -> int:
        """How often the log says something."""
        return sum(words in line for line in self.logged)


class Established(Site):
    def exchange(self, client: TelephonyClient) -> None:
        """An agent's session, whose event comes by the call-back; then leave."""
        result = self.app.result
        result(client.initialize("test"))
        version = result(client.negotiateAPIVersion(0))
        line = result(client.open(0, version.dwNegotiatedVersion))
        group = result(line.getAgentGroupList(0)).List[0].GroupID
        self.assertEqual(result(line.createAgentSession(H_AGENT, group, 0, PIN)), H_SESSION)
        self.assertIn(NEW_SESSION, self.app.events)
        result(client.detach())
        self.network.flush()
        self.assertFalse(any(pipe.connected for pipe in self.network.pipes))

    def test_bothDirections(self) -> None:
        """Each provider at each level, client to server and server to client."""
        for make in MAKERS:
            for level in LEVELS:
                self.network = MemoryNetwork()
                self.app = Application(self.network)
                new = logon(make, level)
                server = RealServer(self.network, service(level), new)
                client = self.app.connect(new, service(level))
                [session] = server.telephony.clients
                self.assertEqual(session.principal, Principal("DOM\\alice"))
                self.exchange(client)

    def test_faultPutIn(self) -> None:
        """
        A fault, which nobody signs, that somebody puts in: its request fails, and no later request
        is given the answer that was right.
        """
        for make in MAKERS:
            self.network = MemoryNetwork()
            self.app = Application(self.network)
            new = logon(make)
            RealServer(self.network, service(), new)
            client = self.app.connect(new, service())
            self.app.result(client.initialize("test"))
            answers = self.network.pipes[0].other

            def putIn(pipe: Pipe, data: bytes, answers: Pipe = answers) -> bytes:
                return fault(0x6F7, 4).encode() + data if pipe is answers else data

            self.network.tap = putIn
            found: list[Any] = []
            for _ in range(2):
                client.negotiateAPIVersion(0).addBoth(found.append)
            self.network.flush()
            self.assertEqual([each.type for each in found], [CallFailed, ConnectionEnded])

    def test_sealed(self) -> None:
        """Nothing but the handshake passes in the clear, either way, on either connection."""
        clear: list[int] = []
        text: list[bytes] = []

        def look(pipe: Pipe, data: bytes) -> bytes:
            for octets in split(data):
                header = pdu.readHeader(octets, 0)
                if header.PTYPE in (pdu.REQUEST, pdu.RESPONSE, pdu.FAULT) and not (
                    header.auth_length
                ):
                    clear.append(header.PTYPE)
                text.append(octets)
            return data

        self.network.tap = look
        RealServer(self.network, service(), logon())
        self.exchange(self.app.connect(logon(), service()))
        self.assertEqual(clear, [])
        self.assertGreater(len(text), 20)
        self.assertFalse([each for each in text if PIN.encode("utf-16-le") in each])

    def test_onlyOneDirection(self) -> None:
        """A server may ask its clients and call back as nobody, and the other way round."""
        RealServer(self.network, service())
        self.exchange(self.app.connect(logon()))
        self.network = MemoryNetwork()
        self.app = Application(self.network)
        RealServer(self.network, None, logon())
        self.exchange(self.app.connect(None, service()))


class ServerRefused(Site):
    """Call-backs that the client does not take."""

    def test_clientWithoutProviders(self) -> None:
        """A client that cannot verify a server refuses the logon; required = true refuses it."""
        RealServer(self.network, None, logon())
        error = self.refused(self.app.connecting(), AttachRefused)
        self.assertEqual(error.code, LINEERR_OPERATIONFAILED)
        self.assertIn("was not told which server to accept", error.callback)
        self.assertEqual(self.said("refuses a bind with a logon, reason 8"), 1)
        self.assertEqual(self.said("need required = false there"), 1)

    def test_notRequired(self) -> None:
        """With required = false it is called back as nobody, and the log says so once a minute."""
        server = RealServer(self.network, None, logon(), required=False)
        for _ in range(3):
            self.app.connect()
        self.assertEqual(len(server.telephony.clients), 3)
        self.assertEqual(self.said("does not take the logon of [callback]"), 1)
        self.network.advance(60)
        self.app.connect()
        self.assertEqual(self.said("(2 more of it left unsaid before)"), 1)

    def test_notRequiredWithAuth3(self) -> None:
        """So is one that shows its refusal at RemoteSPAttach, since an auth3 has no answer."""
        server = RealServer(self.network, None, logon(ntlmInitiator, password=False), False)
        self.app.connect(None, service(0))
        self.assertEqual(len(server.telephony.clients), 1)
        self.assertEqual(self.said("RemoteSPAttach failed: fault 0x00000005"), 1)

    def test_insistingClient(self) -> None:
        """A client that insists is not called back as nobody: required = false changes nothing."""
        RealServer(self.network, None, logon(password=False), required=False)
        error = self.refused(self.app.connecting(None, service()), AttachRefused)
        self.assertIn("is not one that this client accepts", error.callback)
        self.assertEqual(self.said("was not attached"), 1)

    def test_wrongPassword(self) -> None:
        """An account that the client does not take, by either provider."""
        for make in MAKERS:
            self.network = MemoryNetwork()
            self.app = Application(self.network)
            RealServer(self.network, None, logon(make, password=False))
            error = self.refused(self.app.connecting(None, service()), AttachRefused)
            self.assertIn("its account, password or mechanism", error.callback)

    def test_withoutLogon(self) -> None:
        """A client that wants the server to log on refuses one that does not."""
        RealServer(self.network)
        error = self.refused(self.app.connecting(None, service()), AttachRefused)
        self.assertEqual(error.callback, "it did not log on")
        self.assertEqual(self.said("RemoteSPAttach failed: fault 0x00000005"), 1)
        self.assertEqual(self.said("that [callback] names"), 1)

    def test_lowLevel(self) -> None:
        """A client that wants more than the server's level refuses it."""
        RealServer(self.network, None, logon(level=5))
        error = self.refused(self.app.connecting(None, service()), AttachRefused)
        self.assertEqual(error.callback, "it logged on at level integrity, which is too low")

    def test_seam(self) -> None:
        """What the client's endpoint asks is all that the seam has."""
        verifyObject(IAuthenticationService, Callers(service()))


class ClientRefused(Site):
    """Logons that the server does not take."""

    def test_wrongPassword(self) -> None:
        """A wrong password is told as such, by either provider."""
        RealServer(self.network, service())
        for make, said in (
            (spnegoInitiator, "refuses the logon: fault 0x00000005"),
            (ntlmInitiator, "does not take the logon, or not at level privacy"),
        ):
            error = self.refused(self.app.connecting(logon(make, password=False)), LogonRefused)
            self.assertIn(said, str(error))

    def test_lowLevel(self) -> None:
        """A level below the listener's is told with the level."""
        RealServer(self.network, service())
        error = self.refused(self.app.connecting(logon(level=5)), LogonRefused)
        self.assertIn("not at level integrity", str(error))

    def test_withoutLogon(self) -> None:
        """A client that does not log on is told that it has to."""
        RealServer(self.network, service())
        error = self.refused(self.app.connecting(), LogonRefused)
        self.assertIn("wants clients to log on", str(error))

    def test_serverWithoutProviders(self) -> None:
        """A server that authenticates nobody is told from one that refuses the account."""
        RealServer(self.network)
        error = self.refused(self.app.connecting(logon()), LogonRefused)
        self.assertIn("refuses a bind with a logon, reason 8", str(error))


def uncovered(octets: bytes, place: int) -> bool:
    """
    Whether an octet of an answer to a logon decides nothing about who is who.

    What MS-RPC has before the sec_trailer of a leg nobody signs: sizes, group, secondary address,
    results; at most it ends the handshake.  Nor its padding and reserved octet.  In the token it is
    negState of SPNEGO, RFC 4178 4.2.2.
    """
    header = pdu.readHeader(octets, 0)
    if header.PTYPE not in (pdu.BIND_ACK, pdu.ALTER_CONTEXT_RESP):
        return False
    trailer = len(octets) - header.auth_length - pdu.SEC_TRAILER_SIZE
    if place < trailer or place - trailer in (2, 3):
        return True
    token = trailer + pdu.SEC_TRAILER_SIZE
    if place < token or octets[token:].startswith(SIGNATURE):
        return False
    one, other = decodeResp(octets[token:]), decodeResp(flipped(octets, place)[token:])
    return one != other and evolve(one, negState=None) == evolve(other, negState=None)


def flipped(octets: bytes, place: int, bit: int = 1) -> bytes:
    """With one bit changed."""
    return octets[:place] + bytes((octets[place] ^ bit,)) + octets[place + 1 :]


class Attacked(Site):
    """A client that changes what it answers to its call-back, beside one that does not."""

    def setUp(self) -> None:
        super().setUp()
        self.begin()

    def begin(self, make: Any = spnegoInitiator, level: int = 6) -> None:
        """Another world, with the honest client in it."""
        self.network = MemoryNetwork()
        self.server = RealServer(self.network, None, logon(make, level))
        self.honest = Application(self.network)
        self.servers = service(level)
        self.other = self.honest.connect(None, self.servers)
        self.honest.result(self.other.initialize("test"))
        self.before = len(self.network.pipes)
        self.app = Application(self.network)

    def attack(self, change: Callable[[int, bytes], bytes]) -> "Deferred[TelephonyClient]":
        """
        Attach another client, whose answers to its call-back go through *change*.

        :param change: takes the number of the PDU, from 0, and its octets.
        """
        count = 0

        def tap(pipe: Pipe, data: bytes) -> bytes:
            nonlocal count
            attacker = self.network.pipes[self.before :]
            if not any(pipe is each.other and each.peer.port != PORT for each in attacker):
                return data
            changed = b""
            for octets in split(data):
                changed += change(count, octets)
                count += 1
            return changed

        self.network.tap = tap
        return self.app.connecting(None, self.servers)

    def rest(self, seconds: int = 12) -> None:
        """Let time go by until every deadline of a call-back has passed."""
        for _ in range(seconds):
            self.network.flush()
            self.network.advance(1)
        self.network.flush()

    def gone(self, where: str) -> None:
        """Nothing is left of the attacker; the honest client is served as before."""
        self.assertEqual(len(self.server.telephony.clients), 1, where)
        self.assertFalse([p for p in self.network.pipes[self.before :] if p.connected], where)
        self.network.tap = None
        negotiated = self.honest.result(self.other.negotiateAPIVersion(0))
        self.assertTrue(negotiated.dwNegotiatedVersion, where)

    def legs(self) -> list[bytes]:
        """What an honest client answers until it is attached."""
        answers: list[bytes] = []

        def keep(number: int, octets: bytes) -> bytes:
            answers.append(octets)
            return octets

        self.app.result(self.attack(keep)).abort()
        self.rest(1)
        return answers

    def test_everyOctetOfTheLogon(self) -> None:
        """
        A bit is flipped in each octet of what the client answers until it is attached.

        Either it is not attached, or the octet is one that no logon covers (`uncovered`).
        """
        for make in MAKERS:
            self.begin(make)
            for number, octets in enumerate(self.legs()):
                for place in range(len(octets)):
                    where = f"{make.__name__}, PDU {number}, octet {place}"
                    self.begin(make)

                    def flip(
                        at: int, one: bytes, number: int = number, place: int = place
                    ) -> bytes:
                        return flipped(one, place) if at == number else one

                    found: list[Any] = []
                    self.attack(flip).addBoth(found.append)
                    self.rest(6)
                    self.assertEqual(len(found), 1, where)
                    if isinstance(found[0], TelephonyClient):
                        self.assertTrue(uncovered(octets, place), where)
                        found[0].abort()
                        self.rest(1)
                    self.gone(where)

    def pushed(self, change: Callable[[bytes], bytes], where: str) -> None:
        """Change the answers to two RemoteSPEventProcs: the session is run down."""
        active = False

        def later(number: int, octets: bytes) -> bytes:
            return change(octets) if active else octets

        client = self.app.result(self.attack(later))
        self.app.result(client.initialize("test"))
        line = self.app.result(client.open(0, 0x00020002))
        active = True
        ended: list[Any] = []
        client.whenEnded().addCallback(ended.append)
        for _ in range(2):
            line.createAgent("1001", PIN).addErrback(lambda failure: None)
            self.network.flush()
        self.rest()
        self.assertEqual(len(ended), 1, where)
        self.gone(where)

    def test_unchanged(self) -> None:
        """An answer that nobody has changed ends nothing, so that the others show something."""
        self.assertRaises(self.failureException, self.pushed, lambda octets: octets, "")

    def test_everyOctetOfAnAnswer(self) -> None:
        """A bit flipped anywhere in an answer to RemoteSPEventProc ends the session."""
        size = 24 + 8 + 16
        for place in range(size):
            self.begin(MAKERS[place % 2], (6, 5, 4)[place % 3])

            def flip(octets: bytes, place: int = place) -> bytes:
                self.assertEqual(len(octets), size)
                return flipped(octets, place, 0x10)

            self.pushed(flip, f"octet {place}")

    def test_otherAnswers(self) -> None:
        """So does an answer without verifier, at a lower level, twice, in parts, or none."""

        def plain(octets: bytes) -> bytes:
            return response(callID=pdu.readHeader(octets, 0).call_id).encode()

        def lower(octets: bytes) -> bytes:
            return octets[:-23] + b"\5" + octets[-22:]

        answers: dict[str, Callable[[bytes], bytes]] = {
            "without verifier": plain,
            "lower level": lower,
            "twice": lambda octets: octets + octets,
            "cut off": lambda octets: octets[:-1],
            "none": lambda octets: b"",
            "fault": lambda octets: fault(5, pdu.readHeader(octets, 0).call_id).encode(),
            "garbage": lambda octets: b"GET / HTTP/1.1\r\n\r\n",
        }
        for name, change in answers.items():
            self.begin()
            self.pushed(change, name)

    def test_replayed(self) -> None:
        """An answer of before is none to a later call."""
        kept: list[bytes] = []

        def replay(octets: bytes) -> bytes:
            kept.append(octets)
            return kept[0][:12] + octets[12:16] + kept[0][16:] if len(kept) > 1 else octets

        self.pushed(replay, "replayed")
        self.assertGreater(len(kept), 1)

    def test_otherTokens(self) -> None:
        """A challenge of another time brings no logon to its end."""
        for make in MAKERS:
            self.begin(make)
            kept = self.legs()[0]
            found: list[Any] = []
            attempt = self.attack(lambda number, octets, kept=kept: octets if number else kept)
            attempt.addBoth(found.append)
            self.rest(6)
            [failure] = found
            failure.trap(AttachRefused)
            self.gone(make.__name__)
