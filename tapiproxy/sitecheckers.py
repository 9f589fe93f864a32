"""
Accounts that a site keeps elsewhere: checkers of twisted.cred, named by strcred strings.

A plugin in ``twisted/plugins``, an ``ICheckerFactory`` of `twisted.cred.strcred`, makes a checker
of ``NAME:ARGUMENT``.  What that may ask of a logon is in `tapiproxy.logons`.
"""

from collections.abc import Iterable
from typing import Any

from twisted.cred import strcred
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernameHashedPassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import implementer

from tapiproxy.logons import INTLMResponse, NTLMResponse

__all__ = ["CheckerError", "KnownPasswords", "siteChecker"]

_ANY_PASSWORD = "correct horse"


class CheckerError(Exception):
    """A checker cannot be had; the text is for the administrator, and has no argument in it."""


def siteChecker(description: str) -> tuple[ICredentialsChecker, Any]:
    """
    Make a checker.

    :param description: ``NAME:ARGUMENT``; the argument may hold secrets.
    :returns: the checker, of `INTLMResponse`, and the site's own object behind it, which may know
        groups as well (`tapiproxy.accounts.IGroups`).
    :raises CheckerError: none has that name, it refuses its argument, or it wants what a logon by
        NTLM does not give.
    """
    kind = description.partition(":")[0]
    try:
        checker = strcred.makeChecker(description)
    except strcred.InvalidAuthType:
        raise CheckerError(
            f"no checker {kind!r} is installed; there are: {_listed(_usable())}"
        ) from None
    except strcred.InvalidAuthArgumentString as error:
        raise CheckerError(f"checker {kind!r} refuses its argument: {error}") from None
    except Exception as error:
        raise CheckerError(f"checker {kind!r} cannot be made: {error!r}") from error
    wanted = tuple(checker.credentialInterfaces)
    if INTLMResponse in wanted:
        return checker, checker
    if IUsernameHashedPassword in wanted:
        return KnownPasswords(checker), checker
    raise CheckerError(
        f"checker {kind!r} wants {_listed(each.__name__ for each in wanted)}: who logs on by NTLM "
        f"gives no password, but {INTLMResponse.__name__} or {IUsernameHashedPassword.__name__}"
    )


def _usable() -> Iterable[str]:
    """The names of the checkers that are installed and can check a logon by NTLM."""
    ours = {INTLMResponse, IUsernameHashedPassword}
    for factory in strcred.findCheckerFactories():
        if ours.intersection(factory.credentialInterfaces):
            yield factory.authType


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names))) or "none"


@implementer(ICredentialsChecker)
class KnownPasswords:
    """
    A checker that knows the passwords themselves and nothing of NTLM, such as Twisted's own.

    It is asked for ``DOMAIN\\user`` first and then for ``user``: clients that are in no domain name
    their own computer.  Each in UTF-8 and as text: Twisted's ``file`` knows the one, its ``memory``
    the other.

    :param checker: of ``IUsernameHashedPassword``.
    """

    credentialInterfaces = (INTLMResponse,)

    def __init__(self, checker: Any) -> None:
        self._checker = checker

    def requestAvatarId(self, credentials: NTLMResponse) -> "Deferred[Any]":
        """As `ICredentialsChecker`: what the checker says of the name that it knows."""
        return Deferred.fromCoroutine(self._ask(credentials))

    async def _ask(self, credentials: NTLMResponse) -> Any:
        whole = credentials.username
        if isinstance(whole, bytes):
            whole = whole.decode("utf-8")
        known = False
        names = dict.fromkeys((whole, whole.rpartition("\\")[2]))
        for username in (each for name in names for each in (name.encode("utf-8"), name)):
            asked = _Asked(credentials.logon, username)
            try:
                avatarId = await maybeDeferred(self._checker.requestAvatarId, asked)
            except UnauthorizedLogin:
                known = known or asked.checked
                continue
            if asked.sessionBaseKey is not None:
                credentials.proven(asked.sessionBaseKey)
            return avatarId
        if not known:
            # So that a name that nobody has costs what one costs that somebody has.
            NTLMResponse(credentials.logon, whole).checkPassword(_ANY_PASSWORD)
        raise UnauthorizedLogin


class _Asked(NTLMResponse):
    """
    The credentials as the checker has them.

    :ivar checked: whether it knew a password to check.
    """

    checked = False

    def checkPassword(self, password: bytes | str) -> bool:
        """As `NTLMResponse`."""
        self.checked = True
        return super().checkPassword(password)
