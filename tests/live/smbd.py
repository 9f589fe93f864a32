"""
Samba's smbd on loopback: an SMB server with users of its own, whose pipes are served by others,
and its RPC server if that is wanted.

Nothing outside its directory is read or written, its users are no users of this machine
(nss_wrapper invents them), and its processes end with it.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.ports import freePort

smbconnection = pytest.importorskip("impacket.smbconnection", reason="impacket is not installed")

#: Its NetBIOS name, which is the domain of its users: TAPISRV\\alice.
DOMAIN = "TAPISRV"

#: Who there is, and everybody's password.
USERS = ("alice", "bob")
PASSWORD = "Passw0rd!"

#: Seconds that a program of it may take.
DEADLINE = 20.0

#: Debian has smbd where only root's shell looks, and the RPC servers where nobody does.
_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin:/usr/libexec/samba"

_CONFIGURATION = """\
[global]
    workgroup = TAPITEST
    netbios name = {domain}
    server role = standalone server
    smb ports = {ports}
    interfaces = 127.0.0.1/8
    bind interfaces only = yes
    disable netbios = yes
    private dir = {directory}/private
    lock directory = {directory}/lock
    state directory = {directory}/state
    cache directory = {directory}/cache
    pid directory = {directory}/pid
    ncalrpc dir = {directory}/ncalrpc
    passdb backend = tdbsam:{directory}/private/passdb.tdb
    log file = {directory}/log.smbd
    logging = file
    max log size = 0
    load printers = no
    printing = bsd
    printcap name = /dev/null
    disable spoolss = yes
    rpc start on demand helpers = no
    rpc server dynamic port range = {rpcPort}-{rpcPort}
