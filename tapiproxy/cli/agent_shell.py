"""
The interactive prompt of the agent application.

Two threads: the main one reads what is typed, with readline's editing, history and completion,
since readline can only block; the reactor runs in the other.  Commands are handed from the first to
the second, and nothing else is shared but the terminal.
"""

import argparse
import getpass
import importlib
import shlex
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from queue import SimpleQueue
from types import ModuleType
from typing import Any, NoReturn, TextIO, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from tapiproxy.cli.agent_advice import explain
from tapiproxy.cli.agent_application import AgentApplication, Wanted
from tapiproxy.cli.agent_commands import COMMANDS, addCommands
from tapiproxy.cli.agent_events import eventLine
from tapiproxy.cli.main import CommandError
from tapiproxy.client.errors import ClientError

__all__ = ["Completer", "Screen", "Shell", "interact", "runInReactor", "runShell"]

PROMPT = "agent> "
#: Lines kept back while the prompt is being written, a matter of microseconds; older ones go.
MAXIMUM_HELD = 1000
#: Seconds for the reactor to stop, when all is said.
STOPPING = 5.0
#: Typed to leave; the end of the input does the same.
LEAVE = ("quit", "exit")


class _Typed(Exception):
    """The parser has said all there is to say; the text is shown."""


class _Parser(argparse.ArgumentParser):
    """An argument parser that ends no process and prints to nobody."""

    def error(self, message: str) -> NoReturn:
        raise _Typed(f"{message}\n{self.format_usage().strip()}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise _Typed((message or "").strip())

    def print_help(self, file: Any = None) -> None:
        raise _Typed(self.format_help().strip())


class Shell:
    """
    Understands and runs what is typed.

    :param app: the session that all commands share.
    """

    def __init__(self, app: AgentApplication) -> None:
        self._app = app
        self._parser = _Parser(prog="", add_help=False, usage="COMMAND [ARGUMENT]...")
        subparsers = self._parser.add_subparsers(parser_class=_Parser, metavar="")
        addCommands(cast(Any, subparsers))
        for name, parser in subparsers.choices.items():
            parser.prog = name

    def parse(self, typed: str) -> argparse.Namespace | None:
        """
        Understand a line.

        :returns: the options, with the `Command` as ``command``; None for an empty line.
        :raises CommandError: it is not understood, or asks for help; the text says the rest.
        """
        try:
            arguments = shlex.split(typed, comments=True)
        except ValueError as error:
            raise CommandError(f"a quotation mark is missing: {error}") from None
        if not arguments:
            return None
        if arguments[0] in ("help", "?"):
            arguments = [*arguments[1:2], "--help"] if arguments[1:] else []
        if not arguments:
            raise CommandError(self._help())
        if arguments[0] not in COMMANDS:
            raise CommandError(f"there is no command {arguments[0]!r}; `help` lists them")
        try:
            return self._parser.parse_args(arguments)
        except _Typed as said:
            raise CommandError(str(said)) from None

    async def run(self, options: argparse.Namespace) -> None:
        """Run what was parsed; what goes wrong is written, not raised."""
        try:
            await options.command.run(self._app, options)
        except CommandError as error:
            self._app.write(str(error))
        except ClientError as error:
            self._app.write(explain(error, self._app.wanted.server))

    def _help(self) -> str:
        width = max(map(len, COMMANDS))
        lines = [f"  {name.ljust(width)}  {command.help}" for name, command in COMMANDS.items()]
        return "\n".join(
            [*lines, f"  {'quit'.ljust(width)}  Leave.", "`help COMMAND` says more about one."]
        )


class Completer:
    """Completes commands, and the names that their arguments may have, for readline."""

    def __init__(self) -> None:
        self._found: Sequence[str] = ()

    def words(self, before: Sequence[str]) -> list[str]:
        """
        What may stand next.

        :param before: the words that are complete.
        """
        if not before:
            return [*COMMANDS, "help", *LEAVE]
        if before[0] == "help":
            return list(COMMANDS) if len(before) == 1 else []
        command = COMMANDS.get(before[0])
        if command is None:
            return []
        words = dict.fromkeys(word for each in command.arguments for word in each.words)
        return list(words) + [each.name for each in command.arguments if each.name.startswith("--")]

    def complete(self, text: str, state: int, line: str) -> str | None:
        """
        Give readline its next suggestion.

        :param text: the word so far.
        :param state: 0 for the first suggestion, then counting.
        :param line: all that was typed up to the word's end.
        """
        if state == 0:
            before = line.split() if line.endswith((" ", "\t")) or not line else line.split()[:-1]
            self._found = [f"{word} " for word in self.words(before) if word.startswith(text)]
        return self._found[state] if state < len(self._found) else None


class Screen:
    """
    Writes to the terminal so that an event does not tear what is being typed.

    :param stream: the terminal, or what takes its place.
    :param typing: what is typed right now, None when nobody is asked.
    """

    def __init__(self, stream: TextIO, typing: Callable[[], str | None]) -> None:
        self._stream = stream
        self._typing = typing
        self._lock = threading.Lock()
        self._held: deque[str] | None = None

    def write(self, text: str) -> None:
        """Write lines; a prompt that waits is written again below them."""
        with self._lock:
            if self._held is not None:
                self._held.append(text)
            else:
                self._show(text)

    def hold(self) -> None:
        """Keep lines back while the prompt is being written by readline, which knows no lock."""
        with self._lock:
            self._held = deque(maxlen=MAXIMUM_HELD)

    def release(self) -> None:
        """Write what was kept back."""
        with self._lock:
            held, self._held = self._held, None
            for text in held or ():
                self._show(text)

    def _show(self, text: str) -> None:
        typing = self._typing() if self._stream.isatty() else None
        if typing is None:
            self._stream.write(f"{text}\n")
        else:
            self._stream.write(f"\r\x1b[K{text}\n{PROMPT}{typing}")
        self._stream.flush()


def interact(
    shell: Shell,
    ask: Callable[[str], str],
    askPIN: Callable[[str], str],
    call: Callable[[Coroutine[Any, Any, None]], None],
    write: Callable[[str], None],
) -> None:
    """
    Read and run lines until the end of the input.

    :param ask: shows a prompt and gives a line; EOFError at the end.
    :param askPIN: the same without showing what is typed.
    :param call: runs a coroutine to its end; KeyboardInterrupt when it was broken off.
    """
    while True:
        try:
            typed = ask(PROMPT).strip()
            if typed in LEAVE:
                return
            options = shell.parse(typed)
            if options is not None:
                if options.command.name == "login":
                    options.pin = askPIN(f"PIN of agent {options.agentid}: ") or None
                call(shell.run(options))
        except EOFError:
            return
        except KeyboardInterrupt:
            write("(broken off; `quit` leaves)")
        except CommandError as error:
            write(str(error))


def runInReactor(reactor: IReactorFromThreads, coroutine: Coroutine[Any, Any, None]) -> None:
    """
    Run a coroutine in the reactor's thread from another one, and wait for its end.

    :raises KeyboardInterrupt: Ctrl-C was typed meanwhile; the coroutine was cancelled.
    """
    ended: SimpleQueue[Failure | None] = SimpleQueue()
    running: list[Deferred[None]] = []

    def begin() -> None:
        running.append(Deferred.fromCoroutine(coroutine))
        running[0].addBoth(ended.put)

    def cancel() -> None:
        running[0].cancel()

    reactor.callFromThread(begin)
    try:
        outcome = ended.get()
    except KeyboardInterrupt:
        reactor.callFromThread(cancel)
        ended.get()
        raise
    if outcome is not None and not outcome.check(CancelledError):
        outcome.raiseException()


def runShell(reactor: Any, wanted: Wanted) -> None:
    """
    Run the shell on the terminal until its user leaves.

    :param reactor: is run in a thread of its own.
    """
    terminal = _Terminal()
    screen = terminal.screen
    app = AgentApplication(
        reactor,
        wanted,
        screen.write,
        onEvent=lambda event: screen.write(f"* {eventLine(event)}"),
        onEnded=lambda reason: screen.write(f"* the session with the server is over: {reason}"),
    )
    thread = threading.Thread(
        target=reactor.run, kwargs={"installSignalHandlers": False}, name="reactor", daemon=True
    )
    thread.start()
    screen.write(f"An agent application for {wanted.server}; `help` lists the commands.")
    try:
        interact(
            Shell(app),
            terminal.ask,
            getpass.getpass,
            lambda coroutine: runInReactor(reactor, coroutine),
            screen.write,
        )
        runInReactor(reactor, app.stop())
    finally:
        reactor.callFromThread(reactor.stop)
        thread.join(STOPPING)


class _Terminal:
    """
    Asks for lines, with readline's editing and completion where there is a terminal.

    :ivar screen: what writes to it.
    """

    def __init__(self) -> None:
        self.screen = Screen(sys.stdout, self.typing)
        self._asking = False
        self._completer = Completer()
        self._readline: ModuleType | None = None
        if sys.stdin.isatty():
            with suppress(ImportError):
                self._readline = importlib.import_module("readline")
        if self._readline is not None:
            self._readline.set_completer_delims(" \t")
            self._readline.set_completer(self._complete)
            self._readline.parse_and_bind("tab: complete")
            # Called when the prompt stands.
            self._readline.set_pre_input_hook(self._begin)

    def ask(self, prompt: str) -> str:
        """Show a prompt (on a terminal) and read a line."""
        if self._readline is not None:
            self.screen.hold()
        try:
            return input(prompt if sys.stdin.isatty() else "")
        finally:
            self._asking = False
            self.screen.release()

    def typing(self) -> str | None:
        """What is typed right now, None while nobody is asked."""
        if not self._asking:
            return None
        return "" if self._readline is None else str(self._readline.get_line_buffer())

    def _begin(self) -> None:
        self._asking = True
        self.screen.release()

    def _complete(self, text: str, state: int) -> str | None:
        assert self._readline is not None
        line = self._readline.get_line_buffer()[: self._readline.get_endidx()]
        return self._completer.complete(text, state, line)
