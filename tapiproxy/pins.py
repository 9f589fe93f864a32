"""
The form in which agents' PINs are kept: scrypt (RFC 7914), never the PIN itself.

``tapiproxy pin`` prints it, the configuration holds it, the built-in ACD compares with it.  Making
and comparing take tens of milliseconds of CPU on purpose: not in the reactor thread.
"""

import base64
import hashlib
import hmac
import os
import re

from attrs import field, frozen

__all__ = ["LONGEST_PIN", "StoredPIN", "hashPIN", "parsePIN", "verifyPIN"]

#: Characters; a keypad gives a dozen, a pass phrase fits as well.
LONGEST_PIN = 128

#: log2 of scrypt's N: 16 MiB and about 40 ms for each comparison, and so for each guess.
_COST = 14
#: A configuration may ask for more, up to 1 GiB for one comparison.
_COSTS = range(10, 21)
_BLOCK_SIZE = 8
_PARALLEL = 1
_SALT_OCTETS = 16
_HASH_OCTETS = 32

#: 22 and 43 digits of base64 are 16 and 32 octets.
_FORM = re.compile(r"scrypt\$ln=(\d{1,2}),r=8,p=1\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})")


@frozen
class StoredPIN:
    """
    A PIN's hash, taken apart.

    :param cost: log2 of scrypt's N.
    :param salt: 16 random octets.
    :param digest: the 32 octets that the right PIN gives.
    """

    cost: int
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"scrypt$ln={self.cost},r=8,p=1${_encode(self.salt)}${_encode(self.digest)}"

    def matches(self, pin: str) -> bool:
        """
        Whether this is the PIN, compared in constant time.

        :param pin: what was entered.
        """
        return hmac.compare_digest(_scrypt(pin, self.salt, self.cost), self.digest)


def hashPIN(pin: str, salt: bytes | None = None) -> str:
    """
    The string that stands for a PIN in a configuration.

    :param pin: one to `LONGEST_PIN` characters.
    :param salt: 16 octets; fresh random ones without it.
    :returns: ``scrypt$ln=14,r=8,p=1$SALT$HASH``, both in base64 without padding.
    :raises ValueError: the PIN is empty or too long; its text does not contain the PIN.
    """
    if not 1 <= len(pin) <= LONGEST_PIN:
        raise ValueError(f"a PIN has 1 to {LONGEST_PIN} characters, this one has {len(pin)}")
    salt = os.urandom(_SALT_OCTETS) if salt is None else salt
    return str(StoredPIN(_COST, salt, _scrypt(pin, salt, _COST)))


def parsePIN(stored: str) -> StoredPIN:
    """
    Take a stored PIN apart; for a configuration's check before anything is started.

    :param stored: as `hashPIN` makes it.
    :raises ValueError: it is not of that form; its text does not contain what was found, since
        that may be a PIN in clear.
    """
    match = _FORM.fullmatch(stored)
    if match is None or int(match[1]) not in _COSTS:
        raise ValueError("not a PIN as `tapiproxy pin` prints it (scrypt$ln=14,r=8,p=1$...$...)")
    return StoredPIN(
        cost=int(match[1]),
        salt=base64.b64decode(match[2] + "=="),
        digest=base64.b64decode(match[3] + "="),
    )


def verifyPIN(pin: str, stored: str) -> bool:
    """
    Whether a PIN is the one that was stored.

    :param pin: what was entered.
    :param stored: as `hashPIN` makes it.
    :raises ValueError: as `parsePIN`.
    """
    return parsePIN(stored).matches(pin)


def _encode(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii").rstrip("=")


def _scrypt(pin: str, salt: bytes, cost: int) -> bytes:
    # A wide string from the wire may hold half a surrogate pair: that is a wrong PIN, no failure.
    return hashlib.scrypt(
        pin.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=1 << cost,
        r=_BLOCK_SIZE,
        p=_PARALLEL,
        maxmem=(1 << cost) * _BLOCK_SIZE * 128 + (1 << 20),
        dklen=_HASH_OCTETS,
    )
