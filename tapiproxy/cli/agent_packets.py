"""
Packets in words: every field by the specification's name, constants spelled out, secrets hidden.

It reads the declarations of the packets, so that it knows each of them without a line of its own.
"""

from collections.abc import Mapping
from typing import Any, cast

import attrs

from tapiproxy.cli.agent_words import handle, shown, version
from tapiproxy.tapi import lineconstants as constants
from tapiproxy.tapi.versions import VALID_VERSIONS
from tapiproxy.trp.events import Event
from tapiproxy.trp.templates import Request
from tapiproxy.wire.layout import TAPI_NO_DATA, Choice, Field, Flags, Out, fieldsOf
from tapiproxy.wire.sets import ConstantSet

__all__ = ["eventWords", "replyWords", "requestWords", "structWords"]

#: Shown in place of what repr() does not show: a PIN.
HIDDEN = "(hidden)"


def requestWords(packet: Request) -> list[str]:
    """Say what is in a request, a line for each field that the client fills."""
    return [
        f"{field.name} = {_value(packet, field)}"
        for field in fieldsOf(type(packet))
        if not isinstance(field.kind, Out)
    ]


def replyWords(reply: Request, request: Request) -> list[str]:
    """Say what the server has put into a reply, which is the request with its answer in it."""
    lines: list[str] = []
    for field in fieldsOf(type(reply)):
        value = getattr(reply, field.name)
        empty = value is None or value == b"" or value == ()
        if empty or value == getattr(request, field.name):
            continue
        if attrs.has(type(value)):
            lines.append(f"{field.name} = {type(value).__name__}")
            lines += ["  " + line for line in structWords(value)]
        else:
            lines.append(f"{field.name} = {_value(reply, field)}")
    return lines


def structWords(struct: object) -> list[str]:
    """Say what is in a struct; fields that are 0 or empty are only counted."""
    lines: list[str] = []
    unset = 0
    for field in fieldsOf(type(struct)):
        value = getattr(struct, field.name)
        if not value or (attrs.has(type(value)) and value == type(value)()):
            unset += 1
        elif isinstance(value, tuple):
            lines.append(f"{field.name}:")
            lines += [f"  {_entry(each)}" for each in value]
        elif attrs.has(type(value)):
            lines.append(f"{field.name} = {_entry(value)}")
        else:
            lines.append(f"{field.name} = {_value(struct, field)}")
    if unset:
        lines.append(f"({unset} more fields are 0 or empty)")
    return lines


def eventWords(event: Event) -> list[str]:
    """Say what is in an event, a line for each parameter."""
    sets = _EVENT_SETS.get(type(event).__name__, {})
    lines = []
    for attribute in attrs.fields(cast(Any, type(event))):
        value = getattr(event, attribute.name)
        lines.append(f"{attribute.name} = {_number(attribute.name, value, sets)}")
    return lines


def _entry(entry: object) -> str:
    if not attrs.has(type(entry)):
        return shown(entry)
    return ", ".join(f"{f.name} = {_value(entry, f)}" for f in fieldsOf(type(entry)))


def _value(packet: object, field: Field) -> str:
    value = getattr(packet, field.name)
    if value is None:
        return "(none)"
    if not attrs.fields_dict(cast(Any, type(packet)))[field.name].repr:
        return HIDDEN
    if isinstance(value, int):
        sets = dict(_PLAIN_SETS)
        if isinstance(field.kind, Flags | Choice):
            sets[field.name] = field.kind.set
        return _number(field.name, value, sets)
    if attrs.has(type(value)):
        return "; ".join(structWords(value))
    return shown(value) or "(empty)"


def _number(name: str, value: int, sets: Mapping[str, ConstantSet]) -> str:
    constantSet = sets.get(name)
    if constantSet is not None and value:
        words = constantSet.names(value).split("|")
        return " | ".join(
            word if word.startswith("0x") else f"{constantSet.name}_{word}" for word in words
        )
    if value == TAPI_NO_DATA:
        return "TAPI_NO_DATA"
    if "Version" in name and value in VALID_VERSIONS:
        return f"TAPI {version(value)}"
    if name[:1] == "h" and name[1:2].isupper():
        return handle(value)
    return str(value) if value < 65536 else f"0x{value:X}"


#: Fields that are declared as plain DWORDs, since they hold constants of two sets.
_PLAIN_SETS: Mapping[str, ConstantSet] = {"dwPrivileges": constants.LINECALLPRIVILEGE}

#: The constants in the parameters of events ([MS-TRP] 2.2.4.2.1).
_EVENT_SETS: Mapping[str, Mapping[str, ConstantSet]] = {
    "LINE_AGENTSTATUS": {
        "dwAgentStatus": constants.LINEAGENTSTATUS,
        "dwAgentState": constants.LINEAGENTSTATE,
    },
    "LINE_AGENTSTATUSEX": {
        "dwAgentStatus": constants.LINEAGENTSTATUSEX,
        "dwAgentState": constants.LINEAGENTSTATEEX,
    },
    "LINE_AGENTSESSIONSTATUS": {
        "dwAgentSessionStatus": constants.LINEAGENTSESSIONSTATUS,
        "dwAgentSessionState": constants.LINEAGENTSESSIONSTATE,
    },
    "LINE_QUEUESTATUS": {"dwQueueStatus": constants.LINEQUEUESTATUS},
    "LINE_GROUPSTATUS": {"dwGroupStatus": constants.LINEGROUPSTATUS},
    "LINE_PROXYSTATUS": {
        "dwProxyStatus": constants.LINEPROXYSTATUS,
        "dwRequestType": constants.LINEPROXYREQUEST,
    },
    "LINE_LINEDEVSTATE": {"dwDeviceState": constants.LINEDEVSTATE},
}
