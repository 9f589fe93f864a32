"""
The server in this process, without sockets: CPU time of requests and of logons.

    python benchmarks/inprocess.py [--rounds N] [--requests N] [--logons N]

No system call is in these figures and no other process disturbs them much, so that a change of a
few per cent can be seen.  What a client sends is made, and sealed, before the time is taken.
"""

import argparse
import gc
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock, StringTransport

from tapiproxy import assembly, config, handlers, usersfile
from tapiproxy.datadirectory import DataDirectory
from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_GSS_NEGOTIATE,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_C_AUTHN_WINNT,
    AuthenticationFailed,
)
from tapiproxy.dcerpc.ndr import NDR
from tapiproxy.dcerpc.ntlminitiator import NTLMAccount, NTLMInitiator
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnegoinitiator import Choice, SPNEGOInitiator
from tapiproxy.dcerpc.spnegotokens import NTLMSSP
from tapiproxy.nthash import ntHash
from tapiproxy.trp import idl

HERE = IPv4Address("TCP", "127.0.0.1", 13135)
HOST = "127.0.0.2"
NTLM, SPNEGO = RPC_C_AUTHN_WINNT, RPC_C_AUTHN_GSS_NEGOTIATE
WAYS = {"unsealed": None, "NTLM": NTLM, "SPNEGO": SPNEGO}

#: Padding of sealed stubs, and the auth_context_id of every client here.
ALIGNMENT, CONTEXT_ID = 16, 1

INITIALIZE, NEGOTIATE_API_VERSION, OPEN, CREATE_AGENT = 47, 52, 54, 146
NO_DATA, TAPI_1_3, TAPI_2_2 = 0xFFFFFFFF, 0x10003, 0x20002

SITE = """
[listeners.all]
endpoint = "tcp:13135:interface=127.0.0.1"
minimum_level = "none"
[authentication]
users_file = "{users}"
[limits]
connectionsPerAddress = 1000000
attachedPerAddress = 1000000
[handlers.fixed]
[lines.bench]
addresses = ["1"]
"""


class Wire(StringTransport):
    """A transport whose kernel takes everything, as that of a loopback connection does."""

    def getHandle(self) -> "Wire":
        return self

    def send(self, data: bytes) -> int:
        self.write(data)
        return len(data)

    def taken(self) -> bytes:
        data: bytes = self.value()
        self.clear()
        return data


@attrs.frozen
class World:
    """A server with one account, and what it calls back by."""

    reactor: Any
    parts: assembly.Parts

    def accept(self) -> tuple[Any, Wire]:
        """A client's connection: the server's protocol, and what it sends."""
        address = IPv4Address("TCP", HOST, 50000)
        protocol = self.parts.factories[0].buildProtocol(address)
        wire = Wire(hostAddress=HERE, peerAddress=address)
        protocol.makeConnection(wire)
        return protocol, wire


@contextmanager
def world() -> Iterator[World]:
    """A server that was put together from a configuration, as its administrator does."""
    with tempfile.TemporaryDirectory() as name:
        users = Path(name, "users")
        usersfile.rewrite(users, lambda text: usersfile.withUser("", "bench", ntHash("bench"), []))
        configuration = config.parse(
            SITE.format(users=users), "site.toml", assembly.allowedLimits()
        )
        directory = DataDirectory(Path(name, "data"))
        reactor = MemoryReactorClock()
        try:
            parts = assembly.assemble(configuration, handlers.findFactories(), directory, reactor)
            yield World(reactor, parts)
        finally:
            directory.close()


def initiator(authType: int) -> ISecurityContext:
    """The client's side of a context at PKT_PRIVACY."""
    account = NTLMAccount(domain="", user="bench", ntHash=ntHash("bench"), workstation="BENCH")
    level = RPC_C_AUTHN_LEVEL_PKT_PRIVACY

    def ntlm() -> NTLMInitiator:
        return NTLMInitiator(account, level, "host/localhost")

    return ntlm() if authType == NTLM else SPNEGOInitiator([Choice(NTLMSSP, ntlm)], level)


def leg(context: ISecurityContext, token: bytes) -> bytes:
    """What a context answers, which it does at once."""
    outcomes: list[bytes | AuthenticationFailed] = []
    context.step(token, outcomes.append)
    [outcome] = outcomes
    if isinstance(outcome, AuthenticationFailed):
        raise outcome
    return outcome


