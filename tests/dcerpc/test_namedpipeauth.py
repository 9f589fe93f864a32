"""smbd's handshake: captured requests, made up ones, and broken ones."""

import random
import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.namedpipeauth import (
    LEVELS,
    MAX_GROUPS,
    MAX_REQUEST,
    MAX_SIDS,
    MAX_STRING,
    NamedPipeAuthError,
    decodeRequest,
    encodeReply,
    requestSize,
)
from tests.dcerpc.pipeclients import ALICE, ENCRYPTED, FLAGS, Client, captured

GUEST = ("S-1-5-21-1-2-3-501", "S-1-1-0", "S-1-5-2", "S-1-5-32-546", FLAGS)


def reframed(octets: bytes) -> bytes:
    """With the length that it has."""
    return struct.pack(">I", len(octets) - 4) + octets[4:]


class Captured(TestCase):
    """What Debian's smbd sent."""

    def test_encrypted(self) -> None:
        """A user by SMB 3.1.1: name, address, SIDs in their order, and that it is encrypted."""
        request = decodeRequest(captured()["SMB 3.1.1, encrypted"])
        self.assertEqual(
            (request.level, request.host, request.domain, request.account),
            (7, "127.0.0.1", "TAPISRV", "alice"),
        )
        self.assertRegex(request.sid, r"S-1-5-21-\d+-\d+-\d+-1000")
        self.assertEqual(request.sids[2:4], ("S-1-22-2-70001", "S-1-1-0"))
        self.assertTrue(request.authenticated)
        self.assertTrue(request.encrypted)
        self.assertEqual(request.groups, {*request.sids[:2], "S-1-1-0", "S-1-5-2", "S-1-5-11"})

    def test_longerAddress(self) -> None:
        """The structures behind texts of other lengths begin elsewhere, aligned by 8."""
        request = decodeRequest(captured()["SMB 3.1.1, encrypted, of a longer address"])
        self.assertEqual((request.host, request.account), ("127.100.100.100", "bob"))

    def test_notEncrypted(self) -> None:
        """By SMB 2.1 there is no encryption."""
        request = decodeRequest(captured()["SMB 2.1, not encrypted"])
        self.assertTrue(request.authenticated)
        self.assertFalse(request.encrypted)

    def test_nullSession(self) -> None:
        """A null session has a name and nobody behind it."""
        request = decodeRequest(captured()["null session"])
        self.assertEqual(request.account, "ANONYMOUS LOGON")
        self.assertFalse(request.authenticated)
        self.assertFalse(request.encrypted)

    def test_asMadeUp(self) -> None:
        """What these tests make up is, octet for octet, what smbd sends of the same client."""
        octets = captured()["SMB 3.1.1, encrypted"]
        request = decodeRequest(octets)
        key = octets.index(struct.pack("<I", 16)) + 4
        # The six times stand before logon_count, bad_password_count and acct_flags.
        times = octets.index(struct.pack("<HHII", 0, 0, 0x10, 1)) - 48
        (serverPort,) = struct.unpack_from("<H", octets, 0x28)
        made = Client(
            host=request.host,
            port=request.port,
            serverName="vm",
            serverAddress="127.0.0.1",
            sids=request.sids,
            sessionKey=octets[key : key + 16],
            sessionToken=octets[key + 20 : key + 36],
            times=octets[times : times + 48],
            profile=r"\\TAPISRV\alice\profile",
            home=r"\\TAPISRV\alice",
        ).request()
        self.assertEqual(
            (made[:0x28] + struct.pack("<H", serverPort) + made[0x2A:]).hex(), octets.hex()
        )


