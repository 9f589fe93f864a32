"""
The users file: accounts and groups, one a line, readable by the server's user alone.

``tapiproxy passwd`` writes it; the server reads it at its start and at SIGHUP.  Its form stands in
``docs/authentication.md``.  No line is quoted in a refusal, since it may hold a secret.
"""

import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from attrs import field, frozen
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from tapiproxy.accountnames import MAX_NAME, UnacceptableName, accountName, principalName
from tapiproxy.accounts import Account, IAccounts, IGroups
from tapiproxy.privatefile import PrivateFileError, readPrivate

__all__ = [
    "LARGEST_FILE",
    "Users",
    "UsersFile",
    "UsersFileError",
    "parse",
    "read",
    "rewrite",
    "withUser",
    "withoutUser",
]

#: Octets: 200,000 accounts.
LARGEST_FILE = 16 * 1024 * 1024

_HASH = re.compile(r"[0-9A-Fa-f]{32}")


class UsersFileError(Exception):
    """The users file cannot be used; the text says where and why, and holds no secret."""


@frozen(kw_only=True)
class Users:
    """
    What a users file says.

    :param hashes: NT hashes by account.
    :param groups: groups by member, who need not have an account in the file.
    """

    hashes: Mapping[str, bytes] = field(repr=False)
    groups: Mapping[str, frozenset[str]]


@frozen
class _User:
    name: str
    ntHash: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"user {self.name}:{self.ntHash.hex()}"


@frozen
class _Group:
    name: str
    members: tuple[str, ...]

    def __str__(self) -> str:
        return f"group {self.name}:{','.join(self.members)}"


@implementer(IAccounts, IGroups)
class UsersFile:
    """
    The accounts of a users file, as it was when it was read.

    :param path: where it is.
    :param domains: short names of domains by their DNS names in capitals; their users are not
        looked for among the accounts without domain.
    :ivar path: as given.
    :raises UsersFileError: it cannot be used.
    """

    def __init__(self, path: Path, domains: Mapping[str, str]) -> None:
        self.path = path
        self._domains = domains
        self._users = self.reread()

    def reread(self) -> Users:
        """
        What the file says now, for `takeOver`.

        :raises UsersFileError: it cannot be used.
        """
        return parse(read(self.path), str(self.path))

    def takeOver(self, users: Users) -> None:
        """Let logons from now on find these accounts."""
        self._users = users

    def find(self, domain: str, user: str) -> "Deferred[Account | None]":
        """
        As `IAccounts`: the account of that domain, else the one of that user without domain.

        A client that is in no domain names its own computer instead, which nobody can list.
        """
        return succeed(self._find(domain, user))

    def groupsOf(self, name: str) -> "Deferred[frozenset[str]]":
        """As `IGroups`."""
        return succeed(self._users.groups.get(name, frozenset()))

    def _find(self, domain: str, user: str) -> Account | None:
        try:
            name = principalName(domain, user, self._domains)
        except UnacceptableName:
            return None
        if (ntHash := self._users.hashes.get(name)) is not None:
            return Account(name=name, ntHash=ntHash)
        domain, _, name = name.rpartition("\\")
        if domain in map(str.upper, self._domains.values()):
            return None
        if (ntHash := self._users.hashes.get(name)) is not None:
            return Account(name=name, ntHash=ntHash)
        return None


