"""What was extracted from [MS-TRP] and from tapi.h, for tests that hold declarations against it."""

import json
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

HERE = Path(__file__).parent


@frozen
class Packet:
    """
    A packet or struct as the specification prints it.

    :ivar kind: request, event, completion or struct.
    :ivar number: Req_Func or Msg; -1 where there is none.
    :ivar completes: "now", "later" or "see text"; for requests.
    :ivar members: the names in wire order.
    :ivar sizes: their sizes in octets, 0 where variable.
    """

    kind: str
    section: str
    name: str
    number: int
    device: str
    completes: str
    members: tuple[str, ...]
    sizes: tuple[int, ...]


@frozen
class HeaderStruct:
    """A struct as the compiler of tapi.h lays it out."""

    name: str
    size: int
    members: tuple[str, ...]
    offsets: tuple[int, ...]


@frozen
class Rule:
    """
    A processing rule of ClientRequest.

    :ivar kind: check or success.
    """

    id: str
    packet: str
    kind: str


def _lines(name: str) -> Iterator[list[str]]:
    with (HERE / name).open() as file:
        next(file)
        for line in file:
            yield line.rstrip("\n").split("\t")


def packets(kind: str) -> list[Packet]:
    """All packets of a kind, in the specification's order."""
    found = []
    for have, section, name, number, device, completes, members in _lines("packets.tsv"):
        if have == kind:
            pairs = [member.rsplit(":", 1) for member in members.split()]
            found.append(
                Packet(
                    kind,
                    section,
                    name,
                    int(number, 0) if number else -1,
                    device,
                    completes,
                    tuple(member for member, _ in pairs),
                    tuple(int(size) for _, size in pairs),
                )
            )
    return found


def constants() -> list[tuple[str, str, int]]:
    """All constants of 2.2.3 as set, name and value."""
    return [(group, name, int(value, 16)) for _, group, name, value in _lines("constants.tsv")]


def headerStructs() -> dict[str, HeaderStruct]:
    """All structs of tapi.h by name."""
    found = {}
    for name, size, members in _lines("tapiheader.tsv"):
        pairs = [member.split("@") for member in members.split()]
        found[name] = HeaderStruct(
            name, int(size), tuple(one for one, _ in pairs), tuple(int(at) for _, at in pairs)
        )
    return found


def rules() -> list[Rule]:
    """All processing rules of 3.1.4.2, in the specification's order."""
    with (HERE / "rules.json").open() as file:
        return [Rule(**rule) for rule in json.load(file)["rules"]]
