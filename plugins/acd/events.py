"""
The events of the log: everything that ever changed, one class each.

State is a fold of these (`model`), statistics are computed from them.  An event says what became
true, never what was asked for, so a fold needs no configuration.  No rules here, no SQL.

``at`` is in milliseconds since 1970 (UTC), an integer, so that sums come out equal in every order.
"""

import json

from attrs import astuple, frozen

__all__ = [
    "EVENTS",
    "AgentActivitySet",
    "AgentAttended",
    "AgentCreated",
    "AgentGranted",
    "AgentPeriodSet",
    "AgentReleased",
    "AgentUnattended",
    "CallAbandoned",
    "CallAnswered",
    "CallEnded",
    "CallFlowedOut",
    "CallOffered",
    "CallQueued",
    "Event",
    "NonACDBegun",
    "NonACDEnded",
    "QueuePeriodSet",
    "SessionChanged",
    "SessionCreated",
    "decode",
    "encode",
]


@frozen
class Event:
    """
    Something that became true.

    :param at: when, in milliseconds since 1970, UTC.
    """

    at: int


@frozen
class AgentCreated(Event):
    """An agent got his handle: the first CreateAgent for his id."""

    agent: str
    hAgent: int


@frozen
class AgentGranted(Event):
    """A principal showed that he may use the agent's handle."""

    agent: str
    principal: str


@frozen
class AgentAttended(Event):
    """An application works for the agent again."""

    agent: str


@frozen
class AgentUnattended(Event):
    """The last application that worked for the agent is gone; grace times run from here."""

    agent: str


@frozen
class AgentReleased(Event):
    """The agent logged off (LINEAGENTSTATEEX_RELEASED), or came back from that."""

    agent: str
    released: bool


@frozen
class AgentActivitySet(Event):
    """The agent does something else now; 0 is no activity."""

    agent: str
    activity: int


@frozen
class AgentPeriodSet(Event):
    """The agent's statistics cover another period from now on, in seconds."""

    agent: str
    period: int


@frozen
class SessionCreated(Event):
    """An agent logged on for a group at an address; the session is NOTREADY."""

    session: int
    agent: str
    group: str
    line: str
    address: int


@frozen
class SessionChanged(Event):
    """
    A session's state or what is planned for it changed.

    :param state: the LINEAGENTSESSIONSTATE_ from now on.
    :param next: the state planned for the end of the call and its wrap-up; 0 for none.
    :param resting: NOTREADY or READY: where the session comes to rest if nothing is planned.
    :param until: when wrap-up ends by itself, in milliseconds since 1970; 0 for never.
    """

    session: int
    state: int
    next: int
    resting: int
    until: int


@frozen
class CallQueued(Event):
    """A call began to wait in a queue; ``flowed`` if it came from another queue or group."""

    call: str
    queue: int
    flowed: bool


@frozen
class CallOffered(Event):
    """A call was offered to a session: it rings."""

    call: str
    session: int


@frozen
class CallAnswered(Event):
    """A session answered a call."""

    call: str
    session: int


@frozen
class CallEnded(Event):
    """An answered call ended."""

    call: str


@frozen
class CallAbandoned(Event):
    """A caller gave up before an answer."""

    call: str


@frozen
class CallFlowedOut(Event):
    """A waiting call left its queue for another queue or group."""

    call: str


@frozen
class NonACDBegun(Event):
    """An agent began a call that came from no queue; ``direction`` is one of `states`."""

    call: str
    agent: str
    direction: str


@frozen
class NonACDEnded(Event):
    """A call that came from no queue ended."""

    call: str


@frozen
class QueuePeriodSet(Event):
    """A queue's statistics cover another period from now on, in seconds."""

    queue: int
    period: int


def encode(event: Event) -> str:
    """
    Turn an event into the text of its row, without its time and its kind.

    :returns: its own fields as a JSON array, in the order of the class.
    """
    return json.dumps(astuple(event, recurse=False)[1:], separators=(",", ":"))


def decode(at: int, kind: str, body: str) -> Event:
    """
    Read an event back.

    :param at: the time of its row.
    :param kind: the name of its class.
    :param body: what `encode` made.
    :raises KeyError: a kind that this version does not know.
    """
    return _KINDS[kind](at, *json.loads(body))


#: Every kind; the name of the class is the name in the database.
EVENTS: tuple[type[Event], ...] = (
    AgentCreated,
    AgentGranted,
    AgentAttended,
    AgentUnattended,
    AgentReleased,
    AgentActivitySet,
    AgentPeriodSet,
    SessionCreated,
    SessionChanged,
    CallQueued,
    CallOffered,
    CallAnswered,
    CallEnded,
    CallAbandoned,
    CallFlowedOut,
    NonACDBegun,
    NonACDEnded,
    QueuePeriodSet,
)

_KINDS = {kind.__name__: kind for kind in EVENTS}
