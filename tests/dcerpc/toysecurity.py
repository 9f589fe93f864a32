"""
A security provider for tests: it protects nothing from anybody, and checks everything.

Tokens are words: ``alice`` establishes a context for alice in one leg; ``hello`` is answered
``who?`` and wants ``alice`` next; ``slow alice`` is answered when the test says so; ``mallory`` is
refused.
"""

import hashlib
from collections.abc import Callable, Hashable
from typing import Any

from zope.interface import implementer

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_LEVEL_CALL,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_S_SEC_PKG_ERROR,
    AuthenticationFailed,
    Fault,
    Interface,
)
from tapiproxy.dcerpc.security import IAuthenticationService, ISecurityContext

TOY = 77
TOKEN_SIZE = 12


class Keys:
    """The state of one direction: a number that goes up."""

    def __init__(self, direction: bytes, level: int) -> None:
        self._direction = direction
        self._level = level
        self._sequence = 0

    def seal(self, body: bytes) -> bytes:
        """Seal, which is unsealing too."""
        return bytes(octet ^ 0x5A for octet in body) if self._level == 6 else body

    def token(self, head: bytes, clear: bytes, trailer: bytes, headerSigning: bool) -> bytes:
        """Over all that is signed, once."""
        self._sequence += 1
        signed = head + clear + trailer if headerSigning else clear
        text = self._direction + self._sequence.to_bytes(4, "little") + signed
        return hashlib.sha256(text).digest()[:TOKEN_SIZE]


@implementer(ISecurityContext)
class ToyContext:
    """
    One context, for either role.

    :param answers: where answers that are to be given later are kept.
    """

    tokenSize = TOKEN_SIZE
    needsHeaderSigning = False

    def __init__(
        self, authLevel: int, answers: list[Callable[[], object]], *, server: bool = True
    ) -> None:
        self.authType = TOY
        self.authLevel = authLevel
        self.complete = False
        self.principal: Any = None
        self.steps = 0
        self._answers = answers
        here, there = (b"server", b"client") if server else (b"client", b"server")
        self._out, self._in = Keys(here, authLevel), Keys(there, authLevel)

    def step(self, token: bytes, done: Callable[[bytes | AuthenticationFailed], None]) -> None:
        """See the module."""
        self.steps += 1
        word, _, name = token.decode("ascii").partition(" ")
        if word == "slow":
            self._answers.append(lambda: self.step(name.encode("ascii"), done))
        elif word == "hello":
            done(b"who?")
        elif word == "mallory":
            done(AuthenticationFailed("not you", reason=pdu.NAK_INVALID_CHECKSUM, status=5))
        else:
            self.complete = True
            self.principal = word
            done(b"")

    def protect(
        self, head: bytes, body: bytes, trailer: bytes, headerSigning: bool
    ) -> tuple[bytes, bytes]:
        """Sign, and seal at the level for it."""
        return self._out.seal(body), self._out.token(head, body, trailer, headerSigning)

    def unprotect(
        self, head: bytes, body: bytes, trailer: bytes, token: bytes, headerSigning: bool
    ) -> bytes:
        """Verify."""
        clear = self._in.seal(body)
        if token != self._in.token(head, clear, trailer, headerSigning):
            raise Fault(RPC_S_SEC_PKG_ERROR)
        return clear


@implementer(IAuthenticationService)
class ToyService:
    """
    Knows the toy, but not at RPC_C_AUTHN_LEVEL_CALL.

    :ivar minimum: the level below which no call is permitted; 0 for any, none included.
    :ivar contexts: those that were begun.
    :ivar answers: what providers that think have still to say.
    """

    def __init__(self, minimum: int = 0) -> None:
        self.minimum = self.minimumLevel = minimum
        self.contexts: list[ToyContext] = []
        self.answers: list[Callable[[], object]] = []

    def newContext(self, authType: int, authLevel: int, peer: Hashable) -> ToyContext:
        """A context."""
        if authType != TOY:
            raise AuthenticationFailed("unknown", reason=8)
        if authLevel == RPC_C_AUTHN_LEVEL_CALL:
            raise AuthenticationFailed("no such level here", reason=pdu.NAK_INVALID_CHECKSUM)
        self.contexts.append(ToyContext(authLevel, self.answers))
        return self.contexts[-1]

    def permits(self, called: Interface, context: ISecurityContext | None) -> bool:
        """By level."""
        return (0 if context is None else context.authLevel) >= self.minimum


class ToyClient:
    """
    The client's side of one context: makes protected requests, and reads protected responses.

    :param headerSigning: whether it was agreed on.
    """

    def __init__(
        self,
        auth_context_id: int = 1,
        level: int = RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
        headerSigning: bool = False,
    ) -> None:
        self.auth_context_id = auth_context_id
        self.level = level
        self.headerSigning = headerSigning
        self._context = ToyContext(level, [], server=False)

    def verifier(self, token: str) -> pdu.AuthVerifier:
        """A leg."""
        return pdu.AuthVerifier(TOY, self.level, self.auth_context_id, token.encode("ascii"))

    def protect(self, octets: bytes, padding: int = 0) -> bytes:
        """A request fragment as :func:`tests.dcerpc.pdus.request` makes it, protected."""
        stub = octets[24:] + bytes(padding)
        size = 24 + len(stub) + 8 + TOKEN_SIZE
        head = octets[:8] + size.to_bytes(2, "little") + TOKEN_SIZE.to_bytes(2, "little")
        head += octets[12:24]
        trailer = pdu.packTrailer(
            pdu.AuthVerifier(TOY, self.level, self.auth_context_id, b"", padding)
        )
        body, token = self._context.protect(head, stub, trailer, self.headerSigning)
        return head + body + trailer + token

    def unprotect(self, octets: bytes) -> bytes:
        """The stub of a response fragment."""
        trailer = octets[-TOKEN_SIZE - 8 : -TOKEN_SIZE]
        clear = self._context.unprotect(
            octets[:24],
            octets[24 : -TOKEN_SIZE - 8],
            trailer,
            octets[-TOKEN_SIZE:],
            self.headerSigning,
        )
        return clear[: len(clear) - trailer[2]]
