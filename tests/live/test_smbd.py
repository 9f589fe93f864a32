"""The smbd that other tests start: who gets in, and what is left of it."""

import socket

import pytest

from tests.live import smbd as samba


def test_users(smbd):
    """Its users get as far as the pipe; others do not, nor does nobody."""
    for user in samba.USERS:
        assert smbd.open("nobodys", user) == "STATUS_OBJECT_NAME_NOT_FOUND"
    assert smbd.open("nobodys", "alice", "wrong") == "STATUS_LOGON_FAILURE"
    assert smbd.open("nobodys", "", "") == "STATUS_ACCESS_DENIED"


@pytest.mark.skipif(samba.missing() is not None, reason=str(samba.missing()))
def test_end():
    """When it has ended, nothing listens any more and nothing lies about."""
    with samba.running() as smbd:
        directory, port = smbd.directory, smbd.port
    assert not directory.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
