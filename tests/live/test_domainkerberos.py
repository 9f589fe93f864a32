"""A domain's users at a server that has its keytab: the groups are those of their tickets."""

import struct

import pytest
from impacket.krb5.asn1 import Ticket
from impacket.krb5.ccache import CCache
from impacket.krb5.crypto import Key, _enctype_table
from impacket.krb5.keytab import Keytab
from pyasn1.codec.der import decoder

from tests.live.domaincontroller import DOMAIN, PLAIN_SERVICE, REALM, SERVICE
from tests.live.environment import changed
from tests.live.pdus import GSS_KERBEROS, GSS_NEGOTIATE, PKT_PRIVACY, Security, initiator
from tests.live.pdusclient import Faulted, PDUsClient
from tests.live.peer import channelTo

pytest.importorskip("gssapi", reason="python-gssapi is missing: pip install -e '.[kerberostest]'")
pytest.importorskip("krb5", reason="krb5 is missing: pip install -e '.[kerberostest]'")

CONFIGURATION = """\
[authentication]
keytab = "{keytab}"
domains = {{ {domain} = "{realm}" }}
{more}

[handlers.acd]
{lines}
"""

#: RFC 4120 7.5.1: key usage 2.
_TICKET = 2

#: RID and attributes of Domain Users, as the PAC's groups are.
_DOMAIN_USERS = struct.pack("<II", 513, 7)

ALICE = ["everybody", "alice", "sales", "helpdesk", "company"]


@pytest.fixture
def logOn(startServer, makeAgent, domainController, domainMember):
    """A function that makes an application of somebody, at a server with a keytab."""
    servers = {}

    def make(user, authType=GSS_NEGOTIATE, service="host", more="", ccache=None):
        if more not in servers:
            # The server needs nothing of the realm but the keytab.
            with changed({"KRB5_CONFIG": "/nonexistent/krb5.conf"}):
                servers[more] = startServer(
                    config=CONFIGURATION.format(
                        keytab=domainController.keytab(),
                        domain=DOMAIN,
                        realm=REALM.lower(),
                        lines=domainMember.lines(),
                        more=more,
                    ),
                    directory=f"server{len(servers)}",
                )
        server = servers[more]
        cache = f"FILE:{ccache or domainController.ccache(user)}"
        with changed({**domainController.environment, "KRB5CCNAME": cache}):
            context = initiator(authType, service=service, kerberos="always")
            client = PDUsClient(
                channelTo(f"ncacn_ip_tcp:127.0.0.1[{server.port}]"),
                Security(context, authType, PKT_PRIVACY),
                headerSigning=True,
            )
        return makeAgent(server, client=client)

    return make


@pytest.mark.parametrize("authType", [GSS_KERBEROS, GSS_NEGOTIATE])
def test_groups(logOn, authType):
    """Users are in the groups of their tickets, nested ones too: nobody else was asked."""
    assert logOn("alice", authType).lines() == ALICE
    assert logOn("bob", authType).lines() == ["everybody", "bob"]


def test_noPAC(logOn, domainMember):
    """Whose ticket has no PAC has the groups that winbind knows, and none where it is not asked."""
    service = PLAIN_SERVICE.partition("/")[0]
    assert logOn("alice", service=service).lines() == ["everybody", "alice"]
    wbinfo = f'wbinfo = "{domainMember.wbinfo()}"'
    assert logOn("alice", service=service, more=wbinfo).lines() == ALICE


def test_otherName(logOn):
    """Whom a ticket names by a user principal name is not taken for the account of that name."""
    with pytest.raises(Faulted):
        logOn("boss")
    assert logOn("mallory").lines() == ["everybody"]


def test_requirePAC(logOn, domainController):
    """Nor where he has asked for no PAC, if the configuration says that there has to be one."""
    required = "require_pac = true"
    ccache = domainController.ccache("boss", pac=False)
    with pytest.raises(Faulted):
        logOn("boss", more=required, ccache=ccache)
    assert logOn("boss", ccache=ccache).lines() == ["everybody"], "or there was one"
    assert logOn("alice", more=required).lines() == ALICE


def changeTicket(ccache, keytab, old, new):
    """
    Change a ticket for `SERVICE` as only who has its key can; no signature in it is made anew.

    :param old: octets that are there once.
    """
    credential = CCache.loadFile(str(ccache)).getCredential(f"{SERVICE}@{REALM}", anySPN=False)
    ticket, _ = decoder.decode(credential.ticket["data"], asn1Spec=Ticket())
    encrypted = bytes(ticket["enc-part"]["cipher"])
    etype = int(ticket["enc-part"]["etype"])
    key = Key(etype, Keytab.loadFile(str(keytab)).getKey(SERVICE, etype)["keyvalue"]["data"])
    cipher = _enctype_table[etype]
    plain = cipher.decrypt(key, _TICKET, encrypted)
    assert plain.count(old) == 1
    assert len(old) == len(new)
    made = cipher.encrypt(key, _TICKET, plain.replace(old, new), None)
    content = ccache.read_bytes()
    assert content.count(encrypted) == 1
    assert len(encrypted) == len(made)
    ccache.write_bytes(content.replace(encrypted, made))


def test_changedPAC(logOn, domainController, domainMember):
    """A PAC that is not as the domain controller has signed it counts for nothing, as if none."""
    sales = int(domainMember.sidOf("Sales").rpartition("-")[2])
    for group, lines in (
        (_DOMAIN_USERS, ["everybody", "bob"]),
        (struct.pack("<II", sales, 7), ["everybody"]),
    ):
        ccache = domainController.ccache("bob", SERVICE)
        changeTicket(ccache, domainController.keytab(), _DOMAIN_USERS, group)
        assert logOn("bob", ccache=ccache).lines() == lines
