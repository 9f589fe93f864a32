"""``tapiproxy pin``: asks for a PIN and prints what the configuration keeps instead of it."""

import argparse
import getpass
import sys

from tapiproxy import pins
from tapiproxy.cli.main import CommandError, Subparsers

__all__ = ["register", "run"]


def register(subparsers: Subparsers) -> None:
    """Add ``pin`` to the commands."""
    parser = subparsers.add_parser(
        "pin",
        help="print the stored form of a PIN, for the configuration",
        description="Asks for a PIN twice (or reads one line, if stdin is no terminal) and prints "
        "its scrypt hash, which goes into the configuration as the agent's pin.",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Read a PIN, print its stored form."""
    if sys.stdin.isatty():
        try:
            pin = getpass.getpass("PIN: ")
            again = getpass.getpass("PIN again: ")
        except EOFError:
            raise CommandError("no PIN was entered") from None
        if pin != again:
            raise CommandError("the two PINs differ; nothing was printed")
    else:
        # One character more than allowed, so that a longer line is refused and not cut.
        pin = sys.stdin.readline(pins.LONGEST_PIN + 2).rstrip("\r\n")
    try:
        print(pins.hashPIN(pin))
    except ValueError as error:
        raise CommandError(str(error)) from None
    return 0
