"""
The data directory: made if need be, and used by one server at a time.
"""

import fcntl
import os
import re
import stat
from pathlib import Path

from tapiproxy import defaults

__all__ = ["DataDirectory", "DataDirectoryError"]

#: The lock lies beside the data; it is never removed, so that two servers cannot lock two files.
_LOCK = "lock"


class DataDirectoryError(Exception):
    """The data directory cannot be used; the text is for the administrator."""


class DataDirectory:
    """
    A data directory that is ours until `close` or the end of the process.

    :param path: where; made with mode 0700 if it is not there.
    :raises DataDirectoryError: it cannot be made or written, is not ours alone to write, or another
        server uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1
        try:
            _make(path)
            # The lock belongs to the open file: it survives twistd's fork, and ends with kill -9.
            self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._lock, 20).decode("ascii", "replace")
            os.close(self._lock)
            whose = f" (process {owner})" if re.fullmatch("[0-9]+", owner) else ""
            raise DataDirectoryError(
                f"the data directory {path} is in use by another server{whose}: stop that one, or "
                "give this one its own with --data"
            ) from None
        except OSError as error:
            if self._lock >= 0:
                os.close(self._lock)
            raise DataDirectoryError(
                f"the data directory {path} cannot be used: {error.strerror}; name another with "
                "--data"
            ) from None

    @property
    def controlSocket(self) -> Path:
        """Where commands ask the server."""
        return self.path / defaults.CONTROL_SOCKET

    def signed(self) -> None:
        """Write down whose it is: called when the process has its final number."""
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode("ascii"), 0)

    def ofHandler(self, name: str) -> Path:
        """
        A handler's own directory.

        :param name: the handler's name in the configuration.
        :returns: it exists, with mode 0700.
        :raises DataDirectoryError: it cannot be made, or is not ours alone to write.
        """
        path = self.path / "handlers" / name
        try:
            _make(path.parent)
            _make(path)
        except OSError as error:
            raise DataDirectoryError(f"{path} cannot be made: {error.strerror}") from None
        return path

    def close(self) -> None:
        """Let others use it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _make(path: Path) -> None:
    """
    Make a folder that we alone may write to, or find that it is one.

    :raises DataDirectoryError: it is there, and others may: they could put their own in place of
        what is kept there, or ask the server as its administrator.
    :raises OSError: it cannot be made.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = os.stat(path)
    mode, us = stat.S_IMODE(found.st_mode), os.geteuid()
    if found.st_uid not in (us, 0):
        raise DataDirectoryError(
            f"the data directory {path} belongs to user {found.st_uid}, and the server is user "
            f"{us}: `chown {us} {path}` if nobody else is to use it, or name another with --data"
        )
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise DataDirectoryError(
            f"the data directory {path} has mode {mode:04o}, so that others may write to it: "
            f"`chmod go-w {path}` if they are not to, or name another with --data"
        )
