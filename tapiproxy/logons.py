"""
Logons by NTLM through twisted.cred: credentials, checkers, and the realm that makes principals.

A site with checkers of its own puts them behind `InTurn`.  What the server asks is
:class:`tapiproxy.dcerpc.identity.INTLMCredentials`, which `Logons` gives for each address.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from attrs import field, frozen
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials, IUsernameHashedPassword
from twisted.cred.error import LoginDenied, LoginFailed, UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Attribute, Interface, implementer

from tapiproxy.accountnames import UnacceptableName, accountName, principalName
from tapiproxy.accounts import IAccounts, IGroups
from tapiproxy.dcerpc.identity import INTLMCredentials, NTLMLogon, Verified
from tapiproxy.failedlogons import FailedLogons
from tapiproxy.interfaces import IPrincipal
from tapiproxy.nthash import ntHash
from tapiproxy.trp.principals import Principal

__all__ = [
    "LOGON_SECONDS",
    "AccountsChecker",
    "INTLMResponse",
    "InTurn",
    "Logons",
    "Member",
    "NTLMResponse",
    "OwnLogons",
    "Principals",
]

#: For all checkers and groups together: the client's connection has 10 until its bind is accepted.
LOGON_SECONDS = 8.0


class INTLMResponse(ICredentials):
    """What a client proves with: checkers of NTLM logons have this in credentialInterfaces."""

    logon: NTLMLogon = Attribute("The `NTLMLogon`: domain, user, challenge and response.")

    def checkNTHash(ntHash: bytes | None) -> bool:
        """
        Whether the client knows the password with this NT hash.

        To be called for an account that does not exist as well, so that it costs the same.

        :param ntHash: 16 octets; None if there is no such account.
        """

    def proven(sessionBaseKey: bytes) -> None:
        """
        Take the word of another who has checked the response, such as a domain controller.

        :param sessionBaseKey: what it says is the key, [MS-NLMP] 3.3.2; 16 octets.
        """


@implementer(INTLMResponse, IUsernameHashedPassword)
class NTLMResponse:
    """
    The credentials of one logon.

    Checkers of Twisted's that know the password itself can check them too, by ``checkPassword``.

    :ivar username: the principal's name, ``DOMAIN\\user``, as the checker knows it: text, or UTF-8.
    :ivar sessionBaseKey: None until a check has succeeded.
    """

    def __init__(self, logon: NTLMLogon, username: bytes | str) -> None:
        self.logon = logon
        self.username = username
        self.sessionBaseKey: bytes | None = None

    def checkNTHash(self, ntHash: bytes | None) -> bool:
        """As `INTLMResponse`."""
        key = self.logon.sessionBaseKey(ntHash)
        if key is None:
            return False
        self.sessionBaseKey = key
        return True

    def checkPassword(self, password: bytes | str) -> bool:
        """As `IUsernameHashedPassword`; octets are UTF-8."""
        try:
            hashed = ntHash(password if isinstance(password, str) else password.decode("utf-8"))
        except ValueError:
            return self.checkNTHash(None)
        return self.checkNTHash(hashed)

    def proven(self, sessionBaseKey: bytes) -> None:
        """As `INTLMResponse`."""
        self.sessionBaseKey = sessionBaseKey


@implementer(ICredentialsChecker)
class AccountsChecker:
    """
    Checks against accounts.

    :param accounts: an `IAccounts`.
    """

    credentialInterfaces = (INTLMResponse,)

    def __init__(self, accounts: IAccounts) -> None:
        self._accounts = accounts

    def requestAvatarId(self, credentials: NTLMResponse) -> "Deferred[bytes | tuple[()]]":
        """As `ICredentialsChecker`: the account's name."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: NTLMResponse) -> bytes | tuple[()]:
        account = await self._accounts.find(credentials.logon.domain, credentials.logon.user)
        proven = credentials.checkNTHash(None if account is None else account.ntHash)
        if account is None or not proven:
            raise UnauthorizedLogin
        return account.name.encode("utf-8")


@implementer(ICredentialsChecker)
class InTurn:
    """
    Asks checkers one after the other, until one accepts.

    :param checkers: each of `INTLMResponse` or of ``IUsernameHashedPassword``.
    """

    credentialInterfaces = (INTLMResponse,)

    def __init__(self, checkers: Iterable[ICredentialsChecker]) -> None:
        self._checkers = tuple(checkers)

    def requestAvatarId(self, credentials: NTLMResponse) -> "Deferred[Any]":
        """As `ICredentialsChecker`: what the one that accepts says."""
        return Deferred.fromCoroutine(self._ask(credentials))

    async def _ask(self, credentials: NTLMResponse) -> Any:
        for checker in self._checkers:
            try:
                return await maybeDeferred(checker.requestAvatarId, credentials)
            except UnauthorizedLogin:
                continue
        raise UnauthorizedLogin


@frozen
class Member:
    """
    An avatar ID of somebody of whom his checker knows groups as well.

    :param name: as ``principalName`` spells it.
    :param groups: names and SIDs.
    """

    name: str
    groups: frozenset[str]


@frozen(kw_only=True)
class OwnLogons:
    """
    By what a process knows the logons that it makes itself, when they are handed back to it.

    :param machineID: what those by NTLM name, MACHINE_ID_SIZE octets.
    :param names: the accounts that are for nothing else, as ``principalName`` spells them.
    """

    machineID: bytes = field(repr=False)
    names: frozenset[str] = frozenset()


