"""
Kerberos as an initiator, in DCE style: AP-REQ, AP-REP, AP-REP.

The first leg may talk to a KDC, and is called by whoever is handed in for that.  RFC 4121 4.1,
[MS-KILE] 3.2.5 and 3.4.5, [MS-RPCE] 2.2.1.1.7.  Importing it needs the extra ``kerberos``.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import attrs
from gssapi import raw
from gssapi.raw import OID, GSSError, RequirementFlag
from zope.interface import implementer

from tapiproxy.dcerpc.interface import RPC_C_AUTHN_GSS_KERBEROS, AuthenticationFailed
from tapiproxy.dcerpc.kerberoscontext import (
    MECHANISM,
    KerberosContext,
    Unprotected,
    reason,
    refused,
    requiredFlags,
)
from tapiproxy.dcerpc.mechanism import IMechanism

# GSS_KRB5_CRED_NO_CI_FLAGS_X.  Unless told so, MIT's library claims confidentiality at every level;
# Samba's acceptor then takes a seal's size for that of a signature, and faults signed requests.
_NO_CI_FLAGS = OID.from_int_seq("1.2.752.43.13.29")

_Outcome = bytes | AuthenticationFailed


@attrs.frozen(kw_only=True)
class KerberosAccount:
    """
    Who an initiator logs on as: by the keys of a keytab, or by tickets that others keep fresh.

    :ivar principal: ``tapiproxy@DOM.EXAMPLE``; may be empty where *ccache* has only one.
    :ivar keytab: the path of a keytab with its key, empty to use *ccache*.
    :ivar ccache: a credential cache as Kerberos names it, such as ``FILE:/run/tapiproxy.ccache``;
        empty for that of the user.
    :ivar turn: held by the thread that uses its tickets: where one fetches new ones, another would
        find none for a moment.
    """

    principal: str
    keytab: str = ""
    ccache: str = ""
    turn: Lock = attrs.field(factory=Lock, init=False, eq=False, repr=False)

    @property
    def realm(self) -> str:
        """The principal's; empty if it says none."""
        return self.principal.rpartition("@")[2] if "@" in self.principal else ""

    def credentials(self) -> raw.Creds:
        """
        What to log on with; may talk to a KDC, and keeps what it is given in this process.

        :raises GSSError: there is none to be had.
        """
        name = _principal(self.principal) if self.principal else None
        # Octets, which python-gssapi hands to the library as they are: what it makes of text is
        # gone as soon as another thread runs, and the library reads on.
        store: dict[bytes | str, bytes | str] = {}
        if self.ccache:
            store = {b"ccache": self.ccache.encode()}
        if self.keytab:
            keytab = f"FILE:{self.keytab}".encode()
            # Asked for its own sake: without its key the library says that there are no tickets.
            raw.acquire_cred_from({b"keytab": keytab}, name, mechs=[MECHANISM], usage="accept")
            # Tickets of its own, which are fetched again when they have expired and not before.
            store = {
                b"client_keytab": keytab,
                b"ccache": f"MEMORY:tapiproxy {self.principal} {self.keytab}".encode(),
            }
        return raw.acquire_cred_from(store, name, mechs=[MECHANISM], usage="initiate").creds


@implementer(IMechanism)
class KerberosInitiator(KerberosContext):
    """
    One logon.

    :param account: who this is.
    :param call: calls a function outside of the reactor's thread and hands on what it returns, as
        :meth:`tapiproxy.dcerpc.kdcthreads.KDCThreads.call` does.
    :param targetName: the service principal name of the server, such as ``host/pc.dom.example``; of
        the account's realm unless it says one.
    :ivar principal: the server, which has proven that it has the service's key.
    """

    __slots__ = ("_account", "_begun", "_call", "_credentials", "_pending", "_target")

    authType = RPC_C_AUTHN_GSS_KERBEROS

    def __init__(
        self,
        account: KerberosAccount,
        call: Callable[[Callable[[], _Outcome], Callable[[_Outcome], object]], object],
        authLevel: int,
        targetName: str,
        *,
        permitUnsignedHeaders: bool = False,
    ) -> None:
        super().__init__(authLevel, permitUnsignedHeaders=permitUnsignedHeaders)
        self._account = account
        self._call = call
        self._begun = False
        realm = account.realm
        self._target = targetName if "@" in targetName or not realm else f"{targetName}@{realm}"
        self._credentials: raw.Creds | None = None
        self._pending: raw.SecurityContext | None = None

    def step(self, token: bytes, done: Callable[[_Outcome], None]) -> None:
        """Ask for a ticket and begin, or answer the server."""
        if not self._begun:
            self._begun = True
            self._call(self._begin, done)
            return
        pending, self._pending = self._pending, None
        if pending is None:
            done(refused("one message too many"))
            return
        done(self._goOn(pending, token))

    def _begin(self) -> _Outcome:
        """The first leg, in a thread."""
        try:
            with self._account.turn:
                self._credentials = self._account.credentials()
                raw.set_cred_option(_NO_CI_FLAGS, self._credentials)
                result = raw.init_sec_context(
                    _principal(self._target),
                    self._credentials,
                    mech=MECHANISM,
                    flags=requiredFlags(self.authLevel)
                    | RequirementFlag.mutual_authentication
                    | RequirementFlag.dce_style,
                )
        except GSSError as error:
            return refused(f"no ticket for {self._target}: {reason(error)}")
        self._pending = result.context
        return result.token or b""

    def _goOn(self, context: raw.SecurityContext, token: bytes) -> _Outcome:
        """The last leg: the server's proof is there, and nobody else is asked."""
        try:
            result = raw.init_sec_context(
                _principal(self._target),
                self._credentials,
                context,
                MECHANISM,
                input_token=token,
            )
            if result.more_steps or not result.token:
                return refused("the server does not keep to DCE style")
            self._establish(result.context, int(result.flags))
        except GSSError as error:
            return refused(reason(error))
        except Unprotected as error:
            return refused(str(error))
        self.principal = self._target
        self.complete = True
        last: bytes = result.token
        return last


def _principal(written: str) -> raw.Name:
    """
    A name as Kerberos writes it, which no DNS is asked to complete.

    :raises GSSError: it is none.
    """
    return raw.import_name(written.encode(), raw.NameType.kerberos_principal)
