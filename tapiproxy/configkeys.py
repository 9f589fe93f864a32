"""
Keys of the configuration: kinds of values, and how a wrong one is refused.

A table of the configuration is a tuple of `Key`; `checked` holds a TOML table against it.
"""

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from tapiproxy import verify
from tapiproxy.accountnames import accountName
from tapiproxy.places import lineOf

__all__ = [
    "ACCOUNTS_WORDS",
    "ACCOUNT_WORDS",
    "TEXTS_WORDS",
    "TEXT_WORDS",
    "ConfigurationError",
    "Key",
    "Limit",
    "Place",
    "account",
    "accounts",
    "anyText",
    "boolean",
    "checked",
    "given",
    "handlerName",
    "numberOf",
    "shown",
    "someTexts",
    "table",
    "tables",
    "text",
    "texts",
]

TEXT_WORDS = "a text of 1 to 200 printable characters"
TEXTS_WORDS = f"a list of texts, each {TEXT_WORDS}"
ACCOUNT_WORDS = "an account, 'DOMAIN\\user', 'user@domain' or 'user'"
ACCOUNTS_WORDS = "a list of accounts, each 'DOMAIN\\user', 'user@domain' or 'user'"


class ConfigurationError(Exception):
    """The configuration cannot be used; the text says where, what was found, what is allowed."""


@frozen(kw_only=True)
class Limit:
    """
    A number that ``[limits]`` may set.

    :param default: what holds without it; whether it is an int or a float says what is allowed.
    :param least: the smallest that makes sense.
    :param most: the largest that does no harm.
    """

    default: float
    least: float
    most: float


@frozen
class Place:
    """Where in the document we are, and how to refuse what stands there."""

    source: str
    text: str = field(repr=False)
    path: tuple[str, ...]

    def below(self, *names: str) -> "Place":
        """A place further in."""
        return Place(self.source, self.text, self.path + names)

    def wrong(self, found: object, allowed: str) -> ConfigurationError:
        """What to raise for a value."""
        return self.refuse(f"{self.path[-1]} = {shown(found)}; it should be {allowed}", parent=1)

    def refuse(self, problem: str, parent: int = 0) -> ConfigurationError:
        """What to raise; ``parent`` is 1 where the last name is a key and not a table."""
        table = ".".join(map(_bare, self.path[: len(self.path) - parent]))
        return ConfigurationError(f"{self}: " + (f"[{table}] " if table else "") + problem)

    def __str__(self) -> str:
        line = lineOf(self.text, self.path)
        return self.source if line is None else f"{self.source}, line {line}"


@frozen
class Key:
    """
    A key that a table may have.

    :param check: makes the value of it, or raises ValueError.
    :param allowed: what it may be, in words that follow "it should be".
    :param default: its value when it is missing.
    """

    name: str
    check: Callable[[Any], Any]
    allowed: str
    default: Any


def checked(place: Place, table: Mapping[str, Any], keys: Sequence[Key]) -> dict[str, Any]:
    """Every key's value, checked or default; a key that is not among them is refused."""
    allowed = [key.name for key in keys]
    for name in table:
        if name not in allowed:
            raise place.below(name).refuse(_unknownKey(name, allowed), parent=1)
    values = {}
    for key in keys:
        values[key.name] = key.default
        if key.name in table:
            try:
                values[key.name] = key.check(table[key.name])
            except ValueError:
                raise place.below(key.name).wrong(table[key.name], key.allowed) from None
    return values


def given(values: Mapping[str, Any], keys: Sequence[Key]) -> dict[str, Any]:
    """Those of the keys that the document has."""
    return {key.name: values[key.name] for key in keys if values[key.name] is not None}


def _unknownKey(name: str, allowed: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, allowed, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"unknown key {_bare(name)}{hint}; allowed are {', '.join(sorted(allowed))}"


def _bare(name: str) -> str:
    """A key as TOML has it: quoted if it must be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def shown(value: object) -> str:
    """A value for a refusal: nearly as TOML writes it, and not without end."""
    if isinstance(value, dict):
        return "a table"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


# The kinds of values: each makes the value or raises ValueError.


def text(value: Any) -> str:
    """A name or the like: short, and visible as a whole."""
    if isinstance(value, str) and 1 <= len(value) <= 200 and value.isprintable():
        return value
    raise ValueError


def anyText(value: Any) -> str:
    """A text, which may be empty."""
    if isinstance(value, str):
        return value
    raise ValueError


def handlerName(value: Any) -> str:
    """A handler's name."""
    if isinstance(value, str) and verify.HANDLER_NAME.fullmatch(value):
        return value
    raise ValueError


def boolean(value: Any) -> bool:
    """``true`` or ``false``, no number."""
    if isinstance(value, bool):
        return value
    raise ValueError


def table(value: Any) -> dict[str, Any]:
    """A table, which may be empty."""
    if isinstance(value, dict):
        return value
    raise ValueError


def tables(value: Any) -> dict[str, Any]:
    """A table of one or more tables, each of which has its own check."""
    if table(value):
        return dict(value)
    raise ValueError


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts, which may be empty."""
    if isinstance(value, list):
        return tuple(map(text, value))
    raise ValueError


def account(value: Any) -> str:
    """An account, as it was written."""
    accountName(text(value))
    return str(value)


def accounts(value: Any) -> tuple[str, ...]:
    """A list of accounts, which may be empty, as principals are spelled."""
    return tuple(map(accountName, texts(value)))


def someTexts(value: Any) -> tuple[str, ...]:
    """A list of one or more texts, all different."""
    found = texts(value)
    if found and len(set(found)) == len(found):
        return found
    raise ValueError


def numberOf(limit: Limit) -> Callable[[Any], float]:
    """The check of a number with bounds."""
    whole = isinstance(limit.default, int)

    def check(value: Any) -> float:
        wanted = int if whole else (int, float)
        # A bool is an int to Python, and none to a reader of the file; nan is below everything.
        if isinstance(value, bool) or not isinstance(value, wanted):
            raise ValueError
        if not limit.least <= value <= limit.most:
            raise ValueError
        return value if whole else float(value)

    return check
