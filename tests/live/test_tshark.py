"""
What Wireshark's dissectors make of our bytes: a third opinion, on bind and ClientAttach.

They know the names of tapsrv's operations and all of ClientAttach; of ClientRequest's answers they
make nothing, so those are not looked at.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time

import pytest

from tests.live.packets import Close

TSHARK = shutil.which("tshark")
DUMPCAP = shutil.which("dumpcap")

pytestmark = pytest.mark.skipif(
    not (TSHARK and DUMPCAP and os.geteuid() == 0),
    reason="tshark is not installed, or this user may not capture on loopback",
)


@contextlib.contextmanager
def capture(file, port):
    """Write what goes over a TCP port of loopback into a file, while the block runs."""
    with file.with_suffix(".log").open("w+") as log:
        process = subprocess.Popen(
            [DUMPCAP, "-q", "-i", "lo", "-f", f"tcp port {port}", "-w", str(file)],
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + 15
            while not file.exists():
                assert process.poll() is None, file.with_suffix(".log").read_text()
                assert time.monotonic() < deadline, "dumpcap does not begin"
                time.sleep(0.02)
            yield
            # The kernel hands packets over in blocks, up to a second after they were sent.
            time.sleep(1.2)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(15)


def dissect(file, port):
    """The lines that tshark prints for the RPC packets of a capture, without indentation."""
    command = [
        TSHARK, "-r", str(file), "-d", f"tcp.port=={port},dcerpc", "-Y", "dcerpc",
        "-O", "dcerpc,tapi",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [line.strip() for line in done.stdout.splitlines()]


def look(lines, wanted):
    """What is wanted is there, in that order, and nothing is malformed."""
    found = iter(lines)
    for line in wanted:
        assert line in found, f"no {line!r} in its place among\n" + "\n".join(lines)
    assert not [line for line in lines if "Malformed" in line]


def test_dissectors(server, makeAgent, tmp_path):
    """Bind, ClientAttach, ClientRequest and ClientDetach are what tshark takes them for."""
    file = tmp_path / "tapsrv.pcapng"
    with capture(file, server.port):
        agent = makeAgent(server).establish()
        context = agent.context.hex()
        agent.must(Close, agent.hLine)
        agent.clientDetach()
    lines = dissect(file, server.port)
    wanted = [
        "Packet type: Bind (11)",
        "Abstract Syntax: TAPI V1.0",
        "Packet type: Bind_ack (12)",
        "Ack result: Acceptance (0)",
        "Operation: ClientAttach (0)",
        f'unknown string: PEER"ncacn_ip_tcp"{agent.remotesp.port}"',
        "Operation: ClientAttach (0)",
        f"Context Handle: {context}",
        "Unknown long: 0xa5c369a5",
        "Return code: STATUS_SUCCESS (0x00000000)",
        "Operation: ClientRequest (1)",
        "Operation: ClientDetach (2)",
    ]
    look(lines, wanted)
