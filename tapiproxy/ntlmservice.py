"""
NTLM for listeners, over a site's accounts.

Importing it needs the extra ``auth``, so that only a server with accounts does.
"""

import socket
from collections.abc import Callable, Hashable, Mapping

from tapiproxy.dcerpc.addresses import shownPeer
from tapiproxy.dcerpc.mechanism import IMechanism
from tapiproxy.dcerpc.ntlm import NTLMAcceptor, NTLMServer
from tapiproxy.logons import Logons

__all__ = ["ntlm"]

#: Characters of a NetBIOS name, [MS-NLMP] 2.2.2.1 and RFC 1001 14.
_NETBIOS = 15


def ntlm(
    logons: Logons, machineID: bytes, domains: Mapping[str, str]
) -> Callable[[int, Hashable], IMechanism]:
    """
    What makes acceptors of NTLM.

    :param logons: the server's.
    :param machineID: that of this process's own logons, which are not taken.
    :param domains: short names by DNS names of those whose controllers verify logons, that of which
        this machine is a member first; empty if it is a member of none.
    """
    dnsName = socket.gethostname().lower()
    computerName = dnsName.partition(".")[0].upper()[:_NETBIOS]
    # A server of no domain is the domain of its own accounts.
    dnsDomain, domainName = next(iter(domains.items()), ("", computerName))
    server = NTLMServer(
        computerName=computerName,
        domainName=domainName,
        dnsName=dnsName,
        dnsDomain=dnsDomain.lower(),
        machineID=machineID,
    )
    return lambda authLevel, peer: NTLMAcceptor(server, logons.of(shownPeer(peer)), authLevel)
