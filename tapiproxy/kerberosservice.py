"""
Kerberos for listeners, by the keys of a keytab; and what makes a keytab one that can be used.

Importing it needs the extra ``kerberos``, so that only a server with a keytab does.
"""

from collections.abc import Callable, Hashable
from pathlib import Path

from tapiproxy.dcerpc.addresses import shownPeer
from tapiproxy.dcerpc.kerberos import (
    KerberosAcceptor,
    KerberosServer,
    KeytabError,
    kerberosServer,
)
from tapiproxy.dcerpc.mechanism import IMechanism
from tapiproxy.kerberoslogons import KerberosLogons
from tapiproxy.privatefile import PrivateFileError, readPrivateOctets

__all__ = ["kerberos", "keysOf"]

#: Octets: thousands of keys.
_LARGEST = 1024 * 1024


def kerberos(
    keytab: Path, service: str | None, logons: KerberosLogons
) -> Callable[[int, Hashable], IMechanism]:
    """
    What makes acceptors of Kerberos.

    :param keytab: the file.
    :param service: the only principal for which tickets are taken; None for all in the file.
    :param logons: the server's.
    :raises tapiproxy.privatefile.PrivateFileError: the keytab cannot be used, or others can use it.
    """
    server = keysOf(keytab, service)
    return lambda authLevel, peer: KerberosAcceptor(
        server, logons.of(shownPeer(peer)), authLevel
    )


def keysOf(keytab: Path, principal: str | None) -> KerberosServer:
    """
    The keys of a keytab.

    :param keytab: the file.
    :param principal: whose key it has to have; None for anybody's.
    :raises tapiproxy.privatefile.PrivateFileError: it cannot be used, or others can use it.
    """
    # The library reads it itself, at each logon, but does not ask who else does.
    readPrivateOctets(keytab, "keytab", _LARGEST, "docs/authentication.md tells how to make one")
    try:
        return kerberosServer(str(keytab), principal)
    except KeytabError as error:
        raise PrivateFileError(f"the keytab {keytab} is of no use: {error}") from None
