"""
Who the server is to its clients: the account of ``[callback]``, and its logons.

Logons by NTLM need the extra ``auth``, those by Kerberos ``kerberos``; importing it needs neither.
"""

import socket
from collections.abc import Callable
from functools import partial

from tapiproxy.accountnames import accountName
from tapiproxy.config import CallbackTable
from tapiproxy.dcerpc.initiators import Initiators
from tapiproxy.dcerpc.kdcthreads import KDCThreads
from tapiproxy.dcerpc.mechanism import IMechanism
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnegotokens import KERBEROS, NTLMSSP
from tapiproxy.passwordfile import readNTHash

__all__ = ["CallbackLogon"]


class CallbackLogon:
    """
    The logons of the server to its clients.

    :param table: the configuration's.
    :param machineID: by which the server's own acceptors know what is its own.
    :param threads: where a KDC is waited for.
    :ivar files: what is read again for `takeOver`: a password file or a keytab.
    :raises tapiproxy.privatefile.PrivateFileError: one of them cannot be used.
    :raises ModuleNotFoundError: an extra is missing.
    """

    def __init__(self, table: CallbackTable, machineID: bytes, threads: KDCThreads) -> None:
        self.files = tuple(each for each in (table.passwordFile, table.keytab) if each is not None)
        self._table = table
        self._machineID = machineID
        self._threads = threads
        self._initiators = self.reread()

    def newContext(self, host: str, name: str) -> ISecurityContext:
        """
        Begin a logon.

        :param host: the client's address.
        :param name: what the client calls itself, for which Kerberos asks a ticket.
        """
        return self._initiators.newContext(host, name)

    def reread(self) -> Initiators:
        """
        What the files say now, for `takeOver`.

        :raises tapiproxy.privatefile.PrivateFileError: one of them cannot be used.
        """
        table = self._table
        mechanisms: dict[bytes, Callable[[int, str], IMechanism]] = {}
        if table.keytab is not None or table.ccache:
            mechanisms[KERBEROS] = self._kerberos()
        if table.passwordFile is not None:
            ntHash = readNTHash(table.passwordFile, accountName(table.user))
            mechanisms[NTLMSSP] = self._ntlm(ntHash)
        return Initiators(mechanisms=mechanisms, authType=table.authType, authLevel=table.level)

    def takeOver(self, initiators: Initiators) -> None:
        """Let logons from now on be made so."""
        self._initiators = initiators

    def _ntlm(self, ntHash: bytes) -> Callable[[int, str], IMechanism]:
        from tapiproxy.dcerpc.ntlminitiator import NTLMAccount, NTLMInitiator

        account = NTLMAccount.written(
            self._table.user,
            ntHash,
            workstation=socket.gethostname().partition(".")[0].upper(),
            machineID=self._machineID,
        )
        return partial(NTLMInitiator, account)

    def _kerberos(self) -> Callable[[int, str], IMechanism]:
        from tapiproxy.dcerpc.kerberosinitiator import KerberosAccount, KerberosInitiator
        from tapiproxy.kerberosservice import keysOf

        table = self._table
        name, _, realm = table.user.rpartition("@")
        account = KerberosAccount(
            principal=f"{name}@{realm.upper()}",
            keytab="" if table.keytab is None else str(table.keytab),
            ccache=table.ccache,
        )
        if table.keytab is not None:
            # Read at each logon.  What can be known of it without a KDC is known now.
            keysOf(table.keytab, account.principal)
        return partial(KerberosInitiator, account, self._threads.call)
