"""
What a fact about a call does to the call centre: its rules and its events.

A fact that contradicts what is known is refused in words and changes nothing: a log with a call
that ended twice gives figures that nobody can explain.
"""

from collections.abc import Callable

from tapiproxy.plugins.acd import events
from tapiproxy.plugins.acd.centre import Centre
from tapiproxy.plugins.acd.facts import Fact, FactError
from tapiproxy.plugins.acd.model import Call, Session

__all__ = ["MOST_AHEAD", "MOST_CALLS", "takeFact"]

#: Milliseconds by which a reporter's clock may be ahead of ours; what is within is taken as it is.
MOST_AHEAD = 5000

#: Calls that are known at a time; a reporter that never ends them is stopped here.
MOST_CALLS = 100_000


def takeFact(centre: Centre, fact: Fact, now: int) -> None:
    """
    Make a fact part of the log.

    Its own time counts.  Where that would put something before what the log already has of the same
    call or the same agent (a clock was set back, reports came in the wrong order), the later of the
    two counts, so no time is ever negative.

    :param fact: as `facts.readFact` gives it.
    :param now: the server's time, in milliseconds since 1970.
    :raises FactError: what contradicts it.
    """
    at = now if fact.at is None else fact.at
    if at > now + MOST_AHEAD:
        raise FactError(f"time: it is {(at - now) // 1000} s ahead of the server's clock")
    if at < now - centre.site.retention:
        raise FactError(
            f"time: it is {(now - at) // 1000} s ago; the log is kept for "
            f"{centre.site.retention // 1000} s"
        )
    call = centre.model.calls.get(fact.call)
    if call is not None:
        at = max(at, call.latest)
    elif len(centre.model.calls) >= MOST_CALLS:
        raise FactError(f"{MOST_CALLS} calls are going on already; are some never ended?")
    _TAKE[fact.kind](centre, fact, call, at)


def _queued(centre: Centre, fact: Fact, call: Call | None, at: int) -> None:
    if call is not None:
        raise FactError(f"call {fact.call!r} is known already: it {_described(call)}")
    centre.record(events.CallQueued(at, fact.call, _queue(centre, fact), fact.kind == "flowedIn"))
    centre.watchCall(fact.call)


def _offered(centre: Centre, fact: Fact, call: Call | None, at: int) -> None:
    session = _session(centre, fact)
    if call is not None and (call.session or call.agent):
        raise FactError(f"call {fact.call!r} cannot be offered: it {_described(call)}")
    centre.record(events.CallOffered(at, fact.call, session.hAgentSession))
    if call is None:
        centre.watchCall(fact.call)


def _answered(centre: Centre, fact: Fact, call: Call | None, at: int) -> None:
    session = _session(centre, fact)
    if call is not None and (call.session or call.agent):
        raise FactError(f"call {fact.call!r} cannot be answered: it {_described(call)}")
    at = max(at, centre.model.agents[session.agent].latest)
    centre.record(events.CallAnswered(at, fact.call, session.hAgentSession))
    centre.answered(session, at)
    if call is None:
        centre.watchCall(fact.call)


def _ended(centre: Centre, fact: Fact, call: Call | None, at: int) -> None:
    if call is None or not call.session:
        raise FactError(f"call {fact.call!r} was not answered: it {_described(call)}")
    agent = centre.model.agents[centre.model.sessions[call.session].agent]
    centre.endCall(call, max(at, agent.latest))


def _abandoned(centre: Centre, fact: Fact, call: Call | None, at: int) -> None:
    if call is None or call.session or call.agent:
        raise FactError(f"call {fact.call!r} does not wait: it {_described(call)}")
    centre.record(events.CallAbandoned(at, fact.call))


def _flowedOut(centre: Centre, fact: Fact, call: Call | None, at: int) -> None:
    if call is None or not call.queue:
        raise FactError(f"call {fact.call!r} is in no queue: it {_described(call)}")
    centre.record(events.CallFlowedOut(at, fact.call))


def _nonACDBegun(centre: Centre, fact: Fact, call: Call | None, at: int) -> None:
    if call is not None:
        raise FactError(f"call {fact.call!r} is known already: it {_described(call)}")
    agent = centre.model.agents.get(fact.agent)
    if agent is None:
        raise FactError(f"agent {fact.agent!r} has not logged on")
    centre.record(events.NonACDBegun(max(at, agent.latest), fact.call, fact.agent, fact.direction))
    centre.watchCall(fact.call)


def _nonACDEnded(centre: Centre, fact: Fact, call: Call | None, at: int) -> None:
    if call is None or not call.agent:
        raise FactError(f"call {fact.call!r} is no non-ACD call: it {_described(call)}")
    centre.record(events.NonACDEnded(max(at, centre.model.agents[call.agent].latest), fact.call))


def _queue(centre: Centre, fact: Fact) -> int:
    for queue in centre.site.queues.values():
        if fact.queue in (queue.dwQueueID, queue.name):
            return queue.dwQueueID
    names = ", ".join(queue.name for queue in centre.site.queues.values())
    raise FactError(f"queue: found {fact.queue!r}, there are {names or 'none'}")


def _session(centre: Centre, fact: Fact) -> Session:
    if fact.session:
        session = centre.model.sessions.get(fact.session)
        if session is None or not session.live:
            raise FactError(f"session {fact.session} is not logged on")
        return session
    agent = centre.model.agents.get(fact.agent)
    for session in [] if agent is None else agent.liveSessions():
        group = centre.groupOf(session)
        if group is not None and group.name == fact.group:
            return session
    raise FactError(f"agent {fact.agent!r} is not logged on for group {fact.group!r}")


def _described(call: Call | None) -> str:
    if call is None:
        return "is not known"
    if call.agent:
        return f"is a non-ACD call of agent {call.agent}"
    if call.session:
        return f"was answered by session {call.session}"
    if call.queue:
        return f"waits in queue {call.queue}"
    return f"is offered to session {call.offeredTo}"


_TAKE: dict[str, Callable[[Centre, Fact, Call | None, int], None]] = {
    "queued": _queued,
    "offered": _offered,
    "answered": _answered,
    "ended": _ended,
    "abandoned": _abandoned,
    "flowedIn": _queued,
    "flowedOut": _flowedOut,
    "nonACDBegun": _nonACDBegun,
    "nonACDEnded": _nonACDEnded,
}
