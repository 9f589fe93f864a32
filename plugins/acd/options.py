"""
Reads a `Site` from the options of the configuration, or says exactly what is wrong with them.

``[handlers.NAME]`` and the tables below it; every key that is not known is refused.
"""

import math
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NoReturn, TypeAlias

from tapiproxy import pins
from tapiproxy.accountnames import UnacceptableName, accountName
from tapiproxy.errors import HandlerArgumentError
from tapiproxy.plugins.acd.site import (
    CLIENT_GONE,
    DEMO_OPTIONS,
    NOT_READY,
    AgentSettings,
    GroupSettings,
    QueueSettings,
    Site,
    groupID,
    queueID,
    zone,
)

__all__ = ["MOST_GROUPS", "readSite"]

#: The names from the handler's table down to a key.
_Place: TypeAlias = tuple[str, ...]

#: Groups of one agent at one address, and so sessions of one SetAgentGroup.
MOST_GROUPS = 64

_SITE_KEYS = (
    "activities",
    "agents",
    "groups",
    "longest_call_hours",
    "queues",
    "retention_days",
    "supervisors",
    "synchronous",
    "time_zone",
)


def readSite(options: Mapping[str, object]) -> Site:
    """
    Read a site.

    :param options: the handler's own keys; without any of groups and agents it is the demo site.
    :raises HandlerArgumentError: where, what was found, what is allowed.
    """
    demo = not options.keys() & {"agents", "groups", "queues"}
    if demo:
        options = {**DEMO_OPTIONS, **options}
    _known((), options, _SITE_KEYS)
    queues = {
        name: QueueSettings(name, _queueNumber(("queues", name), name, table))
        for name, table in _tables(("queues",), options.get("queues", {}))
    }
    groups = {
        name: _group(("groups", name), name, table, queues)
        for name, table in _tables(("groups",), options.get("groups", {}))
    }
    agents = {
        name: _agent(("agents", name), name, table, groups)
        for name, table in _tables(("agents",), options.get("agents", {}))
    }
    _unique("groups: the id", ((str(group.GroupID), group.name) for group in groups.values()))
    _unique("queues: the id", ((str(each.dwQueueID), each.name) for each in queues.values()))
    _unique("agents: the user", ((agent.user, agent.id) for agent in agents.values() if agent.user))
    synchronous = _choice(("synchronous",), options.get("synchronous", "full"), ("full", "normal"))
    try:
        timeZone = zone(_text(("time_zone",), options.get("time_zone", "UTC")))
    except ValueError as error:
        _refuse(("time_zone",), options["time_zone"], f'a name such as "Europe/Berlin": {error}')
    return Site(
        agents=agents,
        groups={group.GroupID: group for group in groups.values()},
        queues={queue.dwQueueID: queue for queue in queues.values()},
        activities=_activities(options.get("activities", {})),
        supervisors=_supervisors(options.get("supervisors", [])),
        timeZone=timeZone,
        retention=_milliseconds(
            ("retention_days",), options.get("retention_days", 31), 1, 366, 86400
        ),
        longestCall=_milliseconds(
            ("longest_call_hours",), options.get("longest_call_hours", 12), 0.1, 240, 3600
        ),
        durable=synchronous == "full",
        demo=demo,
    )


def _queueNumber(place: _Place, name: str, table: Mapping[str, object]) -> int:
    _known(place, table, ("id",))
    number = table.get("id", queueID(name))
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 0x7FFFFFFF:
        _refuse((*place, "id"), number, "a number from 1 to 2147483647")
    return number


def _group(
    place: _Place, name: str, table: Mapping[str, object], queues: dict[str, QueueSettings]
) -> GroupSettings:
    _known(place, table, ("client_gone", "grace", "id", "queues", "wrap_up"))
    names = _texts((*place, "queues"), table.get("queues", [name]))
    for each in names:
        # A queue needs no table of its own: its number comes from its name.
        queues.setdefault(each, QueueSettings(each, queueID(each)))
    identifier = table.get("id")
    try:
        GroupID = groupID(name) if identifier is None else uuid.UUID(_text(place, identifier))
    except ValueError:
        _refuse((*place, "id"), identifier, "a GUID such as 01234567-89ab-cdef-0123-456789abcdef")
    return GroupSettings(
        name=name,
        GroupID=GroupID,
        queues=tuple(queues[each] for each in dict.fromkeys(names)),
        wrapUp=_milliseconds((*place, "wrap_up"), table.get("wrap_up", 0), 0, 86400),
        clientGone=_choice(
            (*place, "client_gone"), table.get("client_gone", NOT_READY), CLIENT_GONE
        ),
        grace=_milliseconds((*place, "grace"), table.get("grace", 60), 0, 86400),
    )


