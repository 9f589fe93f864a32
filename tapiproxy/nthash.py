"""
The NT hash of a password: MD4 of its UTF-16, what NTLM knows instead of the password.

[MS-NLMP] 3.3.2 (NTOWFv1) and RFC 1320.  MD4 is written out here since OpenSSL 3 has none unless its
legacy provider is set up, and one password at a time needs no speed.  No files and no accounts.
"""

import struct

__all__ = ["LONGEST_PASSWORD", "md4", "ntHash"]

#: Characters; Windows takes no longer password.
LONGEST_PASSWORD = 256

_MASK = 0xFFFFFFFF

_STATE = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)


def ntHash(password: str) -> bytes:
    """
    The NT hash of a password.

    :param password: one to `LONGEST_PASSWORD` characters.
    :returns: 16 octets; whoever has them can log on, as with the password.
    :raises ValueError: the password is empty, too long or no Unicode text; the text of the refusal
        does not contain it.
    """
    if not 1 <= len(password) <= LONGEST_PASSWORD:
        raise ValueError(
            f"a password has 1 to {LONGEST_PASSWORD} characters, this one has {len(password)}"
        )
    try:
        return md4(password.encode("utf-16-le"))
    except UnicodeEncodeError:
        raise ValueError("the password has octets that are no text") from None


def md4(message: bytes) -> bytes:
    """
    MD4, RFC 1320 3.

    :param message: any octets.
    :returns: 16 octets.
    """
    padded = message + b"\x80" + bytes((55 - len(message)) % 64)
    padded += struct.pack("<Q", 8 * len(message) & 0xFFFFFFFFFFFFFFFF)
    state = _STATE
    for block in struct.iter_unpack("<16I", padded):
        state = _compressed(state, block)
    return struct.pack("<4I", *state)


def _compressed(
    state: tuple[int, int, int, int], block: tuple[int, ...]
) -> tuple[int, int, int, int]:
    a, b, c, d = state
    for mix, constant, order, shifts in _ROUNDS:
        for step, index in enumerate(order):
            total = (a + mix(b, c, d) + block[index] + constant) & _MASK
            shift = shifts[step % 4]
            a, b, c, d = d, (total << shift | total >> (32 - shift)) & _MASK, b, c
    return (
        (state[0] + a) & _MASK,
        (state[1] + b) & _MASK,
        (state[2] + c) & _MASK,
        (state[3] + d) & _MASK,
    )


def _f(x: int, y: int, z: int) -> int:
    return x & y | ~x & z


def _g(x: int, y: int, z: int) -> int:
    return x & y | x & z | y & z


def _h(x: int, y: int, z: int) -> int:
    return x ^ y ^ z


# The three rounds of RFC 1320 3.4: function, constant, order of the words, shifts.
_ROUNDS = (
    (_f, 0, range(16), (3, 7, 11, 19)),
    (_g, 0x5A827999, (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), (3, 5, 9, 13)),
    (_h, 0x6ED9EBA1, (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15)),
)
