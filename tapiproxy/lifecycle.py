"""Starts and stops handlers, each with its deadline: one that hangs holds up nobody for ever."""

from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from tapiproxy.config import HandlerTable
from tapiproxy.interfaces import IControllable, IDemonstration, IProxyHandlerLifecycle
from tapiproxy.proxy.host import ProxyHost

__all__ = ["START_SECONDS", "STOP_SECONDS", "HandlerStartError", "RunningHandler"]

#: For opening a store or connecting to a switch; after that the start of the server fails.
START_SECONDS = 20.0
#: For writing down what is left; systemd gives the whole service 90 seconds.
STOP_SECONDS = 10.0


class HandlerStartError(Exception):
    """A handler did not start; the text is for the administrator."""


@frozen(eq=False)
class RunningHandler:
    """
    A handler that was made.

    :param table: its part of the configuration.
    :param file: where its factory is.
    :param host: what it was given.
    :param handler: the handler itself.
    """

    table: HandlerTable
    file: str
    host: ProxyHost
    handler: Any

    _log = Logger()

    @property
    def demo(self) -> bool:
        """Whether it is a demonstration, with PINs that everybody knows."""
        return IDemonstration.providedBy(self.handler) and bool(self.handler.demo)

    def controlVerbs(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        """
        The commands that it takes; asked once, before it is started.

        :raises HandlerStartError: it failed.
        """
        if not IControllable.providedBy(self.handler):
            return {}
        try:
            return dict(self.handler.controlVerbs())
        except Exception as error:  # a frontier: the handler is called
            self._log.failure("handler {handler} failed on its verbs", handler=self.table.name)
            raise HandlerStartError(
                f"handler {self.table.name!r} does not say which commands it takes: "
                f"{type(error).__name__}: {error}"
            ) from error

    async def start(self, clock: IReactorTime) -> None:
        """
        Start it, if it wants that.

        :param clock: for the deadline.
        :raises HandlerStartError: it failed, or did not say anything in time.
        """
        if not IProxyHandlerLifecycle.providedBy(self.handler):
            return
        started = defer.maybeDeferred(self.handler.start)
        try:
            await started.addTimeout(START_SECONDS, clock)
        except defer.TimeoutError:
            raise HandlerStartError(
                f"handler {self.table.name!r} has not started within {START_SECONDS:g} seconds"
            ) from None
        except defer.CancelledError:
            raise
        except Exception as error:  # a frontier: the handler is called
            self._log.failure("handler {handler} failed to start", handler=self.table.name)
            raise HandlerStartError(
                f"handler {self.table.name!r} did not start: {type(error).__name__}: {error}"
            ) from error

    async def stop(self, clock: IReactorTime) -> None:
        """
        Stop it, if it wants that; what goes wrong is logged.

        :param clock: for the deadline.
        """
        if not IProxyHandlerLifecycle.providedBy(self.handler):
            return
        stopped = defer.maybeDeferred(self.handler.stop)
        try:
            await stopped.addTimeout(STOP_SECONDS, clock)
        except defer.TimeoutError:
            self._log.error(
                "handler {handler} has not stopped within {seconds} seconds, and is left",
                handler=self.table.name,
                seconds=f"{STOP_SECONDS:g}",
            )
        except Exception:  # noqa: BLE001  # a frontier: the handler is called
            self._log.failure("handler {handler} failed to stop", handler=self.table.name)
