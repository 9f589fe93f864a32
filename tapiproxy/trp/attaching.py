"""
ClientAttach: who may come in, and the call-back that a client needs for it.  [MS-TRP] 3.1.4.1

What a client is once it is in, ``session`` knows; how it goes, ``server``.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from tapiproxy.dcerpc.addresses import shown
from tapiproxy.dcerpc.interface import Call, Connection
from tapiproxy.dcerpc.logshare import LogShare
from tapiproxy.interfaces import IPrincipal
from tapiproxy.tapi.lineerr import LINEERR_OPERATIONFAILED
from tapiproxy.trp import idl
from tapiproxy.trp.departures import Departures
from tapiproxy.trp.principals import NOBODY
from tapiproxy.trp.remotesp import (
    Callback,
    Connector,
    LogonRefused,
    Machine,
    connect,
    parseMachine,
)
from tapiproxy.trp.session import Client, printable
from tapiproxy.trp.settings import Settings
from tapiproxy.trp.tapsrv import Attached

__all__ = ["MAX_NAME", "Attaching", "hostOf"]

# lProcessID, as unsigned numbers, and what phAsyncEventsEvent answers.
_REMOTE = 0xFFFFFFFF
_ADMINISTRATION = 0xFFFFFFFD
_EVENT_REMOTE = 0xA5C369A5  # NegotiateAPIVersionForAllDevices is served
_EVENT_ADMINISTRATION = 0x64646464  # a 64-bit platform

#: Administration is asked for by who may not.
_NOT_ADMINISTRATOR = -19

#: What the administrator can do about a client that refuses who calls it back, or how.
_ABOUT_LOGONS = (
    ".  Clients that want the server to log on take the account, the mechanism and the level that "
    "[callback] names; those that take no logon need required = false there"
)

#: Characters of a machine's name that are kept: a computer's name has at most 255.
MAX_NAME = 255

#: Makes a client of what attached: (machine, request, ClientAttach, call-back or None).  Who it is
#: stands in the call: by the time of the answer its connection may have another logon.
Enter = Callable[[Machine, idl.AttachRequest, Call, Callback | None], Client]


class Attaching:
    """
    The way in.

    :param clock: the reactor.
    :param connector: connects to a client's remotesp endpoint.
    :param otherwise: does so for clients that do not take the logon of *connector*; None to refuse
        them.
    :param departures: of the connections by which clients attach.
    :param enter: makes a client and counts it.
    :ivar refused: clients that were refused, ever.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        connector: Connector,
        otherwise: Connector | None,
        settings: Settings,
        departures: Departures,
        enter: Enter,
    ) -> None:
        self._departures = departures
        self._clock = clock
        self._connector = connector
        self._otherwise = otherwise
        self._settings = settings
        self._enter = enter
        self._connecting: set[Deferred[Callback]] = set()
        self._connectingTo: Counter[str] = Counter()
        self._attachedFrom: Counter[str] = Counter()
        self._attached = 0
        self._stopped = False
        self._logShare = LogShare(clock)
        self._logShareUnproven = LogShare(clock)
        self.refused = 0

    def __len__(self) -> int:
        """Count the clients whose call-back is under way."""
        return len(self._connecting)

    def entered(self, host: str) -> None:
        """Note that a client has attached from an address."""
        self._attached += 1
        self._attachedFrom[host] += 1

    def left(self, host: str) -> None:
        """Note that it has gone."""
        self._attached -= 1
        _less(self._attachedFrom, host)

    def stop(self) -> None:
        """Let nobody in any more; who is on the way is refused."""
        self._stopped = True
        for connecting in tuple(self._connecting):
            connecting.cancel()

    def attach(
        self, call: Call, request: idl.AttachRequest, attached: Callable[[Attached], None]
    ) -> None:
        """
        Attach a client, with its call-back.  [MS-TRP] 3.1.4.1

        :param call: who asks.
        :param attached: called once with how it ended.
        """
        connection = call.connection
        machine = parseMachine(request.pszMachine)
        kind = request.lProcessID & 0xFFFFFFFF
        if kind == _ADMINISTRATION:
            self._attachAdministrator(call, request, machine, attached)
            return
        full = self._full(hostOf(connection))
        if kind != _REMOTE or full:
            self._refuse(connection, machine, full or f"lProcessID is {kind:#x}", attached)
        elif machine.ports and not hostOf(connection):
            # An empty name would be this machine, whose ports are not the client's to name.
            self._refuse(connection, machine, "its connection has no address", attached)
        elif machine.ports:
            self._callBack(call, request, machine, attached)
        elif self._settings.pollWithoutCallback:
            client = self._enter(machine, request, call, None)
            attached(Attached(0, _EVENT_REMOTE, client))
        else:
            self._refuse(
                connection,
                machine,
                "it names no ncacn_ip_tcp endpoint: set it to connection-oriented call-backs "
                f"(pszMachine is {request.pszMachine[:MAX_NAME]!r})",
                attached,
            )

    def _full(self, host: str) -> str:
        """Say why nobody can attach now from an address; the empty string if somebody can."""
        settings = self._settings
        if self._stopped:
            return "the server is about to stop"
        if self._attached + len(self._connecting) >= settings.attachedClients:
            return f"attachedClients is {settings.attachedClients}"
        if self._attachedFrom[host] + self._connectingTo[host] >= settings.attachedPerAddress:
            return f"attachedPerAddress is {settings.attachedPerAddress}"
        if len(self._connecting) >= settings.callbacksConnecting:
            return f"callbacksConnecting is {settings.callbacksConnecting}"
        if self._connectingTo[host] >= settings.callbacksPerAddress:
            return f"callbacksPerAddress is {settings.callbacksPerAddress}"
        return ""

    def _attachAdministrator(
        self,
        call: Call,
        request: idl.AttachRequest,
        machine: Machine,
        attached: Callable[[Attached], None],
    ) -> None:
        # No call-back: such a client "is not interested in events".
        connection = call.connection
        principal: IPrincipal = call.principal or NOBODY
        full = self._full(hostOf(connection))
        if full:
            self._refuse(connection, machine, full, attached)
        elif principal.name and principal.name in self._settings.administrators:
            client = self._enter(machine, request, call, None)
            attached(Attached(0, _EVENT_ADMINISTRATION, client))
        else:
            attached(Attached(_NOT_ADMINISTRATOR))

    def _callBack(
        self,
        call: Call,
        request: idl.AttachRequest,
        machine: Machine,
        attached: Callable[[Attached], None],
    ) -> None:
        settings = self._settings
        connection = call.connection
        host = hostOf(connection)
        connecting = Deferred.fromCoroutine(
            connect(
                self._connector,
                host,
                machine,
                self._clock,
                settings,
                self._otherwise,
                partial(self._logonRefused, connection, machine),
            )
        )
        self._connecting.add(connecting)
        self._connectingTo[host] += 1
        connecting.addTimeout(settings.callbackConnect, self._clock)

        def gone(connection: Connection) -> None:
            connecting.cancel()

        self._departures.watch(connection, gone)

        def connected(callback: Callback) -> None:
            client = self._enter(machine, request, call, callback)
            attached(Attached(0, _EVENT_REMOTE, client))

        def failed(failure: Failure) -> None:
            reason = f"its remotesp at {host} cannot be used: {failure.getErrorMessage()}"
            if failure.check(LogonRefused):
                reason += _ABOUT_LOGONS
            self._refuse(connection, machine, reason, attached)

        def done(result: Any) -> Any:
            self._departures.forget(connection, gone)
            self._connecting.discard(connecting)
            _less(self._connectingTo, host)
            return result

        connecting.addBoth(done)
        connecting.addCallbacks(connected, failed)
        connecting.addErrback(lambda f: self._log.failure("attaching failed", failure=f))

    def _logonRefused(self, connection: Connection, machine: Machine, reason: Exception) -> None:
        unsaid = self._logShareUnproven.take(hostOf(connection))
        if unsaid is not None:
            self._log.warn(
                "client {machine} at {peer} does not take the logon of [callback]: {reason}; it is "
                "called back without one, which required = true would not do{unsaid}",
                machine=printable(machine.name[:MAX_NAME]),
                peer=shown(connection.peer),
                reason=str(reason),
                unsaid=unsaid,
            )

    def _refuse(
        self,
        connection: Connection,
        machine: Machine,
        reason: str,
        attached: Callable[[Attached], None],
    ) -> None:
        self.refused += 1
        attached(Attached(LINEERR_OPERATIONFAILED))
        unsaid = self._logShare.take(hostOf(connection))
        if unsaid is not None:
            self._log.warn(
                "client {machine} at {peer} was not attached: {reason}{unsaid}",
                machine=printable(machine.name[:MAX_NAME]),
                peer=shown(connection.peer),
                reason=reason,
                unsaid=unsaid,
            )


def hostOf(connection: Connection) -> str:
    """Tell the address that a connection came from."""
    return str(getattr(connection.peer, "host", ""))


def _less(counter: Counter[str], key: str) -> None:
    """Count one down, and keep no zeros."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
