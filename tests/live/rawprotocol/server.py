"""
The server that the suite is run against: the runtime of a listener, and interfaces without meaning.

One endpoint, which claims to be at port 135, has mgmt and the endpoint mapper; another one has the
interface netlogon, as far as the suite calls it.  Everybody may log on as nobody here, for what is
public alone, and one user for all, by NTLM and Kerberos.  Ends with its standard input.

    DOMAIN=... USERNAME=... PASSWORD=... server.py [--keytab FILE] [--pipe SOCKET]

The socket is that of the pipe lsarpc in smbd's folder; behind it are mgmt and no lsarpc.  Writes
the port in place of 135 to its standard output.
"""

import os
import sys
from argparse import ArgumentParser
from uuid import UUID

import attrs
from twisted.internet import reactor, stdio, tcp
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol
from twisted.logger import globalLogBeginner, textFileLogObserver
from zope.interface import implementer

from tapiproxy.accountnames import principalName
from tapiproxy.dcerpc.authentication import Authentication
from tapiproxy.dcerpc.endpointmapper import EndpointMap
from tapiproxy.dcerpc.identity import (
    IKerberosCredentials,
    INTLMCredentials,
    Verified,
)
from tapiproxy.dcerpc.interface import RPC_C_AUTHN_LEVEL_NONE, Interface
from tapiproxy.dcerpc.ntlm import NTLMAcceptor, NTLMServer
from tapiproxy.dcerpc.pipe import PipeFactory
from tapiproxy.dcerpc.server import ServerFactory
from tapiproxy.dcerpc.spnegotokens import KERBEROS, NTLMSSP
from tapiproxy.nthash import ntHash

#: Where the suite looks for its server; the size of the text is in its expectations.
PORT = 135

NETLOGON = UUID("12345678-1234-abcd-ef00-01234567cffb")
NetrServerReqChallenge = 4


def serverReqChallenge(call, data, start, end):
    """[MS-NRPC] 3.5.4.4.1: a challenge, and success; the suite looks at neither."""
    return os.urandom(8) + bytes(4)


netlogon = Interface(NETLOGON, (1, 0), {NetrServerReqChallenge: serverReqChallenge})


@implementer(INTLMCredentials)
@attrs.frozen
class OneUser:
    """One account, by its NT hash."""

    domain: str
    user: str
    ntHash: bytes

    def logOn(self, logon, done):
        """Verify."""
        known = (logon.domain.upper(), logon.user.lower()) == (self.domain, self.user)
        key = logon.sessionBaseKey(self.ntHash if known else None)
        if key is None:
            done(None)
            return
        name = principalName(logon.domain, logon.user)
        done(Verified(principal=name, sessionBaseKey=key))


@implementer(IKerberosCredentials)
class TicketHolders:
    """Whoever has a ticket of the realm."""

    def permits(self):
        """Always."""
        return True

    def failed(self):
        """Nobody counts."""

    def refused(self, name, reason):
        """Nobody asks why."""

    def logOn(self, logon, done):
        """By the name in the ticket."""
        done(logon.name)


class At135(tcp.Server):
    """A connection that was accepted at a port which is 135 to the client."""

    def getHost(self):
        """The address as the client has it."""
        return IPv4Address("TCP", super().getHost().host, PORT)


class Port135(tcp.Port):
    """A listening port that is 135 to its clients."""

    transport = At135


class UntilTheEnd(Protocol):
    """Ends the process when nobody holds its standard input any more."""

    def connectionLost(self, reason=None):
        """The parent has gone, or wants us to."""
        reactor.stop()


def main():
    """Listen, say where, and serve."""
    parser = ArgumentParser()
    parser.add_argument("--keytab")
    parser.add_argument("--pipe")
    options = parser.parse_args()
    # What is wrong here must show in the log that the test looks at.
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    ntlm = NTLMServer(
        computerName="RAW",
        domainName=os.environ["DOMAIN"],
        dnsName="raw.dom.example",
        anonymous=True,
    )
    user = OneUser(
        os.environ["DOMAIN"].upper(),
        os.environ["USERNAME"].lower(),
        ntHash(os.environ["PASSWORD"]),
    )
    mechanisms = {NTLMSSP: lambda level, peer: NTLMAcceptor(ntlm, user, level)}
    if options.keytab:
        # The suite goes without header signing too, and switches it on later.
        from tapiproxy.dcerpc.kerberos import KerberosAcceptor, kerberosServer

        kerberos = kerberosServer(options.keytab, permitUnsignedHeaders=True)
        mechanisms[KERBEROS] = lambda level, peer: KerberosAcceptor(
            kerberos, TicketHolders(), level
        )
    authentication = Authentication(mechanisms=mechanisms, minimumLevel=RPC_C_AUTHN_LEVEL_NONE)
    mapped = EndpointMap()
    listening = reactor.listenTCP(
        0, ServerFactory(reactor, [netlogon], authentication), interface="127.0.0.1"
    )
    mapped.register(netlogon, "127.0.0.1", listening.getHost().port)
    well = Port135(
        0,
        ServerFactory(reactor, [mapped.interface], authentication),
        interface="127.0.0.1",
        reactor=reactor,
    )
    well.startListening()
    if options.pipe:
        # The suite knows the pipe by the other name that Windows' lsarpc has.
        factory = PipeFactory(reactor, [], authentication, pipe="lsass")
        reactor.listenUNIX(options.pipe, factory, mode=0o600)
    stdio.StandardIO(UntilTheEnd())
    print(well.getHost().port, flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
