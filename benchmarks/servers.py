"""The programs that are measured, each pinned to a core: tapiproxy and its measures."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path

import attrs

HERE = Path(__file__).resolve().parent

#: Seconds that a server may take until it listens, and until it has ended.
START, STOP = 30.0, 15.0

#: The state "listening" in /proc/net/tcp.
LISTENING = "0A"


@attrs.frozen(kw_only=True)
class Server:
    """
    A running server, and how the load generator is to speak to it.

    :ivar options: what else to tell the load generator.
    """

    name: str
    mode: str
    port: int
    pid: int
    options: tuple[str, ...] = ()

    def residentMemory(self) -> int:
        """Resident memory now, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"{self.name} has ended")


@attrs.frozen(kw_only=True)
class Sealing:
    """
    What of the load is sealed.

    :ivar name: as the tables have it.
    :ivar requests: whether clients log on and seal their requests.
    :ivar callbacks: whether the server does so when it calls them back.
    """

    name: str
    requests: bool
    callbacks: bool

    def configuration(self, port: int, handler: str, directory: Path) -> str:
        """The configuration of a server on that port, whose files are in a directory."""
        level = "privacy" if self.requests else "none"
        text = (
            f'[listeners.load]\nendpoint = "tcp:{port}:interface=127.0.0.1"\n'
            f'minimum_level = "{level}"\n'
            f'[authentication]\nusers_file = "{directory / "users"}"\n'
            f"[handlers.{handler}]\n"
            '[lines.bench]\naddresses = ["1"]\n'
        )
        if self.callbacks:
            text += (
                f'[callback]\nuser = "{CALLER}"\npassword_file = "{directory / "caller"}"\n'
                'mechanism = "ntlm"\n'
            )
        return text


#: The load generator's account and the server's, of one NT hash, which stands in ntlm.h as well.
ACCOUNT, CALLER, NT_HASH = "bench", "server", "79d53f1f564aa978e5a5ffeae2cc12c3"

UNSEALED = Sealing(name="tapiproxy", requests=False, callbacks=False)
SEALED = Sealing(name="tapiproxy, sealed requests", requests=True, callbacks=False)
BOTH_SEALED = Sealing(name="tapiproxy, call-backs sealed too", requests=True, callbacks=True)
SEALINGS = (UNSEALED, SEALED, BOTH_SEALED)


def tapiproxy(
    core: int, directory: Path, handler: str, sealing: Sealing = UNSEALED
) -> AbstractContextManager[Server]:
    """tapiproxy as twistd starts it, with a configuration that differs only in what is sealed."""
    port = freePort()
    for name, account in (("users", ACCOUNT), ("caller", CALLER)):
        (directory / name).touch(mode=0o600)
        (directory / name).write_text(f"user {account}:{NT_HASH}\n")
    configuration = directory / f"site-{port}.toml"
    configuration.write_text(sealing.configuration(port, handler, directory))
    command = [
        str(Path(sys.executable).with_name("twistd")),
        "--nodaemon",
        "--pidfile=",
        "tapiproxy",
        "--config",
        str(configuration),
        "--data",
        str(directory / f"data-{port}"),
    ]
    options = ("--sealed",) * sealing.requests + ("--sealed-callback",) * sealing.callbacks
    return running(sealing.name, "tapsrv", command, port, core, directory, options)


def bare(
    core: int, directory: Path, ack: int, event: int, direct: bool
) -> AbstractContextManager[Server]:
    """Twisted alone, with messages of these sizes (``bare.py``)."""
    port = freePort()
    command = [sys.executable, str(HERE / "bare.py"), "--port", str(port)]
    command += ["--ack", str(ack), "--event", str(event)]
    name = "bare"
    if direct:
        command.append("--direct")
        name = "bare, direct sends"
    return running(name, "bare", command, port, core, directory)


def impacket(core: int, directory: Path) -> AbstractContextManager[Server]:
    """impacket's DCERPCServer (``echo.py``)."""
    port = freePort()
    command = [sys.executable, str(HERE / "echo.py"), str(port)]
    return running("impacket echo", "echo", command, port, core, directory)


def impacketInstalled() -> bool:
    """Whether impacket can be measured beside."""
    return find_spec("impacket") is not None


@contextmanager
def running(
    name: str,
    mode: str,
    command: list[str],
    port: int,
    core: int,
    directory: Path,
    options: tuple[str, ...] = (),
) -> Iterator[Server]:
    """
    Start a command and wait until it listens; stop it at the end.

    :raises RuntimeError: it ended, or did not listen within `START`; with what it printed.
    """
    log = directory / f"{name.replace(' ', '-')}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    os.sched_setaffinity(process.pid, {core})
    try:
        limit = time.monotonic() + START
        while not listens(port):
            if process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"{name} does not listen; it said:\n{log.read_text()}")
            time.sleep(0.1)
        yield Server(name=name, mode=mode, port=port, pid=process.pid, options=options)
    finally:
        process.terminate()
        try:
            process.wait(STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listens(port: int) -> bool:
    """Whether a socket listens on the port; asked of the kernel, so that no server is called."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, _, state = line.split()[1:4]
        if local.endswith(f":{port:04X}") and state == LISTENING:
            return True
    return False


def freePort() -> int:
    """A TCP port of the loopback interface on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
