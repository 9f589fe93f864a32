"""
How much room a request leaves for its answer, and how much the answer would have needed.

[MS-TRP] 2.2.4.1: the client names the size of each struct that it is given.
"""

from attrs import frozen

from tapiproxy.trp.templates import FRAME_SIZE, Request
from tapiproxy.wire.layout import Returned, Room, fieldsOf
from tapiproxy.wire.structs import neededSize

__all__ = ["FIRST_ROOM", "MAXIMUM_ROOM", "RoomPlace", "returnedSize", "roomOf"]

#: Room for a struct at the first try; most lists of a call centre fit.
FIRST_ROOM = 4096
#: Room at the most: servers refuse to answer more than this ([MS-TRP] 3.1.4.2, rules 24.5 ...).
MAXIMUM_ROOM = 0x40000


@frozen
class RoomPlace:
    """Where a request names the room that it has for a struct."""

    field: str
    slot: int

    def needed(self, pBuffer: bytes) -> int:
        """What the struct in a reply would have needed."""
        start = 4 * self.slot
        offset = int.from_bytes(pBuffer[start : start + 4], "little")
        return neededSize(pBuffer, FRAME_SIZE + offset)


def roomOf(cls: type[Request]) -> RoomPlace | None:
    """Find where a request names the room for a struct; None if its answer has none."""
    slot = 2
    for field in fieldsOf(cls):
        if isinstance(field.kind, Room):
            return RoomPlace(field.name, slot)
        slot += len(field.slots)
    return None


def returnedSize(packet: Request) -> int:
    """Octets of VarData that the reply fills with blocks."""
    sizes = [
        -(-getattr(packet, field.name) // 4) * 4
        for field in fieldsOf(type(packet))
        if isinstance(field.kind, Returned)
    ]
    return sum(sizes)
