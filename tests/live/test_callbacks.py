"""
The server logs on to the agents' remotesp endpoint: each provider, each level, by an acceptor that
is not ours and that verifies all that it gets.
"""

import contextlib
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.live import pdus
from tests.live.demosite import sessionForAGroup
from tests.live.packets import LINEERR_OPERATIONFAILED, GetGroupList
from tests.live.pdus import CONNECT, GSS_NEGOTIATE, LEVEL_NAMES, PKT_PRIVACY, WINNT, accounts
from tests.live.peer import Agent, RemoteSP
from tests.live.securedremotesp import SecuredRemoteSP
from tests.live.server import Server

ACCOUNT = "TAPI\\server"
PASSWORD = "call back"

CONFIGURATION = """
[callback]
user = '{account}'
password_file = "{password}"
mechanism = "{mechanism}"
level = "{level}"
required = {required}
"""


class Way(NamedTuple):
    """How the server logs on."""

    authType: int
    level: int

    def __str__(self) -> str:
        return f"{pdus.PROTOCOLS[self.authType]}-{LEVEL_NAMES[self.level]}"


#: pyspnego's acceptor signs a list of mechanisms where no signatures were agreed on.
WAYS = [
    Way(*each)
    for each in itertools.product((GSS_NEGOTIATE, WINNT), LEVEL_NAMES)
    if each != (GSS_NEGOTIATE, CONNECT)
]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """A function that gives the server of a way; it runs to the end of the module."""
    started: dict[object, Server] = {}

    def get(way: Way, required: bool = True) -> Server:
        if (way, required) not in started:
            directory = tmp_path_factory.mktemp("callbacks")
            password = directory / "password"
            password.touch(0o600)
            password.write_text(PASSWORD)
            config = CONFIGURATION.format(
                account=ACCOUNT,
                password=password,
                mechanism=pdus.PROTOCOLS[way.authType],
                level=LEVEL_NAMES[way.level],
                required=str(required).lower(),
            )
            server = started[way, required] = Server(directory, config=config)
            server.start()
        return started[way, required]

    with accounts(tmp_path_factory.mktemp("accounts"), ACCOUNT, PASSWORD):
        yield get
    try:
        for server in started.values():
            if server.running():
                server.stop()
    finally:
        for server in started.values():
            server.cleanUp()
    for server in started.values():
        server.checkLog()


@contextlib.contextmanager
def called(server: Server, remotesp: RemoteSP) -> Iterator[Agent]:
    """An agent application that is called back at an endpoint, while the block runs."""
    agent = Agent(server.port, remotesp=remotesp)
    try:
        yield agent
    finally:
        agent.close()


@pytest.mark.parametrize("headerSigning", [False, True], ids=["plain", "header"])
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_exchange(servers, way, headerSigning):
    """4.12 with events that the client has verified, those of several fragments too."""
    remotesp = SecuredRemoteSP(
        ACCOUNT, authType=way.authType, level=way.level, headerSigning=headerSigning
    )
    with called(servers(way), remotesp) as agent:
        agent.establish()
        sessionForAGroup(agent)
        remotesp.answering.clear()
        pending = [agent.start(GetGroupList, 1, agent.hLine, 2, 512) for _ in range(60)]
        remotesp.waitFor("RemoteSPEventProc")
        remotesp.answering.set()
        for requestID in pending:
            assert agent.reply(requestID).Param2 == 0
        assert agent.clientDetach() == bytes(20)
        remotesp.waitFor("lost")
    assert remotesp.complaints == []
    if way.level != CONNECT:
        calls = [each for each in remotesp.called if each != "lost"]
        assert remotesp.verified > len(calls), "no RemoteSPEventProc of several fragments"


@pytest.mark.parametrize("way", [Way(GSS_NEGOTIATE, PKT_PRIVACY), Way(WINNT, PKT_PRIVACY)], ids=str)
def test_wrongPassword(servers, way, tmp_path):
    """A server whose password is wrong is not let in, and tells the client that it failed."""
    remotesp = SecuredRemoteSP(ACCOUNT, authType=way.authType)
    with accounts(tmp_path, ACCOUNT, "another"), called(servers(way), remotesp) as agent:
        assert agent.clientAttach()[1] == LINEERR_OPERATIONFAILED
    assert remotesp.called == ["lost"]
    assert len(remotesp.complaints) == 1
    assert "Invalid NTLM response" in remotesp.complaints[0]


@pytest.mark.parametrize("way", [Way(GSS_NEGOTIATE, PKT_PRIVACY), Way(WINNT, PKT_PRIVACY)], ids=str)
def test_clientWithoutLogons(servers, way):
    """An endpoint that takes no logon is refused, unless the site says that it may be called."""
    with called(servers(way), RemoteSP()) as agent:
        assert agent.clientAttach()[1] == LINEERR_OPERATIONFAILED
        assert "RemoteSPAttach" not in agent.remotesp.called
    with called(servers(way, required=False), RemoteSP()) as agent:
        agent.establish()
        sessionForAGroup(agent)
