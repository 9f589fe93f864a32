"""Files that hold secrets: read whole, and only if nobody else can get at them."""

import os
import stat
from pathlib import Path

__all__ = ["PrivateFileError", "readPrivate", "readPrivateOctets"]


class PrivateFileError(Exception):
    """A file with a secret cannot be used; the text says why, and holds no secret."""


def readPrivate(path: Path, what: str, largest: int) -> str:
    """
    Read a file of text that ``tapiproxy passwd`` makes, if nobody else can.

    :param what: what to call it in a refusal: ``users file``.
    :param largest: octets.
    :raises PrivateFileError: others may read or write it, or it is no such file.
    """
    content = readPrivateOctets(path, what, largest, f"`tapiproxy passwd {path} USER` makes one")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PrivateFileError(f"{path}, line {line}: not UTF-8") from None


def readPrivateOctets(path: Path, what: str, largest: int, remedy: str) -> bytes:
    """
    Read a file, if nobody else can.

    :param what: as for `readPrivate`.
    :param largest: octets.
    :param remedy: how such a file is made, for a refusal.
    :raises PrivateFileError: others may read or write it, or it is no such file.
    """
    try:
        # Not waiting for a writer, should it be a named pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except PermissionError:
        raise PrivateFileError(
            f"the {what} {path} cannot be read by user {os.geteuid()}, whose it should be; "
            f"chown {os.geteuid()} {path}"
        ) from None
    except OSError as error:
        raise PrivateFileError(
            f"the {what} {path} cannot be read: {error.strerror}; {remedy}"
        ) from None
    try:
        _checkPrivate(path, what, os.fstat(descriptor))
        with open(descriptor, "rb", closefd=False) as opened:
            content = opened.read(largest + 1)
    finally:
        os.close(descriptor)
    if len(content) > largest:
        raise PrivateFileError(f"the {what} {path} is larger than {largest} octets")
    return content


def _checkPrivate(path: Path, what: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise PrivateFileError(f"the {what} {path} is no regular file")
    if status.st_mode & 0o077:
        raise PrivateFileError(
            f"the {what} {path} has mode {stat.S_IMODE(status.st_mode):04o}: others than its "
            f"owner can get at what is as good as passwords; chmod 0600 {path}"
        )
    # Root may run the server, or `tapiproxy passwd`, for another user.
    if os.geteuid() != 0 and status.st_uid not in (os.geteuid(), 0):
        raise PrivateFileError(
            f"the {what} {path} belongs to user {status.st_uid}, who could put in anything; "
            f"chown {os.geteuid()} {path}"
        )
