"""The ``tapiproxy`` command: its sub-commands and how they end."""

import io
import sys
from types import ModuleType

from twisted.trial.unittest import TestCase

from tapiproxy.cli import main


class MainTests(TestCase):
    def setUp(self):
        self.out, self.err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)

    def command(self, run, name="probe"):
        """Make a sub-command for this test."""
        module = ModuleType(f"tapiproxy.cli.{name}")

        def register(subparsers):
            parser = subparsers.add_parser(name, help="for a test")
            parser.add_argument("--number", type=int)
            parser.set_defaults(run=run)

        module.register = register
        sys.modules[module.__name__] = module
        self.addCleanup(sys.modules.pop, module.__name__)
        self.patch(main, "COMMANDS", (name,))

    def test_exitCode(self):
        """The command's number is the exit code; its options are what was typed."""
        self.command(lambda options: options.number)
        self.assertEqual(main.main(["probe", "--number", "7"]), 7)

    def test_typed(self):
        """Without arguments it takes what was typed on the command line."""
        self.command(lambda options: options.number)
        self.patch(sys, "argv", ["tapiproxy", "probe", "--number", "3"])
        self.assertEqual(main.main(), 3)

    def test_commandError(self):
        """What went wrong is said on stderr, and is exit code 1."""

        def run(options):
            raise main.CommandError("no server answers")

        self.command(run)
        self.assertEqual(main.main(["probe"]), 1)
        self.assertEqual(self.err.getvalue(), "tapiproxy: no server answers\n")
        self.assertEqual(self.out.getvalue(), "")

    def test_interrupted(self):
        """Control-C ends it without a traceback."""

        def run(options):
            raise KeyboardInterrupt

        self.command(run)
        self.assertEqual(main.main(["probe"]), 130)
        self.assertEqual(self.err.getvalue(), "")

    def test_closedPipe(self):
        """A reader that has seen enough (head) ends it without a traceback."""

        def run(options):
            raise BrokenPipeError

        self.command(run)
        self.assertEqual(main.main(["probe"]), 141)

    def test_wrongArgument(self):
        """A wrong argument, an unknown command or none is exit code 2, with what is allowed."""
        self.command(lambda options: 0)
        for typed in (["probe", "--number", "x"], ["prob"], []):
            error = self.assertRaises(SystemExit, main.main, typed)
            self.assertEqual(error.code, 2)
        self.assertIn("invalid choice: 'prob'", self.err.getvalue())

    def test_onlyTheOne(self):
        """Only the module of the command in question is imported."""
        self.command(lambda options: 0)
        self.patch(main, "COMMANDS", ("probe", "there_is_no_such_module"))
        self.assertEqual(main.main(["probe"]), 0)

    def test_help(self):
        """--help names every command that there is."""
        error = self.assertRaises(SystemExit, main.main, ["--help"])
        self.assertEqual(error.code, 0)
        for name in main.COMMANDS:
            self.assertIn(f"    {name} ", self.out.getvalue())
