"""
Somebody changes what clients that have logged on send, or how they log on: nothing of it is taken,
another client does not notice, and nothing is left of it.

What is changed was signed by pyspnego.  The same with more cases, and octet by octet, in
``tests/dcerpc``.
"""

import contextlib
import json
import random
import socket
import struct
import subprocess
import time

import pytest

from tests.fuzz.mutation import mutate
from tests.live import pdus
from tests.live.demosite import agentHandle
from tests.live.packets import LINEERR_OPERATIONFAILED, GetGroupList
from tests.live.pdus import GSS_NEGOTIATE, PDU, PKT_INTEGRITY, PKT_PRIVACY, WINNT, Security
from tests.live.pdusclient import Faulted, PDUsClient
from tests.live.peer import PATIENCE, Agent, ImpacketClient
from tests.live.ports import freePort
from tests.live.server import TWISTD

PASSWORD = "secret"
#: The NT hash of PASSWORD.
HASH = "878d8014606cda29677a44efa1353fc7"

#: Changed requests, and changed logons, of each provider and level.
CASES = 60

CONFIG = """
[listeners.one]
endpoint = "tcp:{port}:interface=127.0.0.1"
minimum_level = "integrity"

[authentication]
users_file = "{users}"

[handlers.acd]

[lines.hers]
addresses = ["1000"]
handler = "acd"
users = ["alice"]
"""


class Tampered:
    """
    A connection whose client's PDUs are changed: a transport of impacket's for `PDUsClient`.

    :ivar change: called with each PDU that goes out.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.change = lambda octets: octets
        self.socket = socket.socket()
        # Half a PDU has no answer: who waits for one gives up soon.
        self.socket.settimeout(0.3)

    def connect(self) -> None:
        self.socket.connect(("127.0.0.1", self._port))

    def send(self, octets: bytes) -> None:
        self.socket.sendall(self.change(octets))

    def recv(self) -> bytes:
        return self.socket.recv(65536)

    def disconnect(self) -> None:
        self.socket.close()

    def rest(self) -> bytes:
        """All that the server says to what it was sent, and to the end of it."""
        said = b""
        self.socket.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionError):
            self.socket.shutdown(socket.SHUT_WR)
            while data := self.socket.recv(65536):
                said += data
        return said


def kinds(octets: bytes) -> list[int]:
    """The types of the PDUs in a stream."""
    found = []
    whole, octets = pdus.cut(octets)
    while whole:
        found.append(PDU.parse(whole).PTYPE)
        whole, octets = pdus.cut(octets)
    assert not octets
    return found


@pytest.fixture
def server(startServer, tmp_path):
    """A server that knows alice and bob, and shows its line to alice."""
    users = tmp_path / "users"
    users.touch(0o600)
    users.write_text(f"user alice:{HASH}\nuser bob:{HASH}\n")
    port = freePort()
    return startServer(config=CONFIG.format(port=port, users=users), port=port)


@pytest.fixture
def witness(server):
    """An application of alice's with the line open, before, while and after others attack."""

    def secure(dce) -> None:
        dce.get_rpc_transport().set_credentials("alice", PASSWORD, "PC7")
        dce.set_auth_type(WINNT)
        dce.set_auth_level(PKT_PRIVACY)

    agent = Agent(0, client=ImpacketClient(f"ncacn_ip_tcp:127.0.0.1[{server.port}]", secure))
    try:
        yield agent.establish()
    finally:
        agent.close()
    assert not agent.remotesp.complaints


@pytest.fixture(params=[(WINNT, PKT_PRIVACY), (GSS_NEGOTIATE, PKT_PRIVACY), (WINNT, PKT_INTEGRITY)])
def logon(request, server):
    """A function that makes bob's security context of pyspnego's, by a provider at a level."""
    authType, level = request.param
    return lambda: Security(pdus.initiator(authType, "PC7\\bob", PASSWORD), authType, level)


