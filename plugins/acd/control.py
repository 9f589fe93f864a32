"""
The administrator's commands to the built-in ACD: ``feed`` and ``recompute``.

They arrive over the server's local socket as JSON objects and are answered as such
(`tapiproxy.interfaces.IControllable`); ``tapiproxy acd`` sends them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import asdict, define
from twisted.internet.defer import Deferred

from tapiproxy.errors import HandlerArgumentError
from tapiproxy.plugins.acd.facts import FactError, readFact
from tapiproxy.plugins.acd.operation import Answer, Operation
from tapiproxy.plugins.acd.recount import Figures, recount
from tapiproxy.plugins.acd.statistics import agentInfo, queueInfo, sessionInfo
from tapiproxy.plugins.acd.traffic import takeFact

__all__ = ["MOST_FACTS", "Verbs"]

#: Facts of one command: what the reactor thread does in some tens of milliseconds.
MOST_FACTS = 500


@define(eq=False)
class Verbs:
    """The commands over one ACD in operation."""

    _operation: Operation

    def all(self) -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
        """The verbs and what answers them."""
        return {"feed": self.feed, "recompute": self.recompute}

    def feed(self, argument: Mapping[str, Any]) -> "Answer[dict[str, Any]]":
        """
        Take facts.

        :param argument: ``facts``: a list of at most `MOST_FACTS` strings, a fact each.
        :returns: ``taken``, a count, and ``refused``, a list of objects with ``place`` (from 0) and
            ``problem``; once the facts are kept.
        :raises HandlerArgumentError: it is no such argument; nothing was taken.
        """
        lines = argument.get("facts")
        if argument.keys() != {"facts"} or not isinstance(lines, list):
            raise HandlerArgumentError('feed takes {"facts": [...]}, a list of strings')
        if len(lines) > MOST_FACTS or not all(isinstance(line, str) for line in lines):
            raise HandlerArgumentError(f"feed takes at most {MOST_FACTS} facts, a string each")
        refused = []
        now = self._operation.begin()
        for place, line in enumerate(lines):
            try:
                takeFact(self._operation.centre, readFact(line), now)
            except FactError as error:
                refused.append({"place": place, "problem": str(error)})
        return self._operation.commit({"taken": len(lines) - len(refused), "refused": refused})

    def recompute(self, argument: Mapping[str, Any]) -> "Deferred[dict[str, Any]]":
        """
        Count every figure anew from the log and compare.

        :param argument: nothing.
        :returns: a Deferred of ``compared``, the count of structs, and ``differences``, a list of
            objects with ``of``, ``field``, ``told`` and ``recomputed``.
        :raises HandlerArgumentError: it is no such argument.
        """
        if argument:
            raise HandlerArgumentError("recompute takes nothing")
        operation = self._operation
        centre, now, timeZone = operation.centre, operation.now(), operation.site.timeZone
        told = Figures(
            agents={each.id: agentInfo(each, now) for each in centre.model.agents.values()},
            sessions={
                number: sessionInfo(session, now, timeZone)
                for number, session in centre.model.sessions.items()
            },
            queues={number: queueInfo(queue, now) for number, queue in centre.model.queues.items()},
        )
        sequence = centre.model.sequence

        def counted() -> Figures:
            base, log = operation.store.log(sequence)
            return recount(base, log, now, timeZone)

        def compared(anew: Figures) -> dict[str, Any]:
            return {
                "compared": len(told.agents) + len(told.sessions) + len(told.queues),
                "differences": _differences(told, anew),
            }

        return operation.writer.call(counted).addCallback(compared)


def _differences(told: Figures, anew: Figures) -> list[dict[str, Any]]:
    found = []
    for kind in ("agents", "sessions", "queues"):
        left, right = getattr(told, kind), getattr(anew, kind)
        for name in left.keys() | right.keys():
            one = asdict(left[name]) if name in left else {}
            other = asdict(right[name]) if name in right else {}
            found += [
                {
                    "of": f"{kind[:-1]} {name}",
                    "field": field,
                    "told": one.get(field),
                    "recomputed": other.get(field),
                }
                for field in one.keys() | other.keys()
                if one.get(field) != other.get(field)
            ]
    return found
