"""Signed and sealed PDUs, against a capture, replayed, out of order and changed."""

import hmac
from hashlib import md5

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import ntlmkeys
from tapiproxy.dcerpc.interface import RPC_S_SEC_PKG_ERROR, Fault
from tapiproxy.dcerpc.ntlmkeys import SIGNATURE_SIZE, Direction, SessionSecurity, rc4
from tests.dcerpc.ntlmpeers import PROTECTING
from tests.dcerpc.ntlmvectors import GOLDEN, Sealed

KEY = bytes(range(16))
HEAD, BODY, TRAILER = b"h" * 24, b"b" * 48, b"t" * 8


def divided(vector: Sealed) -> tuple[bytes, bytes, bytes, bytes]:
    """A captured PDU: head, body, trailer, signature."""
    octets = vector.pdu
    return octets[:24], octets[24:-24], octets[-24:-16], octets[-16:]


def pair(level: int) -> tuple[SessionSecurity, SessionSecurity]:
    """A client's and a server's side."""
    return (
        SessionSecurity(KEY, level, server=False),
        SessionSecurity(KEY, level, server=True),
    )


class Golden(TestCase):
    def test_unsealed(self) -> None:
        """Both sides read what the captured ones sent."""
        server = SessionSecurity(GOLDEN.exportedSessionKey, 6, server=True)
        client = SessionSecurity(GOLDEN.exportedSessionKey, 6, server=False)
        for vector in GOLDEN.sealed:
            side = server if vector.toServer else client
            clear = side.unprotect(*divided(vector))
            self.assertEqual(clear[: len(clear) - vector.padding], vector.stub)

    def test_sealed(self) -> None:
        """Both sides send what the captured ones sent, to the octet."""
        server = SessionSecurity(GOLDEN.exportedSessionKey, 6, server=True)
        client = SessionSecurity(GOLDEN.exportedSessionKey, 6, server=False)
        reader = SessionSecurity(GOLDEN.exportedSessionKey, 6, server=True)
        other = SessionSecurity(GOLDEN.exportedSessionKey, 6, server=False)
        for vector in GOLDEN.sealed:
            head, body, trailer, signature = divided(vector)
            clear = (reader if vector.toServer else other).unprotect(head, body, trailer, signature)
            side = client if vector.toServer else server
            self.assertEqual(side.protect(head, clear, trailer), (body, signature))
            self.assertEqual(signature, vector.signature)


class Protecting(TestCase):
    @given(
        st.sampled_from(PROTECTING),
        st.lists(st.tuples(st.booleans(), st.binary(max_size=100)), max_size=10),
    )
    def test_both(self, level: int, bodies: list[tuple[bool, bytes]]) -> None:
        """What one side protects, the other one reads, whoever speaks when."""
        client, server = pair(level)
        for fromClient, body in bodies:
            sender, receiver = (client, server) if fromClient else (server, client)
            sent, signature = sender.protect(HEAD, body, TRAILER)
            self.assertEqual(len(signature), SIGNATURE_SIZE)
            self.assertEqual(len(sent), len(body))
            self.assertEqual(receiver.unprotect(HEAD, sent, TRAILER, signature), body)

    def test_straight(self) -> None:
        """The short way of HMAC and key stream gives what the straight one does."""
        direction = Direction(KEY, toServer=True)
        way = b"session key to client-to-server "
        signing = md5(KEY + way + b"signing key magic constant\0").digest()
        stream = rc4(md5(KEY + way + b"sealing key magic constant\0").digest())
        for number in range(3):
            count = number.to_bytes(4, "little")
            body = stream(BODY)
            mac = hmac.digest(signing, count + HEAD + BODY + TRAILER, "md5")[:8]
            expected = (body, b"\1\0\0\0" + stream(mac) + count)
            self.assertEqual(direction.seal(HEAD, BODY, TRAILER), expected)

    def test_portable(self) -> None:
        """Where CPython's own MD5 is not, OpenSSL's gives the same."""
        expected = Direction(KEY, toServer=True).seal(HEAD, BODY, TRAILER)
        self.patch(ntlmkeys, "md5", ntlmkeys._portable)
        self.assertEqual(Direction(KEY, toServer=True).seal(HEAD, BODY, TRAILER), expected)

    def test_onlyPrivacyHides(self) -> None:
        """Below PKT_PRIVACY a stub travels in the clear."""
        for level in PROTECTING:
            client, _ = pair(level)
            body, _ = client.protect(HEAD, BODY, TRAILER)
            self.assertEqual(body == BODY, level < 6)


