"""
Who may call a client back: the authentication of its remotesp endpoint, and what kept a caller out.

A client that does not know whom to expect takes a server that does not log on, as [MS-TRP] 5.1 lets
it.  No bytes of logons here.
"""

from collections.abc import Hashable

from zope.interface import implementer

from tapiproxy.dcerpc.authnames import levelName
from tapiproxy.dcerpc.interface import AuthenticationFailed, Interface
from tapiproxy.dcerpc.security import (
    IAuthenticationService,
    ISecurityContext,
    NoAuthentication,
)

__all__ = ["Callers"]


@implementer(IAuthenticationService)
class Callers:
    """
    The server, as far as it proves who it is.

    :param service: who is accepted, and at which level; None for a server that does not log on.
    :ivar minimumLevel: as `IAuthenticationService`.
    :ivar problem: what kept the last caller out, if it was kept out; it is no news for one that
        came in.
    """

    def __init__(self, service: IAuthenticationService | None) -> None:
        self.problem = ""
        self._service = service or NoAuthentication()
        self.minimumLevel = self._service.minimumLevel
        self._knowsNone = service is None
        self._loggedOn = False

    def newContext(self, authType: int, authLevel: int, peer: Hashable) -> ISecurityContext:
        """As `IAuthenticationService`."""
        self._loggedOn = True
        self.problem = (
            "it logged on, and this client was not told which server to accept"
            if self._knowsNone
            else "its account, password or mechanism is not one that this client accepts"
        )
        try:
            return self._service.newContext(authType, authLevel, peer)
        except AuthenticationFailed as failure:
            if not self._knowsNone:
                self.problem = f"its logon cannot be accepted: {failure}"
            raise

    def permits(self, called: Interface, context: ISecurityContext | None) -> bool:
        """As `IAuthenticationService`."""
        permitted = self._service.permits(called, context)
        if context is not None:
            if not permitted:
                self.problem = (
                    f"it logged on at level {levelName(context.authLevel)}, which is too low"
                )
        elif not permitted and not self._loggedOn:
            # Asked of every bind, also of one whose logon comes with it.
            self.problem = "it did not log on"
        return permitted
