"""What the associations of one endpoint share: interfaces, groups and bounds.  No bytes here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

from tapiproxy.dcerpc.contexthandles import AssociationGroups
from tapiproxy.dcerpc.interface import ANONYMOUS, RPC_C_AUTHN_LEVEL_NONE, Interface
from tapiproxy.dcerpc.management import Statistics, makeManagement
from tapiproxy.dcerpc.negotiation import Offer, Presentation
from tapiproxy.dcerpc.pdu import SyntaxID
from tapiproxy.dcerpc.securitycontexts import AuthContext

if TYPE_CHECKING:
    from tapiproxy.dcerpc.security import IAuthenticationService


class Endpoint:
    """
    One place where clients reach a set of interfaces.

    :param interfaces: what is offered, beside mgmt.
    :ivar authentication: who may come in.
    :ivar statistics: what is counted here; several endpoints may count together.
    :ivar groups: its association groups; a client cannot join one of another endpoint.
    :ivar reassembling: octets that its unfinished requests hold.
    :ivar reassemblingOf: of these, by :meth:`holder`; only who holds some is in it.
    """

    def __init__(
        self,
        interfaces: Iterable[Interface],
        authentication: IAuthenticationService,
        statistics: Statistics | None = None,
    ) -> None:
        self.statistics = statistics or Statistics()
        self._interfaces = {(one.uuid, one.version[0]): one for one in interfaces}
        management = makeManagement(self._interfaces.values, self.statistics)
        self._interfaces[management.uuid, management.version[0]] = management
        self.authentication = authentication
        self.groups = AssociationGroups()
        self.reassembling = 0
        self.reassemblingOf: Counter[Hashable] = Counter()

    def offer(self, abstract: SyntaxID) -> Offer | None:
        """What is offered under an abstract syntax: same major, no higher minor version."""
        found = self._interfaces.get((abstract.if_uuid, abstract.major))
        if found is None or abstract.minor > found.version[1]:
            return None
        return Offer(found, found.public or self.authentication.permits(found, None))

    def holder(self, peerKey: Hashable, security: AuthContext | None) -> Hashable:
        """
        Whose share the fragments of a request count in.

        Where clients have to log on, all who have not share one: they could come from more
        addresses than there is room for, and have no call that needs it.
        """
        if security is None and self.authentication.minimumLevel > RPC_C_AUTHN_LEVEL_NONE:
            return None
        return peerKey

    def permits(self, presentation: Presentation, security: AuthContext | None) -> bool:
        """Whether a request may name a presentation context under a security context."""
        if security is None:
            return presentation.open
        called = presentation.interface
        if called.public:
            return True
        context = security.context
        return context.principal is not ANONYMOUS and self.authentication.permits(called, context)
