"""
A Kerberos realm on loopback: MIT's KDC with a database, keytabs and credential caches of its own.

Nothing outside its directory is read or written, and its processes end with it.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.live.environment import changed
from tests.live.ports import freePort

REALM = "DOM.EXAMPLE"

#: Seconds that a program of it may take.
DEADLINE = 20.0

#: Debian has the KDC where only root's shell looks.
_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"

_CONFIGURATION = """\
[libdefaults]
    default_realm = {realm}
    dns_lookup_realm = false
    dns_lookup_kdc = false
    dns_canonicalize_hostname = false
    rdns = false
    {defaults}

[realms]
    {realm} = {{
        kdc = 127.0.0.1:{port}
        database_name = {directory}/principal
        key_stash_file = {directory}/stash
        acl_file = {directory}/acl
        kdc_listen = 127.0.0.1:{port}
        kdc_tcp_listen = 127.0.0.1:{port}
        max_life = 1d
        supported_enctypes = {enctypes}
    }}

[domain_realm]
    localhost = {realm}

[logging]
    kdc = FILE:{directory}/kdc.log
"""


def missing() -> str | None:
    """Why there can be no realm here; None if there can."""
    programs = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit", "kvno")
    lacking = [name for name in programs if shutil.which(name, path=_PATH) is None]
    if lacking:
        return f"{', '.join(lacking)} missing: Debian's krb5-kdc, krb5-admin-server and krb5-user"
    return None


class KDC:
    """
    One realm.

    :param directory: where all of it lies; made if need be.
    :param enctypes: the keys of its principals, as ``supported_enctypes`` has them.
    :param defaults: further lines of ``[libdefaults]``.
    :ivar configFile: its krb5.conf.
    :ivar environment: what programs need to use it, beside what they have.
    """

    def __init__(
        self,
        directory: Path,
        realm: str = REALM,
        enctypes: str = "aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal",
        defaults: str = "",
    ) -> None:
        self.realm = realm
        self.directory = directory
        self.port = freePort()
        self.configFile = directory / "krb5.conf"
        self.environment = {
            "KRB5_CONFIG": str(self.configFile),
            "KRB5_KDC_PROFILE": str(self.configFile),
            "KRB5CCNAME": f"FILE:{directory / 'nobody.ccache'}",
            "KRB5_KTNAME": f"FILE:{directory / 'nothing.keytab'}",
            # The replay cache is the realm's too.
            "KRB5RCACHEDIR": str(directory),
        }
        self._enctypes = enctypes
        self._defaults = defaults
        self._process: subprocess.Popen | None = None
        self._keytabs = 0

    def start(self) -> "KDC":
        """Make the database, and wait until the KDC listens."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.configFile.write_text(
            _CONFIGURATION.format(
                realm=self.realm,
                port=self.port,
                directory=self.directory,
                enctypes=self._enctypes,
                defaults=self._defaults,
            )
        )
        self.run("kdb5_util", "create", "-s", "-r", self.realm, "-P", secrets.token_hex(16))
        with (self.directory / "kdc.out").open("wb") as out:
            self._process = subprocess.Popen(
                [shutil.which("krb5kdc", path=_PATH), "-n", "-r", self.realm],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
            )
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            assert self._process.poll() is None, (self.directory / "kdc.out").read_text()
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=1),
            ):
                return self
            time.sleep(0.02)
        raise AssertionError("the KDC does not listen")

    def stop(self) -> None:
        """End the KDC; nothing happens if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def run(self, *command: str, text: str = "") -> str:
        """
        Run a program of Kerberos in this realm.

        :param text: what it reads.
        :returns: what it has written.
        :raises AssertionError: it failed.
        """
        done = subprocess.run(
            [shutil.which(command[0], path=_PATH), *command[1:]],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
            env={**os.environ, **self.environment},
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
        return done.stdout

    def admin(self, *queries: str) -> str:
        """
        Let ``kadmin.local`` do something.

        :raises AssertionError: it failed; a query that fails is found by what it says.
        """
        said = self.run(
            "kadmin.local", "-r", self.realm, text="".join(each + "\n" for each in queries)
        )
        # Its exit status tells nothing of queries that it reads.
        for line in said.splitlines():
            assert " while " not in line, said
        return said

    def addPrincipal(self, name: str, password: str | None = None, options: str = "") -> None:
        """
        A principal with that password, or with a random key.

        :param options: further ones of kadmin's ``addprinc``.
        """
        key = "-randkey" if password is None else f'-pw "{password}"'
        self.admin(f"addprinc {options} {key} {name}")

    def keytab(self, *names: str) -> Path:
        """The keys of principals in a file for their owner alone; the keys stay what they are."""
        self._keytabs += 1
        file = self.directory / f"{self._keytabs}.keytab"
        self.admin(f"ktadd -norandkey -k {file} {' '.join(names)}")
        file.chmod(0o600)
        return file

    def ccache(self, name: str, *services: str, options: tuple[str, ...] = ()) -> Path:
        """
        A credential cache of a principal.

        :param services: principals that it has tickets for already, as of impacket's clients.
        :param options: further ones of ``kinit``, such as a lifetime.
        """
        keytab = self.keytab(name)
        file = keytab.with_suffix(".ccache")
        cache = f"FILE:{file}"
        self.run("kinit", *options, "-c", cache, "-k", "-t", str(keytab), name)
        for service in services:
            self.run("kvno", "-q", "-c", cache, service)
        return file

    @contextlib.contextmanager
    def inUse(self) -> Iterator["KDC"]:
        """While the block runs, this process uses this realm."""
        with changed(self.environment):
            yield self

    @property
    def log(self) -> str:
        """What the KDC has written."""
        return (self.directory / "kdc.log").read_text(errors="replace")


@contextlib.contextmanager
def realm(directory: Path, **arguments: str) -> Iterator[KDC]:
    """A realm while the block runs, with ``host/localhost`` and ``alice``."""
    kdc = KDC(directory, **arguments)
    try:
        kdc.start()
        kdc.admin("addprinc -randkey host/localhost", "addprinc -randkey alice")
        yield kdc
    finally:
        kdc.stop()
