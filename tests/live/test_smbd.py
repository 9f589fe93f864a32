"""The smbd that other tests start: who gets in, and what is left of it."""

import socket

import pytest

from tests.live import smbd as samba

smbconnection = pytest.importorskip("impacket.smbconnection", reason="impacket is not installed")


def openPipe(port, user, password):
    """
    Log on, and open a pipe that nobody serves.

    :returns: what the server says to it.
    """
    session = smbconnection.SMBConnection("localhost", "127.0.0.1", sess_port=port, timeout=15)
    try:
        session.login(user, password)
        session.openFile(session.connectTree("IPC$"), "\\nobody")
    except smbconnection.SessionError as error:
        return error.getErrorString()[0]
    finally:
        session.close()
    raise AssertionError("the pipe could be opened")


def test_users(smbd):
    """Its users get as far as the pipe; others do not, nor does nobody."""
    for user in samba.USERS:
        assert openPipe(smbd.port, user, samba.PASSWORD) == "STATUS_OBJECT_NAME_NOT_FOUND"
    assert openPipe(smbd.port, "alice", "wrong") == "STATUS_LOGON_FAILURE"
    assert openPipe(smbd.port, "", "") == "STATUS_ACCESS_DENIED"


@pytest.mark.skipif(samba.missing() is not None, reason=str(samba.missing()))
def test_end():
    """When it has ended, nothing listens any more and nothing lies about."""
    with samba.running() as smbd:
        directory, port = smbd.directory, smbd.port
    assert not directory.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
