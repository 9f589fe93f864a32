"""``tapiproxy passwd``."""

import io
import sys
from unittest import mock

from twisted.trial.unittest import TestCase

from tapiproxy import usersfile
from tapiproxy.cli import main
from tapiproxy.nthash import ntHash
from tests.folders import makeFolder


class Terminal(io.StringIO):
    """A stdin that a person sits at."""

    def isatty(self):
        return True


class PasswdCommandTests(TestCase):
    def setUp(self):
        self.path = makeFolder(self) / "users"

    def passwd(self, *typed, stdin=None, entered=()):
        """Run the command; its exit code, stdout and stderr."""
        out, err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdin", io.StringIO("secret\n") if stdin is None else stdin)
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        with mock.patch("getpass.getpass", side_effect=entered):
            code = main.main(["passwd", str(self.path), *typed])
        return code, out.getvalue(), err.getvalue()

    def read(self):
        return usersfile.parse(usersfile.read(self.path), "users")

    def refused(self, *typed, **how):
        """Run what must fail in words, and change nothing; the words."""
        before = self.path.read_text() if self.path.exists() else None
        code, out, err = self.passwd(*typed, **how)
        self.assertEqual((code, out), (1, ""))
        self.assertEqual(self.path.read_text() if self.path.exists() else None, before)
        return err

    def test_piped(self):
        """A password on stdin makes the file, with the account in its one spelling."""
        code, out, err = self.passwd("dom\\Alice", "--group", "Sales", "--group", "Night Shift")
        self.assertEqual((code, out, err), (0, f"DOM\\alice written to {self.path}\n", ""))
        users = self.read()
        self.assertEqual(users.hashes, {"DOM\\alice": ntHash("secret")})
        self.assertEqual(users.groups, {"DOM\\alice": {"Sales", "Night Shift"}})

    def test_asked(self):
        """At a terminal the password is asked for twice, and a new one takes its place."""
        self.passwd("alice")
        code, _out, _err = self.passwd("alice", stdin=Terminal(), entered=("new", "new"))
        self.assertEqual((code, self.read().hashes), (0, {"alice": ntHash("new")}))

    def test_differ(self):
        """Two different passwords write nothing, and neither is repeated."""
        err = self.refused("alice", stdin=Terminal(), entered=("topsecret", "topsecrets"))
        self.assertIn("differ", err)
        self.assertNotIn("topsecret", err)

    def test_nothing(self):
        """No password, at the terminal or from a file, is a failure in words."""
        for stdin, *entered in ((io.StringIO(""),), (Terminal(), EOFError())):
            self.assertTrue(self.refused("alice", stdin=stdin, entered=entered))

    def test_tooLong(self):
        """A line longer than any password is refused, not cut to one that nobody typed."""
        self.assertIn("256", self.refused("alice", stdin=io.StringIO("p" * 10_000)))

    def test_delete(self):
        """An account is deleted with its memberships, without being asked for a password."""
        self.passwd("alice", "--group", "Sales")
        self.passwd("bob", "--group", "Sales")
        code, out, _err = self.passwd("ALICE", "--delete", stdin=io.StringIO(""))
        self.assertEqual((code, out), (0, f"alice deleted from {self.path}\n"))
        users = self.read()
        self.assertEqual((set(users.hashes), users.groups), ({"bob"}, {"bob": {"Sales"}}))

    def test_list(self):
        """Accounts and members are listed with their groups, and no hash is."""
        self.passwd("bob")
        self.passwd("DOM\\alice", "--group", "Sales", "--group", "Night Shift")
        with self.path.open("a") as file:
            file.write("group Sales:DOM\\carol\n")
        code, out, _err = self.passwd("--list")
        self.assertEqual(
            (code, out),
            (
                0,
                "DOM\\alice: Night Shift, Sales\nDOM\\carol (no password here): Sales\nbob\n",
            ),
        )

    def test_refused(self):
        """What cannot be done is said, and nothing is changed."""
        self.assertIn("USER, or --list", self.refused())
        self.assertIn("can be no account's name", self.refused("a:b"))
        self.assertIn("comma", self.refused("a,b"))
        self.assertIn("group's name", self.refused("alice", "--group", "a:b"))
        self.assertIn("cannot be read", self.refused("alice", "--delete"))
        self.assertIn("cannot be read", self.refused("--list"))
        self.passwd("alice")
        self.assertIn("no account bob", self.refused("bob", "--delete"))
        self.assertIn("leave --group out", self.refused("alice", "--delete", "--group", "G"))
        self.assertIn("leave the USER", self.refused("alice", "--list"))
        self.path.chmod(0o644)
        self.assertIn("chmod 0600", self.refused("alice"))
