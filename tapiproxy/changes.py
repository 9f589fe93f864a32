"""
What a re-read configuration changes: what can be taken over while running, and what cannot.
"""

from collections.abc import Iterator

from attrs import frozen

from tapiproxy.config import Configuration, HandlerTable

__all__ = ["Changes", "compare"]


@frozen(kw_only=True)
class Changes:
    """
    The difference of two configurations.

    :param refused: sentences about what needs a restart; with any of them nothing is taken over.
    :param said: what changes, for the log.
    :param added: handlers to make and start.
    :param removed: names of handlers to stop.
    :param changed: handlers with other options.
    """

    refused: tuple[str, ...]
    said: tuple[str, ...]
    added: tuple[HandlerTable, ...]
    removed: tuple[str, ...]
    changed: tuple[HandlerTable, ...]


def compare(old: Configuration, new: Configuration) -> Changes:
    """
    Compare two configurations.

    :param old: the one in force.
    :param new: the one that was read.
    """
    before = {each.name: each for each in old.handlers}
    after = {each.name: each for each in new.handlers}
    kept = [(before[name], table) for name, table in after.items() if name in before]
    return Changes(
        refused=tuple(_refused(old, new, kept)),
        said=tuple(_said(old, new, kept)),
        added=tuple(table for name, table in after.items() if name not in before),
        removed=tuple(name for name in before if name not in after),
        changed=tuple(new for old, new in kept if old.options != new.options),
    )


def _refused(
    old: Configuration, new: Configuration, kept: list[tuple[HandlerTable, HandlerTable]]
) -> Iterator[str]:
    for attribute, key in _FIXED.items():
        if getattr(old, attribute) != getattr(new, attribute):
            yield f"{key} has changed"
    for one, other in kept:
        if (one.plugin, one.arguments) != (other.plugin, other.arguments):
            yield f"plugin or arguments of [handlers.{one.name}] have changed"


def _said(
    old: Configuration, new: Configuration, kept: list[tuple[HandlerTable, HandlerTable]]
) -> Iterator[str]:
    handlers = {each.name for each in old.handlers}, {each.name for each in new.handlers}
    for name in sorted(handlers[1] - handlers[0]):
        yield f"handler {name} added"
    for name in sorted(handlers[0] - handlers[1]):
        yield f"handler {name} removed"
    for one, other in kept:
        # The options' values may be secrets: their names are enough.
        names = sorted(
            key
            for key in one.options.keys() | other.options.keys()
            if one.options.get(key) != other.options.get(key)
        )
        if names:
            yield f"handler {one.name}: {', '.join(names)} changed"
    before = {each.name: each for each in old.lines}
    after = {each.name: each for each in new.lines}
    for name in after:
        if name not in before:
            yield f"line {name!r} added"
        elif before[name] != after[name]:
            yield f"line {name!r} changed"
    for name in before:
        if name not in after:
            yield f"line {name!r} removed"
    if list(before) != list(after) and set(before) == set(after):
        yield "the order of lines changed"
    if (old.deadline, old.deadlines) != (new.deadline, new.deadlines):
        yield "deadlines changed"


#: What holds for the life of the process, and the key that says it.
_FIXED = {
    "listeners": "listen or [listeners]",
    "endpointMapper": "[endpoint_mapper]",
    "authentication": "[authentication]",
    "callback": "[callback]",
    "data": "data",
    "allowUnauthenticated": "allow_unauthenticated",
    "pollWithoutCallback": "poll_without_callback",
    "administrators": "administrators",
    "limits": "[limits]",
}
