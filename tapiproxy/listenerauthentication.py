"""
How clients of listeners log on, as ``[authentication]`` says: by which mechanisms, as whom.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import Portal

from tapiproxy.accounts import IGroups
from tapiproxy.config import AuthenticationTable
from tapiproxy.dcerpc.authentication import Authentication
from tapiproxy.dcerpc.mechanism import IMechanism
from tapiproxy.dcerpc.security import IAuthenticationService
from tapiproxy.dcerpc.spnegotokens import KERBEROS, NTLMSSP
from tapiproxy.failedlogons import FailedLogons, LogonLimits
from tapiproxy.kerberoslogons import KerberosLogons, TicketChecker
from tapiproxy.logons import AccountsChecker, InTurn, Logons, OwnLogons, Principals
from tapiproxy.sitecheckers import siteChecker
from tapiproxy.usersfile import UsersFile

__all__ = ["services"]


def services(
    table: AuthenticationTable,
    accounts: UsersFile | None,
    checkers: Sequence[ICredentialsChecker],
    groups: Iterable[IGroups],
    limits: LogonLimits,
    own: OwnLogons,
    reactor: Any,
) -> Callable[[int], IAuthenticationService]:
    """
    What gives the authentication of listeners, by their minimum level.

    Failed logons are counted for all of them together.

    :param accounts: who may log on with a password, and groups of anybody; then the site's own
        checkers are asked, which may know both as well.
    :param checkers: of others who may log on with a password, asked in turn.
    :param groups: who knows groups of whoever brings none in his ticket.
    :param own: this process's own logons, which are not taken.
    :param reactor: for deadlines.
    :raises ModuleNotFoundError: the extra of a mechanism is not installed.
    :raises tapiproxy.sitecheckers.CheckerError: a checker of the site cannot be had.
    :raises tapiproxy.privatefile.PrivateFileError: the keytab cannot be used.
    """
    known: list[IGroups] = [] if accounts is None else [accounts]
    passwords: list[ICredentialsChecker] = []
    if accounts is not None:
        passwords.append(AccountsChecker(accounts))
    for description in table.checkers:
        checker, behind = siteChecker(description)
        passwords.append(checker)
        if IGroups.providedBy(behind):
            known.append(behind)
    passwords += checkers
    realm = Principals(known, groups, own=own.names)
    portal = Portal(realm, [InTurn(passwords), TicketChecker(requirePAC=table.requirePAC)])
    failed = FailedLogons(reactor, limits)
    mechanisms: dict[bytes, Callable[[int, Hashable], IMechanism]] = {}
    # The extras: a server that takes no passwords, or no tickets, needs none for them.
    if passwords:
        from tapiproxy.ntlmservice import ntlm

        mechanisms[NTLMSSP] = ntlm(
            Logons(portal, failed, reactor),
            own.machineID,
            {} if table.ntlmAuth is None else table.domains,
        )
    if table.keytab is not None:
        from tapiproxy.kerberosservice import kerberos

        logons = KerberosLogons(portal, failed, table.domains, reactor)
        mechanisms[KERBEROS] = kerberos(table.keytab, table.servicePrincipal, logons)
    return lambda minimumLevel: Authentication(mechanisms=mechanisms, minimumLevel=minimumLevel)