class Client:
    """An application that binds, logs on and attaches; it makes requests before they are sent."""

    def __init__(self, world: World, authType: int | None) -> None:
        self._world = world
        self._callID = 0
        self.security = None if authType is None else initiator(authType)
        self.protocol, self.wire = world.accept()

    def say(self, data: bytes) -> bytes:
        """What the server answers at once."""
        self.protocol.dataReceived(data)
        return self.wire.taken()

    def logOn(self, timed: Callable[[Callable[[bytes], object], bytes], None]) -> None:
        """
        Bind, with all legs of the logon.

        :param timed: called for each PDU with the server's `dataReceived`.
        """
        security = self.security
        token = None if security is None else leg(security, b"")
        timed(self.protocol.dataReceived, self._proposal(pdu.Bind, token))
        while security is not None:
            answer = pdu.decode(self.wire.taken()).auth_verifier.auth_value
            token = leg(security, answer) if answer or not security.complete else b""
            if not token:
                return
            if security.authType == NTLM:
                last = pdu.Auth3(call_id=1, auth_verifier=self._verifier(token)).encode()
                timed(self.protocol.dataReceived, last)
                return
            timed(self.protocol.dataReceived, self._proposal(pdu.AlterContext, token))

    def _verifier(self, token: bytes) -> pdu.AuthVerifier:
        assert self.security is not None
        return pdu.AuthVerifier(self.security.authType, self.security.authLevel, CONTEXT_ID, token)

    def _proposal(self, kind: type[pdu.Bind], token: bytes | None) -> bytes:
        syntax = pdu.SyntaxID(idl.TAPSRV, *idl.TAPSRV_VERSION)
        return kind(
            call_id=1,
            pfc_flags=pdu.WHOLE | (0 if token is None else pdu.PFC_SUPPORT_HEADER_SIGN),
            auth_verifier=None if token is None else self._verifier(token),
            max_xmit_frag=pdu.MAX_FRAGMENT,
            max_recv_frag=pdu.MAX_FRAGMENT,
            assoc_group_id=0,
            contexts=(pdu.PresentationContext(0, syntax, (NDR.syntaxID,)),),
        ).encode()

    def request(self, opnum: int, stub: bytes) -> bytes:
        """A request, sealed where this client logs on; to be sent in the order of making."""
        self._callID += 1
        start = pdu.requestStart.pack
        if self.security is None:
            length = pdu.REQUEST_HEADER_SIZE + len(stub)
            head = start(pdu.WHOLE_REQUEST, length, 0, self._callID, len(stub), 0, opnum)
            return head + stub
        padding = -len(stub) % ALIGNMENT
        size = self.security.tokenSize
        length = pdu.REQUEST_HEADER_SIZE + len(stub) + padding + pdu.SEC_TRAILER_SIZE + size
        head = start(pdu.WHOLE_REQUEST, length, size, self._callID, len(stub), 0, opnum)
        trailer = pdu.packTrailer(attrs.evolve(self._verifier(b""), auth_pad_length=padding))
        body, token = self.security.protect(head, stub + bytes(padding), trailer, True)
        return head + body + trailer + token

    def opened(self, response: bytes) -> bytes:
        """The stub of a response, which is verified where this client logs on."""
        start, length, size, *_ = pdu.responseStart.unpack_from(response)
        if start != pdu.WHOLE_RESPONSE or length != len(response):
            raise RuntimeError(f"no response: {pdu.decode(response)}")
        if self.security is None:
            return response[pdu.REQUEST_HEADER_SIZE :]
        trailer = length - size - pdu.SEC_TRAILER_SIZE
        clear = self.security.unprotect(
            response[: pdu.REQUEST_HEADER_SIZE],
            response[pdu.REQUEST_HEADER_SIZE : trailer],
            response[trailer : trailer + pdu.SEC_TRAILER_SIZE],
            response[trailer + pdu.SEC_TRAILER_SIZE :],
            True,
        )
        return clear[: len(clear) - response[trailer + 2]]

    def attach(self) -> None:
        """ClientAttach with a call-back, then Initialize, NegotiateAPIVersion and Open."""
        stub = idl.encodeClientAttach(-1, "bench", 'BENCH"ncacn_ip_tcp"251"')
        self.protocol.dataReceived(self.request(idl.ClientAttach, stub))
        _, _, factory, _, _ = self._world.reactor.tcpClients.pop()
        self.back, self.backWire = factory.buildProtocol(None), Wire()
        self.back.makeConnection(self.backWire)
        self.backWire.clear()
        accepted = pdu.BindAck(
            call_id=1,
            max_xmit_frag=pdu.MAX_FRAGMENT,
            max_recv_frag=pdu.MAX_FRAGMENT,
            assoc_group_id=1,
            sec_addr=b"",
            results=(pdu.ContextResult(pdu.ACCEPTANCE, 0, NDR.syntaxID),),
        )
        self.back.dataReceived(accepted.encode())
        self.backWire.clear()
        self.back.dataReceived(answer(2, idl.encodeRemoteSPAttachReply(b"\1" * 20, 0)))
        self._world.reactor.advance(0)
        stub = self.opened(self.wire.taken())
        self.context = idl.decodeClientAttachReply(stub, 0, len(stub)).phContext
        words = self.ask([INITIALIZE, *[0] * 3, 0x1111, *[0] * 3, TAPI_2_2], b"b\0\0\0")
        hLineApp = words[2]
        words = self.ask(
            [NEGOTIATE_API_VERSION, 0, hLineApp, 0, TAPI_1_3, TAPI_2_2, NO_DATA, NO_DATA, 16],
            bytes(16),
        )
        words = self.ask([OPEN, 0, hLineApp, 0, 0, words[6], 0, 0x2222, 1, 0, NO_DATA, 0, NO_DATA])
        self.hLine = words[4]

    def ask(self, words: list[int], data: bytes = b"") -> tuple[int, ...]:
        """A request that is answered at once; the fifteen DWORDs of the answer."""
        stub = self.opened(self.say(self.clientRequest(words, data)))
        found = struct.unpack_from("<15I", stub, 12)
        if found[0]:
            raise RuntimeError(f"request {words[0]} is answered {found[0]:#x}")
        return found

    def clientRequest(self, words: list[int], data: bytes = b"") -> bytes:
        frame = struct.pack("<15I", *words, *[0] * (15 - len(words))) + data
        return self.request(
            idl.ClientRequest, idl.encodeClientRequest(self.context, frame, len(frame))
        )

    def createAgent(self, dwRequestID: int) -> bytes:
        """What is measured: the same octets as those of load.c."""
        texts = b"".join(
            text.encode("utf-16-le").ljust(size, b"\0")
            for text, size in (("1001", 20), ("1234", 12))
        )
        return self.clientRequest(
            [CREATE_AGENT, 0, dwRequestID, 0x3333, self.hLine, 0, 20, 0x4444], texts
        )


