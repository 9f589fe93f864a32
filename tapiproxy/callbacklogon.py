"""
Who the server is to its clients: the account of ``[callback]``, and its logons.

Importing it needs the extra ``auth``, so that only a server that logs on does.
"""

import socket
from functools import partial

from tapiproxy.accountnames import accountName
from tapiproxy.config import CallbackTable
from tapiproxy.dcerpc.initiators import Initiators
from tapiproxy.dcerpc.ntlminitiator import NTLMAccount, NTLMInitiator
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnegotokens import NTLMSSP
from tapiproxy.passwordfile import readNTHash

__all__ = ["CallbackLogon"]


class CallbackLogon:
    """
    The logons of the server to its clients.

    :param table: the configuration's.
    :param machineID: by which the server's own acceptors know what is its own.
    :ivar path: the password file.
    :raises tapiproxy.privatefile.PrivateFileError: the password file cannot be used.
    """

    def __init__(self, table: CallbackTable, machineID: bytes) -> None:
        self.path = table.passwordFile
        self._table = table
        self._machineID = machineID
        self._initiators = self.reread()

    def newContext(self, host: str) -> ISecurityContext:
        """
        Begin a logon.

        :param host: the client's address.
        """
        return self._initiators.newContext(host)

    def reread(self) -> Initiators:
        """
        What the password file says now, for `takeOver`.

        :raises tapiproxy.privatefile.PrivateFileError: it cannot be used.
        """
        table = self._table
        account = NTLMAccount.written(
            table.user,
            readNTHash(table.passwordFile, accountName(table.user)),
            workstation=socket.gethostname().partition(".")[0].upper(),
            machineID=self._machineID,
        )
        return Initiators(
            mechanisms={NTLMSSP: partial(NTLMInitiator, account)},
            authType=table.authType,
            authLevel=table.level,
        )

    def takeOver(self, initiators: Initiators) -> None:
        """Let logons from now on use this password."""
        self._initiators = initiators
