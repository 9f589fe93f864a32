"""Clients and acceptors of Kerberos in this process, over a realm of `tests.live.kdc`."""

import contextlib
import struct
import time

import gssapi
import pytest
import spnego
from gssapi import raw
from gssapi.raw import IOV, IOVBufferType, RequirementFlag
from spnego import ContextReq, NegotiateOptions
from spnego.iov import BufferType
from zope.interface import implementer

from tapiproxy.dcerpc.identity import IKerberosCredentials
from tapiproxy.dcerpc.interface import RPC_C_AUTHN_GSS_KERBEROS, RPC_C_AUTHN_GSS_NEGOTIATE, Fault
from tapiproxy.dcerpc.kerberos import KerberosAcceptor, kerberosServer
from tapiproxy.dcerpc.kerberoscontext import MECHANISM
from tapiproxy.dcerpc.kerberosinitiator import KerberosAccount, KerberosInitiator
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnego import SPNEGOAcceptor
from tapiproxy.dcerpc.spnegotokens import KERBEROS
from tests.live.environment import changed

SERVICE = "host/localhost"

#: Which of its implementations pyspnego is to use for a protocol: negotiating, its own.
OPTIONS = {
    "kerberos": NegotiateOptions.use_gssapi,
    "negotiate": NegotiateOptions.use_negotiate,
}

FULL = (
    RequirementFlag.mutual_authentication
    | RequirementFlag.replay_detection
    | RequirementFlag.out_of_sequence_detection
    | RequirementFlag.integrity
    | RequirementFlag.confidentiality
)
DCE = FULL | RequirementFlag.dce_style


@implementer(IKerberosCredentials)
class Accounts:
    """
    Everybody who has a ticket, by the name in it.

    :ivar logons: what was proven.
    :ivar failures: how many were not.
    :ivar refusals: whose requests were refused, and why.
    :ivar open: whether logons may be tried.
    :ivar known: whether there is such an account.
    """

    def __init__(self):
        self.logons = []
        self.failures = 0
        self.refusals = []
        self.open = True
        self.known = True

    def permits(self):
        return self.open

    def failed(self):
        self.failures += 1

    def refused(self, name, reason):
        self.refusals.append((name, reason))

    def logOn(self, logon, done):
        self.logons.append(logon)
        done(logon.name if self.known else None)


@implementer(ISecurityContext)
class GSSClient:
    """python-gssapi by itself, protecting as [MS-RPCE] 2.2.2.11 says."""

    authType = RPC_C_AUTHN_GSS_KERBEROS
    principal = None
    needsHeaderSigning = False

    def __init__(self, ccache, level, flags=DCE, service=SERVICE):
        self.authLevel = level
        self.context = gssapi.SecurityContext(
            name=gssapi.Name(service, gssapi.NameType.kerberos_principal),
            creds=gssapi.Credentials(usage="initiate", store={"ccache": f"FILE:{ccache}"}),
            mech=MECHANISM,
            flags=flags,
            usage="initiate",
        )

    @property
    def complete(self):
        return self.context.complete

    @property
    def tokenSize(self):
        if self.authLevel == 6:
            vector = IOV((IOVBufferType.header, True, None), b"", std_layout=False)
            raw.wrap_iov_length(self.context, vector, confidential=True)
        else:
            vector = IOV((IOVBufferType.mic_token, True, None), b"", std_layout=False)
            raw.get_mic_iov_length(self.context, vector)
        return len(vector[0].value)

    def step(self, token, done):
        done(self.context.step(token or None) or b"")

    def protect(self, head, body, trailer, headerSigning):
        if self.authLevel < 6:
            whole = head + body + trailer if headerSigning else body
            return body, self.context.get_signature(whole)
        parts = [(IOVBufferType.header, True, None), (IOVBufferType.data, False, body)]
        if headerSigning:
            parts.insert(1, (IOVBufferType.sign_only, False, head))
            parts.append((IOVBufferType.sign_only, False, trailer))
        vector = IOV(*parts, std_layout=False)
        raw.wrap_iov(self.context, vector, confidential=True)
        return vector[1 + headerSigning].value, vector[0].value

    def unprotect(self, head, body, trailer, token, headerSigning):
        if self.authLevel < 6:
            whole = head + body + trailer if headerSigning else body
            self.context.verify_signature(whole, token)
            return body
        parts = [(IOVBufferType.header, False, token), (IOVBufferType.data, False, body)]
        if headerSigning:
            parts.insert(1, (IOVBufferType.sign_only, False, head))
            parts.append((IOVBufferType.sign_only, False, trailer))
        vector = IOV(*parts, std_layout=False)
        assert raw.unwrap_iov(self.context, vector).encrypted
        return vector[1 + headerSigning].value


@implementer(ISecurityContext)
class SpnegoClient:
    """
    pyspnego, by itself or negotiating.

    :param protocol: ``kerberos`` or ``negotiate``.
    """

    principal = None
    needsHeaderSigning = False

    def __init__(self, level, protocol, dce=True, service="host"):
        self.authType = {
            "kerberos": RPC_C_AUTHN_GSS_KERBEROS,
            "negotiate": RPC_C_AUTHN_GSS_NEGOTIATE,
        }[protocol]
        self.authLevel = level
        wanted = (
            ContextReq.mutual_auth
            | ContextReq.replay_detect
            | ContextReq.sequence_detect
            | ContextReq.integrity
            | ContextReq.confidentiality
        )
        self.context = spnego.client(
            hostname="localhost",
            service=service,
            protocol=protocol,
            context_req=wanted | ContextReq.dce_style if dce else wanted,
            options=OPTIONS[protocol],
        )

    @property
    def complete(self):
        return self.context.complete

    @property
    def tokenSize(self):
        return self.context.query_message_sizes().header if self.authLevel == 6 else 28

    def step(self, token, done):
        done(self.context.step(token or None) or b"")

    def protect(self, head, body, trailer, headerSigning):
        if self.authLevel < 6:
            return body, self.context.sign(head + body + trailer if headerSigning else body)
        buffers = self._buffers(head, body, trailer, headerSigning)
        done = self.context.wrap_iov([*buffers, BufferType.header]).buffers
        return done[1].data, done[3].data

    def unprotect(self, head, body, trailer, token, headerSigning):
        if self.authLevel < 6:
            self.context.verify(head + body + trailer if headerSigning else body, token)
            return body
        buffers = self._buffers(head, body, trailer, headerSigning)
        return self.context.unwrap_iov([*buffers, (BufferType.header, token)]).buffers[1].data

    def _buffers(self, head, body, trailer, headerSigning):
        kind = BufferType.sign_only if headerSigning else BufferType.data_readonly
        return [(kind, head), (BufferType.data, body), (kind, trailer)]


