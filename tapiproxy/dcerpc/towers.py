"""
Protocol towers: how an endpoint mapper writes where an interface is.  C706 appendices I and L

Codec only.  Of the protocol sequences only ncacn_ip_tcp has a class here; what is written in the
way of another one is found out and not understood.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from struct import Struct
from uuid import UUID

import attrs

from tapiproxy.dcerpc.pdu import SyntaxID

MAX_TOWER = 1024
"""Octets of a tower: one of ncacn_ip_tcp has 75, and no other one has more than a host's name."""

_PROTOCOL_UUID = 0x0D
_PROTOCOL_NCACN = 0x0B
_PROTOCOL_TCP = 0x07
_PROTOCOL_IP = 0x09

# The counts are little endian in every tower, the port and the address are big endian.
_count = Struct("<H")
_port = Struct(">H")
_syntax = Struct("<B16sH")

_UNSPECIFIED = IPv4Address(0)


class TowerError(ValueError):
    """The octets are no tower."""


@attrs.frozen
class _Floor:
    """One floor: which protocol, and what it needs to know."""

    protocol: bytes
    related: bytes


@attrs.frozen(kw_only=True)
class TCPTower:
    """
    A tower of ncacn_ip_tcp.

    :ivar abstract: the interface.
    :ivar transfer: its transfer syntax.
    :ivar port: where it is; whatever a client says that wants to know.
    :ivar address: likewise; 0.0.0.0 for "where you asked".
    """

    abstract: SyntaxID
    transfer: SyntaxID
    port: int = 0
    address: IPv4Address = _UNSPECIFIED

    def encode(self) -> bytes:
        """Its octets."""
        floors = (
            _syntaxFloor(self.abstract),
            _syntaxFloor(self.transfer),
            _Floor(bytes((_PROTOCOL_NCACN,)), _count.pack(0)),
            _Floor(bytes((_PROTOCOL_TCP,)), _port.pack(self.port)),
            _Floor(bytes((_PROTOCOL_IP,)), self.address.packed),
        )
        octets = bytearray(_count.pack(len(floors)))
        for floor in floors:
            for part in (floor.protocol, floor.related):
                octets += _count.pack(len(part)) + part
        return bytes(octets)


def decodeTower(octets: bytes) -> TCPTower | None:
    """
    Read a tower.

    :param octets: :const:`MAX_TOWER` at most.
    :returns: None if it is one of another protocol sequence.
    :raises TowerError: it is none.
    """
    floors = _floors(octets)
    identifiers = tuple(floor.protocol[0] for floor in floors)
    if identifiers != (
        _PROTOCOL_UUID,
        _PROTOCOL_UUID,
        _PROTOCOL_NCACN,
        _PROTOCOL_TCP,
        _PROTOCOL_IP,
    ):
        return None
    abstract, transfer, _, port, address = floors
    if (len(port.related), len(address.related)) != (2, 4):
        raise TowerError("a port or an address of another size")
    return TCPTower(
        abstract=_syntaxOf(abstract),
        transfer=_syntaxOf(transfer),
        port=_port.unpack(port.related)[0],
        address=IPv4Address(address.related),
    )


def _floors(octets: bytes) -> list[_Floor]:
    position = 0

    def number() -> int:
        nonlocal position
        if len(octets) - position < 2:
            raise TowerError("it ends within a count")
        position += 2
        value: int = _count.unpack_from(octets, position - 2)[0]
        return value

    def part() -> bytes:
        nonlocal position
        size = number()
        if len(octets) - position < size:
            raise TowerError("it ends within a floor")
        position += size
        return octets[position - size : position]

    found = []
    for _ in range(number()):
        floor = _Floor(part(), part())
        if not floor.protocol:
            raise TowerError("a floor without protocol")
        found.append(floor)
    if position != len(octets):
        raise TowerError("octets behind the last floor")
    return found


def _syntaxFloor(syntax: SyntaxID) -> _Floor:
    return _Floor(
        _syntax.pack(_PROTOCOL_UUID, syntax.if_uuid.bytes_le, syntax.major),
        _count.pack(syntax.minor),
    )


def _syntaxOf(floor: _Floor) -> SyntaxID:
    if (len(floor.protocol), len(floor.related)) != (_syntax.size, _count.size):
        raise TowerError("an interface or a transfer syntax of another size")
    _, octets, major = _syntax.unpack(floor.protocol)
    return SyntaxID(UUID(bytes_le=octets), major, _count.unpack(floor.related)[0])
