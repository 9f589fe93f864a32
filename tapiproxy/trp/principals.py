"""
Who is at the other end of a tapsrv connection.  [MS-TRP] 5.1
"""

from attrs import frozen
from zope.interface import implementer

from tapiproxy.interfaces import IPrincipal

__all__ = ["NOBODY", "Principal"]


@implementer(IPrincipal)
@frozen
class Principal:
    """
    A name and its groups, as far as authentication gave them.

    :ivar name: ``DOMAIN\\user``, or the empty string for nobody in particular.
    :ivar groups: group names and SIDs; unknown is the empty set, never all.
    """

    name: str = ""
    groups: frozenset[str] = frozenset()


#: The principal of a connection without authentication.
NOBODY = Principal()
