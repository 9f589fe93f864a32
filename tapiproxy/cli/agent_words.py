"""
Values of the protocol in words that an agent reads, and back: states, times, tables, handles.

No connection and no printing here: functions from values to text.
"""

import datetime
import uuid
from collections.abc import Iterable, Sequence

from tapiproxy.cli.main import CommandError
from tapiproxy.wire.sets import ConstantSet

__all__ = [
    "callRate",
    "constantNames",
    "duration",
    "handle",
    "parseConstant",
    "parseNumber",
    "sessionStart",
    "shown",
    "table",
    "version",
    "words",
]

#: How the names of the constants are read aloud; a name that is missing is shown in small letters.
_WORDS = {
    "LOGGEDOFF": "logged off",
    "NOTREADY": "not ready",
    "BUSYACD": "on an ACD call",
    "BUSYINCOMING": "on an incoming call",
    "BUSYOUTBOUND": "on an outgoing call",
    "BUSYOUTGOING": "on an outgoing call",
    "BUSYOTHER": "busy otherwise",
    "BUSYONCALL": "on a call",
    "BUSYWRAPUP": "wrapping up",
    "WORKINGAFTERCALL": "working after a call",
    "UNAVAIL": "unavailable",
    "NEXTSTATE": "next state",
    "ACTIVITYLIST": "list of activities",
    "GROUPLIST": "list of groups",
    "CAPSCHANGE": "capabilities",
    "VALIDSTATES": "states to choose from",
    "VALIDNEXTSTATES": "next states to choose from",
    "NEWAGENT": "new agent",
    "NEWSESSION": "new session",
    "UPDATEINFO": "new figures",
    "NEWQUEUE": "new queue",
    "QUEUEREMOVED": "queue removed",
    "NEWGROUP": "new group",
    "GROUPREMOVED": "group removed",
    "ALLOPENFORACD": "everything for an ACD is open",
}

#: OLE Automation counts days from here; [MS-TRP] 2.2.6.16 as tapi.h has it.
_OLE_EPOCH = datetime.datetime(1899, 12, 30, tzinfo=datetime.UTC)


def words(constants: ConstantSet, value: int) -> str:
    """
    Name a value for an agent.

    :returns: ``"not ready"``; several joined by a comma; ``"-"`` for 0 where no constant is 0.
    """
    names = constants.names(value).split("|")
    return ", ".join("-" if name == "0" else _WORDS.get(name, name.lower()) for name in names)


def _plain(text: str) -> str:
    return text.replace("-", "").replace("_", "").replace(" ", "").lower()


def constantNames(constants: ConstantSet) -> list[str]:
    """The names of a set as they are typed: the specification's, in small letters."""
    return [constants.names(value).lower() for value in constants]


def parseConstant(constants: ConstantSet, text: str) -> int:
    """
    Find the value of a name that was typed; dashes, blanks and capitals do not matter.

    :raises CommandError: there is none of that name; the text lists those that there are.
    """
    for value in constants:
        if _plain(constants.names(value)) == _plain(text):
            return value
    allowed = ", ".join(constantNames(constants))
    raise CommandError(f"{text!r} is not one of the states: {allowed}")


def parseNumber(text: str, what: str) -> int:
    """
    Read an unsigned 32-bit number, decimal or with 0x in front.

    :param what: what it is, for the message.
    :raises CommandError: it is not one.
    """
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if not 0 <= number <= 0xFFFFFFFF:
        raise CommandError(f"{text!r} is not {what}: a number from 0 to 0xFFFFFFFF is wanted")
    return number


def handle(value: int) -> str:
    """Show a handle (HAGENT, HAGENTSESSION, HLINE) the way that commands take it."""
    return f"0x{value:08X}"


def version(value: int) -> str:
    """Show a TAPI version: 0x00020002 is ``"2.2"``."""
    return f"{value >> 16}.{value & 0xFFFF}"


def duration(seconds: int) -> str:
    """Show a time in hours, minutes and seconds: ``"1:02:03"``."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def callRate(currency: int) -> str:
    """Show calls per agent hour, a CURRENCY: the value times 10,000."""
    return f"{currency / 10000:.2f}"


def sessionStart(days: float) -> str:
    """Show an OLE date (days since 1899-12-30); what no calendar holds is shown as the number."""
    try:
        moment = _OLE_EPOCH + datetime.timedelta(days=days)
    except (OverflowError, ValueError):
        return f"{days:g} days"
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def shown(value: object) -> str:
    """
    Show a value of a packet on one line; text of a peer cannot steer the terminal.

    :returns: printable characters only, at most a few hundred.
    """
    if isinstance(value, uuid.UUID):
        return "{" + str(value).upper() + "}"
    if isinstance(value, bytes):
        text = value.hex(" ")
    else:
        text = str(value)
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return printable if len(printable) <= 300 else printable[:297] + "..."


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """
    Lay out rows under heads, each column as wide as its widest cell.

    :param rows: cells are shown by `shown`.
    :returns: lines without trailing blanks; without rows the heads and ``(none)``.
    """
    cells = [[shown(cell) for cell in row] for row in rows]
    lines = [list(heads), *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    if not cells:
        text.append("(none)")
    return "\n".join(text)
