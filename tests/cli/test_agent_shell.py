"""The prompt: what it understands, completes and writes."""

import io
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import TestCase

from tapiproxy.cli import agent_shell
from tapiproxy.cli.agent_application import AgentApplication, Wanted
from tapiproxy.cli.agent_commands import COMMANDS
from tapiproxy.cli.agent_shell import PROMPT, Completer, Screen, Shell, interact, runInReactor
from tapiproxy.cli.main import CommandError
from tests.client.canned import PIN
from tests.client.network import MemoryNetwork
from tests.client.servers import HOST, PORT, ScriptedServer


class Prompt(TestCase):
    """Lines typed at a prompt, against a server in memory."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.server = ScriptedServer(self.network)
        self.written: list[str] = []
        self.app = AgentApplication(
            self.network,
            Wanted(host=HOST, port=PORT),
            self.written.append,
            onEnded=lambda reason: self.written.append("* over"),
        )

    def type(self, *lines: Any) -> str:
        """Type lines (or what is thrown in their place), then end the input."""
        typed = iter(lines)

        def ask(prompt: str) -> str:
            self.assertEqual(prompt, PROMPT)
            line = next(typed, None)
            if line is None:
                raise EOFError
            if isinstance(line, str):
                return line
            raise line

        def call(coroutine: Any) -> None:
            running = ensureDeferred(coroutine)
            self.network.flush()
            self.successResultOf(running)

        interact(Shell(self.app), ask, lambda prompt: PIN, call, self.written.append)
        return "\n".join(self.written)

    def test_session(self) -> None:
        """Commands share one session: log in, then act as that agent."""
        text = self.type("login 1001", "open-session Sales", "set-state ready")
        self.assertIn("agent 1001 is 0x00001001", text)
        self.assertIn("session 0x00002002 in Sales", text)
        self.assertIn("agent: ready", text)
        names = [type(packet).__name__ for packet in self.server.requests]
        self.assertEqual(names.count("Initialize"), 1)
        self.assertEqual(names.count("CreateAgent"), 1)

    def test_loss(self) -> None:
        """A lost session is told, and the next command begins another."""
        self.type("groups")
        self.network.pipes[0].abortConnection()
        self.network.flush()
        self.assertEqual(self.written[-1], "* over")
        self.assertIn("Support", self.type("groups"))

    def test_errors(self) -> None:
        """What is not understood or refused is told in words, and the prompt comes back."""
        text = self.type(
            "frobnicate", 'groups "', "set-state", "login 1001", "set-state asleep", "status"
        )
        self.assertIn("there is no command 'frobnicate'", text)
        self.assertIn("a quotation mark is missing", text)
        self.assertIn("the following arguments are required: STATE", text)
        self.assertIn("'asleep' is not one of the states", text)
        self.assertIn("next state", text)

    def test_refused(self) -> None:
        """A LINEERR is told with what to do, and the prompt comes back."""
        text = self.type("sessions", "groups")
        self.assertIn("LINEERR_INVALPASSWORD", text)
        self.assertIn("Support", text)

    def test_help(self) -> None:
        """Help lists every command, and tells the arguments of one."""
        text = self.type("help")
        for name in COMMANDS:
            self.assertIn(f"  {name} ", text)
        self.assertIn("usage: set-state", self.type("help set-state"))

    def test_brokenOff(self) -> None:
        """Ctrl-C at the prompt does not end the shell; an empty line and a comment do nothing."""
        text = self.type(KeyboardInterrupt(), "", "# groups", "groups")
        self.assertIn("`quit` leaves", text)
        self.assertIn("Support", text)

    def test_quit(self) -> None:
        """What stands behind quit is not run."""
        self.assertEqual(self.type("quit", "groups"), "")

    def test_parserPrintsNothing(self) -> None:
        """No line ends the process or writes by itself."""
        shell = Shell(self.app)
        for line in ("groups --help", "info", "info pizza", "period", "--help"):
            self.assertRaises(CommandError, shell.parse, line)


class Completing(TestCase):
    def found(self, line: str) -> list[str]:
        completer = Completer()
        text = "" if line.endswith(" ") else line.split(" ")[-1]
        found = []
        while (each := completer.complete(text, len(found), line)) is not None:
            found.append(each)
        return found

    def test_commands(self) -> None:
        """The first word is a command."""
        self.assertEqual(self.found("set-s"), ["set-state ", "set-session-state "])
        self.assertEqual(self.found("help que"), ["queues "])
        self.assertEqual(len(self.found("")), len(COMMANDS) + 3)

    def test_states(self) -> None:
        """Where a state is wanted, the names of that set are offered."""
        self.assertEqual(self.found("set-state r"), ["ready ", "released "])
        self.assertEqual(self.found("set-state ready --n"), ["--next "])
        self.assertEqual(self.found("frobnicate x"), [])


class Writing(TestCase):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def test_whileTyping(self) -> None:
        """An event above the prompt leaves what is being typed in place."""
        stream = self.Terminal()
        Screen(stream, lambda: "set-st").write("* event")
        self.assertEqual(stream.getvalue(), f"\r\x1b[K* event\n{PROMPT}set-st")

    def test_held(self) -> None:
        """What comes while the prompt is being written appears when it stands, in its order."""
        stream = self.Terminal()
        screen = Screen(stream, lambda: "")
        screen.hold()
        screen.write("* one")
        screen.write("* two")
        self.assertEqual(stream.getvalue(), "")
        screen.release()
        screen.release()
        self.assertEqual(stream.getvalue(), f"\r\x1b[K* one\n{PROMPT}\r\x1b[K* two\n{PROMPT}")

    def test_otherwise(self) -> None:
        """While nobody types, and in a pipe, a line is a line."""
        for stream, typing in ((self.Terminal(), None), (io.StringIO(), "x")):
            Screen(stream, lambda typing=typing: typing).write("text")
            self.assertEqual(stream.getvalue(), "text\n")


class FromTheOtherThread(TestCase):
    class Reactor:
        """Calls at once what would be called in its thread."""

        def callFromThread(self, f: Any) -> None:
            f()

    def test_failure(self) -> None:
        """What a coroutine raises is raised where it was called from."""

        async def work() -> None:
            raise CommandError("no")

        self.assertRaises(CommandError, runInReactor, self.Reactor(), work())

    def test_brokenOff(self) -> None:
        """Ctrl-C while waiting cancels the coroutine, and waits for its end."""
        ended: list[str] = []

        async def work() -> None:
            try:
                await Deferred()
            finally:
                ended.append("ended")

        class Queue(list[Any]):
            """A queue in which the first wait is broken off."""

            waits = 0

            def put(self, value: Any) -> None:
                self.append(value)

            def get(self) -> Any:
                self.waits += 1
                if self.waits == 1:
                    raise KeyboardInterrupt
                return self.pop()

        self.patch(agent_shell, "SimpleQueue", Queue)
        self.assertRaises(KeyboardInterrupt, runInReactor, self.Reactor(), work())
        self.assertEqual(ended, ["ended"])
