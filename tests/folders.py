"""Temporary folders for tests: outside the checkout, gone when the test is."""

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase


def makeFolder(case: SynchronousTestCase) -> Path:
    """A new empty folder with a short name (UNIX sockets need that) for one test."""
    made = tempfile.TemporaryDirectory(prefix="t-")
    case.addCleanup(made.cleanup)
    return Path(made.name)
