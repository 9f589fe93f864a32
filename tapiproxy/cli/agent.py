"""
``tapiproxy agent``: an agent application for the terminal.

One shot (``tapiproxy agent groups``), the prompt (``tapiproxy agent shell``), the watch, and the
exchange of [MS-TRP] 4.12 in words (``tapiproxy agent demo``).  Here are the options and the ways to
start and stop; what the commands do is in ``agent_commands``.
"""

import argparse
import getpass
import os
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from tapiproxy import defaults
from tapiproxy.cli.agent_advice import explain
from tapiproxy.cli.agent_application import AgentApplication, Wanted
from tapiproxy.cli.agent_commands import addCommands
from tapiproxy.cli.agent_demo import PacketPrinter, demo
from tapiproxy.cli.agent_events import eventLine
from tapiproxy.cli.agent_logon import Logon, addOptions, logonOf
from tapiproxy.cli.agent_shell import runShell
from tapiproxy.cli.main import CommandError, Subparsers
from tapiproxy.client.errors import ClientError
from tapiproxy.trp.events import Event

__all__ = ["oneShot", "readPIN", "register", "serverAddress", "untilDone", "wantedBy"]

#: Where the agent's number and PIN may come from, beside the options.
AGENT_VARIABLE = "TAPIPROXY_AGENT"
PIN_VARIABLE = "TAPIPROXY_PIN"


