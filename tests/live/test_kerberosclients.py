"""
The exchange of [MS-TRP] 4.12 by clients that are not ours, each logged on by Kerberos as it can be.

The server has a keytab, and calls them back by NTLM.  Another one has none.
"""

import itertools

import pytest

from tests.live.clients import CLIENTS, Logon, exchange, needs, serving
from tests.live.pdus import CONNECT, GSS_KERBEROS, GSS_NEGOTIATE, LEVEL_NAMES

MISSING = "is missing: pip install -e '.[kerberostest]'"
pytest.importorskip("gssapi", reason=f"python-gssapi {MISSING}")
pytest.importorskip("krb5", reason=f"krb5 {MISSING}")

SERVICE = "host/localhost"

#: Above CONNECT the server wants header signing, which impacket does not offer; of the tickets that
#: SMB would need for Samba's client there are none.
LOGONS = [
    Logon(client, authType, level, level != CONNECT, pipe, kerberos="always")
    for client, authType, level, pipe in itertools.product(
        CLIENTS, (GSS_NEGOTIATE, GSS_KERBEROS), LEVEL_NAMES, (False, True)
    )
    if not (client == "impacket" and (level != CONNECT or authType != GSS_NEGOTIATE or pipe))
    and not (client == "samba" and pipe)
]


@pytest.fixture(scope="module")
def place(kdc, tmp_path_factory):
    keytab = kdc.keytab(SERVICE)
    more = f'keytab = "{keytab}"\ndomains = {{ DOM = "{kdc.realm.lower()}" }}'
    with kdc.inUse(), pytest.MonkeyPatch.context() as environment:
        # impacket knows no FILE: in front.
        environment.setenv("KRB5CCNAME", str(kdc.ccache("alice", SERVICE)))
        with serving(tmp_path_factory.mktemp("kerberosclients"), more) as place:
            yield place


@pytest.mark.parametrize("logon", [needs(each) for each in LOGONS])
def test_exchange(place, logon):
    """4.12, at each level that a client has."""
    exchange(place, logon)


#: Clients that try Kerberos first.  impacket's cannot choose.
PREFERRING = [
    Logon(client, GSS_NEGOTIATE, level, level != CONNECT, False, kerberos="preferred")
    for client, level in itertools.product(("pyspnego", "samba"), LEVEL_NAMES)
]


@pytest.fixture(scope="module")
def withoutKeytab(place, tmp_path_factory):
    """A server that knows no Kerberos, in a realm that has tickets for it."""
    with serving(tmp_path_factory.mktemp("withoutkeytab")) as found:
        yield found


@pytest.mark.parametrize("logon", [needs(each) for each in PREFERRING])
def test_otherwiseNTLM(withoutKeytab, logon):
    """A client that begins with Kerberos where there is only NTLM goes on with NTLM."""
    exchange(withoutKeytab, logon)
    withoutKeytab.server.waitForLog(f"{logon.user} by Negotiate (NTLM)")
