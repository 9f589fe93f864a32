"""``tapiproxy status``: what a running server is doing, as tables or as JSON."""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tapiproxy import control, defaults
from tapiproxy.cli.agent_words import duration, shown, table
from tapiproxy.cli.main import CommandError, Subparsers
from tapiproxy.tapi.lineconstants import LINEPROXYREQUEST

__all__ = ["register", "run", "tables"]

#: Rows of one table: a terminal scrolls, --json has them all.
_MOST_ROWS = 200


def register(subparsers: Subparsers) -> None:
    """Add ``status`` to the commands."""
    parser = subparsers.add_parser(
        "status",
        help="show what a running server is doing",
        description="Asks the server of a data directory, over its local socket, for its clients, "
        "lines, handlers, requests and their outcomes, deadlines and queues.",
    )
    parser.add_argument("--data", type=Path, help="the server's data directory", metavar="DIR")
    parser.add_argument("--json", action="store_true", help="print everything, as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Ask, and print."""
    directory = options.data or defaults.dataDirectory()
    try:
        status = control.call(directory / defaults.CONTROL_SOCKET, "status")
    except control.ControlError as error:
        raise CommandError(str(error)) from None
    if options.json:
        print(json.dumps(status, indent=2, sort_keys=True))
    else:
        print("\n".join(tables(status)))
    return 0


def tables(status: Mapping[str, Any]) -> Iterator[str]:
    """
    The status in words.

    :param status: as the server's verb ``status`` answers.
    """
    yield (
        f"tapiproxy {status['version']}, up {duration(status['seconds'])}"
        + (", draining" if status["draining"] else "")
    )
    yield f"configuration {shown(status['configuration'])}, data {shown(status['data'])}"
    yield f"listening on {', '.join(map(shown, status['listen'])) or 'nothing yet'}"
    yield (
        f"{status['attached']} clients attached ({status['attachedEver']} so far, "
        f"{status['attachRefused']} refused, {status['callbacksLost']} lost their call-back), "
        f"{status['connections']} connections ({status['connectionsRefused']} refused)"
    )
    deadlines = [f"{name} {seconds:g} s" for name, seconds in sorted(status["deadlines"].items())]
    yield "deadlines: " + ", ".join([f"{status['deadline']:g} s", *deadlines])
    yield ""
    yield from _section("Requests", ("accepted", "outstanding", *_OUTCOMES), [_requests(status)])
    yield from _section("Events", tuple(status["events"]), [tuple(status["events"].values())])
    yield from _section("Handlers", _HANDLER_HEADS, _handlers(status))
    yield from _section("Lines", ("line", "handler", "open", "answers"), _lines(status))
    yield from _section("Clients", _CLIENT_HEADS, _clients(status))
    if status["unserved"]:
        yield from _section(
            "Asked for, but not served", ("request", "times"), sorted(status["unserved"].items())
        )


def _section(title: str, heads: tuple[str, ...], rows: list[Any]) -> Iterator[str]:
    yield f"{title} ({len(rows)})" if title in ("Handlers", "Lines", "Clients") else title
    if rows:
        yield table(heads, rows[:_MOST_ROWS])
    if len(rows) > _MOST_ROWS:
        yield f"... and {len(rows) - _MOST_ROWS} more; --json shows all"
    yield ""


def _requests(status: Mapping[str, Any]) -> tuple[Any, ...]:
    outcomes = status["outcomes"]
    return (
        outcomes["accepted"],
        status["outstanding"],
        *(outcomes[_WORDS.get(name, name)] for name in _OUTCOMES),
    )


def _handlers(status: Mapping[str, Any]) -> list[Any]:
    files = status["handlerFiles"]
    return [
        (
            name,
            files.get(name, {}).get("plugin", ""),
            "started" if each["started"] else "not started",
            len(each["lines"]),
            each["refusals"],
            each["failures"],
            files.get(name, {}).get("file", ""),
        )
        for name, each in sorted(status["handlers"].items())
    ]


def _lines(status: Mapping[str, Any]) -> list[Any]:
    return [
        (each["name"], each["handler"], each["open"], _answers(each["requestTypes"]))
        for each in status["lines"]
    ]


def _answers(requestTypes: list[int]) -> str:
    if len(requestTypes) == len(list(LINEPROXYREQUEST)):
        return "everything"
    return ", ".join(LINEPROXYREQUEST.names(each) for each in requestTypes) or "nothing"


def _clients(status: Mapping[str, Any]) -> list[Any]:
    return [
        (
            each["name"],
            each["principal"] or each["user"],
            each["mechanism"] or "not logged on",
            each["level"],
            ", ".join(each["lines"]),
            each["requests"],
            each["queued"],
            each["queuedBytes"],
        )
        for each in status["clients"]
    ]


#: The ends of accepted requests; two have shorter heads than their names.
_OUTCOMES = (
    "answered",
    "refused",
    "failed",
    "deadline",
    "cancelled",
    "lost",
    "forced",
    "removed",
    "late",
)
_WORDS = {"removed": "handlerRemoved"}

_HANDLER_HEADS = ("handler", "plugin", "state", "lines", "refusals", "failures", "file")
_CLIENT_HEADS = ("client", "user", "logon", "level", "lines", "requests", "queued", "octets")
