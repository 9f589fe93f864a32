"""
The numbers that become HAGENT and HAGENTSESSION ([MS-TRP] 2.2.6.28).

They must look random, since who knows one may try it, and none may ever come twice, also after
years and restarts.  Both at once without a list of all old ones: the number is a counter that went
through a secret permutation of 31 bits, a Feistel network.
"""

import hashlib

__all__ = ["KEY_OCTETS", "handleNumber"]

#: Octets of the secret that the store keeps.
KEY_OCTETS = 16

_ROUNDS = 6


def handleNumber(key: bytes, count: int) -> int:
    """
    The handle number of a count.

    :param key: the secret of this data directory.
    :param count: from 1 up; each is used once.
    :returns: 1 to 0x7FFFFFFF, another one for each count.
    """
    value = count
    while True:
        value = _permuted(key, value)
        # Walking on until the value fits keeps it a permutation of what fits.
        if 1 <= value <= 0x7FFFFFFF:
            return value


def _permuted(key: bytes, value: int) -> int:
    left, right = value >> 16, value & 0xFFFF
    for turn in range(_ROUNDS):
        digest = hashlib.blake2b(
            right.to_bytes(2, "big"), digest_size=2, key=key, salt=bytes([turn])
        ).digest()
        left, right = right, left ^ int.from_bytes(digest, "big")
    return left << 16 | right