def _agent(
    place: _Place, name: str, table: Mapping[str, object], groups: Mapping[str, GroupSettings]
) -> AgentSettings:
    _known(place, table, ("groups", "name", "pin", "user"))
    if not 1 <= len(name) <= 128:
        _refuse(place, name, "an id of 1 to 128 characters")
    names = _texts((*place, "groups"), table.get("groups", []))
    for each in names:
        if each not in groups:
            _refuse((*place, "groups"), each, f"names of groups: {', '.join(groups) or 'none'}")
    if len(names) > MOST_GROUPS:
        _refuse((*place, "groups"), f"{len(names)} groups", f"at most {MOST_GROUPS}")
    pin = table.get("pin", "")
    user = _user((*place, "user"), table.get("user", ""))
    if not isinstance(pin, str) or pin:
        try:
            pins.parsePIN(pin if isinstance(pin, str) else "")
        except ValueError as error:
            # What was found is not shown: it may be a PIN in clear.
            raise _refusal((*place, "pin"), str(error)) from None
    elif not user:
        raise _refusal(
            place,
            "neither pin nor user is there, so nobody could log on as this agent; add one of them",
        )
    return AgentSettings(
        id=name,
        name=_text((*place, "name"), table.get("name", name)),
        pin=pin if isinstance(pin, str) else "",
        user=user,
        groups=tuple(groups[each] for each in dict.fromkeys(names)),
    )


def _activities(found: object) -> dict[int, str]:
    if not isinstance(found, Mapping):
        _refuse(("activities",), found, 'a table such as 1 = "Lunch"')
    activities = {}
    for key, name in found.items():
        if not str(key).isascii() or not str(key).isdigit() or not 1 <= int(key) <= 0xFFFFFFFF:
            _refuse(("activities",), key, "numbers from 1 to 4294967295 as keys")
        activities[int(key)] = _text(("activities", str(key)), name)
    return activities


def _tables(place: _Place, found: object) -> Iterable[tuple[str, Mapping[str, object]]]:
    if not isinstance(found, Mapping):
        _refuse(place, found, f"tables [...{'.'.join(place)}.NAME]")
    for name, table in found.items():
        if not isinstance(table, Mapping):
            _refuse((*place, str(name)), table, "a table")
        yield str(name), table


def _known(place: _Place, table: Mapping[str, object], allowed: tuple[str, ...]) -> None:
    for key in table:
        if key not in allowed:
            where = ".".join(place) or "the table of the handler"
            raise HandlerArgumentError(
                f"{where}: found the key {key!r}, allowed is {', '.join(allowed)}",
                key=(*place, key),
            )


def _text(place: _Place, found: object) -> str:
    if not isinstance(found, str):
        _refuse(place, found, "a string")
    return found


def _user(place: _Place, found: object) -> str:
    """An account as principals are spelt; empty if none is written."""
    written = _text(place, found)
    try:
        return accountName(written) if written else ""
    except UnacceptableName as error:
        _refuse(place, written, f"an account such as 'DOMAIN\\user': {error}")


def _supervisors(found: object) -> frozenset[str]:
    """Accounts as principals are spelt, groups as written: which one an entry is, is unknown."""
    written = _texts(("supervisors",), found)
    names = set(written)
    for each in written:
        with suppress(UnacceptableName):
            names.add(accountName(each))
    return frozenset(names)


def _texts(place: _Place, found: object) -> list[str]:
    if not isinstance(found, list | tuple) or not all(isinstance(each, str) for each in found):
        _refuse(place, found, "an array of strings")
    return list(found)


def _choice(place: _Place, found: object, allowed: tuple[str, ...]) -> str:
    if not isinstance(found, str) or found not in allowed:
        _refuse(place, found, f"one of {', '.join(allowed)}")
    return found


def _milliseconds(place: _Place, found: object, least: float, most: float, seconds: int = 1) -> int:
    if isinstance(found, bool) or not isinstance(found, int | float) or math.isnan(found):
        _refuse(place, found, f"a number from {least} to {most}")
    if not least <= found <= most:
        _refuse(place, found, f"a number from {least} to {most}")
    return round(found * seconds * 1000)


def _unique(what: str, pairs: Iterable[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for value, name in pairs:
        if value in seen:
            raise HandlerArgumentError(
                f"{what} {value} is that of {seen[value]!r} and of {name!r}; give one another"
            )
        seen[value] = name


def _refuse(place: _Place, found: object, allowed: str) -> NoReturn:
    raise _refusal(place, f"found {found!r}, allowed is {allowed}")


def _refusal(place: _Place, problem: str) -> HandlerArgumentError:
    return HandlerArgumentError(f"{'.'.join(place)}: {problem}", key=place)
