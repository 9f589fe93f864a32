"""
The server in this process, without sockets: CPU time of requests and of logons.

    python benchmarks/inprocess.py [--rounds N] [--requests N] [--logons N] [--json]

No system call is in these figures and no other process disturbs them much, so that a change of a
few per cent can be seen.  What a client sends is made, and sealed, before the time is taken; what
it gets is verified afterwards.
"""

import argparse
import gc
import json
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import report
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock, StringTransport
from zope.interface import implementer

from tapiproxy import assembly, config, handlers, usersfile
from tapiproxy.datadirectory import DataDirectory
from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.identity import INTLMCredentials, NTLMLogon, Verified
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_GSS_NEGOTIATE,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_C_AUTHN_WINNT,
    AuthenticationFailed,
)
from tapiproxy.dcerpc.ndr import NDR
from tapiproxy.dcerpc.ntlm import NTLMAcceptor, NTLMServer
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
BOTH = "NTLM, call-back too"

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
CALLBACK = """
[callback]
user = "server"
password_file = "{caller}"
mechanism = "ntlm"
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
def world(callback: bool = False) -> Iterator[World]:
    """
    A server that was put together from a configuration, as its administrator does.

    :param callback: whether it logs on where it calls back.
    """
    with tempfile.TemporaryDirectory() as name:
        users, caller = accountFile(name, "bench"), accountFile(name, "server")
        text = (SITE + CALLBACK * callback).format(users=users, caller=caller)
        configuration = config.parse(text, "site.toml", assembly.allowedLimits())
        directory = DataDirectory(Path(name, "data"))
        reactor = MemoryReactorClock()
        try:
            parts = assembly.assemble(configuration, handlers.findFactories(), directory, reactor)
            yield World(reactor, parts)
        finally:
            directory.close()


def accountFile(folder: str, account: str) -> Path:
    """A file with one account, whose password is that of all accounts here."""
    path = Path(folder, account)
    usersfile.rewrite(path, lambda text: usersfile.withUser("", account, ntHash("bench"), []))
    return path


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


@implementer(INTLMCredentials)
class Account:
    """The server's account, as clients know it."""

    def logOn(self, logon: NTLMLogon, done: Callable[[Verified | None], None]) -> None:
        key = logon.sessionBaseKey(ntHash("bench"))
        done(None if key is None else Verified(principal="server", sessionBaseKey=key))


def protected(security: ISecurityContext, head: bytes, stub: bytes) -> bytes:
    """A whole request or response from its head without lengths, sealed."""
    padding = -len(stub) % ALIGNMENT
    size = security.tokenSize
    length = len(head) + len(stub) + padding + pdu.SEC_TRAILER_SIZE + size
    head = head[:8] + struct.pack("<HH", length, size) + head[12:]
    verifier = pdu.AuthVerifier(
        security.authType, security.authLevel, CONTEXT_ID, b"", auth_pad_length=padding
    )
    trailer = pdu.packTrailer(verifier)
    body, token = security.protect(head, stub + bytes(padding), trailer, True)
    return head + body + trailer + token


def opened(security: ISecurityContext | None, octets: bytes) -> bytes:
    """The stub of a whole request or response, which is verified where there is a context."""
    _, length, size, *_ = pdu.responseStart.unpack_from(octets)
    if octets[2] not in (pdu.REQUEST, pdu.RESPONSE) or length != len(octets):
        raise RuntimeError(f"neither request nor response: {pdu.decode(octets)}")
    start = pdu.REQUEST_HEADER_SIZE
    if security is None:
        return octets[start:]
    trailer = length - size - pdu.SEC_TRAILER_SIZE
    token = trailer + pdu.SEC_TRAILER_SIZE
    clear = security.unprotect(
        octets[:start], octets[start:trailer], octets[trailer:token], octets[token:], True
    )
    return clear[: len(clear) - octets[trailer + 2]]


