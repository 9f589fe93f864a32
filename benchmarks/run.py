"""
Measure tapiproxy: proxied requests per second, CPU time, latency and memory, against bare Twisted.

    python benchmarks/run.py [--quick] [--sealing] [--profile] [--json FILE]

Nothing passes or fails by a figure: the exit status says only whether everything worked.  What is
measured, and how to read it, stands in docs/benchmarks.md.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager, ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs
import measure
import report
import sampling
import servers
from measure import Generator, Load, Run
from servers import Server

LOADS = (Load(1), Load(10), Load(100), Load(100, 4))
PROFILED = Load(100)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[1])
    parser.add_argument("--quick", action="store_true", help="seconds, not minutes: does it work?")
    parser.add_argument(
        "--sealing", action="store_true", help="tapiproxy alone: what sealing and logons cost"
    )
    parser.add_argument("--repetitions", type=int, default=3, help="of each load (default 3)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each run (default 1)")
    parser.add_argument(
        "--foreign",
        type=float,
        default=0.05,
        metavar="CORES",
        help="discard runs during which others used more CPU than this (default 0.05)",
    )
    parser.add_argument(
        "--tries", type=int, default=12, help="of each repetition, then it is left out (default 12)"
    )
    parser.add_argument("--handler", default="fixed", help="the handler that answers")
    parser.add_argument("--generated-ids", action="store_true", help="clients send dwRequestID 0")
    parser.add_argument("--clients", type=int, default=2000, help="attached for the memory table")
    parser.add_argument("--profile", action="store_true", help="sample the server with py-spy")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    parser.add_argument("--cores", type=int, nargs=2, default=(0, 1), metavar="N")
    return parser.parse_args()


def machine() -> dict[str, str]:
    """What a reader must know about the machine."""
    processor = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.partition(":")[2].strip()
            break
    packages = ", ".join(f"{name} {version(name)}" for name in ("twisted", "attrs"))
    return {
        "processor": f"{processor}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}, {packages}",
        "descriptors": str(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
    }


def say(text: str) -> None:
    """Progress, apart from the results."""
    print(text, file=sys.stderr, flush=True)


def rates(generator: Generator, options: argparse.Namespace, directory: Path) -> list[report.Row]:
    """Interleaved runs of the baselines and tapiproxy; impacket beside, with its one client."""
    found: list[report.Row] = []
    core = options.cores[0]
    with ExitStack() as started:
        ours = [
            started.enter_context(servers.tapiproxy(core, directory, options.handler, sealing))
            for sealing in servers.SEALINGS
        ]
        bare = [] if options.sealing else bareServers(generator, ours[0], options, directory)
        compared = [*map(started.enter_context, bare), *ours]
        for load in LOADS[:2] if options.quick else LOADS:
            found += compare(generator, compared, load, options)
        if options.sealing:
            return found
        if servers.impacketInstalled():
            theirs = started.enter_context(servers.impacket(core, directory))
            found += compare(generator, [compared[0], theirs], Load(1), options)[1:]
        else:
            say("impacket is not installed: left out")
    return found


def bareServers(
    generator: Generator, ours: Server, options: argparse.Namespace, directory: Path
) -> list[AbstractContextManager[Server]]:
    """The baselines, which move as many bytes as ours."""
    say("first run: sizes")
    sizes = generator.run(ours, Load(1))
    return [
        servers.bare(options.cores[0], directory, sizes.ack_bytes, sizes.event_bytes, direct)
        for direct in (False, True)
    ]


def compare(
    generator: Generator, compared: list[Server], load: Load, options: argparse.Namespace
) -> list[report.Row]:
    """Repetitions of one load; empty if others never let go of the machine."""
    repetitions: list[list[Run]] = []
    for number in range(options.repetitions):
        say(f"{load} clients, repetition {number + 1}: {', '.join(s.name for s in compared)}")
        runs = measure.repetition(generator, compared, load, options.foreign, options.tries, say)
        if runs is None:
            say(f"{load} clients: disturbed by others in all of {options.tries} tries, left out")
        else:
            repetitions.append(runs)
    if not repetitions:
        return []
    return report.rows([server.name for server in compared], load, repetitions)


def memory(generator: Generator, options: argparse.Namespace, directory: Path) -> dict[str, float]:
    """Resident memory per client, of servers that have served nobody before."""
    core = options.cores[0]
    found: dict[str, float] = {}
    starts = [
        servers.tapiproxy(core, directory, options.handler, sealing) for sealing in servers.SEALINGS
    ]
    if not options.sealing:
        starts.append(servers.bare(core, directory, 140, 112, direct=False))
    for start in starts:
        with start as server:
            generator.residentPerClient(server, WARMING)
            say(f"memory: {options.clients} clients, {server.name}")
            found[server.name] = generator.residentPerClient(server, options.clients)
    return found


def inProcess(options: argparse.Namespace) -> dict[str, list[float]]:
    """
    CPU time of requests and logons without sockets, by ``inprocess.py`` on the server's core.

    :raises RuntimeError: it failed; with what it said.
    """
    say("in process: requests and logons")
    command = [sys.executable, str(servers.HERE / "inprocess.py"), "--json"]
    if options.quick:
        command += ["--rounds", "1", "--requests", "50", "--logons", "5"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        os.sched_setaffinity(process.pid, {options.cores[0]})
        output, said = process.communicate(timeout=5 * measure.PATIENCE)
    if process.returncode:
        raise RuntimeError(f"inprocess.py: {said.strip()}")
    found: dict[str, list[float]] = json.loads(output)
    return found


#: Clients that come and go before memory is measured, so that what is loaded late is loaded.
WARMING = 5


def main() -> int:
    """Measure, print, and write the JSON if it is asked for."""
    options = arguments()
    if options.quick:
        options.repetitions, options.seconds, options.clients = 1, 0.2, 50
        options.foreign = float("inf")
    facts = machine()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    for name, value in facts.items():
        print(f"{name}: {value}")
    print(
        f"{options.repetitions} repetitions of {options.seconds} s, server on core "
        f"{options.cores[0]}, load on core {options.cores[1]}, runs with more than "
        f"{options.foreign} cores of foreign CPU discarded\n"
    )
    profiled = None
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        try:
            generator = Generator(
                program=measure.compileLoad(directory),
                core=options.cores[1],
                seconds=options.seconds,
                warmup=0.1 if options.quick else 0.3,
                generatedIDs=options.generated_ids,
            )
            found = rates(generator, options, directory)
            print("\n".join(report.figures(found)), end="\n\n", flush=True)
            sealing = report.sealing(found, servers.UNSEALED.name)
            print("\n".join(sealing), end="\n\n", flush=True)
            alone = inProcess(options)
            print("\n".join(report.inProcess(alone)), end="\n\n", flush=True)
            used = memory(generator, options, directory)
            print("\n".join(report.memory(used, options.clients)), end="\n\n", flush=True)
            if options.profile:
                with servers.tapiproxy(options.cores[0], directory, options.handler) as server:
                    profiled = sampling.profile(generator, server, PROFILED, directory)
                print("\n".join(report.profile(profiled, PROFILED)))
        except RuntimeError as problem:
            say(f"benchmarks: {problem}")
            return 1
    if options.json:
        everything: dict[str, Any] = {
            "machine": facts,
            "settings": {name: str(value) for name, value in vars(options).items()},
            "in process": alone,
            "rates": [attrs.asdict(row) for row in found],
            "memory": used,
            "profile": attrs.asdict(profiled) if profiled else None,
        }
        options.json.write_text(json.dumps(everything, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
