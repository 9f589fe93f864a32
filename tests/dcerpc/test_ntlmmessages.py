"""The three messages of NTLM, against a capture and broken."""

import struct
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.ntlmmessages import (
    MAX_AV_PAIRS,
    MAX_CHALLENGE,
    MAX_NAME,
    MAX_NEGOTIATE,
    NTLMSSP_NEGOTIATE_VERSION,
    AuthenticateMessage,
    ChallengeMessage,
    MessageError,
    MsvAvDnsComputerName,
    MsvAvSingleHost,
    MsvAvTimestamp,
    NegotiateMessage,
    avPairs,
    clientChallenge,
    fileTime,
    machineIDOf,
    messageType,
    packAvPairs,
    responsePairs,
    singleHost,
)
from tests.dcerpc.ntlmvectors import GOLDEN


def patched(message: bytes, at: int, value: bytes) -> bytes:
    """A message with other octets in one place."""
    return message[:at] + value + message[at + len(value) :]


class Golden(TestCase):
    def test_types(self) -> None:
        """Each message says which it is."""
        for kind, message in enumerate(
            (GOLDEN.negotiate, GOLDEN.challenge, GOLDEN.authenticate), 1
        ):
            self.assertEqual(messageType(message), kind)

    def test_negotiate(self) -> None:
        """A captured NEGOTIATE is read and written."""
        message = NegotiateMessage.decode(GOLDEN.negotiate)
        self.assertEqual(message.NegotiateFlags, GOLDEN.flags)
        self.assertEqual(message.encode(), GOLDEN.negotiate)

    def test_challenge(self) -> None:
        """A captured CHALLENGE is read and written."""
        message = ChallengeMessage.decode(GOLDEN.challenge)
        self.assertEqual(message.TargetName, "DOM")
        self.assertEqual(
            message.TargetInfo[MsvAvDnsComputerName].decode("utf-16-le"), "srv.dom.test"
        )
        self.assertEqual(message.encode(), GOLDEN.challenge)

    def test_authenticate(self) -> None:
        """A captured AUTHENTICATE is read; its MIC lies behind its version."""
        message = AuthenticateMessage.decode(GOLDEN.authenticate)
        self.assertEqual((message.DomainName, message.UserName), (GOLDEN.domain, GOLDEN.user))
        self.assertEqual(message.NegotiateFlags, GOLDEN.flags)
        self.assertEqual(message.micAt, 72)
        self.assertEqual(message.MIC, GOLDEN.authenticate[72:88])
        self.assertEqual(len(message.EncryptedRandomSessionKey), 16)

    def test_authenticateWritten(self) -> None:
        """What is written is read back, at the place where the capture has it."""
        message = AuthenticateMessage.decode(GOLDEN.authenticate)
        self.assertEqual(AuthenticateMessage.decode(message.encode()), message)


class Broken(TestCase):
    def test_noMessage(self) -> None:
        """Other octets are no message."""
        for octets in (b"", b"NTLMSSP\0", b"NTLMSSP\1" + bytes(60), bytes(64)):
            self.assertRaises(MessageError, messageType, octets)

    def test_cutOff(self) -> None:
        """A message that is cut off anywhere is refused, or says what the whole one says."""
        for kind, golden in (
            (ChallengeMessage, GOLDEN.challenge),
            (AuthenticateMessage, GOLDEN.authenticate),
        ):
            for size in range(len(golden)):
                self.assertRaises(MessageError, kind.decode, golden[:size])
        for size in range(16):
            self.assertRaises(MessageError, NegotiateMessage.decode, GOLDEN.negotiate[:size])

    def test_anotherType(self) -> None:
        """A message of another type is refused."""
        for kind in (NegotiateMessage, ChallengeMessage, AuthenticateMessage):
            for other in (GOLDEN.negotiate, GOLDEN.challenge, GOLDEN.authenticate):
                if messageType(other) != kind.TYPE:
                    self.assertRaises(MessageError, kind.decode, other)

    def test_longNegotiate(self) -> None:
        """A NEGOTIATE that is larger than names can make it is not kept."""
        NegotiateMessage.decode(GOLDEN.negotiate.ljust(MAX_NEGOTIATE, b"\0"))
        self.assertRaises(
            MessageError,
            NegotiateMessage.decode,
            GOLDEN.negotiate.ljust(MAX_NEGOTIATE + 1, b"\0"),
        )

    def test_fieldsOutside(self) -> None:
        """A field that leaves the message is refused, wherever it points."""
        for at in (12, 20, 28, 36, 44, 52):
            for field in ((1, 1, 0xFFFFFFFF), (0xFFFF, 0xFFFF, 64), (16, 16, 400)):
                octets = patched(GOLDEN.authenticate, at, struct.pack("<HHI", *field))
                self.assertRaises(MessageError, AuthenticateMessage.decode, octets)

    def test_noUnicode(self) -> None:
        """A name of odd octets, or of half a surrogate pair, is refused."""
        for field in (struct.pack("<HHI", 9, 9, 0x146), struct.pack("<HHI", 2, 2, 24)):
            octets = patched(patched(GOLDEN.authenticate, 36, field), 24, b"\x00\xd8")
            self.assertRaises(MessageError, AuthenticateMessage.decode, octets)

    def test_noRoomForTheMIC(self) -> None:
        """A field that points into the MIC makes the message a wrong one, never one without MIC."""
        for offset in (64, 72, 87):
            octets = patched(GOLDEN.authenticate, 44, struct.pack("<HHI", 1, 1, offset))
            self.assertRaises(MessageError, AuthenticateMessage.decode, octets)

    def test_emptyFieldInTheMIC(self) -> None:
        """A field without octets may point anywhere inside."""
        octets = patched(GOLDEN.authenticate, 44, struct.pack("<HHI", 0, 0, 64))
        self.assertEqual(AuthenticateMessage.decode(octets).micAt, 72)

    def test_withoutVersion(self) -> None:
        """Who leaves out Version, and says so, has his MIC in its place."""
        message = AuthenticateMessage.decode(GOLDEN.authenticate)
        flags = message.NegotiateFlags & ~NTLMSSP_NEGOTIATE_VERSION
        octets = bytearray(attrs.evolve(message, NegotiateFlags=flags).encode())
        del octets[64:72]
        for at in range(12, 60, 8):
            (offset,) = struct.unpack_from("<I", octets, at + 4)
            struct.pack_into("<I", octets, at + 4, offset - 8)
        found = AuthenticateMessage.decode(bytes(octets))
        self.assertEqual((found.micAt, found.MIC), (64, message.MIC))
        struct.pack_into("<I", octets, 60, message.NegotiateFlags)
        self.assertRaises(MessageError, AuthenticateMessage.decode, bytes(octets))


