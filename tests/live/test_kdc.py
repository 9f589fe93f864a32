"""The Kerberos realm that other tests use."""

import os
import stat

import pytest

from tests.live.kdc import realm


def test_tickets(kdc):
    """A principal has tickets in a cache, and a service its keys in a file of its own."""
    cache = kdc.ccache("alice", "host/localhost")
    listed = kdc.run("klist", "-e", str(cache))
    assert "Default principal: alice@DOM.EXAMPLE" in listed
    assert "host/localhost@DOM.EXAMPLE" in listed
    assert "aes256" in listed
    keytab = kdc.keytab("host/localhost")
    assert stat.S_IMODE(keytab.stat().st_mode) == 0o600
    assert "host/localhost@DOM.EXAMPLE" in kdc.run("klist", "-k", str(keytab))


def test_passwords(kdc):
    """A principal with a password gets a ticket for it, and none for another."""
    kdc.addPrincipal("pat", "its password")
    cache = f"FILE:{kdc.directory / 'pat.ccache'}"
    kdc.run("kinit", "-c", cache, "pat", text="its password\n")
    with pytest.raises(AssertionError, match="Password incorrect"):
        kdc.run("kinit", "-c", cache, "pat", text="another\n")


def test_failure(kdc):
    """What kadmin refuses is no success."""
    with pytest.raises(AssertionError, match="already exists"):
        kdc.admin("addprinc -randkey alice", "addprinc -randkey somebody")


def test_end(tmp_path):
    """A realm of one's own ends with its block, and leaves the environment as it was."""
    before = dict(os.environ)
    with realm(tmp_path / "kdc", realm="OTHER.EXAMPLE") as other:
        with other.inUse():
            assert os.environ["KRB5_CONFIG"] == str(other.configFile)
        process = other._process
        assert process.poll() is None
    assert process.poll() is not None
    assert dict(os.environ) == before
