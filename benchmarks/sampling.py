"""Where the time goes: py-spy's samples of a server under load, counted by function and part."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import attrs
from measure import Generator, Load
from servers import Server

#: Samples per second, and for how many seconds.
RATE, SECONDS = 500, 5

#: How many functions are shown.
SHOWN = 25


@attrs.frozen
class Profile:
    """Samples in all, and how many of them were in each function and each part of the tree."""

    samples: int
    functions: dict[str, int]
    parts: dict[str, int]


def pySpy() -> str | None:
    """The program py-spy, beside this Python or on the path."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


def profile(generator: Generator, server: Server, load: Load, directory: Path) -> Profile:
    """
    Sample a server under load.

    :raises RuntimeError: py-spy is not there, or may not look (it needs ptrace).
    """
    program = pySpy()
    if program is None:
        raise RuntimeError("--profile needs py-spy")
    output = directory / "samples"
    command = [program, "record", "--pid", str(server.pid), "--rate", str(RATE)]
    command += ["--duration", str(SECONDS), "--format", "raw", "--output", str(output)]
    longer = attrs.evolve(generator, seconds=SECONDS + 2.0)
    with longer.start(server, load) as process:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        process.communicate()
    if done.returncode:
        raise RuntimeError(f"py-spy: {done.stderr.strip()}")
    return count(output.read_text())


def count(samples: str) -> Profile:
    """
    Count py-spy's raw format: lines ``frame;frame NUMBER``, each frame ``function (file:line)``.

    A sample counts once, for the function at the end of its stack and for that function's part.
    """
    functions: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    for line in samples.splitlines():
        stack, _, number = line.rpartition(" ")
        name, _, place = stack.rpartition(";")[2].partition(" (")
        file = place.rstrip(")").partition(":")[0]
        functions[f"{name} ({file})"] += int(number)
        parts[part(file)] += int(number)
    return Profile(
        samples=functions.total(),
        functions=dict(functions.most_common(SHOWN)),
        parts=dict(parts.most_common()),
    )


def part(file: str) -> str:
    """The package or the library that a source file belongs to."""
    words = Path(file).parts
    for package, depth in (("tapiproxy", 2), ("plugins", 1), ("twisted", 2)):
        if package in words:
            begin = words.index(package)
            return "/".join(words[begin : begin + depth])
    return "Python itself"