class Large(TestCase):
    def test_challenge(self) -> None:
        """A challenge that would make the answer too large for a fragment is refused."""
        challenge = ChallengeMessage.decode(GOLDEN.challenge)
        room = MAX_CHALLENGE - len(challenge.encode()) - 4
        for size in (0, room):
            padded = attrs.evolve(challenge, TargetInfo=challenge.TargetInfo | {99: bytes(size)})
            self.assertEqual(ChallengeMessage.decode(padded.encode()), padded)
        for size in (room + 1, 60_000):
            padded = attrs.evolve(challenge, TargetInfo=challenge.TargetInfo | {99: bytes(size)})
            self.assertRaises(MessageError, ChallengeMessage.decode, padded.encode())


class AvPairs(TestCase):
    @given(st.dictionaries(st.integers(1, 0xFFFF), st.binary(max_size=20), max_size=MAX_AV_PAIRS))
    def test_both(self, pairs: dict[int, bytes]) -> None:
        """AvPairs are read as they were written, with padding behind them or without."""
        if len(pairs) < MAX_AV_PAIRS:
            self.assertEqual(dict(avPairs(packAvPairs(pairs))), pairs)
            self.assertEqual(dict(avPairs(packAvPairs(pairs) + bytes(4))), pairs)

    def test_wrong(self) -> None:
        """AvPairs without end, with one twice, or too many, are refused."""
        wrong: tuple[Any, ...] = (
            b"",
            packAvPairs({1: b"x"})[:-4],
            packAvPairs({1: b"x"})[:-1],
            b"\1\0\xff\xffx",
            packAvPairs({1: b"x"})[:-4] + packAvPairs({1: b"x"}),
            packAvPairs(dict.fromkeys(range(1, MAX_AV_PAIRS + 1), b"")),
        )
        for octets in wrong:
            self.assertRaises(MessageError, lambda octets=octets: list(avPairs(octets)))

    def test_machineID(self) -> None:
        """A response tells its machine's ID, or none where there is no Single_Host_Data."""
        machineID = bytes(range(32))
        data = singleHost(machineID)
        self.assertEqual((len(data), data[:4], data[16:]), (48, b"\x30\0\0\0", machineID))
        for found in (data, data[:-1], data + b"x", b""):
            response = bytes(16) + clientChallenge(bytes(8), bytes(8), {MsvAvSingleHost: found})
            self.assertEqual(machineIDOf(response), machineID if found == data else b"")
        self.assertEqual(machineIDOf(bytes(16) + clientChallenge(bytes(8), bytes(8), {})), b"")

    @given(st.binary(max_size=120))
    def test_anyResponse(self, octets: bytes) -> None:
        """Any response has AvPairs, or none, or is refused."""
        try:
            pairs = responsePairs(octets)
        except MessageError:
            return
        self.assertEqual(machineIDOf(octets) != b"", len(pairs.get(MsvAvSingleHost, b"")) == 48)

    def test_longNames(self) -> None:
        """No name is longer than one can be: anybody may send it, and it is logged."""
        message = AuthenticateMessage.decode(GOLDEN.authenticate)
        for each in ("DomainName", "UserName", "Workstation"):
            longest = attrs.evolve(message, **{each: "x" * (MAX_NAME // 2)})
            AuthenticateMessage.decode(longest.encode())
            longer = attrs.evolve(message, **{each: "x" * (MAX_NAME // 2 + 1)})
            self.assertRaises(MessageError, AuthenticateMessage.decode, longer.encode())

    def test_fileTime(self) -> None:
        """Time is counted in 100 ns from 1601."""
        self.assertEqual(fileTime(0), (116_444_736_000_000_000).to_bytes(8, "little"))
        golden = ChallengeMessage.decode(GOLDEN.challenge).TargetInfo[MsvAvTimestamp]
        seconds = (int.from_bytes(golden, "little") - 116_444_736_000_000_000) / 10_000_000
        self.assertEqual(fileTime(seconds), golden)

    @given(st.binary(max_size=120))
    def test_anything(self, octets: bytes) -> None:
        """Whatever comes, it is a message or it is refused."""
        for kind, mark in (
            (NegotiateMessage, 1),
            (ChallengeMessage, 2),
            (AuthenticateMessage, 3),
        ):
            try:
                kind.decode(b"NTLMSSP\0" + mark.to_bytes(4, "little") + octets)
            except MessageError:
                continue
