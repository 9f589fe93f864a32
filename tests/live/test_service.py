"""The service as an administrator meets it: starts, refusals, reloads, its commands, its end."""

import json
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.live import packets
from tests.live.packets import (
    LINE_CLOSE,
    LINE_CREATE,
    LINE_REMOVE,
    LINEERR_INVALLINEHANDLE,
    NO_DATA,
    CreateAgent,
    GetAgentInfo,
    GetGroupList,
    GetNumAddressIDs,
    NegotiateAPIVersionForAllDevices,
    VarData,
)
from tests.live.peer import Agent

TAPIPROXY = Path(sys.executable).with_name("tapiproxy")


def groupNames(agent: Agent, room: int = 0x20000) -> list[str]:
    """The names of all groups, asked for on the agent's line."""
    event = agent.succeed(GetGroupList, 1, agent.hLine, 2, room)
    return sorted(packets.groupList(packets.cutStruct(event.varData)))


# Starts that are refused.


def refused(server) -> str:
    """What a server said that ended by itself, before it did anything."""
    assert server.wait() != 0, f"it started:\n{server.log}"
    assert "Traceback" not in server.log, server.log
    return server.log


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--no-such-option"], ["no-such-option"]),
        (["--handler", "nobody"], ["nobody", "acd"]),
        (["--listen", "tcp:no-port"], ["no-port"]),
        (["--listen", "tcp:0:interface=0.0.0.0"], ["0.0.0.0", "allow_unauthenticated"]),
        (["--listen", "tcp:0"], ["tcp:0", "allow_unauthenticated"]),
        (["--config", "there-is-none.toml"], ["there-is-none.toml"]),
    ],
)
def test_refusedOption(startServer, arguments, said):
    """A wrong option stops the start with a line that names it, and no traceback."""
    log = refused(startServer(*arguments, wait=False))
    for word in said:
        assert word in log


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("listne = []", ["tapiproxy.toml, line 1", "listne", "listen"]),
        ("[limits]\nclients = 1", ["tapiproxy.toml, line 2", "limits", "clients"]),
        ("[deadlines]\nCreateAgnet = 1.0", ["line 2", "CreateAgnet", "CreateAgent"]),
        ('[lines.a]\naddresses = ["1"]\nhandler = "nobody"', ["line 3", "nobody", "acd"]),
        ("[lines.a]\naddresses = 7", ["line 2", "addresses", "7"]),
        ("[handlers.acd]\nagnets = 1", ["acd", "agnets", "agents"]),
        ("[handlers.acd.agents.1]\npin = 1234", ["acd", "agents.1.pin"]),
        ("this is no TOML", ["tapiproxy.toml", "line 1"]),
    ],
)
def test_refusedKey(startServer, config, said):
    """A wrong key stops the start: file, place, what was found, what is allowed."""
    server = startServer(config=config, wait=False)
    log = refused(server)
    for word in said:
        assert word in log, log
    assert "1234" not in log, "never a PIN"
    assert "Usage:" not in log, "the options are not what is wrong"


def test_refusedDemoSiteBeyondLoopback(startServer):
    """The demo site, whose PIN everybody knows, is refused on a listener beyond loopback."""
    server = startServer(
        "--listen", "tcp:0:interface=0.0.0.0", config="allow_unauthenticated = true", wait=False
    )
    assert "demo" in refused(server)


def test_secondServerOnTheSameData(startServer, makeAgent):
    """A data directory belongs to one server at a time; the first one does not notice."""
    first = startServer()
    second = startServer(wait=False)
    assert str(first.data) in refused(second)
    agent = makeAgent(first).establish()
    assert groupNames(agent) == ["Sales", "Support"]


def test_portInUse(startServer):
    """A port that somebody else has stops the start in words."""
    first = startServer()
    second = startServer(directory="another", wait=False, port=first.port)
    assert str(first.port) in refused(second)


# Its end.


def test_restart(startServer, makeAgent):
    """After SIGTERM and a start on the same data an agent has the handle that he had."""

    def handleOf(server) -> int:
        agent = makeAgent(server).establish()
        area = VarData()
        event = agent.succeed(
            CreateAgent,
            0,
            agent.hLine,
            area.text("1002"),
            area.text("1234"),
            0,
            varData=area.data,
        )
        return struct.unpack_from("<I", event.varData)[0]

    first = startServer()
    hAgent = handleOf(first)
    first.stop()
    assert handleOf(startServer()) == hAgent


def test_stopWithoutClients(startServer):
    """SIGTERM ends an idle server at once, and in order."""
    server = startServer()
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 5


def test_stopWithAClientThatHangs(startServer, makeAgent):
    """A client that does not take its last events holds the drain up for seconds, not for ever."""
    server = startServer()
    agent = makeAgent(server).establish()
    agent.remotesp.answering.clear()
    agent.start(GetGroupList, 1, agent.hLine, 2, 512)
    agent.remotesp.waitFor("RemoteSPEventProc")
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 15


# Reloads.

TWO_LINES = """
[handlers.acd.groups.Sales]

[lines.Kept]
addresses = ["1"]

[lines.Removed]
addresses = ["2"]
"""

RELOADED = """
[handlers.acd.groups.Sales]
[handlers.acd.groups.Service]

[lines.Kept]
addresses = ["1"]

[lines.New]
addresses = ["3", "4"]
"""


