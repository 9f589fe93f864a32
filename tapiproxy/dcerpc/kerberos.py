"""
Kerberos as an acceptor: AP-REQ, AP-REP and, in DCE style, a third leg.

Who a principal is, is asked of :class:`tapiproxy.dcerpc.identity.IKerberosCredentials`.  The keys
lie in a keytab; no KDC is talked to, so that the library answers at once.  It keeps a replay cache
in a file (``docs/authentication.md`` says where).  RFC 4121 4.1, [MS-KILE] 3.4.5,
[MS-RPCE] 2.2.1.1.7.  Importing it needs the extra ``kerberos``.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from gssapi import raw
from gssapi.raw import GSSError
from gssapi.raw.named_tuples import AcceptSecContextResult
from zope.interface import implementer

from tapiproxy.dcerpc.identity import IKerberosCredentials, KerberosLogon
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_GSS_KERBEROS,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_S_SEC_PKG_ERROR,
    AuthenticationFailed,
)
from tapiproxy.dcerpc.kerberoscontext import (
    MECHANISM,
    KerberosContext,
    Unprotected,
    reason,
    refused,
    requiredFlags,
)
from tapiproxy.dcerpc.mechanism import IMechanism
from tapiproxy.dcerpc.spnegotokens import KERBEROS

LOGON_INFORMATION = b"urn:mspac:logon-info"
"""The library's name of the PAC's logon information, [MS-PAC] 2.5."""

# RFC 4121 4.1: what a token begins with if it is framed, after the length; AP-REQ is 01 00.
_FRAME = b"\x60"
_AP_REQ = KERBEROS + b"\x01\x00"
# A length is of one to five octets.
_LONGEST_HEAD = 1 + 5 + len(_AP_REQ)

_Done = Callable[[bytes | AuthenticationFailed], None]


class KeytabError(Exception):
    """A keytab is of no use; the text says why."""


@attrs.frozen(kw_only=True)
class KerberosServer:
    """
    What all acceptors of a server share; :func:`kerberosServer` makes one.

    :ivar keys: of the services that clients may have tickets for.
    :ivar probe: the same for a look at a token, which is not remembered as a replay.
    :ivar permitUnsignedHeaders: as for :class:`KerberosContext`.
    """

    keys: raw.Creds
    probe: raw.Creds
    permitUnsignedHeaders: bool = False


def kerberosServer(
    keytab: str, service: str | None = None, *, permitUnsignedHeaders: bool = False
) -> KerberosServer:
    """
    Take the keys of a keytab; it is read again at each logon.

    :param keytab: the file's path.
    :param service: the only principal that clients may have tickets for, such as
        ``host/server.dom.example@DOM.EXAMPLE``; None for all that have a key.
    :raises KeytabError: it cannot be read, is empty, or has no key of that principal.
    """
    store: dict[bytes | str, bytes | str] = {b"keytab": b"FILE:" + keytab.encode()}
    try:
        name = None
        if service is not None:
            name = raw.import_name(service.encode(), raw.NameType.kerberos_principal)
        keys, probe = (
            raw.acquire_cred_from(each, name=name, mechs=[MECHANISM], usage="accept").creds
            for each in (store, {**store, b"rcache": b"none:"})
        )
    except GSSError as error:
        raise KeytabError(reason(error)) from None
    return KerberosServer(keys=keys, probe=probe, permitUnsignedHeaders=permitUnsignedHeaders)


@implementer(IMechanism)
class KerberosAcceptor(KerberosContext):
    """
    One logon, in DCE style or without.

    :param accounts: what becomes of tickets, as this client may try them.
    """

    __slots__ = ("_accounts", "_ended", "_name", "_pending", "_server")

    authType = RPC_C_AUTHN_GSS_KERBEROS

    def __init__(
        self, server: KerberosServer, accounts: IKerberosCredentials, authLevel: int
    ) -> None:
        super().__init__(authLevel, permitUnsignedHeaders=server.permitUnsignedHeaders)
        self._server = server
        self._accounts = accounts
        self._ended = False
        self._name = ""
        # What the library has begun.
        self._pending: raw.SecurityContext | None = None

    def step(self, token: bytes, done: _Done) -> None:
        """Take the client's token: answer it, or say that it is refused."""
        if self._ended:
            done(refused("one message too many"))
            return
        pending, self._pending = self._pending, None
        try:
            if pending is None:
                if not self._accounts.permits():
                    self._ended = True
                    done(refused("too many failed logons"))
                    return
                token = self._asMeant(token)
            result = raw.accept_sec_context(token, self._server.keys, pending)
        except GSSError as error:
            self._ended = True
            self._accounts.failed()
            done(refused(reason(error)))
            return
        if result.more_steps and result.token:
            self._pending = result.context
            done(result.token)
            return
        self._ended = True
        if result.more_steps:
            # What the library makes of a frame around something else than an AP-REQ.
            self._accounts.failed()
            done(refused("no AP-REQ"))
            return
        self._logOn(result, done)

    def _logOn(self, result: AcceptSecContextResult, done: _Done) -> None:
        """Have a principal made of who has the ticket."""
        try:
            logon = _logonOf(result.initiator_name)
            self._name = logon.name
            required = requiredFlags(self.authLevel)
            signs = int(result.flags) & required == required
            if signs or self.authLevel == RPC_C_AUTHN_LEVEL_PKT_PRIVACY:
                self._establish(result.context, int(result.flags))
            # Else nothing can be verified, and no request that should be is taken: as MS-RPC
            # servers do, and as the acceptor of NTLM.
        except GSSError as error:
            done(refused(reason(error), self._name))
            return
        except UnicodeDecodeError as error:
            done(refused(str(error), self._name))
            return
        except Unprotected as error:
            done(refused(str(error), self._name, RPC_S_SEC_PKG_ERROR))
            return

        def made(principal: object | None) -> None:
            if principal is None:
                done(refused("no principal can be made of it", self._name, logged=True))
                return
            self.principal = principal
            self.complete = True
            done(result.token or b"")

        self._accounts.logOn(logon, made)

    def _asMeant(self, token: bytes) -> bytes:
        """
        The first token without its frame, if it has one that has no place there.

        In DCE style there is none; impacket's clients send one all the same.  Which style it is
        stands in what is encrypted, and the library, which refuses a wrong frame, has put the token
        into its replay cache by then: so it is looked at without one first.

        :raises GSSError: the token proves nothing, framed or not.
        """
        if not token.startswith(_FRAME):
            return token
        at = token.find(_AP_REQ, 0, _LONGEST_HEAD)
        if at < 0:
            return token
        try:
            raw.accept_sec_context(token, self._server.probe)
        except raw.InvalidTokenError:
            return token[at + len(_AP_REQ) :]
        return token

    def _unsigned(self) -> None:
        self._accounts.refused(
            self._name,
            "its requests leave their headers unprotected: the client does not offer header "
            "signing (PFC_SUPPORT_HEADER_SIGN)",
        )


def _logonOf(name: raw.Name) -> KerberosLogon:
    """
    What the library knows of a client.

    :raises UnicodeDecodeError: a name that is no text.
    """
    return KerberosLogon(
        name=raw.display_name(name, name_type=False).name.decode("utf-8"),
        logonInformation=_logonInformation(name),
    )


def _logonInformation(name: raw.Name) -> bytes | None:
    """
    The PAC's logon information, if the library has verified it.

    It takes the server signature for proof, which is made with the service's own key: nobody else
    but the KDC has that.
    """
    try:
        found = raw.get_name_attribute(name, LOGON_INFORMATION)
    except GSSError:
        # Tickets of an MIT realm have none.
        return None
    if not found.authenticated or not found.values:
        return None
    (octets,) = found.values[:1]
    return bytes(octets)
