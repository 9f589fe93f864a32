"""The domain controller that other tests use: its accounts, and what is left of it."""

import contextlib
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from tests.live import domaincontroller
from tests.live.domaincontroller import GROUPS, REALM, SERVICE


def processesIn(directory):
    """The command lines of processes that name a directory."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(directory).encode() in file.read_bytes():
                found.append(file.read_text())
    return found


def test_accounts(domainController):
    """
    Users are in the groups that they should be in, as winbind says it.

    Of a group's groups it knows once a user has logged on.
    """
    for group, members in (("Sales", GROUPS["Sales"]), ("Helpdesk", GROUPS["Helpdesk"])):
        for user in ("alice", "bob", "carol"):
            done = subprocess.run(
                [domainController.wbinfo(), "--user-sids", domainController.sidOf(user)],
                capture_output=True,
                text=True,
                check=True,
            )
            inGroup = domainController.sidOf(group) in done.stdout.split()
            assert inGroup == (user in members), (user, group)


def test_tickets(domainController):
    """A user gets a ticket for the service, whose keys are in a file of its own."""
    cache = domainController.ccache("alice", SERVICE)
    with domainController.inUse():
        listed = subprocess.run(
            ["klist", "-e", str(cache)], capture_output=True, text=True, check=True
        ).stdout
    assert f"Default principal: alice@{REALM}" in listed
    assert f"{SERVICE}@{REALM}" in listed
    assert "arcfour" not in listed
    assert stat.S_IMODE(domainController.keytab().stat().st_mode) == 0o600


@pytest.mark.skipif(domaincontroller.missing() is not None, reason=str(domaincontroller.missing()))
def test_end():
    """When it has ended no process is left, nor a file; this machine's winbind is another one."""
    sockets = Path("/run/samba/winbindd")
    before = list(sockets.glob("*"))
    with domaincontroller.running() as controller:
        directory, address = controller.directory, controller.address
        assert processesIn(directory)
        assert list(sockets.glob("*")) == before
    assert not processesIn(directory)
    assert not directory.exists()
    with pytest.raises(ConnectionRefusedError), socket.socket() as probe:
        probe.connect((address, 88))
