"""
Principals by smbd's word: who has opened a pipe, and in which groups he is.

smbd has checked the password, or the ticket; here is only what it says made into a principal.
"""

from collections.abc import Callable, Iterable
from typing import Any

from attrs import evolve
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from tapiproxy.accountnames import UnacceptableName, principalName
from tapiproxy.accounts import IGroups
from tapiproxy.dcerpc.namedpipeauth import NamedPipeAuthRequest
from tapiproxy.dcerpc.pipe import IPipePrincipals
from tapiproxy.logons import LOGON_SECONDS, Principals

__all__ = ["PipePrincipals"]


@implementer(IPipePrincipals)
class PipePrincipals:
    """
    Users of smbd as principals: with smbd's SIDs, and the groups that are known here.

    :param groups: who knows groups beside smbd.
    :param own: accounts that nobody is to come as, as `Principals` has them: a client that is
        called back can hand that logon on to smbd, which knows nothing of it.
    """

    _log = Logger()

    def __init__(
        self,
        groups: Iterable[IGroups],
        clock: IReactorTime,
        *,
        own: frozenset[str] = frozenset(),
    ) -> None:
        self._principals = Principals(groups, own=own)
        self._clock = clock

    def identify(
        self, request: NamedPipeAuthRequest, done: Callable[[object | None], None]
    ) -> None:
        """As `IPipePrincipals`."""
        try:
            name = principalName(request.domain, request.account)
        except UnacceptableName as error:
            self._log.warn(
                "{domain!r} {account!r}, who has opened a pipe, can be no principal: {error}",
                domain=request.domain,
                account=request.account,
                error=str(error),
            )
            done(None)
            return
        found: Deferred[Any] = self._principals.requestAvatar(name, None)
        found.addTimeout(LOGON_SECONDS, self._clock)
        found.addCallbacks(self._found, self._failed, (request,), {}, (name,))
        found.addCallback(done)
        found.addErrback(lambda failure: self._log.failure("a pipe's end failed", failure))

    def _found(self, avatar: Any, request: NamedPipeAuthRequest) -> object:
        _interface, principal, _logout = avatar
        return evolve(principal, groups=principal.groups | request.groups)

    def _failed(self, failure: Failure, name: str) -> None:
        if failure.check(UnauthorizedLogin):
            self._log.debug("{name} may not come by a pipe", name=name)  # who refuses has said why
        elif failure.check(TimeoutError):
            self._log.error(
                "the groups of {name} were not found within {seconds} seconds: refused",
                name=name,
                seconds=f"{LOGON_SECONDS:g}",
            )
        else:
            self._log.failure("the groups of {name} could not be found", failure, name=name)