def framed(token):
    """A token as impacket's clients frame an AP-REQ in DCE style: RFC 4121 4.1."""
    inner = KERBEROS + b"\x01\x00" + token
    return b"\x60\x82" + len(inner).to_bytes(2, "big") + inner


class Site:
    """
    A realm's service, and a client with tickets.

    :param kdc: the realm, in use.
    """

    def __init__(self, kdc):
        self.kdc = kdc
        self.keytab = kdc.keytab(SERVICE)
        self.ccache = kdc.ccache("alice", SERVICE)
        self.server = kerberosServer(str(self.keytab))
        self.lenient = kerberosServer(str(self.keytab), permitUnsignedHeaders=True)

    def client(self, level, flags=DCE):
        """By python-gssapi."""
        return GSSClient(self.ccache, level, flags)

    def initiator(self, level, account=None):
        """A client's side of Kerberos, of ours, by alice's tickets; no thread is used."""
        account = account or KerberosAccount(principal="", ccache=f"FILE:{self.ccache}")
        return KerberosInitiator(account, lambda leg, done: done(leg()), level, SERVICE)

    def acceptor(self, level, accounts=None, server=None):
        """A server's side of Kerberos."""
        return KerberosAcceptor(server or self.server, accounts or Accounts(), level)

    def negotiating(self, level, accounts=None, server=None):
        """The same under SPNEGO."""
        return SPNEGOAcceptor({KERBEROS: lambda: self.acceptor(level, accounts, server)}, level)

    def skewed(self, seconds):
        """A credential cache of a client whose clock is that many seconds fast."""
        cache = self._doctored(self.kdc.ccache("alice", SERVICE))
        content = cache.read_bytes()
        # Version 4, 12 octets of header: one field, which is this difference in two numbers.
        assert content.startswith(bytes.fromhex("0504000c00010008"))
        cache.write_bytes(content[:8] + struct.pack(">ii", seconds, 0) + content[16:])
        return cache

    def outlived(self):
        """A credential cache of which all tickets have expired two seconds ago."""
        cache = self.kdc.ccache("alice", SERVICE, options=("-l", "2s"))
        time.sleep(4.5)
        return self._doctored(cache)

    def _doctored(self, cache):
        """A cache by which its tickets are good for an hour before and after: clients send them."""
        content = bytearray(cache.read_bytes())
        found = 0
        for at in range(len(content) - 12):
            authtime, starttime, endtime = struct.unpack_from(">3I", content, at)
            if abs(time.time() - authtime) < 100 and authtime <= starttime < endtime < 2**31:
                struct.pack_into(">3I", content, at, *(authtime + i for i in (-3600, -3600, 3600)))
                found += 1
        assert found >= 2
        cache.write_bytes(content)
        return cache

    @property
    def strict(self):
        """A krb5.conf by which clocks may differ by one second."""
        file = self.kdc.directory / "strict.conf"
        text = self.kdc.configFile.read_text()
        file.write_text(text.replace("[libdefaults]\n", "[libdefaults]\n    clockskew = 1\n"))
        return file


class PyspnegoAcceptor:
    """
    pyspnego as a server, with the keys that the environment names.

    :param protocol: as for `SpnegoClient`.
    """

    principal = None

    def __init__(self, protocol):
        self.context = spnego.server(
            hostname="localhost", service="host", protocol=protocol, options=OPTIONS[protocol]
        )

    @property
    def complete(self):
        return self.context.complete

    step = SpnegoClient.step
    protect = SpnegoClient.protect
    unprotect = SpnegoClient.unprotect
    _buffers = SpnegoClient._buffers


@contextlib.contextmanager
def site(kdc):
    """A `Site`, while this process uses its realm and has alice's tickets."""
    with kdc.inUse():
        made = Site(kdc)
        with changed({"KRB5CCNAME": f"FILE:{made.ccache}"}):
            yield made


HEAD, BODY, TRAILER = b"head" * 6, b"body" * 12, b"trailer."

PLACES = ("head", "body", "trailer", "token")
"""What a protected PDU consists of."""


def assertEachBitCounts(sender, taker, place):
    """Each bit of a part of PDUs, flipped on its way between two sides, has the PDU refused."""
    sizes = [len(HEAD), len(BODY), len(TRAILER), taker.tokenSize]
    for bit in range(sizes[place] * 8):
        # Where one is refused, the connection ends: but the library goes on.
        body, token = sender.protect(HEAD, BODY, TRAILER, True)
        parts = [HEAD, body, TRAILER, token]
        changed = bytearray(parts[place])
        changed[bit // 8] ^= 1 << bit % 8
        parts[place] = bytes(changed)
        with pytest.raises(Fault, match="fault 0x00000721"):
            taker.unprotect(*parts, True)
