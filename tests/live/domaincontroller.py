"""
Samba as the domain controller of a domain of its own, on an address of loopback.

All its files lie in its directory; what it starts ends with it.
"""

import contextlib
import os
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.live import contained
from tests.live.contained import Contained
from tests.live.environment import changed

DOMAIN = "CORP"
REALM = "CORP.EXAMPLE"

#: Everybody's password.
PASSWORD = "Passw0rd!"

#: Groups with their members: a global one, one of the domain alone, and one of a group.
GROUPS = {"Sales": ("alice", "carol"), "Helpdesk": ("alice",), "Company": ("Sales",)}

#: Whose keys the server has; tickets for the second have no PAC.
SERVICE = "host/localhost"
PLAIN_SERVICE = "plain/localhost"

#: Seconds that a program of it may take, and that it may take to serve.
DEADLINE = 60.0

#: Debian's packages of the programs.
_PROGRAMS = {
    "samba": "samba",
    "samba-tool": "samba",
    # It is asked whom smbd may let in.
    "winbindd": "winbind",
    "kinit": "krb5-user",
}

#: What some packages have that is no program, as glob patterns.
_FILES = {
    "/usr/share/samba/setup/provision.ldif": "samba-ad-provision",
    "/usr/lib/*/samba/ldb/samba_dsdb.so": "samba-dsdb-modules",
}

_CONFIGURATION = """\
[global]
    netbios name = CONTROLLER
    workgroup = {domain}
    realm = {realm}
    server role = active directory domain controller
    server services = rpc, ldap, cldap, kdc, dns, s3fs, winbindd
    interfaces = {address}/8
    bind interfaces only = yes
    tls enabled = no
    dns forwarder =
    private dir = {directory}/private
    state directory = {directory}/state
    cache directory = {directory}/cache
    lock directory = {directory}
    log file = {directory}/log.samba
"""

_KERBEROS = """\
[libdefaults]
    default_realm = {realm}
    dns_lookup_realm = false
    dns_lookup_kdc = false
    dns_canonicalize_hostname = false
    rdns = false

[realms]
    {realm} = {{
        kdc = {address}
    }}

[domain_realm]
    localhost = {realm}
    .{dnsName} = {realm}
"""

#: For the Python that has Samba's modules.  AES alone: it is for the service's keytab, too.
_ACCOUNTS = """\
import sys
import ldb
from samba import dsdb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

configuration, password, service, plainService, *groups = sys.argv[1:]
lp = LoadParm(configuration)
sam = SamDB(lp=lp, session_info=system_session())
for name in ("alice", "bob", "carol", "mallory", "server", "plain"):
    sam.newuser(name, password)
sam.disable_account("(sAMAccountName=carol)")
types = {"Helpdesk": dsdb.GTYPE_SECURITY_DOMAIN_LOCAL_GROUP}
for name, members in (group.split("=") for group in groups):
    sam.newgroup(name, grouptype=types.get(name))
    sam.add_remove_group_members(name, members.split(","))
# Somebody whom the domain knows by another name as well.
(account,) = sam.search(expression="(sAMAccountName=mallory)")
principalName = str(account["userPrincipalName"]).replace("mallory", "boss")
changes = ldb.Message(account.dn)
changes["name"] = ldb.MessageElement(principalName, ldb.FLAG_MOD_REPLACE, "userPrincipalName")
sam.modify(changes)
for name, principal, flags in (
    ("server", service, dsdb.UF_NORMAL_ACCOUNT),
    ("plain", plainService, dsdb.UF_NORMAL_ACCOUNT | dsdb.UF_NO_AUTH_DATA_REQUIRED),
):
    (account,) = sam.search(expression=f"(sAMAccountName={name})")
    changes = ldb.Message(account.dn)
    for key, value in (
        ("servicePrincipalName", principal),
        ("msDS-SupportedEncryptionTypes", "24"),
        ("userAccountControl", str(flags)),
    ):
        changes[key] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, key)
    sam.modify(changes)
"""


def missing(programs: Mapping[str, str] = _PROGRAMS) -> str | None:
    """
    Why there can be no domain here; None if there can.

    :param programs: those that are needed, with Debian's packages that have them.
    """
    reason = contained.missing()
    if reason is not None:
        return f"no domain: {reason}"
    lacking = {package for name, package in programs.items() if not contained.which(name)}
    for pattern, package in _FILES.items():
        if not list(Path("/").glob(pattern[1:])):
            lacking.add(package)
    return f"no domain: Debian's {', '.join(sorted(lacking))} missing" if lacking else None


