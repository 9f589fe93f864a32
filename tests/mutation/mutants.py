"""
Every processing rule with its check taken away, or its effect.

A check of the session layer is left out of its packet's, one of the codec is switched off for one
field; an effect is replaced by an action that says it was done and does nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from attrs import frozen

from tapiproxy.dcerpc.contexthandles import ContextHandles
from tapiproxy.plugins.acd.requests import Requests
from tapiproxy.trp import dispatch
from tapiproxy.trp.actions import init
from tapiproxy.trp.actions.replies import reply
from tapiproxy.trp.requests import byFunction, line
from tapiproxy.trp.rules.clientrequest import SIZES
from tapiproxy.trp.rules.registry import CHECKS, PACKETS, RULES, checksOf
from tapiproxy.trp.rules.rule import Rule
from tapiproxy.trp.session import Client
from tapiproxy.wire.errors import (
    BADTEXT,
    BEYOND,
    MISALIGNED,
    OUTSIDE,
    TOOLONG,
    TOOSMALL,
    UNTERMINATED,
)
from tapiproxy.wire.layout import (
    GUID,
    Array,
    Block,
    Field,
    WideString,
    Within,
    fieldsOf,
)
from tests.mutation.guards import Switch, without

__all__ = ["MUTANTS", "Mutant"]


@frozen
class Mutant:
    """
    A server without one rule.

    :ivar rule: whose tests must fail.
    :ivar words: which part of the rule; the empty string for all of it.
    :ivar alive: the server is so while this lasts.
    """

    rule: str
    words: str
    alive: Callable[[], AbstractContextManager[object]]

    @property
    def name(self) -> str:
        """Name it."""
        return f"{self.rule} {self.words}".strip()


# Checks of the codec.


def _problems(field: Field) -> tuple[str, ...]:
    """Name what the codec checks of a field."""
    kind = field.kind
    if isinstance(kind, WideString):
        return (MISALIGNED, OUTSIDE, UNTERMINATED, TOOLONG, BADTEXT)
    if isinstance(kind, Block):
        return (MISALIGNED, OUTSIDE, BEYOND) + ((TOOSMALL,) if kind.content == GUID else ())
    if isinstance(kind, Within):
        return (MISALIGNED, OUTSIDE, TOOSMALL)
    if isinstance(kind, Array):
        return (OUTSIDE, BEYOND, TOOSMALL)
    # Only the offsets of LINECALLPARAMS must be aligned.
    return (OUTSIDE, BEYOND) + ((MISALIGNED,) if field.owner == "LINECALLPARAMS" else ())


def _fields(Req_Func: int) -> Iterator[Field]:
    for field in fieldsOf(byFunction[Req_Func]):
        yield field
        if isinstance(field.kind, Within):
            yield from _inside(field.kind.structure)


def _inside(structure: type) -> Iterator[Field]:
    for field in fieldsOf(structure):
        yield field
        if isinstance(field.kind, Array) and field.kind.entry is not None:
            yield from _inside(field.kind.entry)


def _switches(Req_Func: int, rule: Rule) -> Iterator[tuple[Switch, frozenset[Switch]]]:
    """List the checks of the codec that are a rule's, each with those that coincide with it."""
    known = {field.path: field for field in _fields(Req_Func)}
    for path in rule.fields:
        # The name of a struct alone stands for its size.
        problems = _problems(known[path]) if path in known else (TOOSMALL,)
        for problem in problems:
            if problem in rule.problems:
                coinciding: set[Switch] = set()
                if problem == OUTSIDE and isinstance(known[path].kind, Within):
                    # What begins outside of VarData has no room in it, for its fixed part or all.
                    structure = known[path].kind.structure.__name__
                    coinciding = {(path, TOOSMALL), (structure, TOOSMALL)}
                yield (path, problem), frozenset({(path, problem), *coinciding})


# Checks of the session layer.


@contextmanager
def _withoutSize(rule: str) -> Iterator[None]:
    check = SIZES.pop(rule)
    try:
        yield
    finally:
        SIZES[rule] = check


def _withoutCheck(Req_Func: int, rule: str) -> AbstractContextManager[object]:
    return patch.dict(CHECKS, {Req_Func: checksOf(PACKETS[Req_Func], rule)})


def _anyClient(self: ContextHandles, octets: bytes, caller: Any, interface: Any) -> Any:
    return next(iter(self._handles.values())).value


