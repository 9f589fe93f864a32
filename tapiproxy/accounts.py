"""
What a store of accounts is to the server: who there is, by which NT hash, in which groups.

A site that keeps its accounts elsewhere implements these interfaces; `tapiproxy.usersfile` is the
store that comes with the server.  Nothing is verified here (`tapiproxy.logons` does that).
"""

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import Interface

__all__ = ["Account", "IAccounts", "IGroups"]


@frozen(kw_only=True)
class Account:
    """
    Somebody who may log on.

    :param name: as `tapiproxy.accountnames` spells it, and no other way.
    :param ntHash: MD4 of the password, 16 octets ([MS-NLMP] 3.3.2); as good as the password.
    """

    name: str
    ntHash: bytes = field(repr=False)


class IAccounts(Interface):
    """Accounts with their NT hashes."""

    def find(domain: str, user: str) -> "Deferred[Account | None]":
        """
        Find the account that a client names.

        Called in the reactor thread, for each logon; may be slow, and is cancelled when the client
        has waited too long.  Nothing is proven yet: what is found must not be told to anybody.

        :param domain: as the client names it: perhaps its own computer's name, perhaps empty.
        :param user: as the client names it; ``user@domain`` if the domain is empty.
        :returns: a Deferred of the `Account`, or of None if there is none.
        """


class IGroups(Interface):
    """Which groups principals belong to."""

    def groupsOf(name: str) -> "Deferred[frozenset[str]]":
        """
        The groups of somebody who has proven who he is.

        Called in the reactor thread, once for each logon; may be slow.  A failure refuses the
        logon.

        :param name: as `tapiproxy.accountnames` spells it.
        :returns: a Deferred of group names and SIDs; of an empty set if they are not known.
        """
