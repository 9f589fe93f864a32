"""
The local socket: what ``tapiproxy status`` and the handlers' own commands ask a running server.

A UNIX stream socket in the data directory, for its owner only.  A request is one line of JSON,
``{"verb": "status", "argument": {}}``, its answer another: ``{"result": {...}}`` or
``{"error": "text"}``.  Requests of one connection are answered one after the other.
"""

import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from twisted.internet import defer, interfaces, protocol
from twisted.internet.base import DelayedCall
from twisted.logger import Logger
from twisted.protocols import basic
from twisted.python.failure import Failure

from tapiproxy.errors import HandlerArgumentError

__all__ = ["ControlConnection", "ControlError", "ControlServer", "Verb", "call"]

#: What a verb is: takes the argument, returns the result, or a Deferred of it.
Verb = Callable[[dict[str, Any]], object]

#: A request; ``acd feed`` sends thousands of facts in one.
_LONGEST_REQUEST = 4 * 1024 * 1024
#: An answer; the status of 10,000 clients is some megabytes.
_LONGEST_ANSWER = 64 * 1024 * 1024
#: A verb's time, and a connection's between two requests.
_DEADLINE = 60.0
#: Connections at one time: commands are typed by people or run by a monitor.
_MOST_CONNECTIONS = 16
#: sun_path of Linux holds 108 octets with the NUL behind it.
_LONGEST_PATH = 107


class ControlError(Exception):
    """The server did not do it, or there is none; the text is for whoever typed the command."""


class ControlServer(protocol.Factory):
    """
    Answers on the local socket.

    :param reactor: for deadlines, and to listen with.
    """

    noisy = False

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.verbs: dict[str, tuple[Verb, str]] = {}
        self.connections: set[_ControlProtocol] = set()
        self._port: Any = None

    def register(self, verb: str, function: Verb, owner: str = "tapiproxy") -> None:
        """
        Answer a verb from now on, instead of what answered it so far.

        :param verb: ``status``, or ``NAME.verb`` for one of handler NAME.
        :param function: called with the argument, a dict.
        :param owner: who is to blame for a failure, for the log.
        """
        self.verbs[verb] = function, owner

    def forget(self, prefix: str) -> None:
        """
        Answer no verb any more that begins so.

        :param prefix: ``NAME.`` for all of handler NAME.
        """
        for verb in [verb for verb in self.verbs if verb.startswith(prefix)]:
            del self.verbs[verb]

    def listen(self, path: Path) -> None:
        """
        Listen on a socket, which nobody else uses: a left-over one is removed.

        :param path: where it is; the folder is there.
        :raises ControlError: the path is too long for a socket.
        """
        if len(str(path).encode()) > _LONGEST_PATH:
            raise ControlError(
                f"the socket's path {path} is longer than {_LONGEST_PATH} octets: use a data "
                "directory with a shorter path"
            )
        path.unlink(missing_ok=True)
        self._port = self.reactor.listenUNIX(str(path), self, mode=0o600)

    def close(self) -> "defer.Deferred[None]":
        """
        Stop listening and end the connections.

        :returns: a Deferred that fires when the socket is gone.
        """
        port, self._port = self._port, None
        for each in list(self.connections):
            each.transport.abortConnection()
        return defer.maybeDeferred(port.stopListening) if port else defer.succeed(None)

    def buildProtocol(self, addr: object) -> "_ControlProtocol | None":
        """Take a connection, unless there are too many."""
        if len(self.connections) >= _MOST_CONNECTIONS:
            return None
        return _ControlProtocol(self)


