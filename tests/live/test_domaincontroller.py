"""The domain that other tests use: its accounts, and what is left of it."""

import contextlib
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from tests.live import domaincontroller, domainmember
from tests.live.domaincontroller import GROUPS, REALM, SERVICE


def processesIn(directory):
    """The command lines of processes that name a directory."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(directory).encode() in file.read_bytes():
                found.append(file.read_text())
    return found


def test_accounts(domainMember):
    """Users are in the groups that they should be in, as winbind says it."""
    for group, members in GROUPS.items():
        for user in ("alice", "bob", "carol"):
            done = subprocess.run(
                [domainMember.wbinfo(), "--user-sids", domainMember.sidOf(user)],
                capture_output=True,
                text=True,
                check=True,
            )
            inGroup = domainMember.sidOf(group) in done.stdout.split()
            nested = any(user in GROUPS.get(each, ()) for each in members)
            assert inGroup == (user in members or nested), (user, group)


def test_tickets(domainController):
    """A user gets a ticket for the service, whose keys are in a file of its own."""
    cache = domainController.ccache("alice", SERVICE)
    listed = domainController.run("klist", "-e", str(cache))
    assert f"Default principal: alice@{REALM}" in listed
    assert f"{SERVICE}@{REALM}" in listed
    assert "arcfour" not in listed
    assert stat.S_IMODE(domainController.keytab().stat().st_mode) == 0o600


@pytest.mark.skipif(domainmember.missing() is not None, reason=str(domainmember.missing()))
def test_end():
    """When they have ended no process is left, nor a file; this machine's winbind is another."""
    sockets = Path("/run/samba/winbindd")
    before = list(sockets.glob("*"))
    with domaincontroller.running() as controller, domainmember.running(controller) as member:
        places = [controller.directory, member.directory]
        assert all(processesIn(each) for each in places)
        assert list(sockets.glob("*")) == before
    for each in places:
        assert not processesIn(each)
        assert not each.exists()
    with pytest.raises(ConnectionRefusedError), socket.socket() as probe:
        probe.connect((controller.address, 88))
