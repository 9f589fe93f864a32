"""
Facts about calls, as ``tapiproxy acd feed`` brings them: one JSON object a line.

Whoever moves the calls (a switch, a script) reports what happened; this module says what a report
looks like and refuses everything else in words.  What a fact does is in `traffic`.  The table of
the facts is at the end of this file.
"""

import datetime
import json
import math
from collections.abc import Mapping

from attrs import frozen

from tapiproxy.plugins.acd.states import INCOMING, OTHER, OUTGOING

__all__ = ["FACTS", "LONGEST_FACT", "Fact", "FactError", "readFact"]

#: Characters of one line; the longest sensible fact has a tenth of it.
LONGEST_FACT = 4096

#: Characters of a call's or an agent's id.
_LONGEST_ID = 128

#: 9999-12-31, the last day that the calendar of Python knows.
_LAST_SECOND = 253402300799


class FactError(ValueError):
    """A fact cannot be taken; the text says what was found and what is allowed."""


@frozen(kw_only=True)
class Fact:
    """
    Something that happened to a call.

    :param kind: one of `FACTS`.
    :param call: the call's id, which whoever reports has chosen.
    :param at: when, in milliseconds since 1970, UTC; None for now.
    :param queue: a dwQueueID or the name of a queue.
    :param session: an hAgentSession; or else ``agent``, with ``group``, names the session.
    :param direction: of a non-ACD call: one of the three in `states`.
    """

    kind: str
    call: str
    at: int | None = None
    queue: int | str = 0
    session: int = 0
    agent: str = ""
    group: str = ""
    direction: str = ""


def readFact(line: str) -> Fact:
    """
    Read one line.

    :param line: a JSON object with ``fact``, ``call`` and what `FACTS` says for the fact.
    :raises FactError: what is wrong.
    """
    if len(line) > LONGEST_FACT:
        raise FactError(f"a fact has at most {LONGEST_FACT} characters, this one has {len(line)}")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FactError(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise FactError('a fact is a JSON object such as {"fact": "ended", "call": "17"}')
    kind = found.get("fact")
    if not isinstance(kind, str) or kind not in FACTS:
        raise FactError(f"fact: found {_shown(kind)}, allowed is one of {', '.join(FACTS)}")
    keys = found.keys() - {"fact", "time"}
    if not any(keys == allowed for allowed in FACTS[kind]):
        wanted = " or ".join(", ".join(sorted(allowed)) for allowed in FACTS[kind])
        raise FactError(f"{kind}: found {', '.join(sorted(keys)) or 'nothing'}, wanted {wanted}")
    return Fact(
        kind=kind,
        call=_identifier("call", found["call"]),
        at=None if found.get("time") is None else _time(found["time"]),
        queue=_queue(found["queue"]) if "queue" in found else 0,
        session=_number("session", found["session"]) if "session" in found else 0,
        agent=_identifier("agent", found["agent"]) if "agent" in found else "",
        group=_identifier("group", found["group"]) if "group" in found else "",
        direction=_direction(found["direction"]) if "direction" in found else "",
    )


def _time(found: object) -> int:
    if isinstance(found, int | float) and not isinstance(found, bool):
        if math.isfinite(found) and 0 <= found <= _LAST_SECOND:
            return round(found * 1000)
    elif isinstance(found, str):
        try:
            moment = datetime.datetime.fromisoformat(found)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None and moment.year >= 1970:
            return round(moment.timestamp() * 1000)
    raise FactError(
        f"time: found {_shown(found)}, allowed are seconds since 1970 or a text such as "
        "2030-01-31T09:30:00+01:00 with its offset from UTC"
    )


def _identifier(name: str, found: object) -> str:
    if not isinstance(found, str) or not 1 <= len(found) <= _LONGEST_ID or not _printable(found):
        raise FactError(
            f"{name}: found {_shown(found)}, allowed is a string of 1 to {_LONGEST_ID} characters"
        )
    return found


def _number(name: str, found: object) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found <= 0xFFFFFFFF:
        raise FactError(f"{name}: found {_shown(found)}, allowed is a number from 1 to 4294967295")
    return found


def _queue(found: object) -> int | str:
    return _identifier("queue", found) if isinstance(found, str) else _number("queue", found)


def _direction(found: object) -> str:
    if not isinstance(found, str) or found not in (INCOMING, OUTGOING, OTHER):
        raise FactError(
            f"direction: found {_shown(found)}, allowed is {INCOMING}, {OUTGOING} or {OTHER}"
        )
    return found


def _printable(text: str) -> bool:
    # A lone surrogate is legal JSON and no text that SQLite can keep.
    return text.isprintable()


def _shown(found: object) -> str:
    text = repr(found)
    return text if len(text) <= 60 else f"{text[:57]}..."


_SESSION = (frozenset({"call", "session"}), frozenset({"call", "agent", "group"}))
_CALL = (frozenset({"call"}),)
_QUEUE = (frozenset({"call", "queue"}),)

#: Every fact, and the sets of keys that it may have beside ``fact`` and ``time``.
FACTS: Mapping[str, tuple[frozenset[str], ...]] = {
    "queued": _QUEUE,
    "offered": _SESSION,
    "answered": _SESSION,
    "ended": _CALL,
    "abandoned": _CALL,
    "flowedIn": _QUEUE,
    "flowedOut": _CALL,
    "nonACDBegun": (frozenset({"call", "agent", "direction"}),),
    "nonACDEnded": _CALL,
}
