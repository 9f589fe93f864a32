"""The stored form of PINs."""

from twisted.trial.unittest import SynchronousTestCase

from tapiproxy import pins

#: "1234" with sixteen zero octets of salt, from another implementation of RFC 7914 (OpenSSL's kdf).
KNOWN = "scrypt$ln=14,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$+fZT9cNHIKfiVc1cRZFSZ9e61YYrhtmnHL5e7+rAghk"


class PINTests(SynchronousTestCase):
    def test_roundTrip(self):
        """The PIN that was stored is accepted, another is not, nor is one with half a pair."""
        stored = pins.hashPIN("1234")
        self.assertTrue(pins.verifyPIN("1234", stored))
        self.assertFalse(pins.verifyPIN("1235", stored))
        self.assertFalse(pins.verifyPIN("", stored))
        self.assertFalse(pins.verifyPIN("\ud800", stored))

    def test_known(self):
        """The stored form of a PIN and a salt is fixed: configurations outlive releases."""
        self.assertEqual(pins.hashPIN("1234", salt=bytes(16)), KNOWN)

    def test_salted(self):
        """The same PIN stored twice gives two strings, neither of which shows it."""
        one, two = pins.hashPIN("481516"), pins.hashPIN("481516")
        self.assertNotEqual(one, two)
        self.assertNotIn("481516", repr(pins.parsePIN(one)) + one)

    def test_otherCost(self):
        """A stored PIN names its own cost, so that a later release can raise the default."""
        known = pins.parsePIN(KNOWN)
        dearer = pins.StoredPIN(15, known.salt, known.digest)
        self.assertTrue(known.matches("1234"))
        self.assertFalse(dearer.matches("1234"))
        self.assertEqual(pins.parsePIN(str(dearer)), dearer)

    def test_lengths(self):
        """An empty or endless PIN is refused, without repeating it."""
        self.assertRaises(ValueError, pins.hashPIN, "")
        error = self.assertRaises(ValueError, pins.hashPIN, "7" * (pins.LONGEST_PIN + 1))
        self.assertNotIn("777", str(error))

    def test_otherForms(self):
        """What is not a stored PIN is refused with the command to make one, and not repeated."""
        for wrong in (
            "1234",
            "",
            KNOWN + "A",
            KNOWN[:-1],
            KNOWN.replace("14", "9"),
            KNOWN.replace("14", "31"),
            KNOWN.replace("p=1", "p=2"),
            KNOWN.replace("A$", "!$"),
            KNOWN + "\n",
        ):
            error = self.assertRaises(ValueError, pins.parsePIN, wrong)
            self.assertIn("tapiproxy pin", str(error))
            self.assertNotIn("1234", str(error))
