"""Limits and deadlines."""

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.trp.settings import Settings


class Values(TestCase):
    """Settings."""

    def test_positive(self) -> None:
        """A limit or a deadline of nothing is refused: it would stop everybody."""
        for field in attrs.fields(Settings):
            if field.type in (int, float):
                self.assertRaises(ValueError, Settings, **{field.name: 0})

    def test_documented(self) -> None:
        """Each is explained, with its reason."""
        for field in attrs.fields(Settings):
            self.assertIn(f":ivar {field.name}:", Settings.__doc__ or "")