@implementer(IRealm)
class Principals:
    """
    Makes principals of accounts that were verified.

    :param groups: who knows groups; a principal has those of all of them.
    :param otherwise: the same, of whom his checker knows none.
    :param own: accounts that nobody is to log on with here.
    """

    _log = Logger()

    def __init__(
        self,
        groups: Iterable[IGroups],
        otherwise: Iterable[IGroups] = (),
        *,
        own: frozenset[str] = frozenset(),
    ) -> None:
        self._groups = tuple(groups)
        self._otherwise = tuple(otherwise)
        self._own = own

    def requestAvatar(
        self, avatarId: object, mind: object, *interfaces: object
    ) -> "Deferred[tuple[type[Interface], object, Callable[[], None]]]":
        """As `IRealm`; the avatar is an `IPrincipal` whichever interfaces are asked for."""
        return Deferred.fromCoroutine(self._principal(avatarId))

    async def _principal(
        self, avatarId: object
    ) -> tuple[type[Interface], object, Callable[[], None]]:
        groups: set[str] = set()
        known = self._groups
        if isinstance(avatarId, Member):
            groups |= avatarId.groups
            avatarId = avatarId.name
        else:
            known += self._otherwise
        if isinstance(avatarId, bytes):
            avatarId = avatarId.decode("utf-8")
        if not isinstance(avatarId, str):
            raise LoginFailed("a checker let somebody in who has no name")
        name = accountName(avatarId)
        if name in self._own:
            self._log.warn(
                "{name} is this server's own account, [callback]: nobody logs on here with it",
                name=name,
            )
            raise UnauthorizedLogin
        for each in known:
            groups |= await each.groupsOf(name)
        # Without groups all have the same set: an empty one of his own takes 216 octets.
        principal = Principal(name, frozenset(groups)) if groups else Principal(name)
        return IPrincipal, principal, _leave


def _leave() -> None:
    """What there is to do when a principal has gone."""


class Logons:
    """
    The logons of a server: within their limits, each with a deadline.

    :param portal: its checkers take `INTLMResponse`, its realm gives an `IPrincipal`.
    :param failed: what is refused unasked.
    """

    _log = Logger()

    def __init__(self, portal: Portal, failed: FailedLogons, clock: IReactorTime) -> None:
        self._portal = portal
        self._failed = failed
        self._clock = clock

    def of(self, address: Hashable) -> "LogonsOf":
        """
        The logons of an address.

        :param address: what clients are told apart by; its text goes into the log.
        """
        return LogonsOf(self, address)

    def logOn(
        self, logon: NTLMLogon, address: Hashable, done: Callable[[Verified | None], None]
    ) -> None:
        """As `INTLMCredentials`, of an address."""
        try:
            name = principalName(logon.domain, logon.user)
        except UnacceptableName:
            # No checker is asked, which must not be seen from outside.
            logon.sessionBaseKey(None)
            name = ""
        user = name.rpartition("\\")[2]
        if self._failed.refuses(user, address):
            done(None)
            return
        if not name:
            self._fail(logon, user, address)
            done(None)
            return
        credentials = NTLMResponse(logon, name.encode("utf-8"))
        login: Deferred[Any] = self._portal.login(credentials, None, IPrincipal)
        login.addTimeout(LOGON_SECONDS, self._clock)
        login.addCallbacks(self._proven, self._refused, (credentials,), {}, (logon, user, address))
        login.addCallback(done)
        login.addErrback(lambda failure: self._log.failure("a logon's end failed", failure))

    def _proven(self, login: Any, credentials: NTLMResponse) -> Verified | None:
        _interface, principal, _logout = login
        if credentials.sessionBaseKey is None:
            self._log.error(
                "a checker let {principal} in and checked no password: refused",
                principal=principal.name,
            )
            return None
        return Verified(principal=principal, sessionBaseKey=credentials.sessionBaseKey)

    def _refused(self, failure: Failure, logon: NTLMLogon, user: str, address: Hashable) -> None:
        if failure.check(UnauthorizedLogin):
            self._fail(logon, user, address)
        elif failure.check(LoginDenied):
            # The checker has said why; it is not for the client that it cannot check.
            self._log.debug("a logon of {user} could not be checked", user=user)
        elif failure.check(TimeoutError):
            self._log.error(
                "a logon of {user} was not decided within {seconds} seconds: refused",
                user=user,
                seconds=f"{LOGON_SECONDS:g}",
            )
        else:
            self._log.failure("a logon of {user} could not be checked", failure, user=user)

    def _fail(self, logon: NTLMLogon, user: str, address: Hashable) -> None:
        self._failed.add(user, address)
        self._log.info(
            "failed logon of {domain!r} {user!r} from {address}, which calls itself {name!r}",
            domain=logon.domain,
            user=logon.user,
            address=address,
            name=logon.workstation,
        )


@implementer(INTLMCredentials)
class LogonsOf:
    """
    The logons of one address.

    :param logons: the server's.
    """

    def __init__(self, logons: Logons, address: Hashable) -> None:
        self._logons = logons
        self._address = address

    def logOn(self, logon: NTLMLogon, done: Callable[[Verified | None], None]) -> None:
        """As `INTLMCredentials`."""
        self._logons.logOn(logon, self._address, done)
