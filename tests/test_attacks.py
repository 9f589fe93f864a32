"""The tests that docs/attacks.md names are there."""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent


class NamedTests(SynchronousTestCase):
    def test_there(self) -> None:
        """Each file of a row exists, and has each test that is named behind it."""
        named = 0
        for row in (ROOT / "docs" / "attacks.md").read_text().splitlines():
            if not row.startswith("| ") or row.startswith("| attack"):
                continue
            file = ""
            words = re.findall(r"`(tests/[\w/]+\.py|test_\w+)`", row)
            self.assertTrue(words, row)
            for word in words:
                if word.startswith("tests/"):
                    file = (ROOT / word).read_text()
                else:
                    self.assertIn(f"def {word}(", file, row)
                named += 1
        self.assertGreater(named, 30)
