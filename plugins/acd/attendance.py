"""Which applications work for which agents, in this run of the server; nothing of it is kept."""

from collections import Counter

from attrs import Factory, define

__all__ = ["Attendance"]


@define(eq=False)
class Attendance:
    """The agents that each open line has logged on, and how many lines each agent has."""

    _clients: dict[object, dict[str, None]] = Factory(dict)
    _lines: Counter[str] = Factory(Counter)

    def join(self, client: object, agent: str) -> None:
        """A client works for an agent from now on; it is the one it works for last."""
        agents = self._clients.setdefault(client, {})
        if agent in agents:
            del agents[agent]
        else:
            self._lines[agent] += 1
        agents[agent] = None

    def leave(self, client: object) -> list[str]:
        """
        A client has gone.

        :returns: the agents for whom nobody works any more.
        """
        left = []
        for agent in self._clients.pop(client, {}):
            self._lines[agent] -= 1
            if not self._lines[agent]:
                del self._lines[agent]
                left.append(agent)
        return left

    def of(self, client: object) -> list[str]:
        """The agents for whom a client works, the latest last."""
        return list(self._clients.get(client, ()))

    def attends(self, agent: str) -> bool:
        """Whether anybody works for an agent."""
        return agent in self._lines
