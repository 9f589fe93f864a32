"""
From a request packet to the arm and the method of the handler: the table of the twenty, compiled.

What differs between the members of a packet and those of its arm is said here and nowhere else.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import attrs
from attrs import frozen

from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS, Arm, ProxyRequest

__all__ = ["BY_FUNCTION", "Route"]


@frozen
class Route:
    """
    How one of the twenty requests reaches a handler.

    :ivar row: its row in the table of the twenty.
    :ivar members: takes from the packet what its arm holds, in the arm's order.
    """

    row: ProxyRequest
    members: Callable[[Any], tuple[Any, ...]]


def _route(row: ProxyRequest) -> Route:
    if row.Req_Func in _OTHERWISE:
        return Route(row, _OTHERWISE[row.Req_Func])
    return Route(row, _members(_NAMES.get(row.Req_Func) or _armMembers(row.arm)))


def _armMembers(arm: type[Arm]) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(arm) if field.name != "context")


def _members(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if not names:
        return lambda message: ()
    if len(names) == 1:
        value = attrgetter(names[0])
        return lambda message: (value(message),)
    return attrgetter(*names)


# Req_Func: where the packet's names are not the arm's.
_NAMES: dict[int, tuple[str, ...]] = {
    6: ("dwAddressID", "dwAgentExtensionIDIndex", "lpParams"),
    146: ("lpszAgentID", "lpszAgentPIN"),
    147: ("lpszAgentPIN", "hAgent", "lpGroupID", "dwWorkingAddressID"),
    153: ("pGroupID",),
}

# Req_Func: where a member is more than a name; SetAgentGroup's list loses its header.
_OTHERWISE: dict[int, Callable[[Any], tuple[Any, ...]]] = {
    67: lambda message: (message.dwAddressID, message.lpAgentGroupList.List),
}

#: By Req_Func.
BY_FUNCTION: dict[int, Route] = {row.Req_Func: _route(row) for row in PROXY_REQUESTS}
