"""``tapiproxy acd``."""

import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial import unittest

from tapiproxy import control, defaults
from tapiproxy.cli import main
from tapiproxy.plugins.acd.control import MOST_FACTS
from tapiproxy.plugins.acd.facts import LONGEST_FACT


class ACDCommand(unittest.TestCase):
    """The two verbs, with a server that a list of answers plays."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="tapiproxy-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.asked: list[tuple[Path, str, Any]] = []
        self.answer: Any = lambda facts: {"taken": len(facts), "refused": []}
        self.patch(control, "call", self.call)

    def call(self, path: Path, verb: str, argument: Any) -> Any:
        self.asked.append((path, verb, argument))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(argument.get("facts")) if callable(self.answer) else self.answer

    def run_(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        code = main.main(["acd", "--data", str(self.folder), *arguments])
        return code, out.getvalue(), err.getvalue()

    def file(self, text: bytes) -> str:
        (self.folder / "facts").write_bytes(text)
        return str(self.folder / "facts")

    def test_feed(self) -> None:
        """The lines of a file go to the verb of the named handler; comments stay here."""
        name = self.file(b'# a day\n{"fact": 1}\n\n  {"fact": 2}\n')
        code, out, err = self.run_("--handler", "second", "feed", name)
        self.assertEqual((code, out, err), (0, "2 facts taken, 0 refused\n", ""))
        path = self.folder / defaults.CONTROL_SOCKET
        facts = ['{"fact": 1}', '{"fact": 2}']
        self.assertEqual(self.asked, [(path, "second.feed", {"facts": facts})])

    def test_lastLine(self) -> None:
        """A last line without its newline is sent too."""
        code, out, _ = self.run_("feed", self.file(b"one\ntwo"))
        self.assertEqual((code, out), (0, "2 facts taken, 0 refused\n"))

    def test_refused(self) -> None:
        """A refused fact is shown with its line, and the exit code says so."""
        name = self.file(b"# comment\none\ntwo\n")
        self.answer = {"taken": 1, "refused": [{"place": 1, "problem": "not JSON"}]}
        code, out, err = self.run_("feed", name)
        self.assertEqual((code, out), (1, "1 facts taken, 1 refused\n"))
        self.assertEqual(err, f"{name}:3: not JSON\n")

    def test_batches(self) -> None:
        """Many facts go in portions that the server takes."""
        name = self.file(b"x\n" * (2 * MOST_FACTS + 1))
        code, out, _ = self.run_("feed", name)
        self.assertEqual((code, out), (0, f"{2 * MOST_FACTS + 1} facts taken, 0 refused\n"))
        sizes = [len(argument["facts"]) for _, _, argument in self.asked]
        self.assertEqual(sizes, [MOST_FACTS, MOST_FACTS, 1])

    def test_standardInput(self) -> None:
        """What arrives on standard input is sent on at once, not when it ends."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        stdin = os.fdopen(reading)
        self.addCleanup(stdin.close)
        self.patch(sys, "stdin", stdin)
        os.write(writing, b"one\ntwo\nth")

        def answer(facts: list[str]) -> Any:
            # The second half comes only when the first has been sent.
            if facts == ["one", "two"]:
                os.write(writing, b"ree\n")
            else:
                self.answer = None
                os.dup2(os.open(os.devnull, os.O_WRONLY), writing)
            return {"taken": len(facts), "refused": []}

        self.answer = answer
        code, out, _ = self.run_("feed", "-")
        self.assertEqual((code, out), (0, "3 facts taken, 0 refused\n"))
        self.assertEqual([each[2]["facts"] for each in self.asked], [["one", "two"], ["three"]])

    def test_longLine(self) -> None:
        """A line without end is refused before it fills the memory."""
        code, _, err = self.run_("feed", self.file(b"x\n" + b"y" * (LONGEST_FACT * 5)))
        self.assertEqual(code, 1)
        self.assertIn(":2: no fact is as long", err)

    def test_notText(self) -> None:
        """What is not UTF-8 reaches the server as something that it can refuse."""
        self.run_("feed", self.file(b'{"call": "\xff"}\n'))
        json.dumps(self.asked[0][2])

    def test_noFile(self) -> None:
        """A file that is not there is named."""
        code, _, err = self.run_("feed", str(self.folder / "nowhere"))
        self.assertEqual(code, 1)
        self.assertIn("nowhere: No such file", err)

    def test_noServer(self) -> None:
        """What the local socket says is shown."""
        self.answer = control.ControlError("no server answers")
        code, _, err = self.run_("recompute")
        self.assertEqual((code, err), (1, "tapiproxy: no server answers\n"))

    def test_recompute(self) -> None:
        """Equal figures are counted; a difference is named and makes the exit code 1."""
        self.answer = {"compared": 9, "differences": []}
        self.assertEqual(self.run_("recompute"), (0, "9 compared, 0 figures differ\n", ""))
        difference = {"of": "queue 11", "field": "dwX", "told": 1, "recomputed": 2}
        self.answer = {"compared": 9, "differences": [difference]}
        code, out, _ = self.run_("recompute")
        self.assertEqual(code, 1)
        self.assertIn("queue 11: dwX is told as 1, the log says 2\n", out)
        self.assertEqual(self.asked[-1][1:], ("acd.recompute", {}))