"""


#: What an administrator is told to set, so that nobody comes without a password.
RESTRICTED = ("restrict anonymous = 2", "map to guest = never")


def missing() -> str | None:
    """Why there can be no smbd here; None if there can."""
    if os.geteuid() != 0:
        return "smbd has to be started by root"
    programs = ("smbd", "pdbedit", "samba-dcerpcd", "rpcd_lsad")
    lacking = [name for name in programs if shutil.which(name, path=_PATH) is None]
    if lacking:
        return f"{', '.join(lacking)} missing: Debian's package samba"
    if not _wrapper():
        return "nss_wrapper, which invents its users, is missing: Debian's package libnss-wrapper"
    return None


def _wrapper() -> str:
    """Where nss_wrapper is; empty if it is nowhere."""
    return next((str(each) for each in Path("/usr/lib").glob("*/libnss_wrapper.so")), "")


class Smbd:
    """
    One smbd.

    :param directory: where all of it lies; short, since the names of sockets are.
    :param settings: further lines of ``[global]``.
    :param morePorts: further TCP ports on loopback, for clients that know one.
    :ivar port: its TCP port on loopback.
    :ivar rpcPort: the TCP port of `serveRPC`.
    """

    def __init__(
        self,
        directory: Path,
        settings: tuple[str, ...] = RESTRICTED,
        morePorts: tuple[int, ...] = (),
    ) -> None:
        self.directory = directory
        self.port = freePort()
        self.rpcPort = freePort()
        self.configFile = directory / "smb.conf"
        self._settings = settings
        self._ports = (self.port, *morePorts)
        self._processes: list[subprocess.Popen] = []
        self._environment = {
            "LD_PRELOAD": _wrapper(),
            "NSS_WRAPPER_PASSWD": str(directory / "passwd"),
            "NSS_WRAPPER_GROUP": str(directory / "group"),
        }

    def pipe(self, name: str = "tapsrv") -> Path:
        """Where the server of a pipe has to listen."""
        return self.directory / "ncalrpc" / "np" / name

    def start(self) -> "Smbd":
        """Make its users, and wait until it listens."""
        for name in ("private", "lock", "state", "cache", "pid", "ncalrpc"):
            (self.directory / name).mkdir()
        # Both before smbd has made them, since some servers start before it does.
        self.pipe().parent.mkdir(mode=0o700)
        self.configFile.write_text(
            self._configuration() + "".join(f"    {line}\n" for line in self._settings)
        )
        users = {"root": 0, "nobody": 65534, **self._users()}
        for file, shape in (("passwd", "{0}:x:{1}:{1}::/:/bin/false\n"), ("group", "{0}:x:{1}:\n")):
            text = "".join(shape.format(*user) for user in users.items())
            (self.directory / file).write_text(text)
        self._setPasswords()
        self._serve(self.port, "smbd")
        return self

    def serveRPC(self) -> None:
        """Let Samba's own server of samr and lsarpc listen at *rpcPort*, and at its pipes."""
        # Named alone, so that there is no endpoint mapper, which knows no port but 135.
        self._serve(self.rpcPort, "samba-dcerpcd", shutil.which("rpcd_lsad", path=_PATH))

    def stop(self) -> None:
        """End all with all their children; nothing happens if none runs."""
        processes, self._processes = self._processes, []
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(DEADLINE)
            # Whatever is left: a child that waits for the server of a pipe hears no SIGTERM.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _serve(self, port: int, program: str, *arguments: str) -> None:
        """Start a server, and wait until it listens."""
        with (self.directory / f"{program}.out").open("wb") as out:
            process = subprocess.Popen(
                self._command(
                    program,
                    "--foreground",
                    "--no-process-group",
                    f"--configfile={self.configFile}",
                    *arguments,
                ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment},
                # A group of their own for it and for its children, to end them by.
                start_new_session=True,
            )
        self._processes.append(process)
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            assert process.poll() is None, self.log
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", port), timeout=1),
            ):
                return
            time.sleep(0.02)
        raise AssertionError(f"{program} does not listen:\n{self.log}")

    def open(self, pipe: str, user: str, password: str = PASSWORD) -> str:
        """
        What happens to a user who opens a pipe, by SMB 3.1.1 and impacket.

        :returns: the name of the status; empty if it can be opened, and then it is closed again.
        """
        session = smbconnection.SMBConnection(
            "localhost", "127.0.0.1", sess_port=self.port, timeout=DEADLINE
        )
        try:
            session.login(user, password)
            session.openFile(session.connectTree("IPC$"), f"\\{pipe}")
        except smbconnection.SessionError as error:
            return error.getErrorString()[0]
        finally:
            session.close()
        return ""

    @property
    def log(self) -> str:
        """What it has written."""
        files = [*self.directory.glob("*.out"), *self.directory.glob("log.*")]
        return "".join(each.read_text(errors="replace") for each in files)

    # What a member of a domain does otherwise.

    def _configuration(self) -> str:
        return _CONFIGURATION.format(
            domain=DOMAIN,
            ports=" ".join(map(str, self._ports)),
            rpcPort=self.rpcPort,
            directory=self.directory,
        )

    def _users(self) -> dict[str, int]:
        """Unix users by name: each user of smbd's needs one."""
        return {name: 70001 + index for index, name in enumerate(USERS)}

    def _setPasswords(self) -> None:
        for name in USERS:
            done = subprocess.run(
                self._command("pdbedit", f"--configfile={self.configFile}", "-a", "-t", "-u", name),
                input=f"{PASSWORD}\n{PASSWORD}\n",
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=DEADLINE,
                env={**os.environ, **self._environment},
                check=False,
            )
            assert done.returncode == 0, f"pdbedit {name}: {done.stdout}"

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [shutil.which(program, path=_PATH), *arguments]


@contextlib.contextmanager
def running(
    settings: tuple[str, ...] = RESTRICTED, morePorts: tuple[int, ...] = ()
) -> Iterator[Smbd]:
    """
    An smbd while the block runs.

    :param settings: as for `Smbd`.
    :param morePorts: as for `Smbd`.
    """
    # Not below pytest's folders, whose names are too long for a socket's.
    with tempfile.TemporaryDirectory(prefix="smbd-") as directory:
        smbd = Smbd(Path(directory), settings, morePorts)
        try:
            yield smbd.start()
        finally:
            smbd.stop()