def apart(octets: bytes) -> Iterator[bytes]:
    """The PDUs that follow each other."""
    while octets:
        length = int.from_bytes(octets[8:10], "little")
        yield octets[:length]
        octets = octets[length:]


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
        length = pdu.REQUEST_HEADER_SIZE + len(stub)
        head = pdu.requestStart.pack(
            pdu.WHOLE_REQUEST, length, 0, self._callID, len(stub), 0, opnum
        )
        return head + stub if self.security is None else protected(self.security, head, stub)

    def answer(self, callID: int, stub: bytes = b"") -> bytes:
        """A response to a call-back, sealed where the server logs on."""
        length = pdu.REQUEST_HEADER_SIZE + len(stub)
        head = pdu.responseStart.pack(pdu.WHOLE_RESPONSE, length, 0, callID, len(stub), 0, 0)
        security = self.backSecurity
        return head + stub if security is None else protected(security, head, stub)

    def attach(self) -> None:
        """ClientAttach with a call-back, then Initialize, NegotiateAPIVersion and Open."""
        stub = idl.encodeClientAttach(-1, "bench", 'BENCH"ncacn_ip_tcp"251"')
        self.protocol.dataReceived(self.request(idl.ClientAttach, stub))
        _, _, factory, _, _ = self._world.reactor.tcpClients.pop()
        self.back, self.backWire = factory.buildProtocol(None), Wire()
        self.back.makeConnection(self.backWire)
        self.acceptBind()
        opened(self.backSecurity, self.backWire.taken())
        self.back.dataReceived(self.answer(2, idl.encodeRemoteSPAttachReply(b"\1" * 20, 0)))
        self._world.reactor.advance(0)
        stub = opened(self.security, self.wire.taken())
        self.context = idl.decodeClientAttachReply(stub, 0, len(stub)).phContext
        words = self.ask([INITIALIZE, *[0] * 3, 0x1111, *[0] * 3, TAPI_2_2], b"b\0\0\0")
        hLineApp = words[2]
        words = self.ask(
            [NEGOTIATE_API_VERSION, 0, hLineApp, 0, TAPI_1_3, TAPI_2_2, NO_DATA, NO_DATA, 16],
            bytes(16),
        )
        words = self.ask([OPEN, 0, hLineApp, 0, 0, words[6], 0, 0x2222, 1, 0, NO_DATA, 0, NO_DATA])
        self.hLine = words[4]

    def acceptBind(self) -> None:
        """The server's bind, and its logon by NTLM if there is one."""
        verifier = pdu.decode(self.backWire.taken()).auth_verifier
        self.backSecurity: NTLMAcceptor | None = None
        if verifier is not None:
            names = NTLMServer(computerName="BENCH", domainName="BENCH", dnsName="bench")
            self.backSecurity = NTLMAcceptor(names, Account(), verifier.auth_level)
            verifier = attrs.evolve(
                verifier, auth_value=leg(self.backSecurity, verifier.auth_value)
            )
        accepted = pdu.BindAck(
            call_id=1,
            pfc_flags=pdu.WHOLE | (0 if verifier is None else pdu.PFC_SUPPORT_HEADER_SIGN),
            auth_verifier=verifier,
            max_xmit_frag=pdu.MAX_FRAGMENT,
            max_recv_frag=pdu.MAX_FRAGMENT,
            assoc_group_id=1,
            sec_addr=b"",
            results=(pdu.ContextResult(pdu.ACCEPTANCE, 0, NDR.syntaxID),),
        )
        self.back.dataReceived(accepted.encode())
        if self.backSecurity is not None:
            auth3, *more = apart(self.backWire.taken())
            leg(self.backSecurity, pdu.decode(auth3).auth_verifier.auth_value)
            # RemoteSPAttach has come with it.
            self.backWire.write(b"".join(more))

    def ask(self, words: list[int], data: bytes = b"") -> tuple[int, ...]:
        """A request that is answered at once; the fifteen DWORDs of the answer."""
        stub = opened(self.security, self.say(self.clientRequest(words, data)))
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


def requests(client: Client, number: int, count: int) -> float:
    """CPU microseconds of each of so many requests, from call to the end of its call-back."""
    made = [
        (client.createAgent(number + each + 1), client.answer(3 + number + each))
        for each in range(count)
    ]
    ask, take = client.protocol.dataReceived, client.back.dataReceived
    gc.collect()
    began = time.thread_time_ns()
    for asked, taken in made:
        ask(asked)
        take(taken)
    spent = time.thread_time_ns() - began
    stubs = [opened(client.security, each) for each in apart(client.wire.taken())]
    acknowledged = [int.from_bytes(stub[12:16], "little") for stub in stubs]
    stubs = [opened(client.backSecurity, each) for each in apart(client.backWire.taken())]
    # dwParam1 of the ASYNCEVENTMSG that is behind context handle, max_count, offset, actual_count
    completed = [int.from_bytes(stub[56:60], "little") for stub in stubs]
    if not acknowledged == completed == [number + each + 1 for each in range(count)]:
        raise RuntimeError("acknowledgements or events of other requests than those that were made")
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


def measured(rounds: int, count: int, logonCount: int) -> dict[str, list[float]]:
    """CPU microseconds by what they were spent on, a figure for each round."""
    found: dict[str, list[float]] = {}
    with world() as made, world(callback=True) as calling:
        clients = {name: ready(made, way) for name, way in WAYS.items()}
        clients[BOTH] = ready(calling, NTLM)
        for number in range(rounds):
            for name, client in clients.items():
                spent = requests(client, number * count, count)
                found.setdefault(f"request, {name}", []).append(spent)
            for name, way in WAYS.items():
                found.setdefault(f"logon, {name}", []).append(logons(made, way, logonCount))
    return found


def ready(world: World, authType: int | None) -> Client:
    """A client with an open line."""
    client = Client(world, authType)
    client.logOn(lambda receive, data: receive(data))
    client.wire.clear()
    client.attach()
    return client


def main() -> None:
    """Measure in turn, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[1])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=1000, help="of a round")
    parser.add_argument("--logons", type=int, default=100, help="of a round")
    parser.add_argument("--json", action="store_true", help="every figure, for a program")
    options = parser.parse_args()
    found = measured(options.rounds, options.requests, options.logons)
    print(json.dumps(found) if options.json else "\n".join(report.inProcess(found)))


if __name__ == "__main__":
    main()
