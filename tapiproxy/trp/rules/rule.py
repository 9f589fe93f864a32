"""
What a processing rule is, and how the rules of a packet are declared.

A rule has the identifier of the specification's list ("146.3": the third rule of Req_Func 146) and
exactly one place where it is carried out.  Rules that the specification forgot, but which its field
descriptions ask for, have the field's name for a number ("67.dwAddressID").  [MS-TRP] 3.1.4.2
"""

from collections.abc import Callable
from typing import Any

from attrs import frozen

from tapiproxy.trp.results import resultCode
from tapiproxy.wire.errors import MISSING, PROBLEMS

__all__ = [
    "ANY_PROBLEM",
    "PacketRules",
    "Predicate",
    "Rule",
    "check",
    "codec",
    "effect",
    "forHandler",
    "slip",
]

#: Whether a request breaks a rule: (message, client, room), where room is the size of VarData in
#: the reply, lNeededSize less the 60 octets in front of it.
Predicate = Callable[[Any, Any, int], bool]

#: Everything that can be wrong with a field but its absence, which is no rule of the field.
ANY_PROBLEM = tuple(problem for problem in PROBLEMS if problem != MISSING)


@frozen(kw_only=True)
class Rule:
    """
    One processing rule.

    Exactly one of these says where it is carried out: ``violated`` (a check of the session layer),
    ``fields`` (a check of the codec), ``carriedOutBy`` (an effect, or another part's work), or
    ``sameAs`` (another rule's check is this one's too).

    :ivar id: as in the specification's list.
    :ivar code: the Ack_ReturnValue of a request that breaks it; 0 for none.
    :ivar violated: the check.
    :ivar fields: the paths of fields in `DecodeError`, ``"CreateAgent.lpszAgentID"``.
    :ivar problems: what of them is this rule's.
    :ivar carriedOutBy: the function that does it.
    :ivar sameAs: the rule that it coincides with.
    :ivar note: why it is so, where the specification's words are not followed.
    """

    id: str
    code: int = 0
    violated: Predicate | None = None
    fields: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    carriedOutBy: str = ""
    sameAs: str = ""
    note: str = ""

    @property
    def where(self) -> str:
        """Say where it is carried out, for people."""
        if self.violated is not None:
            return f"tapiproxy.trp.rules: {self.violated.__name__}"
        if self.fields:
            return f"tapiproxy.wire: {', '.join(self.fields)} {'/'.join(self.problems)}"
        return self.carriedOutBy or f"rule {self.sameAs}"


@frozen
class PacketRules:
    """
    The rules of one packet, in the order in which they are checked.

    :ivar Req_Func: the packet's number.
    :ivar packet: its name, as in the paths of `DecodeError`.
    :ivar rules: those of the codec come first whatever their place, since it reads first.
    """

    Req_Func: int
    packet: str
    rules: tuple[Rule, ...]


# The declarations: each is a function of the packet, so that its name and number are said once.
_Declaration = Callable[[int, str], Rule]


def check(
    number: int | str, specific: int, violated: Predicate, *, size: bool = False, note: str = ""
) -> _Declaration:
    """
    Declare a check of the session layer.

    :param number: the rule's place in the packet's list, or the field's name.
    :param specific: the result code of the field's kind.
    :param violated: tells whether a request breaks the rule.
    :param size: it is about a size or an offset.
    """
    return lambda Req_Func, packet: Rule(
        id=f"{Req_Func}.{number}",
        code=resultCode(Req_Func, specific, size=size),
        violated=violated,
        note=note,
    )


def codec(
    number: int | str, specific: int, fields: str, *problems: str, note: str = ""
) -> _Declaration:
    """
    Declare a check that the codec makes while it reads.

    :param fields: the fields' names, separated by blanks; a struct's with its name in front.
    :param problems: of `tapiproxy.wire.errors`; none for all.
    """
    return lambda Req_Func, packet: Rule(
        id=f"{Req_Func}.{number}",
        code=resultCode(Req_Func, specific, size=True),
        fields=tuple(
            name if "." in name or name.isupper() else f"{packet}.{name}" for name in fields.split()
        ),
        problems=problems or ANY_PROBLEM,
        note=note,
    )


def effect(number: int | str, carriedOutBy: str, note: str = "", *, code: int = 0) -> _Declaration:
    """
    Declare what happens when all checks are passed.

    :param carriedOutBy: the packet's action.
    :param code: the result code with which it ends every such request; 0 for success.
    """
    return lambda Req_Func, packet: Rule(
        id=f"{Req_Func}.{number}", code=code, carriedOutBy=carriedOutBy, note=note
    )


def forHandler(number: int) -> _Declaration:
    """Declare a check that only the handler can make (decision 1); it answers in LINE_REPLY."""
    return lambda Req_Func, packet: Rule(
        id=f"{Req_Func}.{number}",
        carriedOutBy="the handler, in LINE_REPLY",
        note="only the handler knows its agents and sessions",
    )


def slip(number: int, sameAs: int, note: str) -> _Declaration:
    """Declare a rule that cannot be meant as it is printed (decision 2)."""
    return lambda Req_Func, packet: Rule(
        id=f"{Req_Func}.{number}", sameAs=f"{Req_Func}.{sameAs}", note=note
    )


def packet(Req_Func: int, name: str, *declarations: _Declaration) -> PacketRules:
    """Declare the rules of a packet."""
    return PacketRules(Req_Func, name, tuple(make(Req_Func, name) for make in declarations))
