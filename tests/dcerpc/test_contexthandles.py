"""Tests for tapiproxy.dcerpc.contexthandles: who may use a handle, and when it is run down."""

from uuid import UUID

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.dcerpc.contexthandles import (
    MAX_GROUP_CONNECTIONS,
    MAX_HANDLES,
    NULL_HANDLE,
    AssociationGroups,
    ContextHandles,
)
from tapiproxy.dcerpc.interface import (
    Fault,
    Interface,
    nca_s_fault_context_mismatch,
    nca_s_fault_remote_no_memory,
)

TAPSRV = Interface(UUID(int=1), (1, 0), {})
OTHER = Interface(UUID(int=1), (1, 0), {})


@attrs.frozen
class Caller:
    principal: object = None
    authLevel: int = 1


class Connection:
    """A member of a group that notes how it ended."""

    def __init__(self) -> None:
        self.aborted: list[str] = []

    def abort(self, reason: str) -> None:
        self.aborted.append(reason)


class HandleTests(SynchronousTestCase):
    """A handle is of use to whom it was given, for what it was given."""

    def setUp(self) -> None:
        self.handles = ContextHandles()
        self.gone: list[object] = []

    def mismatch(self, octets: bytes, caller: Caller, interface: Interface = TAPSRV) -> None:
        fault = self.assertRaises(Fault, self.handles.find, octets, caller, interface)
        self.assertEqual(fault.status, nca_s_fault_context_mismatch)

    def test_open(self) -> None:
        """A handle is 20 octets, no attributes and a random UUID, and finds its value."""
        first = self.handles.open(TAPSRV, "one", self.gone.append)
        second = self.handles.open(TAPSRV, "two", self.gone.append)
        self.assertEqual((len(first), first[:4]), (20, bytes(4)))
        self.assertNotEqual(first, second)
        self.assertEqual(self.handles.find(first, Caller(), TAPSRV), "one")
        self.assertEqual(self.handles.find(second, Caller(), TAPSRV), "two")

    def test_unknown(self) -> None:
        """A handle that nobody was given, the null handle and one with attributes are refused."""
        handle = self.handles.open(TAPSRV, "one", self.gone.append)
        for octets in (bytes(4) + b"x" * 16, NULL_HANDLE, b"\1\0\0\0" + handle[4:], b""):
            self.mismatch(octets, Caller())

    def test_strict(self) -> None:
        """Another interface cannot use it, not even one that looks the same."""
        handle = self.handles.open(TAPSRV, "one", self.gone.append)
        self.mismatch(handle, Caller(), OTHER)

    def test_principal(self) -> None:
        """Another principal, and none, cannot use it."""
        handle = self.handles.open(TAPSRV, "one", self.gone.append, "alice", 5)
        self.mismatch(handle, Caller("bob", 5))
        self.mismatch(handle, Caller(None, 1))
        self.assertEqual(self.handles.find(handle, Caller("alice", 5), TAPSRV), "one")

    def test_level(self) -> None:
        """A lower level than the one that made it is refused, a higher one is not."""
        handle = self.handles.open(TAPSRV, "one", self.gone.append, "alice", 5)
        self.mismatch(handle, Caller("alice", 4))
        self.assertEqual(self.handles.find(handle, Caller("alice", 6), TAPSRV), "one")

    def test_close(self) -> None:
        """A closed handle is unknown and is not run down; closing it again does nothing."""
        handle = self.handles.open(TAPSRV, "one", self.gone.append)
        self.handles.close(handle)
        self.handles.close(handle)
        self.mismatch(handle, Caller())
        self.handles.runDown(self.fail)
        self.assertEqual(self.gone, [])

    def test_full(self) -> None:
        """One handle too many is refused; the others work on."""
        handles = [self.handles.open(TAPSRV, n, self.gone.append) for n in range(MAX_HANDLES)]
        fault = self.assertRaises(Fault, self.handles.open, TAPSRV, "more", self.gone.append)
        self.assertEqual(fault.status, nca_s_fault_remote_no_memory)
        self.assertEqual(self.handles.find(handles[-1], Caller(), TAPSRV), MAX_HANDLES - 1)

    def test_rundown(self) -> None:
        """Each value is run down once, newest first, also when one rundown fails."""
        failures: list[str] = []
        self.handles.open(TAPSRV, "one", self.gone.append)
        self.handles.open(TAPSRV, 0, lambda value: 1 // value)
        self.handles.open(TAPSRV, "three", self.gone.append)
        self.handles.runDown(lambda: failures.append("failed"))
        self.handles.runDown(lambda: failures.append("again"))
        self.assertEqual(
            (self.gone, failures, len(self.handles)), (["three", "one"], ["failed"], 0)
        )

    def test_openAfterRundown(self) -> None:
        """A handle for a client that has gone is refused: nobody would run it down."""
        self.handles.runDown(self.fail)
        fault = self.assertRaises(Fault, self.handles.open, TAPSRV, "late", self.gone.append)
        self.assertEqual(fault.status, nca_s_fault_context_mismatch)

    def test_openDuringRundown(self) -> None:
        """A rundown that opens a handle is refused it and does not go on for ever."""
        self.handles.open(
            TAPSRV, "one", lambda value: self.handles.open(TAPSRV, value, self.gone.append)
        )
        failures: list[int] = []
        self.handles.runDown(lambda: failures.append(1))
        self.assertEqual(failures, [1])


class GroupTests(SynchronousTestCase):
    """Connections share a group if they are the same client's."""

    def setUp(self) -> None:
        self.groups = AssociationGroups()

    def enter(self, groupID: int = 0, peer: str = "10.0.0.1"):
        connection = Connection()
        return connection, self.groups.enter(groupID, ("tcp", peer), connection)

    def test_new(self) -> None:
        """Each new group has an ID of its own that is not 0."""
        _, first = self.enter()
        _, second = self.enter()
        self.assertNotEqual(first.groupID, second.groupID)
        self.assertNotIn(0, (first.groupID, second.groupID))
        self.assertEqual(len(self.groups), 2)

    def test_join(self) -> None:
        """The same peer joins by ID; another peer and an unknown ID find nothing."""
        _, first = self.enter()
        self.assertIs(self.enter(first.groupID)[1], first)
        self.assertIsNone(self.enter(first.groupID, "10.0.0.2")[1])
        self.assertIsNone(self.enter(first.groupID ^ 1)[1])
        self.assertEqual(len(first.connections), 2)

    def test_full(self) -> None:
        """A group takes so many connections and no more."""
        _, group = self.enter()
        for _ in range(MAX_GROUP_CONNECTIONS - 1):
            self.assertIs(self.enter(group.groupID)[1], group)
        self.assertIsNone(self.enter(group.groupID)[1])

    def test_lastLeaves(self) -> None:
        """Handles outlive every connection but the last; then they are run down, the ID is gone."""
        first, group = self.enter()
        second, _ = self.enter(group.groupID)
        gone: list[str] = []
        group.handles.open(TAPSRV, "one", gone.append)
        self.groups.leave(group, first, self.fail)
        self.assertEqual(gone, [])
        self.groups.leave(group, second, self.fail)
        self.groups.leave(group, second, self.fail)
        self.assertEqual((gone, len(self.groups)), (["one"], 0))
        self.assertIsNone(self.enter(group.groupID)[1])

    def test_abort(self) -> None:
        """abort() ends every connection of the group."""
        first, group = self.enter()
        second, _ = self.enter(group.groupID)
        group.abort("call-back failed")
        self.assertEqual((first.aborted, second.aborted), (["call-back failed"],) * 2)
