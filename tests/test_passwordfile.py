"""A password file: whose it must be, and what may stand in it."""

import contextlib
import os
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy import usersfile
from tapiproxy.nthash import ntHash
from tapiproxy.passwordfile import readNTHash
from tapiproxy.privatefile import PrivateFileError
from tests.folders import makeFolder

NAME = "DOM\\tapiproxy"


class PasswordFileTests(SynchronousTestCase):
    def setUp(self):
        self.path = makeFolder(self) / "password"

    def write(self, text, mode=0o600):
        self.path.write_bytes(text.encode("utf-8"))
        self.path.chmod(mode)

    def refusal(self):
        return str(self.assertRaises(PrivateFileError, readNTHash, self.path, NAME))

    def test_password(self):
        """One line is the password, with its blanks, whatever ends it; the owner may only read."""
        for password in ("secret", " two words ", "pass:word", "\u00e4\u20ac", "users", "x" * 256):
            for end in ("", "\n", "\r\n", "\n\n"):
                for mode in (0o600, 0o400):
                    self.path.unlink(missing_ok=True)
                    self.write(password + end, mode)
                    self.assertEqual(readNTHash(self.path, NAME), ntHash(password))

    def test_hash(self):
        """What `tapiproxy passwd` writes has the account's hash, among others and comments."""
        text = usersfile.withUser("", NAME, ntHash("secret"), ["Servers"])
        for written in (text, "# the server\n" + text, usersfile.withUser(text, "a", bytes(16))):
            self.write(written)
            self.assertEqual(readNTHash(self.path, NAME), ntHash("secret"))

    def test_notOurs(self):
        """What another user's mode keeps from the server is refused with the line that mends it."""
        # Root, who may run this, may read everything.
        with mock.patch("os.open", side_effect=PermissionError(13, "Permission denied")):
            said = self.refusal()
        self.assertIn(f"cannot be read by user {os.geteuid()}", said)
        self.assertTrue(said.endswith(f"chown {os.geteuid()} {self.path}"), said)

    def test_otherAccount(self):
        """A file of hashes without the account is refused with the line that adds it."""
        self.write(usersfile.withUser("", "tapiproxy", ntHash("secret")))
        said = self.refusal()
        self.assertIn("has no account DOM\\tapiproxy", said)
        self.assertIn(f"`tapiproxy passwd {self.path} 'DOM\\tapiproxy'`", said)

    def test_wrong(self):
        """What is neither is refused, and never quoted."""
        for text, said in (
            ("", "a password has 1 to 256 characters, this one has 0"),
            ("\n", "this one has 0"),
            ("s3cret\ns3cret2\n", "more than one line"),
            ("s3" * 129, "this one has 258"),
            ("user tapiproxy:s3cret\n", "line 1: the NT hash behind the colon"),
            ("x" * 65537, "larger than 65536 octets"),
        ):
            self.write(text)
            refusal = self.refusal()
            self.assertIn(said, refusal)
            self.assertNotIn("s3", refusal)

    def test_others(self):
        """A file that others can read or write is refused with what to type."""
        for mode in (0o640, 0o604, 0o620, 0o602):
            self.write("secret", mode)
            self.assertIn(f"chmod 0600 {self.path}", self.refusal())

    def test_owner(self):
        """It belongs to whoever reads it, or to root."""
        self.write("secret")
        owner = os.stat(self.path).st_uid
        with mock.patch("os.geteuid", return_value=owner + 1):
            if owner == 0:
                self.assertEqual(readNTHash(self.path, NAME), ntHash("secret"))
                os.chown(self.path, 12345, -1)
            self.assertIn("chown", self.refusal())

    def test_noFile(self):
        """A file that is not there is refused with what makes one; a folder is none."""
        self.assertIn(f"`tapiproxy passwd {self.path} USER` makes one", self.refusal())
        self.path.mkdir()
        self.assertIn("is no regular file", self.refusal())

    @given(st.binary(max_size=60))
    def test_anything(self, octets):
        """Whatever stands in it, there is a hash or a refusal."""
        self.path.write_bytes(octets)
        self.path.chmod(0o600)
        with contextlib.suppress(PrivateFileError):
            self.assertEqual(len(readNTHash(self.path, NAME)), 16)
