"""``tapiproxy pin``."""

import io
import sys
from unittest import mock

from twisted.trial.unittest import TestCase

from tapiproxy import pins
from tapiproxy.cli import main


class Terminal(io.StringIO):
    """A stdin that a person sits at."""

    def isatty(self):
        return True


class PINCommandTests(TestCase):
    def pin(self, stdin, *entered):
        """Run the command; its exit code, stdout and stderr."""
        out, err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdin", stdin)
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        with mock.patch("getpass.getpass", side_effect=entered):
            code = main.main(["pin"])
        return code, out.getvalue(), err.getvalue()

    def test_piped(self):
        """A PIN on stdin gives one line that the server's check accepts."""
        code, out, err = self.pin(io.StringIO("1234\nrest\n"))
        self.assertEqual((code, err), (0, ""))
        self.assertTrue(pins.verifyPIN("1234", out.removesuffix("\n")))

    def test_asked(self):
        """At a terminal the PIN is asked for twice, without showing it."""
        code, out, _err = self.pin(Terminal(), "4711", "4711")
        self.assertEqual(code, 0)
        self.assertTrue(pins.verifyPIN("4711", out.strip()))

    def test_differ(self):
        """Two different PINs print nothing and fail, without repeating either."""
        code, out, err = self.pin(Terminal(), "4711", "4712")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("differ", err)
        self.assertNotIn("471", err)

    def test_nothing(self):
        """No PIN, at the terminal or from a file, is a failure in words."""
        for stdin, *entered in ((io.StringIO(""),), (Terminal(), EOFError())):
            code, out, err = self.pin(stdin, *entered)
            self.assertEqual((code, out), (1, ""))
            self.assertTrue(err.startswith("tapiproxy: "), err)

    def test_tooLong(self):
        """A line longer than any PIN is refused, not cut to a PIN that nobody typed."""
        code, out, err = self.pin(io.StringIO("7" * 10_000))
        self.assertEqual((code, out), (1, ""))
        self.assertIn("128", err)
