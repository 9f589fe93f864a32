"""The stubs of ept_map, written and read by the octets of C706 appendix O."""

import struct
from uuid import UUID

from tapiproxy.dcerpc.pdu import SyntaxID
from tapiproxy.dcerpc.towers import TCPTower

EPT = SyntaxID(UUID("e1af8308-5d1f-11c9-91a4-08002b14a0fa"), 3)
ept_map = 3


def ask(
    tower: TCPTower | bytes | None,
    *,
    most: int = 4,
    obj: bytes = bytes(16),
    handle: bytes = bytes(20),
) -> bytes:
    """The stub of a request."""
    stub = struct.pack("<I", 1) + obj if obj else bytes(4)
    if tower is None:
        stub += bytes(4)
    else:
        octets = tower.encode() if isinstance(tower, TCPTower) else tower
        stub += struct.pack("<III", 2, len(octets), len(octets)) + octets
        stub += bytes(-len(stub) % 4)
    return stub + handle + struct.pack("<I", most)


def told(stub: bytes) -> tuple[list[bytes], int]:
    """The towers of an answer and its status; the rest of it is checked."""
    handle, count, most, offset, actual = struct.unpack_from("<20sIIII", stub)
    assert (handle, offset, actual) == (bytes(20), 0, count)
    assert count <= most
    position = 36
    pointers = struct.unpack_from(f"<{count}I", stub, position)
    assert len({*pointers, 0}) == count + 1
    position += 4 * count
    towers = []
    for _ in range(count):
        maxCount, size = struct.unpack_from("<II", stub, position)
        assert maxCount == size
        towers.append(stub[position + 8 : position + 8 + size])
        position += 8 + size
        position += -position % 4
    assert position == len(stub) - 4
    return towers, struct.unpack_from("<I", stub, position)[0]
