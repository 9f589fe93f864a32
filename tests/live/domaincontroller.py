"""
Samba as the domain controller of a domain of its own, with its winbind, on an address of loopback.

Nothing of this machine is read or changed: all files lie in its directory, /run is another one for
its processes, which have process numbers of their own as well and so all end with the first.
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

DOMAIN = "CORP"
REALM = "CORP.EXAMPLE"

#: Everybody's password.
PASSWORD = "Passw0rd!"

#: Groups with their members: a global one, one of the domain alone, and one of a group.
GROUPS = {"Sales": ("alice", "carol"), "Helpdesk": ("alice",), "Company": ("Sales",)}

#: Whose keys the server has.
SERVICE = "host/localhost"

#: Seconds that a program of it may take, and that it may take to serve.
DEADLINE = 60.0

#: Debian has samba where only root's shell looks.
_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"

_PROGRAMS = {
    "samba": "samba",
    "samba-tool": "samba",
    "winbindd": "winbind",
    "ntlm_auth": "winbind",
    "wbinfo": "winbind",
    "kinit": "krb5-user",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
}

#: What some packages have that is no program, as glob patterns.
_FILES = {
    "/usr/share/samba/setup/provision.ldif": "samba-ad-provision",
    "/usr/lib/*/samba/ldb/samba_dsdb.so": "samba-dsdb-modules",
}

_CONFIGURATION = """\
[global]
    netbios name = DC
    workgroup = {domain}
    realm = {realm}
    server role = active directory domain controller
    server services = rpc, ldap, cldap, kdc, winbindd
    interfaces = {address}/8
    bind interfaces only = yes
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
"""

#: For the Python that has Samba's modules.  AES alone: it is for the service's keytab, too.
_ACCOUNTS = """\
import sys
import ldb
from samba import dsdb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

configuration, password, service, *groups = sys.argv[1:]
lp = LoadParm(configuration)
sam = SamDB(lp=lp, session_info=system_session())
for name in ("alice", "bob", "carol", "server"):
    sam.newuser(name, password)
sam.disable_account("(sAMAccountName=carol)")
types = {"Helpdesk": dsdb.GTYPE_SECURITY_DOMAIN_LOCAL_GROUP}
for name, members in (group.split("=") for group in groups):
    sam.newgroup(name, grouptype=types.get(name))
    sam.add_remove_group_members(name, members.split(","))
