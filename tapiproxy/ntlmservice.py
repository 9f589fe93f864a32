"""
NTLM for listeners, over a site's accounts.

Importing it needs the extra ``auth``, so that only a server with accounts does.
"""

import socket
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import Portal

from tapiproxy.accounts import IGroups
from tapiproxy.dcerpc.authentication import Authentication
from tapiproxy.dcerpc.ntlm import NTLMAcceptor, NTLMServer
from tapiproxy.dcerpc.security import IAuthenticationService
from tapiproxy.dcerpc.spnegotokens import NTLMSSP
from tapiproxy.failedlogons import FailedLogons, LogonLimits
from tapiproxy.logons import AccountsChecker, InTurn, Logons, Principals
from tapiproxy.usersfile import UsersFile

__all__ = ["services"]

#: Characters of a NetBIOS name, [MS-NLMP] 2.2.2.1 and RFC 1001 14.
_NETBIOS = 15


def services(
    accounts: UsersFile,
    checkers: Iterable[ICredentialsChecker],
    groups: Iterable[IGroups],
    limits: LogonLimits,
    machineID: bytes,
    domains: Mapping[str, str],
    reactor: Any,
) -> Callable[[int], IAuthenticationService]:
    """
    What gives the authentication of listeners, by their minimum level.

    Failed logons are counted for all of them together.

    :param accounts: who may log on, and everybody's groups.
    :param checkers: of others who may log on, asked in turn.
    :param groups: who else knows groups.
    :param machineID: that of this process's own logons, which are not taken.
    :param domains: short names by DNS names of those whose controllers verify logons, that of which
        this machine is a member first; empty if it is a member of none.
    :param reactor: for deadlines.
    """
    checker = InTurn([AccountsChecker(accounts), *checkers])
    portal = Portal(Principals([accounts, *groups]), [checker])
    logons = Logons(portal, FailedLogons(reactor, limits), reactor)
    dnsName = socket.gethostname().lower()
    computerName = dnsName.partition(".")[0].upper()[:_NETBIOS]
    # A server of no domain is the domain of its own accounts.
    dnsDomain, domainName = next(iter(domains.items()), ("", computerName))
    server = NTLMServer(
        computerName=computerName,
        domainName=domainName,
        dnsName=dnsName,
        dnsDomain=dnsDomain.lower(),
        machineID=machineID,
    )

    def ntlm(authLevel: int, peer: Hashable) -> NTLMAcceptor:
        return NTLMAcceptor(server, logons.of(_shown(peer)), authLevel)

    return lambda minimumLevel: Authentication(
        mechanisms={NTLMSSP: ntlm}, minimumLevel=minimumLevel
    )


def _shown(peer: Hashable) -> str:
    """What tells peers apart as the log shows it: ``IPv4Address 192.0.2.7``."""
    return " ".join(map(str, peer)) if isinstance(peer, tuple) else str(peer)
