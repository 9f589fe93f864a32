"""Logons to test with: what a client that knows a password says."""

import os

import attrs
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from tapiproxy.accounts import Account, IAccounts, IGroups
from tapiproxy.dcerpc.identity import NTLMLogon
from tapiproxy.nthash import ntHash


def makeLogon(user: str, domain: str, password: str) -> NTLMLogon:
    """What a client sends for an account."""
    logon = NTLMLogon(
        domain=domain,
        user=user,
        workstation="PC7",
        serverChallenge=os.urandom(8),
        ntResponse=bytes(16) + os.urandom(44),
    )
    _key, proof = logon.prove(ntHash(password))
    return attrs.evolve(logon, ntResponse=proof + logon.ntResponse[16:])


@implementer(IAccounts, IGroups)
class Store:
    """A site's own store: passwords by (domain, user)."""

    def __init__(self, passwords, groups=()):
        self.passwords = passwords
        self.groups = dict(groups)
        self.asked = []

    def find(self, domain: str, user: str) -> "Deferred[Account | None]":
        self.asked.append((domain, user))
        password = self.passwords.get((domain, user))
        if password is None:
            return succeed(None)
        return succeed(Account(name=f"{domain}\\{user}", ntHash=ntHash(password)))

    def groupsOf(self, name: str) -> "Deferred[frozenset[str]]":
        return succeed(frozenset(self.groups.get(name, ())))