(server,) = sam.search(expression="(sAMAccountName=server)")
changes = ldb.Message(server.dn)
for name, value in (("servicePrincipalName", service), ("msDS-SupportedEncryptionTypes", "24")):
    changes[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
sam.modify(changes)
"""


def missing() -> str | None:
    """Why there can be no domain controller here; None if there can."""
    if os.geteuid() != 0:
        return "a domain controller has to be started by root"
    lacking = {package for name, package in _PROGRAMS.items() if not shutil.which(name, path=_PATH)}
    for pattern, package in _FILES.items():
        if not list(Path("/").glob(pattern[1:])):
            lacking.add(package)
    if lacking:
        return f"no domain controller: Debian's {', '.join(sorted(lacking))} missing"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False
    )
    if tried.returncode:
        return "no domain controller: no namespaces of its own here"
    return None


class DomainController:
    """
    One domain with one controller.

    :param directory: where all of it lies; short, since the names of sockets are.
    :ivar address: where its servers are, with the ports that they always have.
    :ivar sid: the domain's.
    :ivar environment: what programs need to use its realm, beside what they have.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.address = _freeAddress()
        self.sid = ""
        self.configFile = directory / "smb.conf"
        self.environment = {
            "KRB5_CONFIG": str(directory / "krb5.conf"),
            "KRB5CCNAME": f"FILE:{directory / 'nobody.ccache'}",
            "KRB5_KTNAME": f"FILE:{directory / 'nothing.keytab'}",
            "KRB5RCACHEDIR": str(directory),
        }
        self._process: subprocess.Popen | None = None

    def start(self) -> "DomainController":
        """Make the domain and its accounts, and wait until it serves."""
        words = {
            "domain": DOMAIN,
            "realm": REALM,
            "address": self.address,
            "directory": self.directory,
        }
        self._run(
            "samba-tool",
            "domain",
            "provision",
            f"--realm={REALM}",
            f"--domain={DOMAIN}",
            "--host-name=dc",
            f"--host-ip={self.address}",
            "--server-role=dc",
            "--dns-backend=NONE",
            f"--adminpass={PASSWORD}",
            f"--targetdir={self.directory}",
        )
        self.configFile.write_text(_CONFIGURATION.format(**words))
        Path(self.environment["KRB5_CONFIG"]).write_text(_KERBEROS.format(**words))
        groups = (f"{name}={','.join(members)}" for name, members in GROUPS.items())
        self._run(
            *("/usr/bin/python3", "-c", _ACCOUNTS),
            *(str(self.configFile), PASSWORD, SERVICE, *groups),
        )
        prelude = "mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/samba && exec "
        samba = f"samba --foreground --no-process-group --configfile={self.configFile}"
        with (self.directory / "samba.out").open("wb") as out:
            self._process = subprocess.Popen(
                [
                    # Should these tests be killed, it is too.
                    *("setpriv", "--pdeathsig", "KILL"),
                    *("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"),
                    *("sh", "-c", f"{prelude} {samba} --debug-stdout"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PATH": _PATH},
            )
        self._waitUntilItServes()
        self.sid = self.sidOf("Domain Users").rpartition("-")[0]
        return self

    def _waitUntilItServes(self) -> None:
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log
            with contextlib.suppress(OSError, AssertionError):
                socket.create_connection((self.address, 88), timeout=1).close()
                self._run(*self.inside("wbinfo", "--ping-dc"))
                return
            time.sleep(0.1)
        raise AssertionError(f"the domain controller does not serve:\n{self.log}")

    def stop(self) -> None:
        """End it with all its children; nothing happens if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        # With the first process of a PID namespace all of them end, and only then does unshare.
        for each in _children(process.pid):
            os.kill(each, signal.SIGKILL)
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def log(self) -> str:
        """What it has written."""
        files = (self.directory / "samba.out", self.directory / "log.samba")
        return "".join(each.read_text(errors="replace") for each in files if each.exists())

    def inside(self, program: str, *arguments: str) -> list[str]:
        """The command that runs a program where winbind's sockets are."""
        (first,) = _children(self._process.pid)
        path = shutil.which(program, path=_PATH)
        return [shutil.which("nsenter"), f"--target={first}", "--mount", path, *arguments]

    def program(self, name: str, *options: str) -> Path:
        """A program of winbind's as one that can be named in a configuration."""
        file = self.directory / name
        file.write_text(f'#!/bin/sh\nexec {" ".join(self.inside(name, *options))} "$@"\n')
        file.chmod(0o700)
        return file

    def ntlmAuth(self) -> Path:
        """Winbind's ntlm_auth."""
        return self.program("ntlm_auth", f"--configfile={self.configFile}")

    def wbinfo(self) -> Path:
        """Winbind's wbinfo."""
        return self.program("wbinfo")

    def sidOf(self, name: str) -> str:
        """The SID of an account or group of the domain."""
        return self._run(*self.inside("wbinfo", "--name-to-sid", f"{DOMAIN}\\{name}")).split()[0]

    def keytab(self) -> Path:
        """The keys of `SERVICE`, in a file for their owner alone."""
        file = self.directory / "server.keytab"
        if not file.exists():
            self._run(
                *("samba-tool", "domain", "exportkeytab", str(file)),
                *(f"--principal={SERVICE}", f"--configfile={self.configFile}"),
            )
            file.chmod(0o600)
        return file

    def ccache(self, name: str, *services: str) -> Path:
        """
        A credential cache of a user.

        :param services: principals that it has tickets for already.
        """
        file = self.directory / f"{name}.ccache"
        self._run("kinit", "-c", f"FILE:{file}", f"{name}@{REALM}", text=f"{PASSWORD}\n")
        for service in services:
            self._run("kvno", "-q", "-c", f"FILE:{file}", service)
        return file

    @contextlib.contextmanager
    def inUse(self) -> Iterator["DomainController"]:
        """While the block runs, this process uses this realm."""
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            yield self
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def _run(self, *command: str, text: str = "") -> str:
        done = subprocess.run(
            command,
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
            env={**os.environ, **self.environment, "PATH": _PATH},
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
        return done.stdout


def _freeAddress() -> str:
    """An address of loopback where nobody has the ports that a domain controller wants."""
    while True:
        address = "127." + ".".join(str(random.randint(1, 254)) for _ in range(3))
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for port in (88, 135, 389, 464, 636, 3268, 3269):
                probes.enter_context(socket.socket()).bind((address, port))
            return address


def _children(process: int) -> list[int]:
    file = Path(f"/proc/{process}/task/{process}/children")
    return [int(each) for each in file.read_text().split()]


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
