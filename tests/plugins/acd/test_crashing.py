"""What was told survives kill -9, at whatever moment it strikes."""

import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial import unittest

from tapiproxy.plugins.acd.events import Event, SessionChanged
from tapiproxy.plugins.acd.model import Model
from tapiproxy.plugins.acd.store import Store
from tests.plugins.acd.crashing import digest

ROUNDS = 25

#: Lines of output after which a process may be killed.
MOST_LINES = 300


class Crashes(unittest.TestCase):
    """Processes that die in the midst of their work, one after the other on the same files."""

    def test_nothingToldIsLost(self) -> None:
        """25 times: the log has every event that a reply or a status event rested on."""
        directory = tempfile.TemporaryDirectory(prefix="tapiproxy-")
        self.addCleanup(directory.cleanup)
        moments = random.Random(20)
        told = 0
        for turn in range(ROUNDS):
            lines = self.killed(Path(directory.name), turn, moments.randrange(5, MOST_LINES))
            told += self.check(Path(directory.name), lines)
        # Most of the lines are replies; it is no round without any that has passed.
        self.assertGreater(told, ROUNDS * 20)

    def killed(self, directory: Path, seed: int, lines: int) -> list[str]:
        """Have a process work, kill it after so many lines; everything that it has printed."""
        command = [sys.executable, "-m", "tests.plugins.acd.crashing", str(directory), str(seed)]
        root = Path(__file__).parents[3]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as process:
            assert process.stdout is not None
            found = [process.stdout.readline() for _ in range(lines)]
            process.send_signal(signal.SIGKILL)
            found += process.stdout.readlines()
        self.assertEqual(found[0], b"open\n")
        # The last line may be half a line: that was not told.
        return [line.decode().rstrip() for line in found if line.endswith(b"\n")]

    def check(self, directory: Path, lines: list[str]) -> int:
        """Hold what was told against the log; how many replies there were."""
        store = Store(directory)
        try:
            model, log = Model(), list(store.events(0))
            loaded = digest(store.load())
        finally:
            store.close()
        replies = {}
        for line in lines:
            kind, *rest = line.split()
            if kind == "reply":
                replies[int(rest[0])] = rest[1]
        states = self.fold(model, log, replies)
        self.assertEqual(digest(model), loaded)
        self.assertEqual(replies, {}, "told, and not in the log")
        for line in lines:
            if line.startswith("state "):
                self.assertIn(tuple(map(int, line.split()[1:])), states)
        return len(lines)

    def fold(self, model: Model, log: list[Event], replies: dict[int, str]) -> set[tuple[int, int]]:
        """Fold the log, taking every reply out that the model agrees with; the states it had."""
        states = set()
        for event in log:
            model.apply(event)
            if isinstance(event, SessionChanged):
                states.add((event.session, event.state))
            expected = replies.pop(model.sequence, None)
            if expected is not None:
                self.assertEqual(digest(model), expected)
        return states
