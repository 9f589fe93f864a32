"""
Logons by Kerberos through twisted.cred: of whom a ticket was verified, and what it says of him.

What the server asks is :class:`tapiproxy.dcerpc.identity.IKerberosCredentials`, which
`KerberosLogons` gives for each address.  No Kerberos here, so that no extra is needed.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from attrs import field, frozen
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.error import LoginDenied, UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, TimeoutError, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Attribute, implementer

from tapiproxy.accountnames import MAX_NAME, UnacceptableName, principalName
from tapiproxy.dcerpc.identity import IKerberosCredentials, KerberosLogon
from tapiproxy.dcerpc.logshare import LogShare
from tapiproxy.dcerpc.pac import PACError, decodeLogonInformation
from tapiproxy.failedlogons import FailedLogons
from tapiproxy.interfaces import IPrincipal
from tapiproxy.logons import LOGON_SECONDS, Member

__all__ = ["IKerberosTicket", "KerberosLogons", "KerberosTicket", "TicketChecker"]


class IKerberosTicket(ICredentials):
    """Whoever has a ticket of a KDC: checkers of such logons have this in credentialInterfaces."""

    name: str = Attribute("The principal, as ``principalName`` spells it.")
    logon: KerberosLogon = Attribute("What the ticket says.")


@implementer(IKerberosTicket)
@frozen
class KerberosTicket:
    """A ticket that was verified."""

    name: str
    logon: KerberosLogon = field(repr=False)


@implementer(ICredentialsChecker)
class TicketChecker:
    """
    Lets everybody in who has a ticket, with the groups that stand in its PAC.

    A domain controller puts into a ticket the name that was asked for, which may be a user
    principal name; whoever may change that of any account can have a ticket by the name of another.
    The PAC has the account's own name: where the two differ, the ticket is refused.

    :param requirePAC: refuse a ticket that has none, or one that cannot be read; else its name is
        taken, with no groups of the PAC's.
    """

    credentialInterfaces = (IKerberosTicket,)

    _log = Logger()

    def __init__(self, *, requirePAC: bool = False) -> None:
        self._requirePAC = requirePAC

    def requestAvatarId(self, credentials: KerberosTicket) -> "Deferred[Any]":
        """As `ICredentialsChecker`: a `Member` with its SIDs, or the name of who has no PAC."""
        octets = credentials.logon.logonInformation
        if octets is None:
            if self._requirePAC:
                return fail(UnauthorizedLogin("its ticket has no PAC, and require_pac = true"))
            return succeed(credentials.name)
        try:
            information = decodeLogonInformation(octets)
        except PACError as error:
            if self._requirePAC:
                return fail(UnauthorizedLogin(f"the PAC of its ticket is of no use: {error}"))
            self._log.error(
                "the ticket of {name} tells no groups, its PAC is of no use: {reason}",
                name=credentials.name,
                reason=str(error),
            )
            return succeed(Member(credentials.name, frozenset()))
        if not _names(information.account, credentials.name):
            problem = (
                f"its ticket is by its PAC of the account {information.account[:MAX_NAME]!r}; to "
                "log on by the account's own name, or to ask for a canonical one (`kinit -C`), "
                "helps"
            )
            return fail(UnauthorizedLogin(problem))
        return succeed(Member(credentials.name, information.sids))


def _names(account: str, principal: str) -> bool:
    """Whether the name of an account, without its domain, is that of a principal."""
    try:
        own = principalName("", account)
    except UnacceptableName:
        return False
    return own == principal.rpartition("\\")[2]


class KerberosLogons:
    """
    The logons of a server by Kerberos.

    :param portal: its checkers take `IKerberosTicket`, its realm gives an `IPrincipal`.
    :param failed: from which addresses too many tickets have proven nothing.
    :param domains: short names of domains by their realms.
    """

    _log = Logger()

    def __init__(
        self,
        portal: Portal,
        failed: FailedLogons,
        domains: Mapping[str, str],
        clock: IReactorTime,
    ) -> None:
        self._portal = portal
        self._failed = failed
        self._domains = domains
        self._clock = clock
        self._logShare = LogShare(clock)

    def of(self, address: Hashable) -> "KerberosLogonsOf":
        """
        The logons of an address.

        :param address: what clients are told apart by; its text goes into the log.
        """
        return KerberosLogonsOf(self, address)

    def permits(self, address: Hashable) -> bool:
        """As `IKerberosCredentials`, of an address."""
        return not self._failed.refuses(None, address)

    def failed(self, address: Hashable) -> None:
        """As `IKerberosCredentials`, of an address."""
        self._failed.add(None, address)

    def refused(self, name: str, reason: str, address: Hashable) -> None:
        """As `IKerberosCredentials`, of an address: a line a minute for each principal."""
        unsaid = self._logShare.take((name, address))
        if unsaid is not None:
            self._log.warn(
                "Kerberos principal {name!r} from {address} is refused: {reason}{unsaid}",
                name=name,
                address=address,
                reason=reason,
                unsaid=unsaid,
            )

    def logOn(
        self, logon: KerberosLogon, address: Hashable, done: Callable[[object | None], None]
    ) -> None:
        """As `IKerberosCredentials`, of an address."""
        try:
            name = principalName("", logon.name, self._domains)
        except UnacceptableName as error:
            self.refused(logon.name, f"this is no user's name: {error}", address)
            done(None)
            return
        login: Deferred[Any] = self._portal.login(KerberosTicket(name, logon), None, IPrincipal)
        login.addTimeout(LOGON_SECONDS, self._clock)
        login.addCallbacks(
            lambda avatar: avatar[1], self._refuse, errbackArgs=(logon.name, address)
        )
        login.addCallback(done)
        login.addErrback(lambda failure: self._log.failure("a logon's end failed", failure))

    def _refuse(self, failure: Failure, name: str, address: Hashable) -> None:
        if failure.check(LoginDenied):
            reason = "the server's log tells why"
        elif failure.check(UnauthorizedLogin):
            reason = str(failure.value) or "no checker of this server lets it in"
        elif failure.check(TimeoutError):
            reason = f"its groups were not found within {LOGON_SECONDS:g} seconds"
        else:
            self._log.failure("a logon of {name} failed", failure, name=name)
            return
        self.refused(name, reason, address)


@implementer(IKerberosCredentials)
class KerberosLogonsOf:
    """
    The logons of one address.

    :param logons: the server's.
    """

    def __init__(self, logons: KerberosLogons, address: Hashable) -> None:
        self._logons = logons
        self._address = address

    def permits(self) -> bool:
        """As `IKerberosCredentials`."""
        return self._logons.permits(self._address)

    def failed(self) -> None:
        """As `IKerberosCredentials`."""
        self._logons.failed(self._address)

    def refused(self, name: str, reason: str) -> None:
        """As `IKerberosCredentials`."""
        self._logons.refused(name, reason, self._address)

    def logOn(self, logon: KerberosLogon, done: Callable[[object | None], None]) -> None:
        """As `IKerberosCredentials`."""
        self._logons.logOn(logon, self._address, done)
