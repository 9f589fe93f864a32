"""
The rules of ClientRequest itself, before the packet is read.  [MS-TRP] 3.1.4.2, first list

Where four octets of pBuffer exist the answer is a result code in them; where they do not, a fault
(decision 3).
"""

from collections.abc import Callable

from tapiproxy.tapi.lineerr import LINEERR_INVALPARAM, LINEERR_OPERATIONUNAVAIL
from tapiproxy.trp.rules.rule import Rule

__all__ = ["HEADER", "RULES", "SIZES"]

#: Octets of TAPI32_MSG before VarData (2.2.5.2).
HEADER = 60

#: Octets of a ULONG_PTR on the platform that this server stands for (64 bit).
_ULONG_PTR = 8


def neededBelowMessage(used: int, needed: int) -> bool:
    """The room lNeededSize is less than TAPI32_MSG."""
    return needed < HEADER


def usedBelowPointer(used: int, needed: int) -> bool:
    """The data are shorter than a ULONG_PTR."""
    return used < _ULONG_PTR


#: The two rules of sizes, by their checks: (plUsedSize, lNeededSize) -> broken.
SIZES: dict[str, Callable[[int, int], bool]] = {
    "ClientRequest.1": neededBelowMessage,
    "ClientRequest.2": usedBelowPointer,
}

RULES: tuple[Rule, ...] = (
    Rule(
        id="ClientRequest.1",
        code=LINEERR_INVALPARAM,
        carriedOutBy="tapiproxy.trp.rules.clientrequest.neededBelowMessage",
    ),
    Rule(
        id="ClientRequest.2",
        code=LINEERR_INVALPARAM,
        carriedOutBy="tapiproxy.trp.rules.clientrequest.usedBelowPointer",
        note="fault 0x6F7 below 4 octets; from 4 to 7 every packet lacks a parameter too",
    ),
    Rule(
        id="ClientRequest.3",
        carriedOutBy="tapiproxy.dcerpc.contexthandles.ContextHandles.find",
        note="fault 0x1C00001A, as the runtime answers for every strict context handle",
    ),
    Rule(
        id="ClientRequest.4",
        code=LINEERR_OPERATIONUNAVAIL,
        carriedOutBy="tapiproxy.trp.dispatch.answer",
    ),
)