def status(server) -> dict:
    """What ``tapiproxy status`` tells."""
    command = [TWISTD.with_name("tapiproxy"), "status", "--json", "--data", server.data]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return json.loads(done.stdout)


def unharmed(server, witness: Agent) -> None:
    """The witness is served as before, nobody else is there, and the log has not been filled."""
    handle = agentHandle(witness)
    assert agentHandle(witness) == handle
    event = witness.succeed(GetGroupList, 1, witness.hLine, 2, 512)
    assert (event.Context, event.Param3) == (1, 2)
    deadline = time.monotonic() + PATIENCE
    while (found := status(server))["connections"] != 1:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    assert found["attached"] == 1
    assert witness.remotesp.called.count("RemoteSPAttach") == 1
    assert len(server.log.splitlines()) < 60, server.log


def attach(port: int) -> bytes:
    """The stub of a ClientAttach that names a port of nobody's as its call-back."""
    text = f'PC7"ncacn_ip_tcp"{port}"\0'
    return (
        struct.pack("<i4I", -1, 1, 0, 1, 0)
        + struct.pack("<3I", len(text), 0, len(text))
        + text.encode("utf-16-le")
    )


def test_changedRequests(server, witness, logon):
    """No request is carried out of which anything was changed; the connection ends."""
    chance = random.Random(7)
    for _ in range(CASES):
        channel = Tampered(server.port)
        client = PDUsClient(channel, logon(), headerSigning=False)
        plain = PDU(pdus.REQUEST, pdus.WHOLE, 2, struct.pack("<IHH", 0, 0, 0) + attach(server.port))
        right = client._security.protect(plain)
        mutant = mutate(right, [right], chance)
        channel.socket.sendall(mutant)
        said = kinds(channel.rest())
        channel.disconnect()
        if not mutant.startswith(right):
            assert pdus.RESPONSE not in said, mutant.hex()
    unharmed(server, witness)


def test_changedLogons(server, witness, logon):
    """A changed PDU of a handshake ends it, or it ends as it would have; nobody else notices."""
    chance = random.Random(8)
    outcomes = set()
    for number in range(CASES):
        channel = Tampered(server.port)
        channel.change = changing(number % 2, chance)
        try:
            client = PDUsClient(channel, logon(), headerSigning=False)
            stub = client.request(0, attach(server.port))
        except (Faulted, ConnectionError, TimeoutError, AssertionError, struct.error) as error:
            # AssertionError: the client itself sees that the server answers what it has not asked.
            outcomes.add(type(error))
        else:
            # There is no remotesp at the end of what it named.
            assert stub[-4:] == struct.pack("<I", LINEERR_OPERATIONFAILED)
            outcomes.add(None)
        channel.disconnect()
    assert {Faulted, None} <= outcomes
    unharmed(server, witness)


def changing(number: int, chance: random.Random):
    """What changes one PDU of those that a client sends, by its number from 0."""
    sent = []

    def change(octets: bytes) -> bytes:
        sent.append(octets)
        return mutate(octets, sent, chance) if len(sent) == number + 1 else octets

    return change


def test_changedOrder(server, witness, logon):
    """A sealed request that comes twice, and two that change places, are not carried out."""
    for order in ((0, 0), (1, 0), (1,)):
        channel = Tampered(server.port)
        client = PDUsClient(channel, logon(), headerSigning=False)
        # An operation that does not exist: its fault tells that it would have been called.
        calls = [
            client._security.protect(
                PDU(pdus.REQUEST, pdus.WHOLE, number, struct.pack("<IHH", 0, 0, 77))
            )
            for number in (2, 3)
        ]
        channel.socket.sendall(b"".join(calls[number] for number in order))
        said = channel.rest()
        found = []
        whole, said = pdus.cut(said)
        while whole:
            found.append(struct.unpack_from("<I", PDU.parse(whole).body, 8)[0])
            whole, said = pdus.cut(said)
        carriedOut = [0x1C010002] if order[0] == 0 else []
        assert found == [*carriedOut, 0x721]
        channel.disconnect()
    unharmed(server, witness)
