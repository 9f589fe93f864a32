"""``tapiproxy handlers``: which ACD handlers are installed, and why others cannot be used."""

import argparse
from pathlib import Path

from tapiproxy import handlers
from tapiproxy.cli.main import CommandError, Subparsers

__all__ = ["register", "run"]


def register(subparsers: Subparsers) -> None:
    """Add ``handlers`` to the commands."""
    parser = subparsers.add_parser(
        "handlers",
        help="show the ACD handlers that are installed",
        description="Shows name, help, arguments and file of each handler that is installed, as "
        "`twistd tapiproxy --help-handlers` does.",
    )
    parser.add_argument(
        "--plugin-dir",
        type=Path,
        action="append",
        default=[],
        help="a folder with more handlers; may be repeated",
        metavar="DIR",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Find them, and print."""
    try:
        for directory in options.plugin_dir:
            handlers.addDirectory(directory)
    except handlers.HandlerLoadError as error:
        raise CommandError(str(error)) from None
    print(handlers.findFactories().help(), end="")
    return 0