class _ControlProtocol(basic.LineReceiver):
    """One connection: reads a line, answers it, reads the next."""

    delimiter = b"\n"
    MAX_LENGTH = _LONGEST_REQUEST
    _log = Logger()
    transport: interfaces.ITCPTransport

    def __init__(self, server: ControlServer) -> None:
        self.server = server
        self._running: defer.Deferred[object] | None = None
        self._idle: DelayedCall | None = None

    def connectionMade(self) -> None:
        """Begin to wait for a request."""
        self.server.connections.add(self)
        self._waitForRequest()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """Give up what was asked: nobody waits for it any more."""
        self.server.connections.discard(self)
        self._stopWaiting()
        if self._running is not None:
            self._running.cancel()

    def lineReceived(self, line: bytes) -> None:
        """Answer one request."""
        self._stopWaiting()
        # The next request stays in the buffer, and the one after it in the kernel.
        self.pauseProducing()  # type: ignore[no-untyped-call]  # Twisted's
        running = self._run(line)
        self._running = running
        running.addBoth(self._finished)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a request without end, and stop reading it."""
        self._send({"error": f"a request has at most {_LONGEST_REQUEST} octets"})
        self.transport.loseConnection()

    def _run(self, line: bytes) -> "defer.Deferred[object]":
        try:
            request = json.loads(line)
            verb, argument = request["verb"], request.get("argument", {})
            # An error of ours in a verb is not to be taken for one in the request.
            if not isinstance(verb, str) or not isinstance(argument, dict):
                raise TypeError
        except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
            text = 'a request is one line like {"verb": "status", "argument": {}}'
            return defer.succeed({"error": text})
        known = self.server.verbs.get(verb)
        if known is None:
            names = ", ".join(sorted(self.server.verbs))
            return defer.succeed({"error": f"unknown verb {verb!r}; there are: {names}"})
        function, owner = known
        answer: defer.Deferred[object] = defer.maybeDeferred(function, argument)
        answer.addTimeout(_DEADLINE, self.server.reactor)
        answer.addCallback(_result)
        answer.addErrback(self._failed, verb, owner)
        return answer

    def _failed(self, failure: Failure, verb: str, owner: str) -> object:
        if isinstance(failure.value, HandlerArgumentError):
            return {"error": str(failure.value)}
        if isinstance(failure.value, defer.TimeoutError):
            return {"error": f"{verb} has not answered within {_DEADLINE:g} seconds"}
        if isinstance(failure.value, defer.CancelledError):
            return {"error": f"{verb} was cancelled"}
        self._log.failure("{owner}: {verb} failed", failure, owner=owner, verb=verb)
        return {"error": f"{verb} failed; the server's log says why"}

    def _finished(self, answer: object) -> None:
        self._running = None
        if self not in self.server.connections:
            return
        self._send(answer)
        self._waitForRequest()
        self.resumeProducing()  # type: ignore[no-untyped-call]  # Twisted's

    def _send(self, answer: object) -> None:
        self.transport.write(json.dumps(answer).encode("ascii") + b"\n")

    def _waitForRequest(self) -> None:
        self._idle = self.server.reactor.callLater(_DEADLINE, self.transport.abortConnection)

    def _stopWaiting(self) -> None:
        if self._idle is not None and self._idle.active():
            self._idle.cancel()


def _result(value: object) -> object:
    # Checked here, where a failure is still the verb's.
    json.dumps(value)
    if not isinstance(value, Mapping):
        raise TypeError(f"a verb returns a dict, not {type(value).__name__}")
    return {"result": value}


class ControlConnection:
    """
    The asking side, for commands: blocking, one request at a time.

    :param path: the server's socket.
    :param timeout: seconds for each step: longer than the server gives a verb.
    """

    def __init__(self, path: Path, timeout: float = _DEADLINE + 5.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            self._socket.close()
            raise ControlError(
                f"no server answers at {path}: start it, or name its data directory with --data"
            ) from None
        except OSError as error:
            self._socket.close()
            raise ControlError(f"{path} cannot be used: {error.strerror or error}") from None
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> "ControlConnection":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._file.close()
        self._socket.close()

    def call(self, verb: str, argument: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """
        Ask the server.

        :param verb: ``status``, ``acd.feed`` ...
        :param argument: what the verb takes.
        :returns: its result.
        :raises ControlError: the server refuses it, fails, is silent or goes away.
        """
        request = json.dumps({"verb": verb, "argument": dict(argument or {})}).encode("ascii")
        if len(request) > _LONGEST_REQUEST:
            raise ControlError(f"{verb}: more than {_LONGEST_REQUEST} octets in one request")
        try:
            self._socket.sendall(request + b"\n")
            line = self._file.readline(_LONGEST_ANSWER)
        except TimeoutError:
            raise ControlError(f"the server has not answered {verb} in time") from None
        except OSError as error:
            raise ControlError(f"the server is gone: {error.strerror or error}") from None
        if not line.endswith(b"\n"):
            raise ControlError(f"the server ended the connection before it answered {verb}")
        answer = json.loads(line)
        if "error" in answer:
            raise ControlError(answer["error"])
        result: dict[str, Any] = answer["result"]
        return result


def call(path: Path, verb: str, argument: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Ask a server one thing.

    :param path: its socket: `tapiproxy.defaults.CONTROL_SOCKET` in its data directory.
    :param verb: as `ControlConnection.call`.
    :param argument: as `ControlConnection.call`.
    :raises ControlError: as `ControlConnection.call`.
    """
    with ControlConnection(path) as connection:
        return connection.call(verb, argument)