def parse(text: str, source: str) -> Users:
    """
    Read what a users file holds.

    :param text: the file.
    :param source: what to call it in a refusal.
    :raises UsersFileError: a line is none of ours, or an account stands in two.
    """
    hashes: dict[str, bytes] = {}
    places: dict[str, int] = {}
    groups: dict[str, set[str]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        try:
            found = _statement(line)
        except ValueError as error:
            raise UsersFileError(f"{source}, line {number}: {error}") from None
        if isinstance(found, _User):
            if found.name in places:
                raise UsersFileError(
                    f"{source}, line {number}: {found.name} stands in line {places[found.name]} "
                    "already"
                )
            places[found.name] = number
            hashes[found.name] = found.ntHash
        elif isinstance(found, _Group):
            for member in found.members:
                groups.setdefault(member, set()).add(found.name)
    return Users(
        hashes=hashes, groups={member: frozenset(names) for member, names in groups.items()}
    )


def withUser(text: str, name: str, ntHash: bytes, groups: Iterable[str] = ()) -> str:
    """
    A users file with an account added or changed; everything else stays as it is.

    :param text: a users file without errors.
    :param name: as `accountName` gives it.
    :param groups: what it is made a member of, beside those that it is a member of.
    :raises ValueError: the account's or a group's name cannot stand in the file.
    """
    user = _statement(str(_User(name, ntHash)))
    wanted = [_groupName(group) for group in groups]
    lines = text.split("\n")
    if lines[-1]:
        lines.append("")
    at = len(lines) - 1
    groupAt = {}
    memberOf = set()
    for index, line in enumerate(lines):
        found = _statement(line)
        if isinstance(found, _User) and found.name == name:
            at = index
        elif isinstance(found, _Group):
            groupAt[found.name.casefold()] = index
            if name in found.members:
                memberOf.add(found.name.casefold())
    lines[at : at + 1] = [str(user)] if lines[at] else [str(user), ""]
    for group in dict.fromkeys(wanted):
        if group.casefold() in memberOf:
            continue
        memberOf.add(group.casefold())
        if group.casefold() in groupAt:
            found = _statement(lines[groupAt[group.casefold()]])
            assert isinstance(found, _Group)
            lines[groupAt[group.casefold()]] = str(_Group(found.name, (*found.members, name)))
        else:
            lines[-1:] = [str(_Group(group, (name,))), ""]
    return "\n".join(lines)


def withoutUser(text: str, name: str) -> str:
    """
    A users file without an account, and without it in any group.

    :param text: a users file without errors.
    :param name: as `accountName` gives it.
    :raises KeyError: it is not there.
    """
    kept = []
    gone = False
    for line in text.split("\n"):
        found = _statement(line)
        if isinstance(found, _User) and found.name == name:
            gone = True
        elif isinstance(found, _Group) and name in found.members:
            rest = tuple(member for member in found.members if member != name)
            kept.append(str(_Group(found.name, rest)))
        else:
            kept.append(line)
    if not gone:
        raise KeyError(name)
    return "\n".join(kept)


def _statement(line: str) -> _User | _Group | None:
    """
    One line.

    :returns: None for one that says nothing.
    :raises ValueError: it is none of ours; the text does not quote it.
    """
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    keyword, _, rest = line.partition(" ")
    name, colon, value = rest.rpartition(":")
    if keyword == "user" and colon:
        if not _HASH.fullmatch(value):
            raise ValueError("the NT hash behind the colon is not 32 hexadecimal digits")
        return _User(_accountName(name), bytes.fromhex(value))
    if keyword == "group" and colon:
        members = [_accountName(member) for member in value.split(",") if member.strip()]
        return _Group(_groupName(name), tuple(dict.fromkeys(members)))
    raise ValueError("it should be user NAME:HASH, group NAME:MEMBER,MEMBER or # and a comment")


def _accountName(written: str) -> str:
    if "," in written:
        raise ValueError("an account's name cannot have a comma here: it parts a group's members")
    try:
        return accountName(written.strip())
    except UnacceptableName as error:
        raise ValueError(f"a name that can be no account's: {error}") from None


def _groupName(written: str) -> str:
    name = written.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or ":" in name:
        raise ValueError(f"a group's name has 1 to {MAX_NAME} printable characters and no colon")
    return name


def read(path: Path) -> str:
    """
    Read a users file, if nobody else can.

    :raises UsersFileError: others may read or write it, or it is no such file.
    """
    try:
        return readPrivate(path, "users file", LARGEST_FILE)
    except PrivateFileError as error:
        raise UsersFileError(str(error)) from None


def rewrite(path: Path, edit: Callable[[str], str]) -> None:
    """
    Change a users file, or make one: whole or not at all, and one at a time.

    :param path: the file; what a symbolic link names is changed, not the link.
    :param edit: makes the new text of the old one.
    :raises UsersFileError: it cannot be used or written; then it is as it was.
    """
    path = path.resolve()
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise UsersFileError(f"{path.parent}: {error.strerror}") from None
    try:
        # The folder's, since the file itself is another one after each change.
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        text = read(path) if os.path.lexists(path) else ""
        parse(text, str(path))
        _replace(path, edit(text), folder)
    except BlockingIOError:
        raise UsersFileError(f"{path} is being changed by another: try again") from None
    except OSError as error:
        raise UsersFileError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        os.close(folder)


def _replace(path: Path, text: str, folder: int) -> None:
    parse(text, str(path))
    content = text.encode("utf-8")
    if len(content) > LARGEST_FILE:
        raise UsersFileError(f"the users file {path} would be larger than {LARGEST_FILE} octets")
    # Of mode 0600 from the beginning.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as opened:
            if path.exists() and os.geteuid() == 0:
                before = path.stat()
                os.fchown(descriptor, before.st_uid, before.st_gid)
            opened.write(content)
            opened.flush()
            os.fsync(descriptor)
        os.rename(name, path)
    except BaseException:
        os.unlink(name)
        raise
    os.fsync(folder)
