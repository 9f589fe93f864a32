"""
The ACD in operation: its centre, its log, its clock and its timers, between start and stop.

The order is always: decide in memory, write, then tell.  Nothing that a reply or a message says
gets out before the disk has it.
"""

import time
from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from tapiproxy.errors import OperationUnavailable, TAPIError
from tapiproxy.interfaces import ALL_LINES as EVERY_LINE
from tapiproxy.interfaces import ILine, IProxyHost
from tapiproxy.plugins.acd import snapshot
from tapiproxy.plugins.acd.announcements import ALL_LINES, Announcements, News, siteNews
from tapiproxy.plugins.acd.attendance import Attendance
from tapiproxy.plugins.acd.centre import Centre
from tapiproxy.plugins.acd.model import Model
from tapiproxy.plugins.acd.site import Site
from tapiproxy.plugins.acd.store import Store
from tapiproxy.plugins.acd.writer import Writer
from tapiproxy.tapi import lineerr
from tapiproxy.tapi.proxymessages import ProxyMessage

__all__ = ["Answer", "Operation"]

_T = TypeVar("_T")

#: An answer, at once or when the disk has what it tells.
Answer: TypeAlias = "_T | Deferred[_T]"

#: Seconds between two looks at a log that could not be written.
_RETRY = 5.0

#: Seconds from the start to the first housekeeping, and from each to the next.
_FIRST_HOUSEKEEPING = 60.0
_HOUSEKEEPING = 24 * 3600.0

#: Events that are folded into the base at a time: some 20 ms, for which commits wait.
_FOLDED_AT_ONCE = 1000

#: Seconds between two such portions.
_FOLDING_PAUSE = 0.1


