"""
The ``tapiproxy`` command: finds the sub-command and turns its outcome into an exit code.

A sub-command is a module of ``tapiproxy.cli`` with the name that is typed, and two functions::

    def register(subparsers: Subparsers) -> None:
        parser = subparsers.add_parser("pin", help="print the stored form of a PIN")
        parser.add_argument(...)
        parser.set_defaults(run=run)

    def run(options: argparse.Namespace) -> int:
        ...

``run`` returns the exit code, 0 for success.  What went wrong is raised as `CommandError`; its text
goes to stderr and the exit code is 1.  A wrong argument is argparse's to refuse (exit code 2).
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TypeAlias

__all__ = ["COMMANDS", "CommandError", "Subparsers", "main"]

#: The sub-commands, in the order in which ``tapiproxy --help`` shows them.
COMMANDS = ("agent", "acd", "status", "handlers", "pin", "passwd")

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class CommandError(Exception):
    """A sub-command could not do what it was asked; the text is shown to whoever typed it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run a sub-command.

    :param arguments: what was typed behind ``tapiproxy``; the process's own without it.
    :returns: the exit code.
    """
    typed = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="tapiproxy",
        description="Commands beside the server, which is started with `twistd tapiproxy`.",
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    # Only the command in question is imported: the client side is not needed to hash a PIN.
    for name in typed[:1] if typed[:1] and typed[0] in COMMANDS else COMMANDS:
        import_module(f"tapiproxy.cli.{name}").register(subparsers)
    options = parser.parse_args(typed)
    try:
        code: int = options.run(options)
    except CommandError as error:
        print(f"tapiproxy: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) has seen enough.
        sys.stderr.close()
        return 141
    return code
