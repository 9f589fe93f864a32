"""
A machine of Samba's domain, by Debian's winbind: as the one that a server of a site runs on.

All its files lie in its directory; what it starts ends with it.
"""

import contextlib
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.live import domaincontroller
from tests.live.contained import Contained
from tests.live.domaincontroller import (
    DEADLINE,
    DOMAIN,
    GROUPS,
    PASSWORD,
    REALM,
    DomainController,
)

#: Debian's packages of the programs.
_PROGRAMS = {
    "net": "samba-common-bin",
    "ntlm_auth": "winbind",
    "wbinfo": "winbind",
    "winbindd": "winbind",
}

_CONFIGURATION = """\
[global]
    netbios name = {name}
    workgroup = {domain}
    realm = {realm}
    security = ads
    interfaces = {address}/8
    bind interfaces only = yes
    disable netbios = yes
    idmap config * : backend = tdb
    idmap config * : range = 10000-20000
    private dir = {directory}/private
    state directory = {directory}/state
    cache directory = {directory}/cache
    lock directory = {directory}
    pid directory = {directory}
    log file = {directory}/log.winbindd
"""

#: A line for everybody, one for a user by his name, and others by SIDs.
_LINES = """
[lines.everybody]
addresses = ["1000"]

[lines.alice]
addresses = ["1001"]
users = ['{domain}\\alice']
"""
_LINE = """
[lines.{name}]
addresses = ["{address}"]
groups = ["{sid}"]
"""


def missing() -> str | None:
    """Why there can be none here; None if there can."""
    return domaincontroller.missing() or domaincontroller.missing(_PROGRAMS)


class DomainMember:
    """
    One member.

    :param directory: where all of it lies; short, since the names of sockets are.
    :ivar configFile: its smb.conf.
    """

    def __init__(self, controller: DomainController, directory: Path) -> None:
        self._controller = controller
        self.directory = directory
        self.configFile = directory / "smb.conf"
        self._winbind = Contained(directory)

    def start(self) -> "DomainMember":
        """Join the domain, and wait until winbind answers."""
        for name in ("private", "state", "cache"):
            (self.directory / name).mkdir()
        self.configFile.write_text(
            _CONFIGURATION.format(
                # The controller takes NTLMv2 responses for this machine's challenges alone.
                name=socket.gethostname().partition(".")[0].upper()[:15],
                domain=DOMAIN,
                realm=REALM,
                address=domaincontroller.freeAddress(),
                directory=self.directory,
            )
        )
        option = f"--configfile={self.configFile}"
        krb5 = self._controller.environment["KRB5_CONFIG"]
        self._winbind.start(
            f"export KRB5_CONFIG={krb5}\n"
            # It listens before it can do all that it is asked for.
            f"until net ads join {option} --no-dns-updates -U 'Administrator%{PASSWORD}'\n"
            "do sleep 0.5; done\n"
            f"exec winbindd --foreground --no-process-group {option} --debug-stdout",
            self._controller.address,
        )
        deadline = time.monotonic() + DEADLINE
        while not self._answers():
            assert self._winbind.running(), self._winbind.log
            assert time.monotonic() < deadline, f"it does not answer:\n{self._winbind.log}"
            time.sleep(0.1)
        return self

    def _answers(self) -> bool:
        try:
            self._wbinfo("--ping-dc")
        except (AssertionError, ValueError):
            # Its first process is not there yet, or not yet winbindd.
            return False
        return True

    def stop(self) -> None:
        """End it; nothing happens if it does not run."""
        self._winbind.stop()

    def ntlmAuth(self) -> Path:
        """Winbind's ntlm_auth."""
        return self._winbind.program("ntlm_auth", f"--configfile={self.configFile}")

    def wbinfo(self) -> Path:
        """Winbind's wbinfo."""
        return self._winbind.program("wbinfo")

    def inside(self, program: str, *arguments: str) -> list[str]:
        """The command that runs a program where winbind is to be found."""
        return self._winbind.inside(program, *arguments)

    def unixUser(self, name: str) -> int:
        """The Unix user that winbind makes of an account of the domain."""
        return int(self._wbinfo("--sid-to-uid", self.sidOf(name)))

    def sidOf(self, name: str) -> str:
        """The SID of an account or group of the domain."""
        return self._wbinfo("--name-to-sid", f"{DOMAIN}\\{name}").split()[0]

    def lines(self) -> str:
        """Tables of a configuration: `_LINES`, then a line for each of `GROUPS` and for bob."""
        lines = _LINES.format(domain=DOMAIN)
        for address, name in enumerate([*GROUPS, "bob"], 1002):
            lines += _LINE.format(name=name.lower(), address=address, sid=self.sidOf(name))
        return lines

    def _wbinfo(self, *arguments: str) -> str:
        return self._controller.run(*self.inside("wbinfo", *arguments))


@contextlib.contextmanager
def running(controller: DomainController) -> Iterator[DomainMember]:
    """A member while the block runs."""
    with tempfile.TemporaryDirectory(prefix="dm-") as directory:
        member = DomainMember(controller, Path(directory))
        try:
            yield member.start()
        finally:
            member.stop()
