"""
Samba's suite raw_protocol, a server's behaviour on the wire test by test, against the runtime.

The lists beside this file say how each test ends; any difference fails.  ``expected.txt`` is of the
whole suite in a Kerberos realm, ``expected-ntlm.txt`` of what logs on by SPNEGO in none,
``expected-pipes.txt`` of what wants an SMB server.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tapiproxy.dcerpc.securitycontexts import MAX_SECURITY_CONTEXTS
from tests.live import smbd as samba
from tests.live.rawprotocol.expectations import OK, differences, parse

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent

#: That of Debian, for which its python3-samba is.
PYTHON = "/usr/bin/python3"

#: Seconds for all tests of a driver; four of them take seven seconds each on a quiet machine.
DEADLINE = 300

#: Drivers wait most of the time, above all for what must not come: several at one time.
DRIVERS = 4

#: Tests that send as much as a request may have: of one address, two at one time are in our bounds.
LARGE = "test_fragmented_requests"

#: A name that is no address and not localhost, since Samba takes no ticket for those.
HOST = "raw.dom.example"

#: The suite knows no other port of SMB servers.
SMB = 445

ACCOUNT = {"DOMAIN": "DOM", "USERNAME": "rawuser", "PASSWORD": "Passw0rd!"}


def missing() -> str | None:
    """Why the suite cannot be run; None if it can."""
    module = "samba.tests.dcerpc.raw_protocol"
    try:
        done = subprocess.run(
            [PYTHON, "-c", f"import {module}"], capture_output=True, timeout=60, check=False
        )
    except FileNotFoundError:
        return f"{PYTHON} is missing, which Debian's python3-samba is for"
    if done.returncode:
        return f"{module} is missing: Debian's package python3-samba"
    return None


@contextmanager
def serving(directory: Path, environment: dict[str, str], *options: str):
    """
    A server while the block runs; its log must be clean.

    :returns: the port that stands for 135.
    """
    log = directory / "log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.live.rawprotocol.server", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **environment},
            cwd=ROOT,
            text=True,
        )
        try:
            port = process.stdout.readline().strip()
            assert port, log.read_text()
            yield port
            assert process.poll() is None, log.read_text()
        finally:
            process.stdin.close()
            process.stdout.close()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    said = log.read_text()
    assert "Traceback" not in said, said


def drive(environment: dict[str, str], port: str, names: Iterable[str]) -> dict[str, str]:
    """
    Run those tests, or all.

    :returns: ``ok`` or what was wrong, by name.
    """
    done = subprocess.run(
        [PYTHON, str(HERE / "driver.py"), port, *names],
        capture_output=True,
        env={**os.environ, **environment},
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(map(json.loads, done.stdout.splitlines()))


def driveAll(environment: dict[str, str], port: str, names: list[str]) -> dict[str, str]:
    """The same, by several drivers at one time."""
    large = [name for name in names if name.startswith(LARGE)]
    small = [name for name in names if not name.startswith(LARGE)]
    shares = [small[first::DRIVERS] for first in range(DRIVERS)]
    shares += [large[::2], large[1::2]]
    with ThreadPoolExecutor(len(shares)) as threads:
        found = threads.map(lambda share: drive(environment, port, share), filter(None, shares))
        return {name: outcome for each in found for name, outcome in each.items()}


@pytest.fixture
def environment(tmp_path):
    """What the driver and the server are told of each other, without Kerberos."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    configuration = tmp_path / "smb.conf"
    folders = ("private dir", "lock directory", "state directory", "cache directory")
    lines = [f"    {name} = {tmp_path}\n" for name in folders]
    configuration.write_text("[global]\n" + "".join(lines))
    return {
        **ACCOUNT,
        "SERVER": "127.0.0.1",
        "REALM": "NONE.EXAMPLE",
        "SMB_CONF_PATH": str(configuration),
        "KRB5_CONFIG": "/dev/null",
        # Padding may be anything to Windows' servers; ours is not.
        "MAX_NUM_AUTH": str(MAX_SECURITY_CONTEXTS),
    }


def compare(list: str, seen: dict[str, str]) -> None:
    """Fail for any difference."""
    found = "\n".join(differences(parse((HERE / list).read_text()), seen))
    assert not found, f"{found}\n(the list is {HERE / list})"


def test_suite(environment, kdc, tmp_path):
    """Each test of the suite ends as its list says, and there is no other one."""
    kdc.addPrincipal(f"host/{HOST}")
    kdc.addPrincipal(ACCOUNT["USERNAME"], ACCOUNT["PASSWORD"])
    keytab = kdc.keytab(f"host/{HOST}")
    environment |= {**kdc.environment, "REALM": kdc.realm, "TARGET_HOSTNAME": HOST}
    with serving(tmp_path, environment, "--keytab", str(keytab)) as port:
        names = drive(environment, port, ["--list"])
        seen = driveAll(environment, port, list(names))
    compare("expected.txt", seen)


def test_ntlm(environment, tmp_path):
    """What negotiates takes NTLM where there is no realm."""
    names = list(parse((HERE / "expected-ntlm.txt").read_text()))
    with serving(tmp_path, environment) as port:
        seen = driveAll(environment, port, names)
    compare("expected-ntlm.txt", seen)


def test_pipes(environment, tmp_path):
    """What comes by pipes of an SMB server, which has to be at the one port that there is."""
    reason = samba.missing()
    if reason is not None:
        pytest.skip(reason)
    try:
        socket.create_server(("127.0.0.1", SMB)).close()
    except OSError as error:
        pytest.skip(f"port {SMB} of loopback is needed: {error.strerror}")
    names = list(parse((HERE / "expected-pipes.txt").read_text()))
    with samba.running(morePorts=(SMB,)) as smbd:
        environment |= {"DOMAIN": samba.DOMAIN, "USERNAME": samba.USERS[0]}
        environment["PASSWORD"] = samba.PASSWORD
        with serving(tmp_path, environment, "--pipe", str(smbd.pipe("lsarpc"))) as port:
            seen = drive(environment, port, names)
    compare("expected-pipes.txt", seen)


def test_differences():
    """Every kind of difference is found, and nothing else."""
    expected = parse("# a comment\n\na: ok\nb: it is\tso: really\n")
    assert expected == {"a": OK, "b": "it is\tso: really"}
    assert not list(differences(expected, {"a": OK, "b": "whatever"}))
    for seen, words in (
        ({"a": "no", "b": "no"}, "a fails: no"),
        ({"a": OK, "b": OK}, "b passes, and is listed as failing: it is\tso: really"),
        ({"a": OK}, "b is listed, and there is no such test"),
        ({"a": OK, "b": "no", "c": OK}, "c is not listed: ok"),
        ({"a": OK, "b": "no", "c": "skipped: x"}, "c is not listed: skipped: x"),
    ):
        assert list(differences(expected, seen)) == [words]
    for wrong in ("a", "a:", "a: ok\na: ok"):
        with pytest.raises(AssertionError):
            parse(wrong)
