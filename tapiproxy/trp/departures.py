"""
What is to be done when a tapsrv connection goes, as long as it still matters.

A connection may outlive any number of clients that attach by it and detach again: it knows of one
thing to call, whatever they do.
"""

from collections.abc import Callable
from functools import partial

from tapiproxy.dcerpc.interface import Connection

__all__ = ["Departures"]


class Departures:
    """The connections that somebody waits for the end of."""

    def __init__(self) -> None:
        self._waiting: dict[Connection, dict[object, Callable[[], object]]] = {}

    def watch(self, connection: Connection, f: Callable[[], object]) -> Callable[[], object]:
        """
        Call *f* once when a connection has gone.

        :returns: what takes it back.
        """
        key = object()
        waiting = self._waiting.get(connection)
        if waiting is not None:
            waiting[key] = f
        else:
            waiting = self._waiting[connection] = {key: f}
            connection.onLost(partial(self._gone, connection))
        return partial(waiting.pop, key, None)

    def _gone(self, connection: Connection) -> None:
        for f in tuple(self._waiting.pop(connection).values()):
            f()