class DomainController:
    """
    One domain with one controller.

    :param directory: where all of it lies; short, since the names of sockets are.
    :ivar address: where its servers are, with the ports that they always have.
    :ivar environment: what programs need to use its realm, beside what they have.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.address = freeAddress()
        self.configFile = directory / "smb.conf"
        self.environment = {
            "KRB5_CONFIG": str(directory / "krb5.conf"),
            "KRB5CCNAME": f"FILE:{directory / 'nobody.ccache'}",
            "KRB5_KTNAME": f"FILE:{directory / 'nothing.keytab'}",
            "KRB5RCACHEDIR": str(directory),
        }
        self._samba = Contained(directory)

    def start(self) -> "DomainController":
        """Make the domain and its accounts, and wait until it serves."""
        words = {
            "domain": DOMAIN,
            "realm": REALM,
            "dnsName": REALM.lower(),
            "address": self.address,
            "directory": self.directory,
        }
        self.run(
            *("samba-tool", "domain", "provision", "--server-role=dc", "--host-name=controller"),
            *(f"--realm={REALM}", f"--domain={DOMAIN}", f"--adminpass={PASSWORD}"),
            *(f"--host-ip={self.address}", f"--targetdir={self.directory}"),
            # It would look for other addresses of this machine and put them into its DNS.
            *("--option=interfaces=127.0.0.1/8", "--option=bind interfaces only=yes"),
        )
        self.configFile.write_text(_CONFIGURATION.format(**words))
        Path(self.environment["KRB5_CONFIG"]).write_text(_KERBEROS.format(**words))
        groups = (f"{name}={','.join(members)}" for name, members in GROUPS.items())
        self.run(
            *("/usr/bin/python3", "-c", _ACCOUNTS),
            *(str(self.configFile), PASSWORD, SERVICE, PLAIN_SERVICE, *groups),
        )
        options = f"--foreground --no-process-group --configfile={self.configFile} --debug-stdout"
        self._samba.start(f"exec samba {options}", self.address)
        deadline = time.monotonic() + DEADLINE
        while not self._serves():
            assert self._samba.running(), self.log
            assert time.monotonic() < deadline, f"it does not serve:\n{self.log}"
            time.sleep(0.1)
        return self

    def _serves(self) -> bool:
        """Whether DNS, Kerberos, RPC, LDAP and SMB are there."""
        try:
            for port in (53, 88, 135, 389, 445):
                socket.create_connection((self.address, port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """End it; nothing happens if it does not run."""
        self._samba.stop()

    @property
    def log(self) -> str:
        """What it has written."""
        file = self.directory / "log.samba"
        return self._samba.log + (file.read_text(errors="replace") if file.exists() else "")

    def keytab(self) -> Path:
        """The keys of both services, in a file for their owner alone."""
        file = self.directory / "server.keytab"
        if not file.exists():
            for service in (SERVICE, PLAIN_SERVICE):
                self.run(
                    *("samba-tool", "domain", "exportkeytab", str(file)),
                    *(f"--principal={service}", f"--configfile={self.configFile}"),
                )
            file.chmod(0o600)
        return file

    def ccache(self, name: str, *services: str, pac: bool = True) -> Path:
        """
        A credential cache of a user.

        :param services: principals that it has tickets for already.
        :param pac: whether to ask for a PAC.
        """
        file = self.directory / f"{name}.ccache"
        ask = "--request-pac" if pac else "--no-request-pac"
        self.run("kinit", ask, "-c", f"FILE:{file}", f"{name}@{REALM}", text=f"{PASSWORD}\n")
        for service in services:
            self.run("kvno", "-q", "-c", f"FILE:{file}", service)
        return file

    @contextlib.contextmanager
    def inUse(self) -> Iterator["DomainController"]:
        """While the block runs, this process uses this realm."""
        with changed(self.environment):
            yield self

    def run(self, *command: str, text: str = "") -> str:
        """
        Run a program in the domain's realm.

        :param text: what it reads.
        :returns: what it has written.
        :raises AssertionError: it failed.
        """
        done = subprocess.run(
            command,
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
            env={**os.environ, **self.environment, "PATH": contained.PATH},
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
        return done.stdout


def freeAddress() -> str:
    """An address of loopback where nobody has the ports that a domain controller wants."""
    while True:
        address = "127." + ".".join(str(random.randint(1, 254)) for _ in range(3))
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for port in (53, 88, 135, 139, 389, 445, 464, 3268):
                probes.enter_context(socket.socket()).bind((address, port))
            return address


@contextlib.contextmanager
def running() -> Iterator[DomainController]:
    """A domain controller while the block runs."""
    # Not below pytest's folders, whose names are too long for a socket's.
    with tempfile.TemporaryDirectory(prefix="dc-") as directory:
        controller = DomainController(Path(directory))
        try:
            yield controller.start()
        finally:
            controller.stop()