class Operation:
    """
    The ACD of one data directory in operation.

    :param host: the handler's host.
    :param site: the configuration.
    :param requestTypes: what the handler answers, for the host.
    :param epoch: what makes seconds since 1970 of the reactor's seconds; measured without it.
    :ivar attendance: which applications work for which agents.
    """

    _log = Logger(namespace="tapiproxy.acd")

    def __init__(
        self,
        host: IProxyHost,
        site: Site,
        requestTypes: frozenset[int],
        epoch: float | None = None,
    ) -> None:
        self.host = host
        self.site = site
        self._requestTypes = requestTypes
        self._epoch = epoch
        self._proxyMessage: Callable[[ILine, ProxyMessage], None] = host.proxyMessage
        self._setAvailable: Callable[[Iterable[int], None], None] = host.setAvailable
        self._latest = 0
        self._centre: Centre | None = None
        self._announcements: Announcements | None = None
        self._store: Store | None = None
        self._timers: dict[Callable[[], None], IDelayedCall] = {}
        self._stopping = False
        self.attendance = Attendance()
        self.writer = Writer(host.reactor, self._lost)

    @property
    def open(self) -> bool:
        """Whether there is a centre."""
        return self._centre is not None

    @property
    def store(self) -> Store:
        """The log, for work in the writer's thread."""
        if self._store is None:
            raise OperationUnavailable("the ACD's log is not open")
        return self._store

    @property
    def centre(self) -> Centre:
        """
        The rules and the model.

        :raises OperationUnavailable: the log is not open, or cannot be written now.
        """
        if self._centre is None:
            raise OperationUnavailable("the ACD's log is not open")
        return self._centre

    def start(self) -> "Deferred[None]":
        """
        Open the log and become what it says.

        :returns: a Deferred that fails with `store.StoreError` if another server has the log.
        """
        directory, durable = self.host.dataDirectory, self.site.durable

        def opened(store: Store) -> "Deferred[Model]":
            self._store = store
            return self.writer.call(store.load)

        def loaded(model: Model) -> None:
            self._use(model)
            self._later(self._keepHouse, _FIRST_HOUSEKEEPING)

        return (
            self.writer.begin(lambda: Store(directory, durable))
            .addCallback(opened)
            .addCallback(loaded)
        )

    def stop(self) -> "Deferred[None]":
        """Write what is left, and a checkpoint that makes the next start fast; close the log."""
        self._stopping = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._centre is not None:
            self._checkpoint()
        self._centre = None
        return self.writer.end()

    def now(self) -> int:
        """
        The time in milliseconds since 1970.

        It stands still while the computer's clock is behind what it was.
        """
        reactor = self.host.reactor
        if self._epoch is None:
            difference = time.time() - reactor.seconds()
            # Most reactors have the wall clock, and follow it when it is set; others count from
            # some instant of their own.
            self._epoch = difference if abs(difference) > 1 else 0.0
        self._latest = max(self._latest, round((reactor.seconds() + self._epoch) * 1000))
        return self._latest

    def begin(self) -> int:
        """
        Begin to decide something: what was due before is done first.

        :returns: the time that counts for it.
        :raises TAPIError: LINEERR_RESOURCEUNAVAIL: the disk does not keep up.
        :raises OperationUnavailable: the log cannot be written.
        """
        if self.writer.full:
            raise TAPIError(lineerr.LINEERR_RESOURCEUNAVAIL, "too many events wait for the disk")
        now = self.now()
        deadline = self.centre.nextDeadline()
        if deadline is not None and deadline <= now:
            self.centre.wake(now)
            self.keep()
        return now

    def commit(self, value: _T, *extra: News) -> "Answer[_T]":
        """
        Have what was decided written, then tell it.

        :param value: the answer.
        :param extra: what to tell beside the news of the change itself.
        :returns: the answer, or a Deferred of it if the disk must be waited for.
        """
        sequence = self.centre.model.sequence
        news = self._save()
        answer = self.told(value, sequence)
        self._tell([*news, *extra], sequence)
        return answer

    def keep(self, *extra: News) -> None:
        """
        Have what was decided without a request written, then tell it.

        :param extra: as for `commit`.
        """
        sequence = self.centre.model.sequence
        self._tell([*self._save(), *extra], sequence)

    def told(self, value: _T, sequence: int) -> "Answer[_T]":
        """
        Give an answer out as soon as the disk has what it rests on.

        :param value: the answer.
        :param sequence: the number of the last event that it rests on.
        """
        if sequence <= self.writer.committed:
            return value

        def lost(failure: Failure) -> Failure:
            if isinstance(failure.value, CancelledError):
                return failure
            raise TAPIError(lineerr.LINEERR_OPERATIONFAILED, "the log could not be written")

        return self.writer.saved(sequence).addCallbacks(lambda _: value, lost)

    def useSite(self, site: Site) -> None:
        """Go on with a configuration that was read again."""
        before, self.site = self.site, site
        if self._centre is None:
            return
        now, places = self.now(), self._places()
        self._centre.wake(now)
        self._centre.useSite(site, places, now)
        self.keep(*siteNews(before, site, self._centre, places))
        self._arm()

    def _use(self, model: Model) -> None:
        """Become what the log says, and what time has made of it since."""
        self.writer.startAt(model.sequence)
        self._centre = Centre(model, self.site, self.store.key)
        self._announcements = Announcements.after(self._centre)
        now = self.now()
        self._centre.wake(now)
        self._centre.useSite(self.site, self._places(), now)
        # After a restart there is no application yet: grace times that do not run begin now.
        for agent in model.agents.values():
            if self.attendance.attends(agent.id):
                self._centre.attend(agent, now)
            elif agent.liveSessions():
                self._centre.unattend(agent, now)
        self.keep()
        self._arm()

    def _places(self) -> list[tuple[str, int]]:
        """Every address of every line, as line name and dwAddressID."""
        return [
            (line.name, address.dwAddressID)
            for line in self.host.lines
            for address in line.addresses
        ]

    def _save(self) -> list[News]:
        """Give what was decided to the writer; what is to be told of it."""
        centre = self.centre
        news: list[News] = []
        if centre.unsaved:
            added, centre.unsaved = centre.unsaved, []
            changed = centre.model.takeChanged()
            if self._announcements is not None:
                news = self._announcements.news(changed)
            self.writer.save(added)
            self._arm()
        return news

    def _tell(self, news: list[News], sequence: int) -> None:
        if not news:
            return
        if sequence <= self.writer.committed:
            self._send(news)
        else:
            # What could not be written is not told.
            self.writer.saved(sequence).addCallbacks(
                lambda _: self._send(news), lambda failure: None
            )

    def _send(self, news: list[News]) -> None:
        lines = {line.name: line for line in self.host.lines}
        anyLine = next(iter(lines.values()), None)
        for each in news:
            line = anyLine if each.line == ALL_LINES else lines.get(each.line)
            if line is not None:
                self._proxyMessage(line, each.message)

    def _arm(self) -> None:
        deadline = None if self._centre is None else self._centre.nextDeadline()
        if deadline is not None:
            self._later(self._wake, max(0.0, (deadline - self.now()) / 1000))

    def _wake(self) -> None:
        if self._centre is not None:
            self._centre.wake(self.now())
            self.keep()
            self._arm()

    def _later(self, call: Callable[[], None], delay: float) -> None:
        """Call something later, once; a delay given before is forgotten."""
        timer = self._timers.pop(call, None)
        if timer is not None:
            timer.cancel()
        if not self._stopping:

            def due() -> None:
                del self._timers[call]
                call()

            self._timers[call] = self.host.reactor.callLater(delay, due)

    def _lost(self, error: Exception) -> None:
        """A commit failed: the model is ahead of the disk, so it is given up."""
        self._log.critical(
            "the log in {directory} cannot be written: {error}; requests are refused, the next "
            "try is in {retry} s",
            directory=str(self.host.dataDirectory),
            error=error,
            retry=_RETRY,
        )
        self._centre = self._announcements = None
        self._setAvailable((), EVERY_LINE)
        self._later(self._recover, _RETRY)

    def _recover(self) -> None:
        store = self.store

        def load() -> Model:
            model = store.load()
            store.probe()
            self.writer.recover()
            return model

        def loaded(model: Model) -> None:
            self._use(model)
            self._setAvailable(self._requestTypes, EVERY_LINE)
            self._log.info("the log can be written again")

        def failed(failure: Failure) -> None:
            self._log.error("the log still cannot be written: {error}", error=failure.value)
            self._later(self._recover, _RETRY)

        self.writer.call(load).addCallback(loaded).addErrback(failed)

    def _keepHouse(self) -> None:
        """Fold what no measurement period reaches any more, then write a checkpoint."""
        store, before = self.store, self.now() - self.site.retention
        if not self.open:
            self._later(self._keepHouse, _HOUSEKEEPING)
            return

        def folded(more: bool) -> None:
            if more:
                self._later(self._keepHouse, _FOLDING_PAUSE)
                return
            if self._centre is not None:
                self._centre.model.trim(before)
                self._checkpoint()
            self._later(self._keepHouse, _HOUSEKEEPING)

        def failed(failure: Failure) -> None:
            self._log.error("the log could not be folded: {error}", error=failure.value)
            self._later(self._keepHouse, _HOUSEKEEPING)

        self.writer.call(lambda: store.compact(before, _FOLDED_AT_ONCE)).addCallbacks(
            folded, failed
        )

    def _checkpoint(self) -> None:
        store, body = self.store, snapshot.dump(self.centre.model)
        sequence = self.centre.model.sequence

        def write() -> None:
            if not self.writer.broken:
                store.checkpoint(body)

        def failed(failure: Failure) -> None:
            self._log.error(
                "no checkpoint at event {sequence}: {error}", sequence=sequence, error=failure.value
            )

        self.writer.call(write).addErrback(failed)
