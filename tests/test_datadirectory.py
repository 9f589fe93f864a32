"""The data directory and its lock."""

import os

from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.datadirectory import DataDirectory, DataDirectoryError
from tests.folders import makeFolder


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

    def test_handlerUnusable(self):
        """A handler's part that cannot be made is refused with its path."""
        directory = self.open()
        (self.path / "handlers").write_text("a file")
        error = self.assertRaises(DataDirectoryError, directory.ofHandler, "acd")
        self.assertIn("handlers/acd cannot be made", str(error))
