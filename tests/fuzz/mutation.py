"""
Wrong bytes made from right ones, repeatably.

A mutant differs from its parent in a few places, as hostile or broken peers' messages do: numbers
become those at the edges of their range, lengths lie, parts are cut, doubled, swapped or taken from
another message.
"""

from collections.abc import Callable, Sequence
from random import Random

__all__ = ["MOST_MUTATIONS", "mutate", "pieces"]

#: Mutations of one mutant; with more, nothing of the parent's meaning is left.
MOST_MUTATIONS = 4

#: Longest run of bytes that is cut, doubled or put in.
LONGEST_PART = 64

#: Numbers at which checks go wrong: signs, wraps, alignments, the sizes and limits of the protocol.
EDGES = (
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    15,
    16,
    17,
    20,
    23,
    24,
    39,
    40,
    41,
    59,
    60,
    61,
    127,
    128,
    255,
    256,
    2047,
    2048,
    5840,
    5841,
    32767,
    32768,
    65535,
    65536,
    0x40000,
    0x40001,
    0x400000,
    0x400001,
    0x7FFFFFFE,
    0x7FFFFFFF,
    0x80000000,
    0x80000001,
    0xFFFFFFC4,  # -60: what an offset is counted from, wrapped
    0xFFFFFFF0,
    0xFFFFFFFC,
    0xFFFFFFFE,
    0xFFFFFFFF,
)


def mutate(parent: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """
    Make a mutant.

    :param parent: right bytes.
    :param others: more of them, from which parts are taken.
    :param random: the only source of chance: the same state gives the same mutant.
    """
    mutant = bytearray(parent)
    for _ in range(random.randint(1, MOST_MUTATIONS)):
        random.choice(MUTATIONS)(mutant, others, random)
    return bytes(mutant)


def pieces(data: bytes, random: Random) -> list[bytes]:
    """Cut bytes into pieces that a network might deliver: often few, sometimes single octets."""
    if not data:
        return []
    most = random.choice((1, 7, 64, len(data)))
    found = []
    start = 0
    while start < len(data):
        end = start + random.randint(1, max(most, len(data) // 200))
        found.append(data[start:end])
        start = end
    return found


def _place(mutant: bytearray, random: Random) -> int:
    return random.randrange(len(mutant) + 1)


def _aligned(mutant: bytearray, random: Random) -> int:
    return random.randrange(len(mutant) // 4 + 1) * 4


def _flipBit(mutant: bytearray, others: Sequence[bytes], random: Random) -> None:
    if mutant:
        mutant[random.randrange(len(mutant))] ^= 1 << random.randrange(8)


def _setOctet(mutant: bytearray, others: Sequence[bytes], random: Random) -> None:
    if mutant:
        mutant[random.randrange(len(mutant))] = random.randrange(256)


def _setNumber(mutant: bytearray, others: Sequence[bytes], random: Random) -> None:
    size = random.choice((2, 4, 4, 4))
    start = random.choice((_place, _aligned, _aligned))(mutant, random)
    if start + size <= len(mutant):
        number = random.choice(EDGES) & (1 << 8 * size) - 1
        mutant[start : start + size] = number.to_bytes(size, random.choice(("little", "big")))


def _addToNumber(mutant: bytearray, others: Sequence[bytes], random: Random) -> None:
    start = _aligned(mutant, random)
    if start + 4 <= len(mutant):
        number = int.from_bytes(mutant[start : start + 4], "little")
        number = (number + random.choice((-4, -2, -1, 1, 2, 4))) & 0xFFFFFFFF
        mutant[start : start + 4] = number.to_bytes(4, "little")


def _copyNumber(mutant: bytearray, others: Sequence[bytes], random: Random) -> None:
    """Put one number where another is: an offset that is a size, a handle of another kind."""
    source, target = _aligned(mutant, random), _aligned(mutant, random)
    if max(source, target) + 4 <= len(mutant):
        mutant[target : target + 4] = mutant[source : source + 4]


def _truncate(mutant: bytearray, others: Sequence[bytes], random: Random) -> None:
    del mutant[_place(mutant, random) :]


def _cut(mutant: bytearray, others: Sequence[bytes], random: Random) -> None:
    start = _place(mutant, random)
    del mutant[start : start + random.randint(1, LONGEST_PART)]


def _double(mutant: bytearray, others: Sequence[bytes], random: Random) -> None:
    start = _place(mutant, random)
    mutant[start:start] = mutant[start : start + random.randint(1, LONGEST_PART)]


def _insert(mutant: bytearray, others: Sequence[bytes], random: Random) -> None:
    start = _place(mutant, random)
    mutant[start:start] = random.randbytes(random.randint(1, LONGEST_PART))


def _splice(mutant: bytearray, others: Sequence[bytes], random: Random) -> None:
    """Go on with another message from some place."""
    other = random.choice(others) if others else b""
    mutant[_place(mutant, random) :] = other[random.randrange(len(other) + 1) :]


MUTATIONS: tuple[Callable[[bytearray, Sequence[bytes], Random], None], ...] = (
    _flipBit,
    _setOctet,
    _setNumber,
    _setNumber,
    _setNumber,
    _addToNumber,
    _copyNumber,
    _truncate,
    _cut,
    _double,
    _insert,
    _splice,
)