def _anyAgent(self: Requests, request: Any, hAgent: int) -> Any:
    return next(iter(self.operation.centre.model.byHandle.values()))


def _anySession(self: Requests, request: Any, hAgentSession: int) -> Any:
    return next(iter(self.operation.centre.model.sessions.values()))


# Effects.


def _instead(Req_Func: int, action: Callable[..., bytes | int]) -> Any:
    """Do something else for a packet that is answered at once."""
    return partial(patch.dict, dispatch.ACTIONS, {Req_Func: action})


def _unsent(Req_Func: int) -> Any:
    """Give a request identifier and leave it at that."""
    action = {Req_Func: lambda message, client: message.dwRequestID or 1}
    return partial(patch.dict, dispatch.LATER_ACTIONS, action)


def _initialize(message: line.Initialize, client: Client) -> bytes | int:
    """Make the first HLINEAPP of a client, which every test needs, and no other."""
    if not client.apps:
        return init.initialize(message, client)
    return reply(message, hLineApp=1, dwNumDevs=3)


def _open(message: line.Open, client: Client) -> bytes | int:
    """Make the first HLINE of a client, which every test needs, and no other."""
    return reply(message, hLine=1) if client.lines else init.open(message, client)


#: What cannot be derived from the registry: effects, and rules that others carry out.
BY_HAND: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "ClientRequest.1": partial(_withoutSize, "ClientRequest.1"),
    "ClientRequest.2": partial(_withoutSize, "ClientRequest.2"),
    "ClientRequest.3": partial(patch.object, ContextHandles, "find", _anyClient),
    "ClientRequest.4": partial(patch.object, dispatch, "_unserved", lambda client, number: 0),
    "47.7": _instead(47, _initialize),
    "9.2": _instead(9, lambda message, client: 0),
    "86.2": _instead(86, lambda message, client: 0),
    "54.11": _instead(54, _open),
    "106.7": _instead(106, lambda message, client: reply(message, hPhoneApp=1, dwNumDevs=0)),
    **{
        rule.id: _instead(Req_Func, lambda message, client: 0)
        for Req_Func, packet in PACKETS.items()
        for rule in packet.rules
        if rule.carriedOutBy == "tapiproxy.trp.actions.phone.noDevice"
    },
    "119.2": _instead(119, lambda message, client: 0),
    "148.4": partial(patch.object, Requests, "agent", _anyAgent),
    "149.4": partial(patch.object, Requests, "session", _anySession),
    "150.4": partial(patch.object, Requests, "agent", _anyAgent),
    **{
        rule.id: _unsent(Req_Func)
        for Req_Func, packet in PACKETS.items()
        for rule in packet.rules
        if rule.carriedOutBy == "tapiproxy.trp.actions.agent.proxyRequest"
    },
}


def _mutants(Req_Func: int, rule: Rule) -> Iterator[Mutant]:
    if rule.id in BY_HAND:
        yield Mutant(rule.id, "", BY_HAND[rule.id])
    elif rule.violated is not None:
        yield Mutant(rule.id, "", partial(_withoutCheck, Req_Func, rule.id))
    elif rule.fields:
        for (path, problem), switches in _switches(Req_Func, rule):
            words = f"{path.rpartition('.')[2]} {problem}"
            yield Mutant(rule.id, words, partial(without, switches))
    elif rule.id == "54.10":
        # Each of the seven rules is a part of it.
        for part in PACKETS[Req_Func].rules:
            if part.id.startswith("LINECALLPARAMS"):
                yield _twin(rule, part.id, Req_Func, part)
    elif rule.sameAs:
        yield _twin(rule, "", Req_Func, RULES[rule.sameAs])


def _twin(rule: Rule, words: str, Req_Func: int, other: Rule) -> Mutant:
    """Take another rule away, whole."""
    return Mutant(rule.id, words, partial(_together, list(_mutants(Req_Func, other))))


@contextmanager
def _together(mutants: list[Mutant]) -> Iterator[None]:
    with ExitStack() as stack:
        for mutant in mutants:
            stack.enter_context(mutant.alive())
        yield


def _all() -> Iterator[Mutant]:
    for rule in RULES.values():
        if rule.id.startswith("ClientRequest."):
            yield Mutant(rule.id, "", BY_HAND[rule.id])
    for Req_Func, packet in PACKETS.items():
        for rule in packet.rules:
            yield from _mutants(Req_Func, rule)


#: All of them, in the order of the registry.
MUTANTS = tuple(_all())
