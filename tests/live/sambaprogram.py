"""
Samba's client of tapsrv, for ``/usr/bin/python3``, to which Debian's python3-samba belongs.

It reads a JSON list from each line of stdin, and answers with one on stdout::

    ["connect", BINDING, USER, DOMAIN, PASSWORD, KERBEROS]    ["ok"]
    ["request", OPNUM, STUB]                                  ["ok", STUB]
    ["disconnect"]                                            ["ok"]
    ["listening", BINDING, USER, DOMAIN, PASSWORD, KERBEROS]  ["ok", WHETHER]

or ``["refused", STATUS, TEXT]``; stubs are hexadecimal.  The last one asks the interface mgmt, in
Samba's own NDR.  KERBEROS is "never", "preferred" or "always", with the tickets that KRB5CCNAME
names.  The arguments are options of smb.conf, ``name=value``.
"""

import ctypes
import json
import mmap
import sys
import uuid

from samba import NTSTATUSError, param
from samba.credentials import (
    AUTO_USE_KERBEROS,
    DONT_USE_KERBEROS,
    MUST_USE_KERBEROS,
    Credentials,
)
from samba.dcerpc import echo, mgmt

TAPSRV = uuid.UUID("2F5F6520-CA46-1067-B319-00DD010662DA").bytes_le + b"\1\0\0\0"

STATES = {
    "never": DONT_USE_KERBEROS,
    "preferred": AUTO_USE_KERBEROS,
    "always": MUST_USE_KERBEROS,
}

#: Seconds that it waits for the answer of a request.
PATIENCE = 15

PROT_READ_WRITE = 3


def becomeTapsrv() -> None:
    """
    Let the bindings of one of Samba's interfaces bind to tapsrv.

    Samba 4.17 authenticates for interfaces of its own only: ``base.ClientConnection`` takes any
    UUID, and crashes where it is to log on.  So the table of *rpcecho* is given tapsrv's UUID and
    version, which lie behind its first pointer (``struct ndr_interface_table``).
    """
    table = ctypes.c_char.in_dll(ctypes.CDLL(echo.__file__), "ndr_table_rpcecho")
    place = ctypes.addressof(table) + ctypes.sizeof(ctypes.c_void_p)
    known = uuid.UUID("60a15ec5-4de8-11d7-a637-005056a20182").bytes_le
    assert ctypes.string_at(place, len(known)) == known, "another layout than Samba 4.17 has"
    page = ctypes.c_void_p(place & -mmap.PAGESIZE)
    assert ctypes.CDLL(None).mprotect(page, 2 * mmap.PAGESIZE, PROT_READ_WRITE) == 0
    ctypes.memmove(place, TAPSRV, len(TAPSRV))


def configuration(options: list[str]) -> param.LoadParm:
    lp = param.LoadParm()
    for option in options:
        lp.set(*option.split("=", 1))
    return lp


class Client:
    """One connection at a time."""

    def __init__(self, lp: param.LoadParm) -> None:
        self._lp = lp
        self._connection = None

    def connect(self, binding: str, *logon: str) -> list[str]:
        self._connection = echo.rpcecho(binding, self._lp, self._credentials(*logon))
        self._connection.request_timeout = PATIENCE
        return []

    def request(self, opnum: int, stub: str) -> list[str]:
        return [self._connection.request(opnum, bytes.fromhex(stub)).hex()]

    def disconnect(self) -> list[str]:
        self._connection = None
        return []

    def listening(self, binding: str, *logon: str) -> list[bool]:
        status, listening = mgmt.mgmt(
            binding, self._lp, self._credentials(*logon)
        ).is_server_listening()
        return [bool(listening) and status == 0]

    def _credentials(self, user: str, domain: str, password: str, kerberos: str) -> Credentials:
        credentials = Credentials()
        credentials.guess(self._lp)
        credentials.set_kerberos_state(STATES[kerberos])
        if kerberos != "always":
            credentials.set_username(user)
            credentials.set_domain(domain)
            credentials.set_password(password)
        return credentials


def main() -> None:
    becomeTapsrv()
    client = Client(configuration(sys.argv[1:]))
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        try:
            answer = ["ok", *getattr(client, method)(*arguments)]
        except NTSTATUSError as error:
            answer = ["refused", *error.args]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
