"""
Ten thousand streams of each mechanism and direction of which somebody changed PDUs after the logon.

What a side takes of a stream must be the beginning of the right one, octet for octet: NTLM's
signatures cover all of a PDU, with header signing and without, and number it.  So nothing is listed
here that could be changed.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, cycle
from random import Random

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.clientassociation import AssociationFailed, ClientAssociation
from tapiproxy.dcerpc.security import ISecurityContext
from tests.dcerpc.conversation import Conversation, fault
from tests.dcerpc.ntlmpeers import PROTECTING, ntlmInitiator, service, spnegoInitiator
from tests.dcerpc.pdus import split
from tests.dcerpc.support import Calls
from tests.fuzz.mutation import mutate

CASES = 10_000
SEED = 20_260_128

STUBS = (b"first", bytes(range(256)) * 30, b"third")
"""What is asked, and answered: the second takes fragments."""

Maker = Callable[[int], ISecurityContext]


class Receiver:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[bytes | Exception] = []

    def responded(self, data: bytes, start: int, end: int) -> None:
        """Keep the stub."""
        self.told.append(data[start:end])

    def failed(self, reason: Exception) -> None:
        """Keep the reason."""
        self.told.append(reason)


def client(make: Maker, level: int) -> ClientAssociation:
    """A client; its chance and its clock are the same each time."""
    return ClientAssociation(
        Calls().interface, lambda: None, lambda reason: None, security=make(level)
    )


@attrs.frozen
class Recorded:
    """
    A right conversation.  Both sides draw the same each time, so that the octets of one side are
    right for another one like it.

    :ivar make: what made the client's security context.
    :ivar clientLegs: the client's PDUs of the handshake, each as it was sent.
    :ivar serverLegs: the server's.
    :ivar requests: the PDUs of each request.
    :ivar responses: the PDUs of each response.
    """

    make: Maker
    level: int
    clientLegs: Sequence[bytes]
    serverLegs: Sequence[bytes]
    requests: Sequence[Sequence[bytes]]
    responses: Sequence[Sequence[bytes]]

    @classmethod
    def of(cls, make: Maker, level: int) -> "Recorded":
        """Log on, and call."""
        server, asking = Conversation(service()), client(make, level)
        clientLegs, serverLegs = [], []
        asking.bind()
        while sent := asking.takeOutput():
            clientLegs.append(sent)
            answer = server.raw(sent)
            if answer:
                serverLegs.append(answer)
                asking.receiveData(answer)
        requests, responses = [], []
        for stub in STUBS:
            receiver = Receiver()
            asking.request(0, stub, receiver)
            requests.append(split(asking.takeOutput()))
            responses.append(split(server.raw(*requests[-1])))
            asking.receiveData(b"".join(responses[-1]))
            assert receiver.told == [stub]
        return cls(make, level, clientLegs, serverLegs, requests, responses)

    def server(self) -> Conversation:
        """A server that this client has logged on to."""
        conversation = Conversation(service())
        for leg in self.clientLegs:
            conversation.raw(leg)
        return conversation

    def client(self) -> tuple[ClientAssociation, list[Receiver]]:
        """A client that has logged on to this server, and waits for the answers."""
        asking = client(self.make, self.level)
        asking.bind()
        for leg in self.serverLegs:
            asking.receiveData(leg)
        receivers = [Receiver() for _ in STUBS]
        for stub, receiver in zip(STUBS, receivers, strict=True):
            asking.request(0, stub, receiver)
        return asking, receivers


def whole(calls: Sequence[Sequence[bytes]]) -> list[bytes]:
    """What a stream begins with in which the first calls, none to all, are right."""
    return list(accumulate((b"".join(each) for each in calls), initial=b""))


def streams(
    recordings: Sequence[Recorded], side: Callable[[Recorded], Sequence[Sequence[bytes]]]
) -> Iterator[tuple[Recorded, bytes]]:
    """Recordings and a changed stream for each; some octets are changed, or PDUs as a whole."""
    random = Random(SEED)
    for number, recording in zip(range(CASES), cycle(recordings), strict=False):
        pdus = [one for call in side(recording) for one in call]
        if number % 4 == 0:
            yield recording, b"".join(exchanged(pdus, random))
        elif number % 4 == 1:
            yield recording, mutate(b"".join(pdus), pdus, random)
        else:
            at = random.randrange(len(pdus))
            changed = mutate(pdus[at], pdus, random)
            yield recording, b"".join((*pdus[:at], changed, *pdus[at + 1 :]))


def exchanged(right: Sequence[bytes], random: Random) -> list[bytes]:
    """A PDU left out, twice, in the place of another, changing places, or a fault put in."""
    found = list(right)
    at, to = random.randrange(len(found)), random.randrange(len(found))
    kind = random.randrange(5)
    if kind == 0:
        del found[at]
    elif kind == 1:
        found.insert(to, found[at])
    elif kind == 2:
        found[at], found[to] = found[to], found[at]
    elif kind == 3:
        found[at] = found[to]
    else:
        found.insert(at, fault(5, callID=random.randrange(5)).encode())
    return found


class Mutants(TestCase):
    def recordings(self, make: Maker) -> list[Recorded]:
        return [Recorded.of(make, level) for level in PROTECTING]

    def requests(self, make: Maker) -> None:
        """What the server takes of changed requests."""
        taken = []
        for recording, stream in streams(self.recordings(make), lambda each: each.requests):
            conversation = recording.server()
            conversation.raw(stream)
            count = len(conversation.stubs)
            where = f"level {recording.level}: {stream.hex()}"
            self.assertEqual(conversation.stubs, list(STUBS[:count]), where)
            self.assertTrue(stream.startswith(whole(recording.requests)[count]), where)
            self.assertEqual(len(conversation.calls), count, where)
            self.assertEqual(conversation.failures, 0, where)
            taken.append(count)
        # Changed in the first, in a later one, or behind all of them.
        self.assertEqual(set(taken), set(range(len(STUBS) + 1)))

    def responses(self, make: Maker) -> None:
        """What the client takes of changed responses."""
        taken = []
        for recording, stream in streams(self.recordings(make), lambda each: each.responses):
            asking, receivers = recording.client()
            asking.receiveData(stream)
            asking.end(AssociationFailed("over"))
            outcomes = [receiver.told for receiver in receivers]
            where = f"level {recording.level}: {stream.hex()}"
            self.assertEqual([len(each) for each in outcomes], [1] * len(STUBS), where)
            stubs = [each[0] for each in outcomes if isinstance(each[0], bytes)]
            count = len(stubs)
            self.assertEqual([each[0] for each in outcomes[:count]], list(STUBS[:count]), where)
            self.assertTrue(stream.startswith(whole(recording.responses)[count]), where)
            taken.append(count)
        self.assertEqual(set(taken), set(range(len(STUBS) + 1)))

    def test_requestsUnderNTLM(self) -> None:
        """RPC_C_AUTHN_WINNT, at each level that signs."""
        self.requests(ntlmInitiator)

    def test_requestsUnderSPNEGO(self) -> None:
        """RPC_C_AUTHN_GSS_NEGOTIATE."""
        self.requests(spnegoInitiator)

    def test_responsesUnderNTLM(self) -> None:
        """RPC_C_AUTHN_WINNT."""
        self.responses(ntlmInitiator)

    def test_responsesUnderSPNEGO(self) -> None:
        """RPC_C_AUTHN_GSS_NEGOTIATE."""
        self.responses(spnegoInitiator)
