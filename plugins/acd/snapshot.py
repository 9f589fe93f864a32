"""A model written down and read back, so that a start need not fold the whole log."""

from collections.abc import Mapping
from typing import Any

from attrs import asdict, fields

from tapiproxy.plugins.acd.model import Agent, Call, Model, NonACDCall, Queue, Session
from tapiproxy.plugins.acd.series import Intervals, Series

__all__ = ["dump", "load"]

_AGENT_SERIES = ("ended", "wrapUps", "incoming", "outgoing")
_QUEUE_SERIES = ("entered", "left")


def dump(model: Model) -> dict[str, Any]:
    """
    Write a model down.

    :returns: what JSON can hold.
    """
    return {
        "sequence": model.sequence,
        "handles": model.handles,
        "agents": [_dumpAgent(agent) for agent in model.agents.values()],
        "sessions": [asdict(session) for session in model.sessions.values()],
        "queues": [_dumpQueue(queue) for queue in model.queues.values()],
        "calls": [asdict(call) for call in model.calls.values()],
    }


def load(written: Mapping[str, Any]) -> Model:
    """
    Read a model back.

    :param written: what `dump` gave.
    """
    model = Model(sequence=written["sequence"], handles=written["handles"])
    for values in written["agents"]:
        agent = _loadAgent(values)
        model.agents[agent.id] = model.byHandle[agent.hAgent] = agent
    for values in written["sessions"]:
        session = Session(**values)
        model.sessions[session.hAgentSession] = session
        model.agents[session.agent].sessions[session.hAgentSession] = session
        if session.live:
            there = model.onAddress.setdefault((session.line, session.address), {})
            there[session.hAgentSession] = session
    for values in written["queues"]:
        queue = Queue(**{**values, **{name: Series.load(values[name]) for name in _QUEUE_SERIES}})
        model.queues[queue.dwQueueID] = queue
    for values in written["calls"]:
        call = Call(**values)
        model.calls[call.id] = call
    return model


def _dumpAgent(agent: Agent) -> dict[str, Any]:
    plain = {"sessions", "nonACD", "active", *_AGENT_SERIES}
    values = {
        name: getattr(agent, name)
        for name in (each.name for each in fields(Agent))
        if name not in plain
    }
    values["nonACD"] = {call: asdict(each) for call, each in agent.nonACD.items()}
    values["active"] = agent.active.dump()
    for name in _AGENT_SERIES:
        values[name] = getattr(agent, name).dump()
    return values


def _loadAgent(values: Mapping[str, Any]) -> Agent:
    read = dict(values)
    read["nonACD"] = {call: NonACDCall(**each) for call, each in read["nonACD"].items()}
    read["active"] = Intervals.load(read["active"])
    for name in _AGENT_SERIES:
        read[name] = Series.load(read[name])
    return Agent(**read)


def _dumpQueue(queue: Queue) -> dict[str, Any]:
    return {
        "dwQueueID": queue.dwQueueID,
        "period": queue.period,
        "waiting": dict(queue.waiting),
        "longest": queue.longest,
        "sequence": queue.sequence,
        **{name: getattr(queue, name).dump() for name in _QUEUE_SERIES},
    }
