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
        # Lists: there is one for each attached client, nearly always with one entry.
        self._waiting: dict[Connection, list[Callable[[Connection], object]]] = {}

    def watch(self, connection: Connection, f: Callable[[Connection], object]) -> None:
        """
        Call *f* once, with the connection, when it has gone.

        :param f: equal to nothing else that watches the connection.
        """
        waiting = self._waiting.get(connection)
        if waiting is not None:
            waiting.append(f)
        else:
            self._waiting[connection] = [f]
            connection.onLost(partial(self._gone, connection))

    def forget(self, connection: Connection, f: Callable[[Connection], object]) -> None:
        """Take a `watch` back; nothing happens if the connection has gone."""
        waiting = self._waiting.get(connection)
        if waiting is not None and f in waiting:
            waiting.remove(f)

    def _gone(self, connection: Connection) -> None:
        for f in self._waiting.pop(connection):
            f(connection)