class Levels(TestCase):
    """Levels 5 and 8 as their IDL describes them: none was captured."""

    def test_levels(self) -> None:
        """Each level is read alike; what else stands in it is skipped."""
        for level in LEVELS:
            for client in (
                Client(level=level),
                Client(level=level, serverName="s", ticket=b"ticket!"),
                Client(level=level, sids=(ALICE, "S-1-5-11"), deviceSIDs=("S-1-1-0", ALICE)),
            ):
                request = decodeRequest(client.request())
                self.assertEqual(
                    (request.level, request.host, request.port, request.account, request.domain),
                    (level, "192.0.2.7", 50000, "alice", "TAPISRV"),
                )
                self.assertEqual(request.sids, client.sids)

    def test_oldLevel5(self) -> None:
        """Level 5 of Samba 4.16.0 to 4.16.3 lacks a field: nobody is taken for another by that."""
        read = 0
        for name in ("s", "server", "server-7"):
            for address in ("192.0.2.1", "192.168.200.100"):
                client = Client(
                    level=5, serverName=name, serverAddress=address, hasTicketType=False
                )
                try:
                    request = decodeRequest(client.request())
                except NamedPipeAuthError:
                    continue
                read += 1
                self.assertEqual((request.account, request.sids), ("alice", client.sids))
        self.assertLess(read, 6)

    def test_claims(self) -> None:
        """Claims of a token are refused by name, since what follows them cannot be found."""
        with self.assertRaisesRegex(NamedPipeAuthError, "claims"):
            decodeRequest(Client(level=8, claims=1).request())

    def test_unknown(self) -> None:
        """Other levels are refused with those that are known."""
        for level in (0, 4, 6, 9, 0xFFFFFFFF):
            with self.assertRaisesRegex(NamedPipeAuthError, f"level {level} .* 5, 7, 8"):
                decodeRequest(Client(level=level).request())
        with self.assertRaisesRegex(NamedPipeAuthError, "two levels"):
            decodeRequest(Client(levelAgain=8).request())

    def test_reply(self) -> None:
        """The reply has the level of the request."""
        self.assertEqual(
            encodeReply(7).hex(),
            "000000204e50414d07000000070000000200ff0500000000001000000000000000000000",
        )
        for level in LEVELS:
            self.assertEqual(struct.unpack_from("<II", encodeReply(level), 8), (level, level))


