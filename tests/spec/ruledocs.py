"""
``python -m tests.spec.ruledocs``: write docs/rules.md, every processing rule and its answer.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tapiproxy.tapi import lineerr, phoneerr
from tapiproxy.trp.requests.names import PHONE, REQUEST_NAMES
from tapiproxy.trp.rules.registry import table
from tapiproxy.trp.rules.rule import Rule

__all__ = ["document", "path"]

_HEAD = """\
# Processing rules

The rules of [MS-TRP] 3.1.4.2 for the packets that are served, in the order in which the server
checks them; those that the codec checks come first whatever their place. A rule has the identifier
of the specification's list: 146.3 is the third rule of Req_Func 146. A rule with a name for a
number is not in that list: a field's description asks for it, or a decision of this project.

The answer is Ack_ReturnValue. It is the specific code of the field's kind when the packet's table
of return values lists it, is headed "Common return values", or is absent; where the table is
exhaustive and lacks it, LINEERR_INVALPARAM if that is listed, else LINEERR_INVALPOINTER for a bad
size or offset, else LINEERR_OPERATIONFAILED.

This file is printed from `tapiproxy/trp/rules` by `python -m tests.spec.ruledocs`. The tests of
rule 146.3 are those whose names contain `test_rule_146_3__` (`pytest -k rule_146_3__`), in
`tests/trp/rules`; `python -m tests.mutation.run 146.3` takes its check away and shows that they
fail then.
"""

_COINCIDE = """
## Checks that coincide

No request tells these apart, so the mutation run takes them away together:

- 25.2 with 25.3, 152.3 with 152.2: as they are printed they speak of VarData that the packet does
  not have. 153.1 is printed for VarData of 16 octets and a struct of 24. What is checked in all
  three is the size that the client names for the answer.
- 67.2 with 67.3, and the two halves of 54.5: a struct that begins outside of VarData does not fit
  into it either.
- 54.10 with LINECALLPARAMS.1 to .7, which are what makes that struct invalid.
- 95.3, 107.5 and 108.2: there are no phones, so no request about one can be accepted. The packets'
  action says so after all other checks.

Rules that nearly coincide, and the request by which their tests tell them apart:

- 21.4 from 21.2 and 21.3: a room too small for the struct, for a client that names a larger one.
  21.4 is checked before 21.2, whose code would be LINEERR_INVALPARAM.
- 52.4 from 52.5, 108.4 from 108.5: a version lies between the two, but they are the wrong way
  round. 52.5 is read as: between the two, whichever is the later.
- ClientRequest.2 from ClientRequest.4 and from a parameter that was not sent: 4 to 7 octets of a
  Req_Func that does not exist.
"""


def path() -> Path:
    """Where the document is."""
    return Path(__file__).parents[2] / "docs" / "rules.md"


def document() -> str:
    """Print the registry."""
    return "\n".join([_HEAD, *_tables()]) + _COINCIDE


def _tables() -> Iterator[str]:
    for title, group in groupby(table(), key=_title):
        yield f"## {title}\n"
        yield "| rule | answer | carried out by | note |"
        yield "|---|---|---|---|"
        for _, identifier, rule in group:
            yield f"| {identifier} | {_answer(rule)} | {_where(rule)} | {rule.note} |"
        yield ""


def _title(row: tuple[str, str, Rule]) -> str:
    packet, identifier, _ = row
    number = identifier.partition(".")[0]
    if number == "LINECALLPARAMS":
        return "Open (54)"
    if not number.isdigit():
        return packet
    phone = REQUEST_NAMES[int(number)][1] == PHONE
    return f"{packet}{' of phones' if phone else ''} ({number})"


def _answer(rule: Rule) -> str:
    if rule.sameAs:
        return f"as {rule.sameAs}"
    if not rule.code:
        return ""
    phone = 0x90000000 <= rule.code < 0xA0000000
    return phoneerr.name(rule.code) if phone else lineerr.name(rule.code)


def _where(rule: Rule) -> str:
    return rule.where.replace("tapiproxy.trp.rules: ", "").replace("tapiproxy.", "")


if __name__ == "__main__":
    path().write_text(document())
