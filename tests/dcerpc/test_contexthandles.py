"""Tests for tapiproxy.dcerpc.contexthandles."""

from typing import Any
from uuid import UUID

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.contexthandles import (
    MAX_GROUP_CONNECTIONS,
    MAX_HANDLES,
    NULL_HANDLE,
    AssociationGroup,
    AssociationGroups,
    ContextHandles,
)
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_LEVEL_NONE,
    RPC_C_AUTHN_LEVEL_PKT_INTEGRITY,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    Fault,
    Interface,
    nca_s_fault_context_mismatch,
    nca_s_fault_remote_no_memory,
)

ONE = Interface(UUID(int=1), (1, 0), {})
OTHER = Interface(UUID(int=2), (1, 0), {})


@attrs.frozen
class Caller:
    """Who uses a handle."""

    principal: Any = None
    authLevel: int = RPC_C_AUTHN_LEVEL_NONE


class Member:
    """A connection, as far as its group knows it."""

    def __init__(self) -> None:
        self.aborted: list[str] = []

    def abort(self, reason: str) -> None:
        """Note the reason."""
        self.aborted.append(reason)


class Handles(TestCase):
    """The handles of one group."""

    def setUp(self) -> None:
        self.handles = ContextHandles()
        self.down: list[object] = []

    def unknown(self, octets: bytes, caller: Caller, interface: Interface = ONE) -> None:
        fault = self.assertRaises(Fault, self.handles.find, octets, caller, interface)
        self.assertEqual(fault.status, nca_s_fault_context_mismatch)
        self.assertFalse(fault.closes)

    def test_form(self) -> None:
        """A handle is four zero octets and a UUID of its own, and never the null handle."""
        made = {self.handles.open(ONE, n, self.down.append) for n in range(20)}
        self.assertEqual(len(made), 20)
        for octets in made:
            self.assertEqual((len(octets), octets[:4]), (20, bytes(4)))
        self.unknown(NULL_HANDLE, Caller())

    def test_find(self) -> None:
        """A handle stands for its value until it is closed; closing does not run it down."""
        octets = self.handles.open(ONE, "value", self.down.append)
        self.assertEqual(self.handles.find(octets, Caller(), ONE), "value")
        self.handles.close(octets)
        self.unknown(octets, Caller())
        self.handles.close(octets)
        self.assertEqual((self.down, len(self.handles)), ([], 0))

    def test_everyOctetCounts(self) -> None:
        """A handle that differs in any octet, attributes included, is another."""
        octets = self.handles.open(ONE, "value", self.down.append)
        for place in range(20):
            changed = bytearray(octets)
            changed[place] ^= 1
            self.unknown(bytes(changed), Caller())
        self.unknown(octets[:19], Caller())

    def test_interface(self) -> None:
        """A handle may be used by the interface that made it, and by no other (strict handles)."""
        octets = self.handles.open(ONE, "value", self.down.append)
        self.unknown(octets, Caller(), OTHER)

    def test_principalAndLevel(self) -> None:
        """A handle wants the principal that it was made for, and at least the level."""
        octets = self.handles.open(
            ONE, "value", self.down.append, "alice", RPC_C_AUTHN_LEVEL_PKT_INTEGRITY
        )
        for principal, level, allowed in (
            ("alice", RPC_C_AUTHN_LEVEL_PKT_INTEGRITY, True),
            ("alice", RPC_C_AUTHN_LEVEL_PKT_PRIVACY, True),
            ("alice", RPC_C_AUTHN_LEVEL_NONE, False),
            ("bob", RPC_C_AUTHN_LEVEL_PKT_PRIVACY, False),
            (None, RPC_C_AUTHN_LEVEL_PKT_PRIVACY, False),
        ):
            caller = Caller(principal, level)
            if allowed:
                self.assertEqual(self.handles.find(octets, caller, ONE), "value")
            else:
                self.unknown(octets, caller)

    def test_anonymousHandle(self) -> None:
        """A handle that was made without authentication is of no use to one who logged on."""
        octets = self.handles.open(ONE, "value", self.down.append)
        self.unknown(octets, Caller("alice", RPC_C_AUTHN_LEVEL_PKT_PRIVACY))

    def test_bound(self) -> None:
        """A group has so many handles and no more; closing one makes room."""
        made = [self.handles.open(ONE, n, self.down.append) for n in range(MAX_HANDLES)]
        fault = self.assertRaises(Fault, self.handles.open, ONE, None, self.down.append)
        self.assertEqual(fault.status, nca_s_fault_remote_no_memory)
        self.handles.close(made[0])
        self.assertEqual(len(self.handles.open(ONE, None, self.down.append)), 20)

    def test_rundown(self) -> None:
        """Rundown takes the newest handle first, goes on over a bug, and is the end."""
        failures: list[str] = []
        self.handles.open(ONE, "first", self.down.append)
        self.handles.open(ONE, "bug", lambda value: 1 // 0)
        self.handles.open(ONE, "last", self.down.append)
        self.handles.runDown(lambda: failures.append("failed"))
        self.assertEqual((self.down, failures), (["last", "first"], ["failed"]))
        fault = self.assertRaises(Fault, self.handles.open, ONE, None, self.down.append)
        self.assertEqual(fault.status, nca_s_fault_context_mismatch)

    def test_rundownThatOpens(self) -> None:
        """A rundown that opens a handle is refused it, and does not go on for ever."""
        failures: list[str] = []
        self.handles.open(ONE, 1, lambda value: self.handles.open(ONE, value, self.down.append))
        self.handles.runDown(lambda: failures.append("failed"))
        self.assertEqual((self.down, failures), ([], ["failed"]))

    def test_rundownThatCloses(self) -> None:
        """A rundown that closes another handle of the group keeps that from being run down."""
        first = self.handles.open(ONE, "first", self.down.append)
        self.handles.open(ONE, "last", lambda value: self.handles.close(first))
        self.handles.runDown(self.fail)
        self.assertEqual(self.down, [])


class Groups(TestCase):
    """Association groups."""

    def setUp(self) -> None:
        self.groups = AssociationGroups()
        self.first, self.second = Member(), Member()

    def enter(self, groupID: int, peer: str, member: Member) -> AssociationGroup | None:
        return self.groups.enter(groupID, peer, member)  # type: ignore[arg-type]  # a part of one

    def leave(self, group: AssociationGroup, member: Member) -> None:
        self.groups.leave(group, member, self.fail)  # type: ignore[arg-type]  # a part of one

    def made(self) -> AssociationGroup:
        group = self.enter(0, "client", self.first)
        assert group is not None
        return group

    def test_freshGroups(self) -> None:
        """Each bind without group gets one of its own, with an ID that is not 0."""
        made = {self.made().groupID for _ in range(50)}
        self.assertEqual(len(made), 50)
        self.assertNotIn(0, made)

    def test_join(self) -> None:
        """A second connection of the same peer joins by the group's ID."""
        group = self.made()
        self.assertIs(self.enter(group.groupID, "client", self.second), group)

    def test_otherPeer(self) -> None:
        """Another peer's group counts as none, and so does one that does not exist."""
        group = self.made()
        self.assertIsNone(self.enter(group.groupID, "thief", self.second))
        self.assertIsNone(self.enter(group.groupID ^ 1, "client", self.second))
        self.assertEqual(group.connections, [self.first])

    def test_lastOneOut(self) -> None:
        """The handles are run down with the last connection, and the ID is forgotten."""
        down: list[object] = []
        group = self.made()
        self.enter(group.groupID, "client", self.second)
        group.handles.open(ONE, "value", down.append)
        self.leave(group, self.first)
        self.assertEqual(down, [])
        self.leave(group, self.second)
        self.assertEqual((down, len(self.groups)), (["value"], 0))
        self.assertIsNone(self.enter(group.groupID, "client", self.first))

    def test_leavingTwice(self) -> None:
        """Who leaves twice leaves once."""
        group = self.made()
        self.enter(group.groupID, "client", self.second)
        self.leave(group, self.first)
        self.leave(group, self.first)
        self.assertEqual((group.connections, len(self.groups)), ([self.second], 1))

    def test_full(self) -> None:
        """A group has so many connections and no more."""
        group = self.made()
        for _ in range(MAX_GROUP_CONNECTIONS - 1):
            self.assertIs(self.enter(group.groupID, "client", Member()), group)
        self.assertIsNone(self.enter(group.groupID, "client", Member()))

    def test_abort(self) -> None:
        """Ending a group ends each of its connections."""
        group = self.made()
        self.enter(group.groupID, "client", self.second)
        group.abort("enough")
        self.assertEqual((self.first.aborted, self.second.aborted), (["enough"], ["enough"]))
