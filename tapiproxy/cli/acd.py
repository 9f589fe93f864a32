"""``tapiproxy acd``: what an administrator asks of a running built-in ACD."""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tapiproxy import control, defaults
from tapiproxy.cli.main import CommandError, Subparsers
from tapiproxy.plugins.acd.control import MOST_FACTS
from tapiproxy.plugins.acd.facts import LONGEST_FACT

__all__ = ["feed", "recompute", "register"]

#: Octets that are read at a time: what has arrived is sent on without waiting for more.
_CHUNK = 64 * 1024


def register(subparsers: Subparsers) -> None:
    """Add ``acd`` to the commands."""
    parser = subparsers.add_parser("acd", help="feed facts to the built-in ACD, or recompute")
    parser.add_argument("--data", type=Path, help="the server's data directory", metavar="DIR")
    parser.add_argument(
        "--handler", default="acd", help="the handler's name in the configuration", metavar="NAME"
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    feeding = verbs.add_parser(
        "feed",
        help="report what happened to calls",
        description="Sends facts, one JSON object a line, to a running server. Empty lines and "
        "lines that begin with # are skipped. The exit code is 1 if a fact was refused.",
    )
    feeding.add_argument("file", help="a file, or - for standard input", metavar="FILE")
    feeding.set_defaults(run=feed)
    recomputing = verbs.add_parser(
        "recompute",
        help="compute all statistics anew from the log and compare",
        description="Has a running server count every figure anew from its log of events and "
        "compare it with the one it tells. The exit code is 1 if any differs.",
    )
    recomputing.set_defaults(run=recompute)


def feed(options: argparse.Namespace) -> int:
    """Send the facts of a file, as they come."""
    taken = refused = 0
    for batch in _batches(options.file):
        answer = _ask(options, "feed", {"facts": [line for _, line in batch]})
        taken += answer["taken"]
        for each in answer["refused"]:
            refused += 1
            number = batch[each["place"]][0]
            print(f"{options.file}:{number}: {each['problem']}", file=sys.stderr)
    print(f"{taken} facts taken, {refused} refused")
    return 1 if refused else 0


def recompute(options: argparse.Namespace) -> int:
    """Have the figures compared."""
    answer = _ask(options, "recompute", {})
    for each in answer["differences"]:
        print(
            f"{each['of']}: {each['field']} is told as {each['told']}, the log says "
            f"{each['recomputed']}"
        )
    print(f"{answer['compared']} compared, {len(answer['differences'])} figures differ")
    return 1 if answer["differences"] else 0


def _ask(options: argparse.Namespace, verb: str, argument: Mapping[str, Any]) -> dict[str, Any]:
    directory = options.data or defaults.dataDirectory()
    try:
        return control.call(
            directory / defaults.CONTROL_SOCKET, f"{options.handler}.{verb}", argument
        )
    except control.ControlError as error:
        raise CommandError(str(error)) from None


def _batches(name: str) -> Iterator[list[tuple[int, str]]]:
    """The facts of a file with the numbers of their lines, as many as have arrived."""
    number, rest = 0, b""
    for chunk in _chunks(name):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_FACT * 4:
            raise CommandError(f"{name}:{number + len(lines) + 1}: no fact is as long as this line")
        found = []
        for line in lines:
            number += 1
            text = line.decode("utf-8", "surrogateescape").strip()
            if text and not text.startswith("#"):
                found.append((number, text))
        for begin in range(0, len(found), MOST_FACTS):
            yield found[begin : begin + MOST_FACTS]


def _chunks(name: str) -> Iterator[bytes]:
    """What a file holds, piece by piece; at last the newline that may be missing."""
    try:
        descriptor = os.dup(sys.stdin.fileno()) if name == "-" else os.open(name, os.O_RDONLY)
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from None
    try:
        while chunk := os.read(descriptor, _CHUNK):
            yield chunk
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from None
    finally:
        os.close(descriptor)
    yield b"\n"
