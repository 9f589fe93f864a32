"""What a client of NTLM sends, and which servers it refuses; both sides together: test_ntlm."""

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.interface import AuthenticationFailed
from tapiproxy.dcerpc.ntlm import requiredFlags
from tapiproxy.dcerpc.ntlmmessages import (
    AuthenticateMessage,
    ChallengeMessage,
    MsvAvChannelBindings,
    MsvAvFlags,
    MsvAvSingleHost,
    MsvAvTargetName,
    MsvAvTimestamp,
    fileTime,
    responsePairs,
    singleHost,
)
from tests.dcerpc.ntlmpeers import (
    PROTECTING,
    account,
    answerOf,
    legOf,
    ntlmAcceptor,
    ntlmInitiator,
)
from tests.dcerpc.ntlmvectors import GOLDEN


class Refusing(TestCase):
    def test_weakServer(self) -> None:
        """A server that cannot do what the level wants is refused, and told nothing."""
        for level in PROTECTING:
            for flag in (1 << bit for bit in range(32)):
                if not requiredFlags(level) & flag:
                    continue
                client = ntlmInitiator(level)
                challenge = ChallengeMessage.decode(legOf(ntlmAcceptor(level), legOf(client, b"")))
                weak = attrs.evolve(challenge, NegotiateFlags=challenge.NegotiateFlags & ~flag)
                outcome = answerOf(client, weak.encode())
                self.assertIsInstance(outcome, AuthenticationFailed)
                self.assertFalse(client.complete)

    def test_broken(self) -> None:
        """What is no challenge is refused, as is a second one."""
        for octets in (b"", b"NTLMSSP\0", GOLDEN.negotiate, GOLDEN.challenge[:60]):
            client = ntlmInitiator(6)
            legOf(client, b"")
            self.assertIsInstance(answerOf(client, octets), AuthenticationFailed)
        client = ntlmInitiator(6)
        legOf(client, b"")
        legOf(client, GOLDEN.challenge)
        self.assertIsInstance(answerOf(client, GOLDEN.challenge), AuthenticationFailed)


class Proving(TestCase):
    def test_serverWithoutTime(self) -> None:
        """To a server that does not tell the time, the client tells its own."""
        client = ntlmInitiator(6)
        legOf(client, b"")
        challenge = ChallengeMessage.decode(GOLDEN.challenge)
        pairs = {k: v for k, v in challenge.TargetInfo.items() if k != MsvAvTimestamp}
        token = legOf(client, attrs.evolve(challenge, TargetInfo=pairs).encode())
        response = AuthenticateMessage.decode(token).NtChallengeResponse
        self.assertEqual(response[24:32], fileTime(1_700_000_000))

    def test_target(self) -> None:
        """The server's name is in what the client proves."""
        client = ntlmInitiator(6)
        legOf(client, b"")
        response = AuthenticateMessage.decode(legOf(client, GOLDEN.challenge)).NtChallengeResponse
        self.assertIn("host/tapihost.dom.test".encode("utf-16-le"), response)

    def test_saidByTheServer(self) -> None:
        """What a client says of itself does not come from the challenge, whatever stands there."""
        challenge = ChallengeMessage.decode(GOLDEN.challenge)
        planted = {
            MsvAvFlags: bytes(4),
            MsvAvTargetName: "cifs/elsewhere".encode("utf-16-le"),
            MsvAvChannelBindings: b"bindings of TLS.",
            MsvAvSingleHost: singleHost(bytes(range(32))),
        }
        token = attrs.evolve(challenge, TargetInfo=challenge.TargetInfo | planted).encode()
        for machineID in (b"", bytes(32)):
            client = ntlmInitiator(6, attrs.evolve(account(), machineID=machineID))
            legOf(client, b"")
            message = AuthenticateMessage.decode(legOf(client, token))
            pairs = responsePairs(message.NtChallengeResponse)
            self.assertEqual(
                {kind: pairs.get(kind) for kind in planted},
                {
                    MsvAvFlags: b"\2\0\0\0",
                    MsvAvTargetName: "host/tapihost.dom.test".encode("utf-16-le"),
                    MsvAvChannelBindings: bytes(16),
                    MsvAvSingleHost: singleHost(machineID) if machineID else None,
                },
            )
            self.assertIsNotNone(message.MIC)
            self.assertEqual(message.LmChallengeResponse, bytes(24))
