"""
Association groups and the context handles that belong to them.

A context handle names state that an interface keeps for a client between calls; it lives as long as
the last connection of its group and is run down after it.  No bytes of PDUs here, no input or
output.  C706 5.1.6, 6.1.5 and 9.3; [MS-RPCE] 3.3.1.5.4 (strict context handles).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from typing import Any

import attrs

from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_LEVEL_NONE,
    Caller,
    Connection,
    Fault,
    Interface,
    nca_s_fault_context_mismatch,
    nca_s_fault_remote_no_memory,
)

NULL_HANDLE = bytes(20)

MAX_HANDLES = 256
"""Handles open in one group: a client needs one per interface; a broken one asks without end."""

MAX_GROUP_CONNECTIONS = 64
"""Connections of one group: MS-RPC clients open one per concurrent call."""


@attrs.frozen(eq=False)
class _OpenHandle:
    """What a handle stands for, and who may use it."""

    value: Any
    interface: Interface
    rundown: Callable[[Any], object]
    principal: Any
    authLevel: int


class ContextHandles:
    """
    The open context handles of one association group.

    On the wire a handle is 20 octets (C706 12.6.3.2, ndr_context_handle): attributes, always 0, and
    a UUID in little-endian order.  The UUID is random: whoever guesses it must be in the group too.
    """

    def __init__(self) -> None:
        self._handles: dict[bytes, _OpenHandle] = {}
        self._ended = False

    def __len__(self) -> int:
        return len(self._handles)

    def open(
        self,
        interface: Interface,
        value: Any,
        rundown: Callable[[Any], object],
        principal: Any = None,
        authLevel: int = RPC_C_AUTHN_LEVEL_NONE,
    ) -> bytes:
        """
        Make a handle for *value*.

        :param interface: the only interface whose operations may use it.
        :param rundown: called with *value* when the group's last connection has closed.
        :param principal: the only principal that may use it.
        :param authLevel: the lowest level at which it may be used.
        :returns: the handle's 20 octets.
        :raises Fault: when too many are open, or the group has ended meanwhile.
        """
        if self._ended:
            raise Fault(nca_s_fault_context_mismatch)
        if len(self._handles) >= MAX_HANDLES:
            raise Fault(nca_s_fault_remote_no_memory)
        octets = bytes(4) + os.urandom(16)
        self._handles[octets] = _OpenHandle(value, interface, rundown, principal, authLevel)
        return octets

    def find(self, octets: bytes, caller: Caller, interface: Interface) -> Any:
        """
        What the handle stands for.

        :param caller: the call that carries it, or its connection.
        :raises Fault: it is unknown, or of another interface, principal or a higher level; all
            are answered alike, so that guessing teaches nothing.
        """
        handle = self._handles.get(octets)
        principal = caller.principal
        if (
            handle is None
            or handle.interface is not interface
            # The same principal in nearly every case, which is cheaper to see than to compare.
            or (handle.principal is not principal and handle.principal != principal)
            or handle.authLevel > caller.authLevel
        ):
            raise Fault(nca_s_fault_context_mismatch)
        return handle.value

    def close(self, octets: bytes) -> None:
        """Forget the handle; it is not run down.  One that is not open is none to forget."""
        self._handles.pop(octets, None)

    def runDown(self, failed: Callable[[], object]) -> None:
        """
        Run every handle down, newest first; none can be opened after it.

        :param failed: called while an exception of a rundown is being handled, to log it.
        """
        self._ended = True
        while self._handles:
            _, handle = self._handles.popitem()
            try:
                handle.rundown(handle.value)
            except Exception:  # noqa: BLE001 -- a frontier: the layer above is called, and logged
                failed()


class AssociationGroup:
    """
    The connections of one client that share context handles.

    :ivar groupID: assoc_group_id in bind and bind_ack.
    :ivar peerKey: what every member's peer must have: transport and address, or pipe and SID.
    """

    def __init__(self, groupID: int, peerKey: Hashable) -> None:
        self.groupID = groupID
        self.peerKey = peerKey
        self.handles = ContextHandles()
        # A list: a set of one is three times as large, and there is one for each attached client.
        self.connections: list[Connection] = []

    def abort(self, reason: str) -> None:
        """End every connection of the group; the handles are run down when the last has gone."""
        for connection in tuple(self.connections):
            connection.abort(reason)


class AssociationGroups:
    """The association groups of one server: as many as have a connection."""

    def __init__(self) -> None:
        self._groups: dict[int, AssociationGroup] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def enter(
        self, groupID: int, peerKey: Hashable, connection: Connection
    ) -> AssociationGroup | None:
        """
        Make the connection a member of a group.

        :param groupID: 0 for a new one, else the ID of one that exists.
        :returns: the group; None if there is no such group, another peer's counting as none, or
            it is full.
        """
        if groupID == 0:
            group = AssociationGroup(self._freshID(), peerKey)
            self._groups[group.groupID] = group
        else:
            found = self._groups.get(groupID)
            if found is None or found.peerKey != peerKey:
                return None
            if len(found.connections) >= MAX_GROUP_CONNECTIONS:
                return None
            group = found
        group.connections.append(connection)
        return group

    def leave(
        self, group: AssociationGroup, connection: Connection, failed: Callable[[], object]
    ) -> None:
        """
        The connection has closed; if it was the group's last, run the handles down.

        :param failed: as for :meth:`ContextHandles.runDown`.
        """
        if connection in group.connections:
            group.connections.remove(connection)
        if not group.connections and self._groups.pop(group.groupID, None) is not None:
            group.handles.runDown(failed)

    def _freshID(self) -> int:
        while True:
            groupID = int.from_bytes(os.urandom(4), "little")
            if groupID and groupID not in self._groups:
                return groupID
