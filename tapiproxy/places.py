"""
Where in a TOML text a key stands: ``tomllib`` reads values and forgets their lines.

Good enough to point a person at a line: tables and keys as people write them are found, a key
inside an inline table is found at that table's line, and what is not found has no line.
"""

import re
import tomllib

__all__ = ["lineOf"]

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_PATH = rf"{_PART}(?:\s*\.\s*{_PART})*"
_TABLE = re.compile(rf"\s*\[\[?\s*({_PATH})\s*\]\]?")
_KEY = re.compile(rf"\s*({_PATH})\s*=")


def lineOf(text: str, path: tuple[str, ...]) -> int | None:
    """
    The line of a key or table, else of the nearest table around it.

    :param text: a TOML document without errors.
    :param path: the names from the root to the key.
    :returns: counted from 1; None if nothing of the path is written out in the document.
    """
    best: tuple[int, int] | None = None
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE.match(line):
            here = table = _names(match[1])
        elif match := _KEY.match(line):
            here = table + _names(match[1])
        else:
            continue
        if here == path[: len(here)] and (best is None or len(here) > best[0]):
            best = len(here), number
    return None if best is None else best[1]


def _names(path: str) -> tuple[str, ...]:
    """The parts of a dotted key, unquoted: TOML itself says how."""
    names = []
    value: object = tomllib.loads(f"{path} = 0")
    while isinstance(value, dict):
        [(name, value)] = value.items()
        names.append(name)
    return tuple(names)
