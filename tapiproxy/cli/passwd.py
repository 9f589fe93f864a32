"""``tapiproxy passwd``: adds, changes, deletes and lists the accounts of a users file."""

import argparse
import getpass
import sys
from pathlib import Path

from tapiproxy import usersfile
from tapiproxy.accountnames import UnacceptableName, accountName
from tapiproxy.cli.main import CommandError, Subparsers
from tapiproxy.nthash import LONGEST_PASSWORD, ntHash
from tapiproxy.usersfile import UsersFileError

__all__ = ["register", "run"]


def register(subparsers: Subparsers) -> None:
    """Add ``passwd`` to the commands."""
    parser = subparsers.add_parser(
        "passwd",
        help="maintain a users file: accounts that may log on, and their groups",
        description="Asks for the password of an account twice (or reads one line, if stdin is no "
        "terminal) and writes its NT hash into the users file, which is made if need be.  A "
        "running server takes the change over at SIGHUP.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the users file")
    parser.add_argument(
        "user", nargs="?", metavar="[DOMAIN\\]USER", help="the account; not with --list"
    )
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="G",
        help="make it a member of this group too; may be repeated",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--delete", action="store_true", help="delete it, from its groups as well")
    what.add_argument("--list", action="store_true", help="list the accounts and their groups")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Do what was asked; say it in one line."""
    try:
        if options.list:
            _list(options)
        else:
            _change(options)
    except UsersFileError as error:
        raise CommandError(str(error)) from None
    return 0


def _list(options: argparse.Namespace) -> None:
    if options.user is not None or options.group:
        raise CommandError("--list shows all accounts: leave the USER and --group out")
    users = usersfile.parse(usersfile.read(options.file), str(options.file))
    for name in sorted({*users.hashes, *users.groups}):
        groups = ", ".join(sorted(users.groups.get(name, ())))
        note = "" if name in users.hashes else " (no password here)"
        print(f"{name}{note}: {groups}" if groups else f"{name}{note}")


def _change(options: argparse.Namespace) -> None:
    if options.user is None:
        raise CommandError("which account? give [DOMAIN\\]USER, or --list")
    try:
        name = accountName(options.user)
    except UnacceptableName as error:
        raise CommandError(f"{options.user!r} can be no account's name: {error}") from None
    if options.delete:
        if options.group:
            raise CommandError("--delete takes the account out of all groups: leave --group out")
        _delete(options.file, name)
        print(f"{name} deleted from {options.file}")
        return
    try:
        hashed = ntHash(_password())
        usersfile.rewrite(
            options.file, lambda text: usersfile.withUser(text, name, hashed, options.group)
        )
    except ValueError as error:
        raise CommandError(str(error)) from None
    print(f"{name} written to {options.file}")


def _delete(file: Path, name: str) -> None:
    # Otherwise it would be made by this.
    usersfile.read(file)
    try:
        usersfile.rewrite(file, lambda text: usersfile.withoutUser(text, name))
    except KeyError:
        raise CommandError(f"{file} has no account {name}") from None


def _password() -> str:
    if not sys.stdin.isatty():
        # One character more than allowed, so that a longer line is refused and not cut.
        return sys.stdin.readline(LONGEST_PASSWORD + 2).rstrip("\r\n")
    try:
        password = getpass.getpass("Password: ")
        again = getpass.getpass("Password again: ")
    except EOFError:
        raise CommandError("no password was entered") from None
    if password != again:
        raise CommandError("the two passwords differ; nothing was written")
    return password