def answer(callID: int, stub: bytes = b"") -> bytes:
    """A plain response."""
    length = pdu.REQUEST_HEADER_SIZE + len(stub)
    start = pdu.responseStart.pack(pdu.WHOLE_RESPONSE, length, 0, callID, len(stub), 0, 0)
    return start + stub


def requests(client: Client, number: int, count: int) -> float:
    """CPU microseconds of each of so many requests, from call to the end of its call-back."""
    made = [
        (client.createAgent(number + each + 1), answer(3 + number + each)) for each in range(count)
    ]
    ask, take = client.protocol.dataReceived, client.back.dataReceived
    gc.collect()
    began = time.thread_time_ns()
    for asked, taken in made:
        ask(asked)
        take(taken)
    spent = time.thread_time_ns() - began
    answers, position, seen = client.wire.taken(), 0, 0
    while position < len(answers):
        end = position + int.from_bytes(answers[position + 8 : position + 10], "little")
        stub = client.opened(answers[position:end])
        if int.from_bytes(stub[12:16], "little") != number + seen + 1:
            raise RuntimeError("an acknowledgement with another request ID")
        position = end
        seen += 1
    events = client.backWire.taken().count(b"\x33\x33\0\0")
    if (seen, events) != (count, count):
        raise RuntimeError(f"{count} requests, {seen} answers, {events} events")
    return spent / count / 1000


def logons(world: World, authType: int | None, count: int) -> float:
    """CPU microseconds of each of so many binds with a logon, and one first request after it."""
    spent = 0

    def timed(receive: Callable[[bytes], object], data: bytes) -> None:
        nonlocal spent
        began = time.thread_time_ns()
        receive(data)
        spent += time.thread_time_ns() - began

    gc.collect()
    for _ in range(count):
        client = Client(world, authType)
        client.logOn(timed)
        client.wire.clear()
        # The shortest there is: a context handle that nobody has given out.
        stub = idl.encodeClientDetach(bytes(20))
        timed(client.protocol.dataReceived, client.request(idl.ClientDetach, stub))
        if pdu.readHeader(client.wire.taken(), 0).PTYPE != pdu.FAULT:
            raise RuntimeError("the first request is answered in another way than by a fault")
        client.protocol.connectionLost()
    return spent / count / 1000


def main() -> None:
    """Measure in turn, and print medians with the least and the greatest."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[1])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--logons", type=int, default=100)
    options = parser.parse_args()
    with world() as made:
        clients = {}
        for name, way in WAYS.items():
            clients[name] = Client(made, way)
            clients[name].logOn(lambda receive, data: receive(data))
            clients[name].wire.clear()
            clients[name].attach()
        found: dict[str, list[float]] = {}
        for number in range(options.rounds):
            for name, client in clients.items():
                spent = requests(client, number * options.requests, options.requests)
                found.setdefault(f"request, {name}", []).append(spent)
            for name, way in WAYS.items():
                found.setdefault(f"logon, {name}", []).append(logons(made, way, options.logons))
    for name, values in found.items():
        print(
            f"{name:20} {statistics.median(values):8.2f} us [{min(values):.2f}..{max(values):.2f}]"
        )


if __name__ == "__main__":
    main()
