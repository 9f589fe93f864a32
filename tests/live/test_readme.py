"""The README's first line, word for word, in an empty virtual environment."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tapiproxy import defaults
from tests.live.packets import GetGroupList, groupList
from tests.live.peer import Agent

REPOSITORY = Path(__file__).parents[2]

#: Seconds for pip to fetch and build, and for the server to listen.
INSTALL = 300.0

#: What a fresh clone does not have.
NOT_CLONED = shutil.ignore_patterns(
    ".git", ".venv", "venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis"
)


def shellLine(marker):
    """The commands of the ``sh`` block behind an HTML comment of the README."""
    readme = (REPOSITORY / "README.md").read_text()
    found = re.search(rf"<!-- {marker} -->\s+```sh\n(.*?)```", readme, re.DOTALL)
    assert found, f"README.md has no sh block behind <!-- {marker} -->"
    return found[1].strip()


@pytest.fixture
def clone(tmp_path):
    """The repository as somebody who has just cloned it has it."""
    return shutil.copytree(REPOSITORY, tmp_path / "tapiproxy", symlinks=True, ignore=NOT_CLONED)


@pytest.fixture
def emptyEnvironment(tmp_path):
    """The variables of a shell in a virtual environment without a package."""
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, timeout=120)
    variables = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    variables["VIRTUAL_ENV"] = str(home)
    variables["PATH"] = f"{home / 'bin'}:{os.environ['PATH']}"
    return variables


@pytest.fixture
def dataDirectory():
    """Where the server keeps its data by default: removed again if it was not there before."""
    place = defaults.dataDirectory()
    existed = place.exists()
    yield place
    if not existed:
        shutil.rmtree(place, ignore_errors=True)


def test_start(clone, emptyEnvironment, dataDirectory, tmp_path):
    """It installs and starts a server, to which an agent application can attach."""
    line = shellLine("start")
    with socket.socket() as probe:
        taken = probe.connect_ex((defaults.HOST, defaults.PORT)) == 0
    assert not taken, f"something else listens on the default port {defaults.PORT}"
    output = tmp_path / "output"
    with output.open("wb") as log:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=clone,
            env=emptyEnvironment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + INSTALL
        while True:
            assert shell.poll() is None, output.read_text(errors="replace")
            assert time.monotonic() < deadline, output.read_text(errors="replace")
            with (
                contextlib.suppress(OSError),
                socket.create_connection((defaults.HOST, defaults.PORT)),
            ):
                break
            time.sleep(0.1)
        agent = Agent(defaults.PORT)
        try:
            agent.establish()
            event = agent.succeed(GetGroupList, 1, agent.hLine, 2, 512)
            assert sorted(groupList(event.varData)) == ["Sales", "Support"]
            agent.clientDetach()
        finally:
            agent.close()
        os.killpg(shell.pid, signal.SIGTERM)
        shell.wait(30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        shell.wait(30)
    assert "Traceback" not in output.read_text(errors="replace")