class Refusing(TestCase):
    def refused(
        self, side: SessionSecurity, head: bytes, body: bytes, trailer: bytes, signature: bytes
    ) -> None:
        fault = self.assertRaises(Fault, side.unprotect, head, body, trailer, signature)
        self.assertEqual(fault.status, RPC_S_SEC_PKG_ERROR)

    def test_everyBit(self) -> None:
        """A flipped bit anywhere is found: head, stub, trailer and signature."""
        for level in PROTECTING:
            client, _ = pair(level)
            body, signature = client.protect(HEAD, BODY, TRAILER)
            whole = HEAD + body + TRAILER + signature
            for place in range(len(whole) * 8):
                octets = bytearray(whole)
                octets[place // 8] ^= 1 << place % 8
                _, server = pair(level)
                changed = bytes(octets)
                self.refused(server, changed[:24], changed[24:72], changed[72:80], changed[80:])

    def test_replayed(self) -> None:
        """A PDU that comes twice is refused the second time."""
        for level in PROTECTING:
            client, server = pair(level)
            body, signature = client.protect(HEAD, BODY, TRAILER)
            server.unprotect(HEAD, body, TRAILER, signature)
            self.refused(server, HEAD, body, TRAILER, signature)

    def test_outOfOrder(self) -> None:
        """A PDU that comes before the one that was sent before it is refused."""
        for level in PROTECTING:
            client, server = pair(level)
            client.protect(HEAD, BODY, TRAILER)
            self.refused(server, HEAD, *self.between(client))

    def between(self, side: SessionSecurity) -> tuple[bytes, bytes, bytes]:
        """What comes behind the head."""
        body, signature = side.protect(HEAD, BODY, TRAILER)
        return body, TRAILER, signature

    def test_reflected(self) -> None:
        """A side does not take its own PDU for the other one's."""
        for level in PROTECTING:
            client, _ = pair(level)
            self.refused(client, HEAD, *self.between(client))

    def test_signatureOfAnotherSize(self) -> None:
        """A signature that is cut off, or goes on, is none."""
        for level in PROTECTING:
            for size in (0, 1, 4, 11, 12, 15, 17, 24):
                client, server = pair(level)
                body, trailer, signature = self.between(client)
                self.refused(server, HEAD, body, trailer, signature.ljust(17, b"\0")[:size])

    def test_dummySignature(self) -> None:
        """The constant that stands for no signature is none."""
        for level in PROTECTING:
            _, server = pair(level)
            self.refused(server, HEAD, BODY, TRAILER, b"\1" + bytes(15))

    def test_otherKey(self) -> None:
        """Another session's PDU is refused."""
        other = SessionSecurity(bytes(16), 6, server=False)
        _, server = pair(6)
        self.refused(server, HEAD, *self.between(other))


class Lists(TestCase):
    def test_signed(self) -> None:
        """After a signed list the key stream begins anew and the numbers go on."""
        client, server = pair(6)
        server.incoming.verifyList(b"list", client.outgoing.signList(b"list"))
        body, signature = client.protect(HEAD, BODY, TRAILER)
        self.assertEqual(signature[12:], b"\1\0\0\0")
        self.assertEqual(body, Direction(KEY, toServer=True).seal(HEAD, BODY, TRAILER)[0])
        self.assertEqual(server.unprotect(HEAD, body, TRAILER, signature), BODY)

    def test_another(self) -> None:
        """Another list than what was signed is refused."""
        client, server = pair(6)
        signature = client.outgoing.signList(b"list")
        self.assertRaises(Fault, server.incoming.verifyList, b"last", signature)

    def test_numbersBeginAnew(self) -> None:
        """After 2**32 PDUs the numbers begin anew on both sides."""
        client, server = pair(6)
        client.outgoing._number = server.incoming._number = 0xFFFFFFFF
        for number in (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\1\0\0\0"):
            body, signature = client.protect(HEAD, BODY, TRAILER)
            self.assertEqual(signature[12:], number)
            self.assertEqual(server.unprotect(HEAD, body, TRAILER, signature), BODY)
