"""Many clients, and clients that mean harm: what one does, the others do not notice."""

import contextlib
import random
import socket
import struct
import threading
import time

import pytest

from tests.live import packets
from tests.live.packets import CreateAgent, GetGroupList, VarData
from tests.live.peer import faultStatus, rpcrt, transport

CLIENTS = 50
HOSTILE_SECONDS = 4.0

#: tapsrv's UUID and version, and NDR's, as a bind has them.
TAPSRV = bytes.fromhex("20655f2f46ca6710b31900dd010662da01000000")
NDR = bytes.fromhex("045d888aeb1cc9119fe808002b10486002000000")


def pdu(kind: int, body: bytes, flags: int = 3, length: int | None = None, call: int = 1) -> bytes:
    """A PDU of C706 12.6, with a frag_length of one's own choice."""
    length = 16 + len(body) if length is None else length
    return struct.pack("<BBBBIHHI", 5, 0, kind, flags, 0x10, length & 0xFFFF, 0, call) + body


BIND = pdu(11, struct.pack("<HHIBxxxHBx", 5840, 5840, 0, 1, 0, 1) + TAPSRV + NDR)


def requestPDU(stub: bytes, opnum: int = 1, hint: int | None = None, flags: int = 3) -> bytes:
    """A request PDU of the first context."""
    head = struct.pack("<IHH", len(stub) if hint is None else hint, 0, opnum)
    return pdu(0, head + stub, flags)


def test_manyClients(server, makeAgent):
    """Fifty applications at once: each gets its own answers, and all hear of a new agent."""
    agents = [makeAgent(server, machine=f"PEER{number}") for number in range(CLIENTS)]
    for agent in agents:
        agent.establish()
    for _ in range(4):
        pending = [
            agent.start(GetGroupList, index, agent.hLine, index + 1, 512)
            for index, agent in enumerate(agents)
        ]
        for index, (agent, requestID) in enumerate(zip(agents, pending, strict=True)):
            event = agent.reply(requestID)
            assert (event.Context, event.Param2, event.Param3) == (index, 0, index + 1)
            assert event.InitContext == agent.InitContext
            assert sorted(packets.groupList(event.varData)) == ["Sales", "Support"]
    area = VarData()
    agents[0].succeed(
        CreateAgent,
        0,
        agents[0].hLine,
        area.text("1003"),
        area.text("1234"),
        0,
        varData=area.data,
    )
    for agent in agents:
        agent.remotesp.take(lambda event: event.Msg == packets.LINE_AGENTSTATUSEX)
    for agent in agents:
        agent.clientDetach()
    for agent in agents:
        agent.remotesp.waitFor("RemoteSPDetach")


