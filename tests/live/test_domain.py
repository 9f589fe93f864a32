"""A domain's users at a server on a machine of the domain, whose winbind verifies them."""

import pytest

from tests.live.domaincontroller import DOMAIN, PASSWORD, REALM
from tests.live.pdus import PKT_PRIVACY, WINNT
from tests.live.peer import ImpacketClient, faultStatus, rpcrt

ERROR_ACCESS_DENIED = 5

CONFIGURATION = """\
[authentication]
users_file = "users"
ntlm_auth = "{ntlmAuth}"
wbinfo = "{wbinfo}"
domains = {{ {domain} = "{realm}" }}

[handlers.acd]
{lines}
"""


def sealing(user, password, domain):
    """What has impacket log on by NTLM and seal all that is said."""

    def secure(dce):
        dce.get_rpc_transport().set_credentials(user, password, domain)
        dce.set_auth_type(WINNT)
        dce.set_auth_level(PKT_PRIVACY)

    return secure


@pytest.fixture
def site(startServer, domainMember, tmp_path):
    """A server that asks the domain's winbind who its clients are."""
    users = tmp_path / "server" / "users"
    users.parent.mkdir()
    users.touch(mode=0o600)
    return startServer(
        config=CONFIGURATION.format(
            ntlmAuth=domainMember.ntlmAuth(),
            wbinfo=domainMember.wbinfo(),
            domain=DOMAIN,
            realm=REALM,
            lines=domainMember.lines(),
        )
    )


@pytest.fixture
def logOn(site, makeAgent):
    """A function that makes an application of somebody, by default of the domain."""

    def make(user, password=PASSWORD, domain=DOMAIN):
        binding = f"ncacn_ip_tcp:127.0.0.1[{site.port}]"
        client = ImpacketClient(binding, sealing(user, password, domain))
        return makeAgent(site, client=client)

    return make


def test_logon(logOn):
    """Users of the domain, by its short name or its DNS name, see their own and their groups'."""
    hers = ["everybody", "alice", "sales", "helpdesk", "company"]
    assert logOn("alice").lines() == hers
    assert logOn("ALICE", PASSWORD, REALM.lower()).lines() == hers
    assert logOn("bob").lines() == ["everybody", "bob"]


@pytest.mark.parametrize(
    ("user", "password", "domain"),
    [
        ("alice", "not her password", DOMAIN),
        # Disabled.
        ("carol", PASSWORD, DOMAIN),
        ("nobody", PASSWORD, DOMAIN),
        ("alice", PASSWORD, "ELSEWHERE"),
        ("alice", PASSWORD, ""),
    ],
)
def test_refused(site, logOn, user, password, domain):
    """Nobody else is let in, and the log says who has tried."""
    with pytest.raises(rpcrt.DCERPCException) as caught:
        logOn(user, password, domain).lines()
    assert faultStatus(caught.value) == ERROR_ACCESS_DENIED
    site.waitForLog(f"failed logon of '{domain}' '{user}'")
