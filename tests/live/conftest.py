"""
Live tests: an implementation not ours drives a server started by ``twistd``.

They block, take real time on loopback, and clean up after themselves even when they fail.
"""

import pytest

from tests.live import domaincontroller, domainmember
from tests.live import kdc as realms
from tests.live import smbd as samba
from tests.live.server import Server


@pytest.fixture
def startServer(tmp_path):
    """
    A function that starts a server; at the end of the test it is stopped and its log looked at.

    A second server goes to the directory named ``directory``, by default that of the first.
    """
    servers = []

    def start(*arguments, config=None, directory="server", port=None, wait=True):
        place = tmp_path / directory
        place.mkdir(exist_ok=True)
        server = Server(place, *arguments, config=config)
        server.port = port or server.port
        servers.append(server)
        return server.start() if wait else server.launch()

    yield start
    try:
        for server in servers:
            if server.running():
                server.stop()
    finally:
        for server in servers:
            server.cleanUp()
    for server in servers:
        server.checkLog()


@pytest.fixture(scope="session")
def kdc(tmp_path_factory):
    """A Kerberos realm for all tests, which only add to it; skips where it cannot be."""
    reason = realms.missing()
    if reason is not None:
        pytest.skip(reason)
    with realms.realm(tmp_path_factory.mktemp("kdc")) as kdc:
        yield kdc


@pytest.fixture(scope="session")
def domainController():
    """A domain with its controller, for all tests; skips where it cannot be."""
    reason = domaincontroller.missing()
    if reason is not None:
        pytest.skip(reason)
    with domaincontroller.running() as controller:
        yield controller


@pytest.fixture(scope="session")
def domainMember(domainController):
    """A machine of the domain with its winbind, for all tests; skips where it cannot be."""
    reason = domainmember.missing()
    if reason is not None:
        pytest.skip(reason)
    with domainmember.running(domainController) as member:
        yield member


@pytest.fixture(scope="module")
def site(kdc):
    """A service of the realm and tickets of a client; this process uses the realm meanwhile."""
    from tests.live.kerberospeers import site

    with site(kdc) as made:
        yield made


@pytest.fixture
def server(startServer):
    """A server with the embedded default: one line, one address, the demo site."""
    return startServer()


@pytest.fixture
def smbd():
    """Samba's smbd, with the users of its module and no pipe that anybody serves."""
    reason = samba.missing()
    if reason:
        pytest.skip(reason)
    with samba.running() as running:
        yield running


@pytest.fixture
def makeAgent():
    """A function that makes an agent application of a server; it is closed after the test."""
    from tests.live.peer import Agent

    agents = []

    def make(server, **arguments):
        agent = Agent(server.port, **arguments)
        agents.append(agent)
        return agent

    yield make
    for agent in agents:
        agent.close()
    complaints = [text for agent in agents for text in agent.remotesp.complaints]
    assert not complaints


@pytest.fixture
def agent(server, makeAgent):
    """An agent application, not yet attached."""
    return makeAgent(server)


@pytest.fixture
def application(agent):
    """An agent application with the line open."""
    return agent.establish()


@pytest.fixture
def watcher(server, makeAgent):
    """Another application with the line open: what it sees are status events only."""
    return makeAgent(server, machine="WATCHER").establish()