class Attackers(threading.Thread):
    """Connections full of bytes that no client would send, until they are told to stop."""

    def __init__(self, port: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.random = random.Random(seed)
        self.stopped = threading.Event()
        self.sent = 0

    def run(self) -> None:
        while not self.stopped.is_set():
            with contextlib.suppress(OSError), socket.socket() as victim:
                victim.settimeout(1)
                victim.connect(("127.0.0.1", self.port))
                for piece in self.bytesOfOneConnection():
                    victim.sendall(piece)
                    self.sent += 1
                if self.random.random() < 0.5:
                    victim.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    victim.shutdown(socket.SHUT_WR)
                    victim.recv(4096)

    def bytesOfOneConnection(self) -> list[bytes]:
        choose = self.random
        noise = choose.randbytes(choose.randrange(1, 6000))
        valid = requestPDU(bytes(20) + struct.pack("<3I", 60, 0, 60) + bytes(60) + b"<" * 8)
        mutated = bytearray(BIND + valid)
        for _ in range(choose.randrange(1, 8)):
            mutated[choose.randrange(len(mutated))] = choose.randrange(256)
        return choose.choice(
            [
                [noise],
                [bytes(mutated)],
                [BIND, noise],
                [BIND[: choose.randrange(len(BIND))]],
                [BIND, requestPDU(noise, opnum=choose.randrange(5))],
                # The first of many fragments, and then nothing.
                [BIND, requestPDU(noise[:2000], flags=1)],
                # Fragments without end.
                [BIND, requestPDU(bytes(4000), flags=1)] + [requestPDU(bytes(4000), flags=0)] * 50,
                # Sizes that would be gigabytes.
                [BIND, requestPDU(bytes(20) + struct.pack("<5I", *[0xFFFFFFFF] * 5))],
                [BIND, requestPDU(b"", opnum=0, hint=0xFFFFFFFF)],
                [pdu(11, b"", length=15)],
                [pdu(11, BIND[16:24] + b"\xff" + BIND[25:], length=0xFFFF)],
                # A ClientAttach that sends the call-back to this very port.
                [BIND, requestPDU(self.attachToItself(), opnum=0)],
            ]
        )

    def attachToItself(self) -> bytes:
        machine = f'EVIL"ncacn_ip_tcp"{self.port}"\0'
        text = machine.encode("utf-16-le")
        return (
            struct.pack("<i4I", -1, 1, 0, 1, 0)
            + struct.pack("<3I", len(machine), 0, len(machine))
            + text
        )


def test_hostileBytes(server, makeAgent):
    """While others send garbage, an agent is answered as before, in time and right."""
    agent = makeAgent(server).establish()
    attackers = [Attackers(server.port, seed) for seed in range(3)]
    for attacker in attackers:
        attacker.start()
    slowest = 0.0
    answered = 0
    deadline = time.monotonic() + HOSTILE_SECONDS
    try:
        while time.monotonic() < deadline:
            begun = time.monotonic()
            event = agent.succeed(GetGroupList, 1, agent.hLine, 2, 512)
            slowest = max(slowest, time.monotonic() - begun)
            assert sorted(packets.groupList(event.varData)) == ["Sales", "Support"]
            answered += 1
    finally:
        for attacker in attackers:
            attacker.stopped.set()
        for attacker in attackers:
            attacker.join(10)
    assert answered > 50
    assert slowest < 3, f"{slowest:.1f} s"
    assert all(attacker.sent > 20 for attacker in attackers), [each.sent for each in attackers]
    makeAgent(server).establish().clientDetach()


def test_idleConnections(server, makeAgent):
    """Connections that say nothing, or half a PDU, are nobody's affair."""
    with contextlib.ExitStack() as stack:
        for index in range(100):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            idle.sendall(BIND[: index % len(BIND)])
        agent = makeAgent(server).establish()
        agent.succeed(GetGroupList, 1, agent.hLine, 2, 512)


def test_oversizedRequest(agent):
    """A stub above the limit is refused with a fault or the end of that connection, and at once."""
    agent.establish()
    begun = time.monotonic()
    agent.socket.sendall(requestPDU(bytes(100), hint=0x7FFFFFFF))
    agent.socket.settimeout(5)
    answer = agent.socket.recv(4096)
    assert answer == b"" or answer[2] == 3, answer.hex()
    assert time.monotonic() - begun < 1


def test_unknownInterface(server):
    """A bind to another interface is refused in words that its client understands."""
    channel = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:127.0.0.1[{server.port}]")
    dce = rpcrt.DCERPC_v5(channel)
    dce.connect()
    try:
        with pytest.raises(rpcrt.DCERPCException, match="abstract_syntax_not_supported"):
            dce.bind(TAPSRV[:16][::-1] + TAPSRV[16:])
    finally:
        dce.disconnect()


def test_unknownOpnum(agent):
    """An opnum that tapsrv does not have: fault nca_s_op_rng_error, and the session lives on."""
    agent.establish()
    agent.dce.call(3, b"")
    with pytest.raises(rpcrt.DCERPCException) as caught:
        agent.dce.recv()
    assert faultStatus(caught.value) == 0x1C010002
    agent.succeed(GetGroupList, 1, agent.hLine, 2, 512)
