"""The NT hash of a password."""

from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.nthash import LONGEST_PASSWORD, md4, ntHash
from tests.dcerpc.ntlmvectors import GOLDEN, NT_HASH

#: RFC 1320 A.5
SUITE = {
    b"": "31d6cfe0d16ae931b73c59d7e0c089c0",
    b"a": "bde52cb31de33e46245e05fbdbd6fb24",
    b"abc": "a448017aaf21d8525fc10ae87aa6729d",
    b"message digest": "d9130a8164549fe818874806e1c7014b",
    b"abcdefghijklmnopqrstuvwxyz": "d79e1c308aa5bbcdeea8ed63df412da9",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789": (
        "043f8582f241db351ce627e153e7f0e4"
    ),
    b"1234567890" * 8: "e33b4ddc9c38f2199c3e7b164fcc0536",
}


class MD4Tests(SynchronousTestCase):
    def test_suite(self):
        """The RFC's own messages have the RFC's digests."""
        self.assertEqual({message: md4(message).hex() for message in SUITE}, SUITE)

    def test_paddings(self):
        """Messages around the end of a block are padded to whole blocks, and differ."""
        self.assertEqual(len({md4(bytes(length)) for length in range(130)}), 130)


class NTHashTests(SynchronousTestCase):
    def test_golden(self):
        """The captured session's password has the hash that its client used."""
        self.assertEqual(ntHash(GOLDEN.password), NT_HASH)

    def test_longest(self):
        """A password as long as Windows allows is taken; none, and one longer, are refused."""
        self.assertEqual(len(ntHash("p" * LONGEST_PASSWORD)), 16)
        for password in ("", "p" * (LONGEST_PASSWORD + 1)):
            error = self.assertRaises(ValueError, ntHash, password)
            self.assertNotIn("ppp", str(error))

    def test_noText(self):
        """Octets of a terminal that are no text are refused without being repeated."""
        error = self.assertRaises(ValueError, ntHash, "secret\udce4")
        self.assertNotIn("secret", str(error))
        self.assertTrue(error.__suppress_context__)
