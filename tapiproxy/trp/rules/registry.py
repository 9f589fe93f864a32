"""
All processing rules by identifier, and the checks of each packet ready to run.

``RULES`` is what documentation is printed from and what the tests go through; ``CHECKS`` is what
runs for each request: a tuple of (predicate, code) pairs and nothing else.  [MS-TRP] 3.1.4.2
"""

from attrs import frozen

from tapiproxy.tapi.lineerr import (
    LINEERR_INVALCALLPARAMS,
    LINEERR_INVALPARAM,
    LINEERR_STRUCTURETOOSMALL,
)
from tapiproxy.tapi.phoneerr import PHONEERR_INVALPARAM, PHONEERR_STRUCTURETOOSMALL
from tapiproxy.trp.requests import names
from tapiproxy.trp.results import resultCode
from tapiproxy.trp.rules import agent, clientrequest, generic, init, line, phone
from tapiproxy.trp.rules.rule import PacketRules, Predicate, Rule
from tapiproxy.wire.errors import TOOSMALL, DecodeError

__all__ = ["CHECKS", "PACKETS", "RULES", "Check", "checksOf", "codeOf", "table"]


@frozen
class Check:
    """A check as it runs."""

    violated: Predicate
    code: int


def checksOf(packet: PacketRules, without: str = "") -> tuple[Check, ...]:
    """
    Compile the checks of a packet that the session layer makes.

    :param without: the identifier of a rule to leave out: what a test puts in the place of
        ``CHECKS[Req_Func]`` to show that its rule matters.
    """
    return tuple(
        Check(rule.violated, rule.code)
        for rule in packet.rules
        if rule.violated is not None and rule.id != without
    )


def codeOf(Req_Func: int, error: DecodeError) -> int:
    """
    Turn what the codec found wrong into the result code of the rule that it breaks.

    :param Req_Func: the packet that was read.
    :returns: the code; for what no rule names, that of the kind of problem.
    """
    rule = _CODEC.get((Req_Func, error.field, error.problem))
    if rule is not None:
        return rule.code
    if names.REQUEST_NAMES[Req_Func][1] == names.PHONE:
        return PHONEERR_STRUCTURETOOSMALL if error.problem == TOOSMALL else PHONEERR_INVALPARAM
    if error.field.startswith("LINECALLPARAMS"):
        return LINEERR_INVALCALLPARAMS
    specific = LINEERR_STRUCTURETOOSMALL if error.problem == TOOSMALL else LINEERR_INVALPARAM
    return resultCode(Req_Func, specific, size=True)


def table() -> list[tuple[str, str, Rule]]:
    """List every rule as (packet, identifier, rule), for documentation."""
    listed = [("ClientRequest", rule.id, rule) for rule in clientrequest.RULES]
    listed += [(packet.packet, rule.id, rule) for packet in _ALL for rule in packet.rules]
    return listed


_ALL = (*init.RULES, *line.RULES, *agent.RULES, *phone.RULES, *generic.RULES)

#: Every packet's rules, by Req_Func.
PACKETS: dict[int, PacketRules] = {packet.Req_Func: packet for packet in _ALL}

#: Every rule, by identifier.
RULES: dict[str, Rule] = {identifier: rule for _, identifier, rule in table()}

#: By Req_Func, what runs for each request.
CHECKS: dict[int, tuple[Check, ...]] = {packet.Req_Func: checksOf(packet) for packet in _ALL}

# What the codec checks: (Req_Func, field, problem).
_CODEC: dict[tuple[int, str, str], Rule] = {
    (packet.Req_Func, field, problem): rule
    for packet in _ALL
    for rule in packet.rules
    for field in rule.fields
    for problem in rule.problems
}
