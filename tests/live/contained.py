"""
Programs that believe they have the machine to themselves: their /run and their process numbers are
their own, so that nothing of this machine is touched and all of them end with the first.
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

#: Where they are looked for: Debian has many where only root's shell looks.
PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"

#: Debian's packages of what is needed for it.
PROGRAMS = {
    "mount": "mount",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}

#: Seconds until all have ended.
_DEADLINE = 20.0

#: /etc/resolv.conf may be a link into /run.
_PRELUDE = """\
resolver=$(readlink -f /etc/resolv.conf)
mount -t tmpfs -o mode=755 tmpfs /run || exit
mkdir -p /run/samba "$(dirname "$resolver")"
# Where it was in /run, it is not there now.
[ -e "$resolver" ] || touch "$resolver"
mount --bind {resolver} "$resolver" || exit
"""


def missing() -> str | None:
    """Why nothing can be contained here; None if it can."""
    if os.geteuid() != 0:
        return "only root has namespaces"
    lacking = sorted({package for name, package in PROGRAMS.items() if not which(name)})
    if lacking:
        return f"Debian's {', '.join(lacking)} missing"
    if not Path("/etc/resolv.conf").exists():
        return "no /etc/resolv.conf to put another in the place of"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False
    )
    return "no namespaces here" if tried.returncode else None


def which(program: str) -> str | None:
    """The path of a program."""
    return shutil.which(program, path=PATH)


class Contained:
    """
    A program with all that it starts.

    :param directory: for its log, its resolver's configuration and its `program`.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._out = directory / "out"
        self._process: subprocess.Popen | None = None

    def start(self, script: str, nameserver: str = "127.0.0.1") -> None:
        """
        Start it.

        :param script: what a shell does there.
        :param nameserver: the address of the DNS server that it asks.
        """
        resolver = self.directory / "resolv.conf"
        resolver.write_text(f"nameserver {nameserver}\n")
        prelude = _PRELUDE.format(resolver=shlex.quote(str(resolver)))
        with self._out.open("wb") as out:
            self._process = subprocess.Popen(
                [
                    # Should these tests be killed, it is too.
                    *("setpriv", "--pdeathsig", "KILL"),
                    *("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"),
                    *("sh", "-c", prelude + script),
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PATH": PATH},
            )

    def stop(self) -> None:
        """End it with all that it has started; nothing happens if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        # With the first process of a PID namespace all of them end, and only then does unshare.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for each in _children(process.pid):
                os.kill(each, signal.SIGKILL)
        try:
            process.wait(_DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it has written."""
        return self._out.read_text(errors="replace")

    def inside(self, program: str, *arguments: str) -> list[str]:
        """The command that runs a program where its sockets are."""
        (first,) = _children(self._process.pid)
        return [which("nsenter"), f"--target={first}", "--mount", which(program), *arguments]

    def program(self, name: str, *options: str) -> Path:
        """A program as it runs there, to be named in a configuration."""
        file = self.directory / name
        file.write_text(f'#!/bin/sh\nexec {shlex.join(self.inside(name, *options))} "$@"\n')
        file.chmod(0o700)
        return file


def _children(process: int) -> list[int]:
    file = Path(f"/proc/{process}/task/{process}/children")
    return [int(each) for each in file.read_text().split()]
