"""The data directory and its lock."""

import os

from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.datadirectory import DataDirectory, DataDirectoryError
from tests.folders import makeFolder


def owned(stat, user):
    """A stand-in for `os.stat` to which everything belongs to *user*."""

    def found(path, **options):
        fields = list(stat(path, **options))
        fields[4] = user
        return os.stat_result(fields)

    return found


class DataDirectoryTests(SynchronousTestCase):
    def setUp(self):
        self.path = makeFolder(self) / "a" / "data"

    def open(self):
        directory = DataDirectory(self.path)
        self.addCleanup(directory.close)
        return directory

    def refused(self):
        return str(self.assertRaises(DataDirectoryError, DataDirectory, self.path))

    def test_made(self):
        """It is made with its parents, for its owner only, and so is a handler's part of it."""
        directory = self.open()
        own = directory.ofHandler("acd")
        self.assertEqual(own, self.path / "handlers" / "acd")
        for path in (self.path, own):
            self.assertEqual(path.stat().st_mode & 0o777, 0o700)
        self.assertEqual(directory.ofHandler("acd"), own)

    def test_inUse(self):
        """A second server is refused, with the number of the first."""
        self.open().signed()
        refused = self.refused()
        self.assertIn(f"in use by another server (process {os.getpid()})", refused)
        self.assertIn("--data", refused)

    def test_unsigned(self):
        """A lock that says nothing of its owner, or nonsense, is a lock all the same."""
        self.open()
        self.assertIn("another server:", self.refused())
        (self.path / "lock").write_text("\x1b[31m\xff")
        self.assertIn("another server:", self.refused())

    def test_closed(self):
        """One that was closed can be opened again."""
        self.open().close()
        self.open()

    def test_unusable(self):
        """A path that cannot be a directory is refused with the system's reason."""
        self.path.parent.write_text("a file")
        self.assertIn("cannot be used: Not a directory", self.refused())

    def test_madeUnderAnyMask(self):
        """Whatever the process's mask, nobody else may enter what is made, nor write beside it."""
        self.addCleanup(os.umask, os.umask(0))
        self.open().ofHandler("acd")
        for path in (self.path, self.path / "handlers", self.path / "handlers" / "acd"):
            self.assertEqual(path.stat().st_mode & 0o777, 0o700)

    def test_othersMayWrite(self):
        """A folder that others may write to is refused, with its mode and what to do."""
        self.path.mkdir(parents=True)
        for mode in (0o770, 0o702, 0o1777):
            self.path.chmod(mode)
            refused = self.refused()
            self.assertIn(f"mode {mode:04o}", refused)
            self.assertIn(f"chmod go-w {self.path}", refused)
            self.assertIn("--data", refused)
        self.assertEqual(list(self.path.iterdir()), [])

    def test_othersMayRead(self):
        """A folder that others may only read, as systemd makes them, is taken."""
        self.path.mkdir(parents=True)
        self.path.chmod(0o755)
        self.open()

    def test_anothers(self):
        """A folder of somebody else is refused with both numbers; one of root is not."""
        self.path.mkdir(parents=True)
        mine = self.path.stat().st_uid
        self.patch(os, "geteuid", lambda: mine + 1)
        self.patch(os, "stat", owned(os.stat, mine + 2))
        refused = self.refused()
        self.assertIn(f"belongs to user {mine + 2}, and the server is user {mine + 1}", refused)
        self.assertIn("chown", refused)
        self.patch(os, "stat", owned(os.stat, 0))
        self.open()

    def test_handlersOthersMayWrite(self):
        """A handler's part is looked at in the same way."""
        directory = self.open()
        directory.ofHandler("acd").chmod(0o777)
        error = self.assertRaises(DataDirectoryError, directory.ofHandler, "acd")
        self.assertIn("handlers/acd", str(error))

    def test_handlerUnusable(self):
        """A handler's part that cannot be made is refused with its path."""
        directory = self.open()
        (self.path / "handlers").write_text("a file")
        error = self.assertRaises(DataDirectoryError, directory.ofHandler, "acd")
        self.assertIn("handlers/acd cannot be made", str(error))
