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
    """A running server, and how the load generator is to speak to it."""

    name: str
    mode: str
    port: int
    pid: int

    def residentMemory(self) -> int:
        """Resident memory now, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"{self.name} has ended")


def tapiproxy(core: int, directory: Path, handler: str) -> AbstractContextManager[Server]:
    """tapiproxy as twistd starts it: its embedded default, with another handler."""
    port = freePort()
    command = [
        str(Path(sys.executable).with_name("twistd")),
        "--nodaemon",
        "--pidfile=",
        "tapiproxy",
        "--listen",
        f"tcp:{port}:interface=127.0.0.1",
        "--handler",
        handler,
        "--data",
        str(directory / "data"),
    ]
    return running("tapiproxy", "tapsrv", command, port, core, directory)


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
    name: str, mode: str, command: list[str], port: int, core: int, directory: Path
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
        yield Server(name=name, mode=mode, port=port, pid=process.pid)
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
