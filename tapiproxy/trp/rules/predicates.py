"""
The questions that rules ask of a request: true when the rule is broken.

Each looks at one thing.  A question about a line that is not open, or about a version that is none,
is another rule's: it is answered with "not broken", so that every rule can be seen alone.
"""

from collections.abc import Container
from operator import attrgetter
from typing import Any

from tapiproxy.tapi.versions import VALID_VERSIONS
from tapiproxy.trp.rules.rule import Predicate
from tapiproxy.trp.settings import MAX_AGENT_DATA
from tapiproxy.wire.sets import ConstantSet
from tapiproxy.wire.structs import fixedSize

__all__ = [
    "aboveRoom",
    "badAddress",
    "badAddressOfDevice",
    "badDevice",
    "below",
    "noApp",
    "noHandler",
    "noHandlerOfDevice",
    "noLine",
    "notHandled",
    "notHandledOfDevice",
    "notIn",
    "oneOf",
    "removedDevice",
    "tooLarge",
    "unknownVersion",
    "zero",
]


def noLine(message: Any, client: Any, room: int) -> bool:
    """The HLINE is none of this client's."""
    return message.hLine not in client.lines


def noApp(message: Any, client: Any, room: int) -> bool:
    """The HLINEAPP is none of this client's."""
    return message.hLineApp not in client.apps


def removedDevice(message: Any, client: Any, room: int) -> bool:
    """The device identifier belonged to a line that was removed since Initialize."""
    app = client.apps.get(message.hLineApp)
    return app is not None and app.devices.removed(message.dwDeviceID)


def badDevice(message: Any, client: Any, room: int) -> bool:
    """The device identifier is beyond those of the HLINEAPP."""
    app = client.apps.get(message.hLineApp)
    return app is not None and message.dwDeviceID >= len(app.devices)


def badAddress(message: Any, client: Any, room: int) -> bool:
    """The line has no such address."""
    opened = client.lines.get(message.hLine)
    return opened is not None and message.dwAddressID >= len(opened.line.addresses)


def badAddressOfDevice(message: Any, client: Any, room: int) -> bool:
    """The line of the device identifier has no such address."""
    line = client.device(message)
    return line is not None and message.dwAddressID >= len(line.addresses)


def noHandler(message: Any, client: Any, room: int) -> bool:
    """The line has no registered proxy function handler."""
    opened = client.lines.get(message.hLine)
    return opened is not None and not opened.service.registered


def notHandled(message: Any, client: Any, room: int) -> bool:
    """The line's handler does not answer this request, or not now."""
    opened = client.lines.get(message.hLine)
    if opened is None:
        return False
    service = opened.service
    return service.registered and not service.handles(message.Req_Func)


def noHandlerOfDevice(message: Any, client: Any, room: int) -> bool:
    """The line of the device identifier has no registered proxy function handler."""
    line = client.device(message)
    return line is not None and not client.broker.service(line).registered


def notHandledOfDevice(message: Any, client: Any, room: int) -> bool:
    """The handler of the device identifier's line does not answer this request."""
    line = client.device(message)
    if line is None:
        return False
    service = client.broker.service(line)
    return service.registered and not service.handles(message.Req_Func)


def _named(predicate: Predicate, name: str) -> Predicate:
    predicate.__name__ = name
    return predicate


def aboveRoom(size: str) -> Predicate:
    """Ask whether a size that the client names is more than lNeededSize has room for."""
    value = attrgetter(size)
    return _named(lambda message, client, room: value(message) > room, f"{size} above room")


def below(size: str, structure: type, version: str = "") -> Predicate:
    """
    Ask whether a size that the client names is less than a struct's fixed part.

    :param version: the field with the version whose size counts, or ``hLine``: the negotiated one;
        the empty string for a struct that is the same in all versions.
    """
    value = attrgetter(size)
    least = _Least(structure, version)
    return _named(
        lambda message, client, room: value(message) < least(message, client),
        f"{size} below {structure.__name__}",
    )


class _Least:
    """The size of a struct's fixed part for a request."""

    def __init__(self, structure: type, version: str) -> None:
        self._structure = structure
        self._field = version
        self._sizes = {version: fixedSize(structure, version) for version in VALID_VERSIONS}
        self._smallest = min(self._sizes.values())

    def __call__(self, message: Any, client: Any) -> int:
        if not self._field:
            return self._smallest
        if self._field == "hLine":
            opened = client.lines.get(message.hLine)
            version = 0 if opened is None else opened.version
        else:
            version = getattr(message, self._field)
        return self._sizes.get(version, self._smallest)


def roomBelow(structure: type, version: str = "") -> Predicate:
    """Ask whether lNeededSize has less room than a struct's fixed part."""
    least = _Least(structure, version)
    return _named(
        lambda message, client, room: room < least(message, client),
        f"room below {structure.__name__}",
    )


def tooLarge(size: str) -> Predicate:
    """Ask whether a size is greater than 0x40000."""
    value = attrgetter(size)
    return _named(
        lambda message, client, room: value(message) > MAX_AGENT_DATA, f"{size} above 0x40000"
    )


def unknownVersion(field: str, valid: Container[int] = VALID_VERSIONS) -> Predicate:
    """Ask whether a field is none of the versions that there are."""
    value = attrgetter(field)
    return _named(lambda message, client, room: value(message) not in valid, f"{field} unknown")


def nonZero(field: str) -> Predicate:
    """Ask whether a field is anything but 0: an extension version, where there are none."""
    value = attrgetter(field)
    return _named(lambda message, client, room: value(message) != 0, f"{field} not 0")


def zero(*fields: str) -> Predicate:
    """Ask whether all of some fields are 0."""
    values = [attrgetter(field) for field in fields]
    return _named(
        lambda message, client, room: not any(value(message) for value in values),
        f"{' and '.join(fields)} 0",
    )


def notIn(field: str, values: ConstantSet) -> Predicate:
    """Ask whether a field has a bit that is not of a set, or a value that is none of it."""
    value = attrgetter(field)
    return _named(
        lambda message, client, room: value(message) not in values, f"{field} not of {values.name}"
    )


def oneOf(field: str, values: ConstantSet) -> Predicate:
    """Ask whether a field that is not 0 is anything but exactly one constant of a set."""
    value = attrgetter(field)
    single = frozenset(values)
    return _named(
        lambda message, client, room: value(message) != 0 and value(message) not in single,
        f"{field} not one {values.name}",
    )