class Meaning(TestCase):
    """Who is authenticated, and what is encrypted."""

    def test_authenticated(self) -> None:
        """By SIDs alone, whatever the field says that has two senses."""
        for flags in (0, 1):
            for sids, expected in (
                (Client().sids, True),
                ((ALICE, "S-1-5-11"), True),
                ((ALICE,), False),
                ((), False),
                (("S-1-5-7", "S-1-1-0", "S-1-5-2"), False),
                ((ALICE, "S-1-5-11", "S-1-5-7"), False),
                (GUEST, False),
                ((*GUEST[:3], "S-1-5-11"), False),
                ((ALICE, "S-1-5-11", "S-1-5-32-546"), False),
            ):
                request = decodeRequest(Client(sids=sids, userFlags=flags).request())
                self.assertIs(request.authenticated, expected, sids)

    def test_encrypted(self) -> None:
        """Only by one note of an SMB3 dialect that says so."""
        for notes, expected in (
            ((ENCRYPTED,), True),
            (("S-1-22-1397571891-768-2-2",), True),
            ((), False),
            ((FLAGS,), False),
            (("S-1-22-1397571891-785-1-1",), False),
            (("S-1-22-1397571891-785-0-0",), False),
            (("S-1-22-1397571891-528-2-1",), False),
            (("S-1-22-1397571891-785",), False),
            ((ENCRYPTED, "S-1-22-1397571891-785-1-1"), False),
        ):
            request = decodeRequest(Client(sids=(ALICE, "S-1-5-11", *notes)).request())
            self.assertIs(request.encrypted, expected, notes)

    def test_groups(self) -> None:
        """Samba's own SIDs are no groups of a principal."""
        request = decodeRequest(Client().request())
        self.assertEqual(
            request.groups, {ALICE, "S-1-5-21-1-2-3-513", "S-1-1-0", "S-1-5-2", "S-1-5-11"}
        )

    def test_address(self) -> None:
        """Addresses of both kinds; one of IPv4 in the clothes of IPv6 is that of IPv4."""
        for host, expected in (
            ("2001:db8::7", "2001:db8::7"),
            ("fe80::1%eth0", "fe80::1%eth0"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
        ):
            self.assertEqual(decodeRequest(Client(host=host).request()).host, expected)
        for wrong in ("", "localhost", "192.0.2.7 ", None):
            with self.assertRaisesRegex(NamedPipeAuthError, "no address"):
                decodeRequest(Client(host=wrong).request())


class Broken(TestCase):
    """Whatever is wrong is refused in words, and nothing else happens."""

    def test_truncated(self) -> None:
        """No beginning of a request is a request, whatever length its frame has."""
        for level in LEVELS:
            octets = Client(level=level).request()
            for end in range(len(octets)):
                self.assertRaises(NamedPipeAuthError, decodeRequest, octets[:end])
                self.assertRaises(
                    NamedPipeAuthError, decodeRequest, reframed(octets[:end].ljust(4))
                )

    def test_tooMuch(self) -> None:
        """Nothing may stand behind it."""
        octets = Client().request()
        with self.assertRaisesRegex(NamedPipeAuthError, "left over"):
            decodeRequest(reframed(octets + b"\0"))
        self.assertRaises(NamedPipeAuthError, decodeRequest, octets + b"\0")

    def test_size(self) -> None:
        """The size is known from the frame, and refused as soon as that is there."""
        octets = Client().request()
        self.assertIsNone(requestSize(b""))
        self.assertIsNone(requestSize(octets[:3]))
        self.assertEqual(requestSize(octets[:4]), len(octets))
        self.assertEqual(requestSize(octets), len(octets))
        longest = struct.pack(">I", MAX_REQUEST - 4)
        self.assertEqual(requestSize(longest), MAX_REQUEST)
        for length in (MAX_REQUEST - 3, 0xFFFFFFFF):
            with self.assertRaisesRegex(NamedPipeAuthError, str(MAX_REQUEST)):
                requestSize(struct.pack(">I", length))
        with self.assertRaisesRegex(NamedPipeAuthError, "NPAM"):
            requestSize(octets[:4] + b"X")

    def test_counts(self) -> None:
        """Counts beyond their limits, and counts that contradict each other, are refused."""
        octets = Client().request()
        sids = octets.index(struct.pack("<II", 9, 9))
        groups = octets.index(struct.pack("<IQQ", 1, 70001, 70001))
        for at, form, value in (
            (sids, "<II", (MAX_SIDS + 1, MAX_SIDS + 1)),
            (sids, "<II", (0xFFFFFFFF, 0xFFFFFFFF)),
            (sids, "<II", (9, 8)),
            (sids, "<II", (8, 9)),
            (sids, "<II", (8, 8)),
            (groups, "<I", (2,)),
            (groups, "<I", (MAX_GROUPS + 1,)),
        ):
            changed = bytearray(octets)
            struct.pack_into(form, changed, at, *value)
            self.assertRaises(NamedPipeAuthError, decodeRequest, bytes(changed))

    def test_mostSIDs(self) -> None:
        """As many SIDs as are allowed are read; one more is refused by its number."""
        sids = (ALICE, "S-1-5-11", *(f"S-1-5-21-1-2-3-{2000 + n}" for n in range(MAX_SIDS - 2)))
        self.assertEqual(decodeRequest(Client(sids=sids).request()).sids, sids)
        with self.assertRaisesRegex(NamedPipeAuthError, f"{MAX_SIDS + 1} SIDs"):
            decodeRequest(Client(sids=(*sids, "S-1-1-0")).request())

    def test_strings(self) -> None:
        """A string that is too long, is no UTF-8, or has a null inside is refused."""
        longest = "x" * (MAX_STRING - 1)
        self.assertEqual(decodeRequest(Client(account=longest).request()).account, longest)
        self.assertRaises(
            NamedPipeAuthError, decodeRequest, Client(account=longest + "x").request()
        )
        self.assertRaises(NamedPipeAuthError, decodeRequest, Client(account="al\0ice").request())
        octets = Client(account="al\xe9ce").request()
        broken = octets.replace("\xe9".encode(), b"\xe9\xe9")
        self.assertRaises(NamedPipeAuthError, decodeRequest, broken)

    def test_nobody(self) -> None:
        """A request without session, token or account is refused in words."""
        octets = Client().request()
        session = octets.index(b"192.0.2.1\0") + 12
        for at in (0x2C, session, session + 8, session + 16):
            changed = octets[:at] + bytes(4) + octets[at + 4 :]
            with self.assertRaisesRegex(NamedPipeAuthError, "nobody's session|says nothing"):
                decodeRequest(changed)

    def test_mutated(self) -> None:
        """A request with changed octets is read or refused, and never anything else."""
        chance = random.Random(16)
        samples = [*captured().values(), *(Client(level=level).request() for level in LEVELS)]
        read = 0
        for _ in range(4000):
            octets = bytearray(chance.choice(samples))
            for _ in range(chance.randint(1, 4)):
                octets[chance.randrange(len(octets))] = chance.choice(
                    (0, 1, 255, chance.randrange(256))
                )
            try:
                decodeRequest(bytes(octets))
            except NamedPipeAuthError:
                continue
            read += 1
        self.assertGreater(read, 0)

    @given(st.binary(max_size=200))
    def test_anything(self, octets: bytes) -> None:
        """Octets at random behind a right beginning are refused."""
        for level in LEVELS:
            head = b"\0\0\0\0NPAM" + struct.pack("<II", level, level)
            self.assertRaises(NamedPipeAuthError, decodeRequest, reframed(head + octets))

    @given(
        st.sampled_from(LEVELS),
        st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40),
        st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40),
        st.lists(st.sampled_from([*GUEST, *Client().sids]), max_size=12),
        st.ip_addresses(),
    )
    def test_everybody(self, level, account, domain, sids, host) -> None:
        """Whoever the client is, what smbd says of him is what is read."""
        client = Client(
            level=level, account=account, domain=domain, sids=tuple(sids), host=str(host)
        )
        request = decodeRequest(client.request())
        self.assertEqual(
            (request.account, request.domain, request.sids), (account, domain, tuple(sids))
        )
