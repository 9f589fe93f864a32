"""The golden vectors: PDUs captured from an MS-RPC runtime that shares no code with this one."""

import json
from pathlib import Path

import attrs


@attrs.frozen
class Vector:
    frame: int
    name: str
    pdu: bytes
    stub: bytes
    fields: dict[str, object]


def load() -> list[Vector]:
    """All captured PDUs, in the order of the capture."""
    path = Path(__file__).parent.parent / "vectors" / "rpc-golden.json"
    return [
        Vector(
            entry["frame"],
            entry["name"],
            bytes.fromhex(entry["pdu"]),
            bytes.fromhex(entry["stub"]),
            {field["name"]: field["value"] for field in entry["fields"]},
        )
        for entry in json.loads(path.read_text())
    ]


def named(part: str) -> Vector:
    """The first vector whose name contains *part*."""
    return next(vector for vector in load() if part in vector.name)


def framed(frame: int) -> Vector:
    """The vector that was frame number *frame* of the capture."""
    return next(vector for vector in load() if vector.frame == frame)