def test_reload(startServer, makeAgent):
    """SIGHUP: one line stays open, one goes, one comes; the ACD has a new group."""
    server = startServer(config=TWO_LINES)
    kept = makeAgent(server).establish(device=0)
    removed = makeAgent(server).establish(device=1)
    assert groupNames(kept) == ["Sales"]

    server.configFile.write_text(RELOADED)
    server.signal(signal.SIGHUP)
    created = kept.remotesp.take(lambda event: event.Msg == LINE_CREATE, "LINE_CREATE")
    assert kept.lineName(created.Param1) == "New"
    gone = kept.remotesp.take(lambda event: event.Msg == LINE_REMOVE, "LINE_REMOVE")
    assert gone.Param1 == 1
    removed.remotesp.take(lambda event: event.Msg == LINE_CLOSE, "LINE_CLOSE")
    assert removed.ask(GetNumAddressIDs, removed.hLine).ack == LINEERR_INVALLINEHANDLE

    assert groupNames(kept) == ["Sales", "Service"]
    kept.open(created.Param1, 0x00030000)
    assert kept.must(GetNumAddressIDs, kept.hLine).args[1] == 2
    assert not [event for event in kept.remotesp.events if event.Msg == LINE_CLOSE]


def test_reloadRefused(startServer, makeAgent):
    """SIGHUP with a wrong configuration changes nothing, and the log says what is wrong."""
    server = startServer(config=TWO_LINES)
    server.alarms.remove("[critical]")
    agent = makeAgent(server).establish()
    server.configFile.write_text(RELOADED + "\n[limits]\nnonsense = 1\n")
    server.signal(signal.SIGHUP)
    server.waitForLog("nonsense")
    assert groupNames(agent) == ["Sales"]
    assert agent.remotesp.events == []


# Sizes.

LINES = 400
GROUPS = 300
AGENTS = 2000


def test_bigConfiguration(startServer, makeAgent):
    """Hundreds of lines and groups, thousands of agents: answers of many fragments, both ways."""
    pin = "scrypt$ln=10,r=8,p=1$" + "A" * 22 + "$" + "A" * 43
    config = "\n".join(
        [
            *(f'[handlers.acd.groups."Group {number:03}"]' for number in range(GROUPS)),
            *(
                f'[handlers.acd.agents."{number}"]\npin = "{pin}"\ngroups = ["Group 000"]'
                for number in range(AGENTS)
            ),
            *(f'[lines."Line {number:03}"]\naddresses = ["{number}"]' for number in range(LINES)),
        ]
    )
    server = startServer(config=config)
    agent = makeAgent(server)
    agent.clientAttach()
    assert agent.initialize().args[4] == LINES
    reply = agent.must(
        NegotiateAPIVersionForAllDevices,
        agent.hLineApp,
        LINES,
        0,
        0x00030000,
        NO_DATA,
        4 * LINES,
        NO_DATA,
        16 * LINES,
        NO_DATA,
        0,
        NO_DATA,
        0,
        room=20 * LINES + 64,
    )
    versions = struct.unpack_from(f"<{LINES}I", reply.varData, reply.args[4])
    assert set(versions) == {0x00030000}
    assert agent.lineName(LINES - 1) == f"Line {LINES - 1:03}"
    agent.open(LINES - 1, 0x00030000)
    assert groupNames(agent) == [f"Group {number:03}" for number in range(GROUPS)]


# What it says about itself.


def test_status(startServer, makeAgent):
    """``tapiproxy status`` counts clients, lines, requests and how they ended."""
    server = startServer()
    agent = makeAgent(server).establish()
    groupNames(agent)
    agent.complete(GetAgentInfo, 0, agent.hLine, 0x4711, 0, 512)
    command = [str(TAPIPROXY), "status", "--data", str(server.data)]
    asJSON = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, timeout=60, check=True
    )
    found = json.loads(asJSON.stdout)
    assert (found["attached"], found["attachedEver"]) == (1, 1)
    assert [(line["name"], line["open"]) for line in found["lines"]] == [("Line 1", 1)]
    outcomes = {name: count for name, count in found["outcomes"].items() if count}
    assert outcomes == {"accepted": 2, "answered": 1, "refused": 1}
    inWords = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "PEER" in inWords.stdout
    assert "1 clients attached" in inWords.stdout


def test_logSaysNothingPerRequest(startServer, makeAgent):
    """Successful requests leave no trace in the log, and no PIN ever does."""
    server = startServer()
    agent = makeAgent(server).establish()
    groupNames(agent)
    before = len(server.log)
    area = VarData()
    names = area.text("1001"), area.text("1234")
    for _ in range(20):
        agent.succeed(CreateAgent, 0, agent.hLine, *names, 0, varData=area.data)
        groupNames(agent)
    assert server.log[before:] == ""
    area = VarData()
    names = area.text("1001"), area.text("98765")
    agent.complete(CreateAgent, 0, agent.hLine, *names, 0, varData=area.data)
    assert "98765" not in server.log


def test_startLogSaysHowManyClientsFit(startServer):
    """The start log names the descriptor limit and what it is good for."""
    server = startServer()
    server.waitForLog("room for ")
    assert re.search(r"room for \d{3,} clients", server.log)
