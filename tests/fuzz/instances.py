"""Values for declared packets and structs, made from their field kinds: parents of mutants."""

from collections.abc import Callable
from random import Random
from typing import Any
from uuid import UUID

from tapiproxy.wire import layout
from tapiproxy.wire.layout import Field, Kind

__all__ = ["instance"]

TEXTS = ("", "1001", "Sales", "Zażółć 電話 ☎", "a\U0001f4de", "x" * 40)
NUMBERS = (0, 1, 2, 4, 0x10003, 0x20002, 0x7FFFFFFF, 0x80000049, 0xFFFFFFFF)

#: Entries of a list, and texts of a list of texts.
MOST_ENTRIES = 3


def instance(cls: type, random: Random) -> Any:
    """
    Make an instance of a declared class.

    :param random: the only source of chance.
    """
    values = {field.name: _value(field, random) for field in layout.fieldsOf(cls)}
    return cls(**values)


def _value(field: Field, random: Random) -> object:
    return VALUES.get(type(field.kind), _number)(field.kind, random)


def _number(kind: Kind, random: Random) -> int:
    return random.choice(NUMBERS)


def _ofSet(kind: layout.Flags | layout.Choice, random: Random) -> int:
    values = tuple(kind.set)
    return random.choice(values) if values else 0


def _text(kind: Kind, random: Random) -> str | None:
    given = isinstance(kind, layout.WideString) and not kind.optional
    return random.choice(TEXTS if given else (None, *TEXTS))


def _content(kind: layout.Block | layout.Sized, random: Random) -> object:
    if isinstance(kind.content, type):
        return _entries(kind.content, random)
    if kind.content == layout.GUID:
        return UUID(int=random.getrandbits(128))
    if kind.content == layout.TEXT:
        return _text(kind, random)
    if kind.content == layout.TEXTS:
        return tuple(random.choice(TEXTS[1:]) for _ in range(random.randint(0, MOST_ENTRIES)))
    return random.randbytes(random.choice((0, 1, 4, 33)))


def _entries(cls: type | None, random: Random) -> tuple[object, ...]:
    count = random.randint(0, MOST_ENTRIES)
    if cls is None:
        return tuple(random.choice(NUMBERS) for _ in range(count))
    return tuple(instance(cls, random) for _ in range(count))


def _array(kind: layout.Array, random: Random) -> tuple[object, ...]:
    return _entries(kind.entry, random)


def _within(kind: layout.Within, random: Random) -> object:
    return random.choice((None, instance(kind.structure, random)))


def _guid(kind: Kind, random: Random) -> UUID:
    return UUID(int=random.getrandbits(128))


def _currency(kind: Kind, random: Random) -> int:
    return random.choice((0, 10000, -1, 2**63 - 1))


def _date(kind: Kind, random: Random) -> float:
    return random.choice((0.0, 46000.5, -1.25))


def _nested(kind: layout.Nested, random: Random) -> object:
    return instance(kind.structure, random)


VALUES: dict[type, Callable[[Any, Random], object]] = {
    layout.Flags: _ofSet,
    layout.Choice: _ofSet,
    layout.WideString: _text,
    layout.Block: _content,
    layout.Sized: _content,
    layout.Array: _array,
    layout.Within: _within,
    layout.Guid: _guid,
    layout.Currency: _currency,
    layout.Date: _date,
    layout.Nested: _nested,
}
