"""One measurement at a time: the load generator against a server; rates, latencies, memory."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import attrs
from servers import HERE, Server

#: Seconds that attaching may take beside the time of the run itself.
PATIENCE = 120.0

#: Seconds after the last attach before the memory is read.
SETTLING = 1.0


@attrs.frozen
class Load:
    """How much at a time: clients, and the requests that each has in flight."""

    clients: int
    window: int = 1

    def __str__(self) -> str:
        return str(self.clients) if self.window == 1 else f"{self.clients}x{self.window}"


@attrs.frozen
class Run:
    """What the load generator found out in one run; units in the names."""

    rate: float
    cpu_us: float
    p50_us: float
    p99_us: float
    max_us: float
    server_busy: float
    load_idle: float
    foreign: float
    events_per_call: float
    request_bytes: int
    ack_bytes: int
    event_bytes: int
    requests: int


@attrs.frozen(kw_only=True)
class Generator:
    """The compiled load generator and how it is used."""

    program: Path
    core: int
    seconds: float
    warmup: float
    generatedIDs: bool

    def start(self, server: Server, load: Load, *more: str) -> "subprocess.Popen[str]":
        """Start the generator against a server."""
        words = [str(self.program), "--mode", server.mode, "--port", str(server.port)]
        words += ["--pid", str(server.pid), "--clients", str(load.clients)]
        words += ["--window", str(load.window), "--seconds", str(self.seconds)]
        words += ["--warmup", str(self.warmup), *server.options, *more]
        if self.generatedIDs:
            words.append("--generated-ids")
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.sched_setaffinity(process.pid, {self.core})
        return process

    def run(self, server: Server, load: Load) -> Run:
        """
        One run.

        :raises RuntimeError: the server did not do what it should; with the generator's words.
        """
        with self.start(server, load) as process:
            found, said = process.communicate(timeout=self.seconds + self.warmup + PATIENCE)
        if process.returncode:
            raise RuntimeError(f"{server.name}, {load}: {said.strip()}")
        return Run(**json.loads(found))

    def residentPerClient(self, server: Server, clients: int) -> float:
        """
        Bytes of resident memory that each of so many attached, idle clients costs.

        :raises RuntimeError: they cannot attach; with the generator's words.
        """
        before = server.residentMemory()
        with self.start(server, Load(clients), "--idle") as process:
            assert process.stdout is not None
            attached = process.stdout.readline().strip() == "attached"
            time.sleep(SETTLING)
            used = server.residentMemory() - before
            said = process.communicate()[1]
        if not attached:
            raise RuntimeError(f"{server.name}, {clients} idle clients: {said.strip()}")
        return used / clients


def compileLoad(directory: Path) -> Path:
    """
    Compile the load generator.

    :raises RuntimeError: there is no C compiler, or it refuses.
    """
    program = directory / "load"
    command = ["cc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(HERE / "load.c"), "-lm"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise RuntimeError("the load generator needs a C compiler (cc)") from None
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"the load generator does not compile:\n{error.stderr}") from None
    return program


def repetition(
    generator: Generator,
    servers: list[Server],
    load: Load,
    foreign: float,
    tries: int,
    say: Callable[[str], None],
) -> list[Run] | None:
    """
    Each server once under the same load, one right after the other.

    A run during which others used more of the machine than allowed is not looked at: all of the
    repetition is discarded and begun anew.

    :param foreign: the CPU time of others, in cores, that a run may show.
    :param tries: how often it is begun before it is given up.
    :returns: the runs in the order of the servers; None if others disturbed each try.
    """
    for _ in range(tries):
        runs = []
        for server in servers:
            run = generator.run(server, load)
            if run.foreign > foreign:
                say(f"{server.name}, {load}: {run.foreign:.2f} cores foreign, discarded")
                time.sleep(1.0)
                break
            runs.append(run)
        else:
            return runs
    return None
