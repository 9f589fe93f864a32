"""
The password file of an account that this side logs on with: a password, or its NT hash.

Its form stands in ``docs/authentication.md``.  Nothing of it is quoted in a refusal.
"""

from pathlib import Path

from tapiproxy import usersfile
from tapiproxy.nthash import ntHash
from tapiproxy.privatefile import PrivateFileError, readPrivate

__all__ = ["readNTHash"]

#: Octets: a users file of some accounts, or one password.
_LARGEST = 64 * 1024

#: How the first line of what ``tapiproxy passwd`` writes, or of its like, begins.
_USERS_FILE = ("user ", "group ", "#")


def readNTHash(path: Path, name: str) -> bytes:
    """
    The NT hash of an account: of the password that is the file's only line, or as it stands there.

    :param path: of one line, or a users file, which has the NT hash.
    :param name: the account, as `tapiproxy.accounts.accountName` spells it.
    :raises PrivateFileError: it cannot be used; the text holds no secret.
    """
    text = readPrivate(path, "password file", _LARGEST)
    if text.startswith(_USERS_FILE):
        return _fromUsersFile(text, path, name)
    password, _, more = text.partition("\n")
    if more.strip():
        raise PrivateFileError(
            f"the password file {path} has more than one line: it should be the password alone, "
            "or what `tapiproxy passwd` writes"
        )
    try:
        return ntHash(password.removesuffix("\r"))
    except ValueError as error:
        raise PrivateFileError(f"the password file {path}: {error}") from None


def _fromUsersFile(text: str, path: Path, name: str) -> bytes:
    try:
        found = usersfile.parse(text, str(path)).hashes.get(name)
    except usersfile.UsersFileError as error:
        raise PrivateFileError(str(error)) from None
    if found is None:
        raise PrivateFileError(
            f"the password file {path} has no account {name}; `tapiproxy passwd {path} "
            f"'{name}'` adds it"
        )
    return found