def register(subparsers: Subparsers) -> None:
    """Add ``agent`` and its commands."""
    parser = subparsers.add_parser(
        "agent",
        help="an agent application for the terminal",
        description="An agent application: log in, open sessions, set states, watch events.",
        # Else --pin 1234 would pass for --pin-file, and be in everybody's list of processes.
        allow_abbrev=False,
    )
    parser.add_argument(
        "--server",
        metavar="HOST[:PORT]",
        default=f"{defaults.HOST}:{defaults.PORT}",
        help="the server (%(default)s)",
    )
    parser.add_argument(
        "--line", metavar="N", type=_count, default=0, help="the line, from 0 (%(default)s)"
    )
    parser.add_argument(
        "--address", metavar="N", type=_count, default=0, help="the address on it (%(default)s)"
    )
    parser.add_argument(
        "--agent",
        metavar="AGENTID",
        default=os.environ.get(AGENT_VARIABLE),
        help=f"who the agent is; also in {AGENT_VARIABLE}",
    )
    parser.add_argument(
        "--pin-file",
        metavar="FILE",
        help=f"a file whose first line is the PIN, - for the input; else {PIN_VARIABLE}, else a "
        "prompt",
    )
    addOptions(parser)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    addCommands(commands)
    for each in commands.choices.values():
        each.set_defaults(run=_runCommand)
    shell = commands.add_parser("shell", help="An interactive prompt with all these commands.")
    shell.set_defaults(run=_runShell)
    exchange = commands.add_parser(
        "demo",
        help="Run the exchange of [MS-TRP] 4.12 and print each packet in words; without --agent "
        "as one of the demo site's.",
    )
    exchange.add_argument("--group", metavar="GROUP", help="the group to serve (the first)")
    exchange.set_defaults(run=_runDemo)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def serverAddress(text: str) -> tuple[str, int]:
    """
    Read ``HOST[:PORT]``; an IPv6 address with a port stands in brackets.

    :raises CommandError: it is no such thing.
    """
    host, port = text, ""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not host or (port and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise CommandError(f"--server {text!r} is not HOST or HOST:PORT")
    return host, int(port) if port else defaults.PORT


def readPIN(
    options: argparse.Namespace,
    environ: Mapping[str, str],
    stdin: TextIO,
    ask: Callable[[str], str],
) -> str | None:
    """
    Find the PIN: never among the arguments, which every user of the machine can read.

    :returns: None where there is none.
    :raises CommandError: the file cannot be read.
    """
    if options.pin_file == "-":
        return stdin.readline().rstrip("\r\n") or None
    if options.pin_file is not None:
        try:
            text = Path(options.pin_file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"--pin-file {options.pin_file}: {error}") from None
        return text.partition("\n")[0].rstrip("\r") or None
    if PIN_VARIABLE in environ:
        return environ[PIN_VARIABLE] or None
    if stdin.isatty():
        return ask("PIN: ") or None
    return None


def wantedBy(options: argparse.Namespace, pin: str | None, logon: Logon) -> Wanted:
    """
    Gather the options that all commands share.

    :param logon: read before the PIN, since both may come from the input.
    """
    host, port = serverAddress(options.server)
    return Wanted(
        host=host,
        port=port,
        dwDeviceID=options.line,
        dwAddressID=options.address,
        agentID=options.agent,
        pin=pin,
        newContext=logon.newContext,
        servers=logon.servers,
    )


def _runCommand(options: argparse.Namespace) -> int:
    from twisted.internet import reactor  # not above: importing it installs it

    watching = options.command.name == "watch"
    logon = logonOf(options, reactor, sys.stdin, getpass.getpass)
    pin = None
    if options.command.name == "login" or (options.command.asAgent and options.agent is not None):
        pin = readPIN(options, os.environ, sys.stdin, getpass.getpass)
    options.pin = pin
    app = AgentApplication(
        reactor, wantedBy(options, pin, logon), _print, onEvent=_printEvent if watching else None
    )
    try:
        untilDone(reactor, oneShot(app, options.command.run(app, options)))
    except KeyboardInterrupt:
        if not watching:
            raise
    return 0


def _runDemo(options: argparse.Namespace) -> int:
    from twisted.internet import reactor  # not above: importing it installs it

    logon = logonOf(options, reactor, sys.stdin, getpass.getpass)
    if options.agent is None:
        # So that the first thing a newcomer types works: somebody of the demo site.
        options.agent = defaults.DEMO_AGENTS[0]
        pin: str | None = defaults.DEMO_PIN
    else:
        pin = readPIN(options, os.environ, sys.stdin, getpass.getpass)
    wanted = wantedBy(options, pin, logon)
    printer = PacketPrinter(cast(IReactorTime, reactor), _print)
    app = AgentApplication(reactor, wanted, _print, observer=printer.show)
    untilDone(reactor, oneShot(app, demo(app, options.group)))
    return 0


def _runShell(options: argparse.Namespace) -> int:
    from twisted.internet import reactor  # not above: importing it installs it

    logon = logonOf(options, reactor, sys.stdin, getpass.getpass)
    pin = None
    if options.agent is not None:
        pin = readPIN(options, os.environ, sys.stdin, getpass.getpass)
    runShell(reactor, wantedBy(options, pin, logon))
    return 0


def _print(text: str) -> None:
    # Each line at once: the reader may be a pipe, and a watch has no end.
    print(text, flush=True)


def _printEvent(event: Event) -> None:
    _print(f"{time.strftime('%H:%M:%S')}  {eventLine(event)}")


async def oneShot(app: AgentApplication, work: Awaitable[None]) -> None:
    """
    Do one thing in a session of its own, and take leave.

    :raises CommandError: it failed; the text says how and what to do.
    """
    try:
        await work
    except ClientError as error:
        raise CommandError(explain(error, app.wanted.server)) from None
    finally:
        await app.stop()


def untilDone(reactor: Any, coroutine: Coroutine[Any, Any, None]) -> None:
    """
    Run the reactor until a coroutine is done; Ctrl-C cancels it, and waits until it has left.

    :raises KeyboardInterrupt: it was cancelled so.
    """
    outcome: list[object] = []
    left: Deferred[None] = Deferred()

    def begin() -> None:
        running = Deferred.fromCoroutine(coroutine)

        def shutDown() -> "Deferred[None]":
            running.cancel()
            return left

        def finished(result: object) -> None:
            outcome.append(result)
            left.callback(None)
            reactor.callLater(0, stop)

        reactor.addSystemEventTrigger("before", "shutdown", shutDown)
        running.addBoth(finished)

    def stop() -> None:
        with suppress(ReactorNotRunning):
            reactor.stop()

    reactor.callWhenRunning(begin)
    reactor.run()
    result = outcome[0] if outcome else Failure(CancelledError())
    if isinstance(result, Failure):
        if result.check(CancelledError):
            raise KeyboardInterrupt
        result.raiseException()
