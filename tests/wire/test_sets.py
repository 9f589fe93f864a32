"""Sets of constants: what belongs to them, and their names in the log."""

from twisted.trial.unittest import TestCase

from tapiproxy.wire.sets import ChoiceSet, FlagSet

NAMESPACE = {
    "COLOUR_RED": 1,
    "COLOUR_GREEN": 2,
    "COLOUR_BLUE": 4,
    "COLOURS_ALL": 7,
    "LEVEL_NONE": 0,
    "LEVEL_HIGH": 1,
    "MODE_ANY": 3,
    "MODE_ONE": 1,
    "COLOUR_NAME": "no constant",
}


class Flags(TestCase):
    """FlagSet."""

    def setUp(self) -> None:
        self.colour = FlagSet("COLOUR", NAMESPACE)

    def test_mask(self) -> None:
        """The mask is the sum of the constants with the prefix, and of no others."""
        self.assertEqual(self.colour.mask, 7)
        self.assertEqual(list(self.colour), [1, 2, 4])

    def test_membership(self) -> None:
        """A sum of constants is in the set, nothing as well; a bit more is not."""
        for value in (0, 1, 6, 7):
            self.assertIn(value, self.colour)
        self.assertNotIn(8, self.colour)
        self.assertNotIn(9, self.colour)

    def test_single(self) -> None:
        """Exactly one constant is single; a sum, zero and unknown bits are not."""
        self.assertTrue(self.colour.single(4))
        for value in (0, 3, 8):
            self.assertFalse(self.colour.single(value))

    def test_names(self) -> None:
        """Names stand in the order of declaration, what is unknown in hexadecimal."""
        self.assertEqual(self.colour.names(6), "GREEN|BLUE")
        self.assertEqual(self.colour.names(0x41), "RED|0x40")
        self.assertEqual(self.colour.names(0), "0")
        self.assertEqual(FlagSet("LEVEL", NAMESPACE).names(0), "NONE")

    def test_unknownPrefix(self) -> None:
        """A set that would be empty is refused: its name is misspelt."""
        self.assertRaises(ValueError, FlagSet, "COLOR", NAMESPACE)

    def test_repr(self) -> None:
        """A set says which it is."""
        self.assertEqual(repr(self.colour), "<FlagSet COLOUR>")


class Choices(TestCase):
    """ChoiceSet."""

    def setUp(self) -> None:
        self.mode = ChoiceSet("MODE", NAMESPACE)

    def test_membership(self) -> None:
        """Only the constants themselves are in the set, whatever their bits."""
        self.assertEqual(sorted(self.mode), [1, 3])
        self.assertIn(3, self.mode)
        self.assertNotIn(2, self.mode)
        self.assertTrue(self.mode.single(1))
        self.assertFalse(self.mode.single(0))

    def test_names(self) -> None:
        """A constant has its name, anything else is hexadecimal."""
        self.assertEqual(self.mode.names(3), "ANY")
        self.assertEqual(self.mode.names(0xFF), "0xFF")
        self.assertEqual(repr(self.mode), "<ChoiceSet MODE>")
