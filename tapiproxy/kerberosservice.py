"""
Kerberos for listeners, by the keys of a keytab.

Importing it needs the extra ``kerberos``, so that only a server with a keytab does.
"""

from collections.abc import Callable, Hashable
from pathlib import Path

from tapiproxy.dcerpc.kerberos import KerberosAcceptor, KeytabError, kerberosServer
from tapiproxy.dcerpc.mechanism import IMechanism
from tapiproxy.failedlogons import shownAddress
from tapiproxy.kerberoslogons import KerberosLogons
from tapiproxy.privatefile import PrivateFileError, readPrivateOctets

__all__ = ["kerberos"]

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
    # The library reads it itself, at each logon, but does not ask who else does.
    readPrivateOctets(keytab, "keytab", _LARGEST, "docs/authentication.md tells how to make one")
    try:
        server = kerberosServer(str(keytab), service)
    except KeytabError as error:
        raise PrivateFileError(f"the keytab {keytab} is of no use: {error}") from None
    return lambda authLevel, peer: KerberosAcceptor(
        server, logons.of(shownAddress(peer)), authLevel
    )
