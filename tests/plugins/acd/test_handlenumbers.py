"""Handles."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial import unittest

from tapiproxy.plugins.acd.handlenumbers import handleNumber


class HandleNumbers(unittest.TestCase):
    """Random to look at, and never twice."""

    def test_neverTwice(self) -> None:
        """The first 20,000 handles are all different and fit into 31 bits."""
        numbers = {handleNumber(bytes(16), count) for count in range(1, 20_001)}
        self.assertEqual(len(numbers), 20_000)
        self.assertTrue(all(1 <= number <= 0x7FFFFFFF for number in numbers))

    def test_spread(self) -> None:
        """Neighbouring counts give handles far apart: none tells the next."""
        numbers = [handleNumber(bytes(16), count) for count in range(1, 1001)]
        near = [one for one, other in itertools.pairwise(numbers) if abs(one - other) < 1 << 20]
        self.assertLess(len(near), 10)

    @given(st.binary(min_size=16, max_size=16), st.integers(1, 2**31 - 1))
    def test_range(self, key: bytes, count: int) -> None:
        """Any secret and any count give a handle, always the same one."""
        number = handleNumber(key, count)
        self.assertTrue(1 <= number <= 0x7FFFFFFF)
        self.assertEqual(handleNumber(key, count), number)

    def test_secret(self) -> None:
        """Another data directory gives other handles."""
        self.assertNotEqual(handleNumber(bytes(16), 1), handleNumber(b"x" * 16, 1))
