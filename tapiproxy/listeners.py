"""
Endpoint strings: whether one is beyond loopback, and what a server needs to listen on them.

They are Twisted's, and ``np:PATH`` for a pipe that Samba's smbd hands on, by a socket at that path.
"""

import errno
import os
import re
import socket
import stat
from ipaddress import ip_address
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from zope.interface import implementer

__all__ = ["ListenerError", "PipeListener", "isLoopback", "pipeListener", "serverEndpoint"]

_PIPE = "np"
_PIPE_WORDS = "np:/run/samba/ncalrpc/np/tapsrv, with :mode=0600 and :user=0 behind it if need be"

#: Octets of a UNIX socket's path: sun_path of Linux, without its null.
_LONGEST_PATH = 107

#: Connections that wait to be accepted: smbd blocks while there are more.
_BACKLOG = 1024


class ListenerError(Exception):
    """An endpoint string cannot be used; the text is for the administrator."""


def serverEndpoint(reactor: Any, endpoint: str) -> Any:
    """
    The endpoint of a Twisted endpoint string.

    :param reactor: the reactor that will listen.
    :param endpoint: ``tcp:13135:interface=127.0.0.1`` ...
    :returns: an ``IStreamServerEndpoint``.
    :raises ListenerError: the string is wrong, or something that it needs is not installed.
    """
    pipe = pipeListener(endpoint)
    if pipe is not None:
        return PipeEndpoint(reactor, pipe)
    try:
        # Imported here: where pyOpenSSL is installed without service_identity, it fails.
        from twisted.internet.endpoints import serverFromString
    except ModuleNotFoundError as error:
        raise ListenerError(
            f"Twisted cannot listen here, since {error.name} is missing beside pyOpenSSL: "
            f"pip install {error.name.replace('_', '-') if error.name else ''}"
        ) from None
    try:
        return serverFromString(reactor, endpoint)
    except (ValueError, TypeError, LookupError, OSError) as error:
        raise ListenerError(
            f"listen {endpoint!r} is no endpoint that can be used here ({error}); it should be "
            "like tcp:PORT:interface=ADDRESS"
        ) from None


def isLoopback(endpoint: str) -> bool:
    """
    Whether a Twisted endpoint string listens where only this machine can connect.

    A host name, a descriptor from elsewhere or a type that is not known here counts as beyond.

    :param endpoint: ``tcp:13135:interface=127.0.0.1``, ``unix:/run/tapiproxy.sock`` ...
    """
    kind, *parts = _split(endpoint)
    if kind == "unix":
        return True
    # As Twisted reads them: the last of two holds, and without one it is every interface.
    named = [part for part in parts if part.startswith("interface=")]
    if kind not in ("tcp", "tcp6") or not named:
        return False
    try:
        return ip_address(named[-1].removeprefix("interface=")).is_loopback
    except ValueError:
        return False


@frozen(kw_only=True)
class PipeListener:
    """
    ``np:PATH``, for the connections that smbd makes for a pipe.

    :param path: where smbd connects to: of the socket itself, or of what a link there points to.
    :param mode: of the socket; its directory should be closed to others all the same.
    :param user: the Unix user whose connections are accepted: smbd's.
    """

    path: str
    mode: int = 0o600
    user: int = 0


def pipeListener(endpoint: str) -> PipeListener | None:
    """
    What an endpoint string says of a pipe; None if it is of another kind.

    :raises ListenerError: it is wrong.
    """
    kind, *parts = _split(endpoint)
    if kind != _PIPE:
        return None
    path, *options = parts or [""]
    if not path.startswith("/"):
        raise _wrong(endpoint, "the path has to begin at the root")
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise _wrong(endpoint, f"the path is longer than {_LONGEST_PATH} octets")
    numbers = {}
    for option in options:
        name, _, value = option.partition("=")
        base, most = _PIPE_OPTIONS.get(name, (0, 0))
        try:
            number = int(value, base)
        except ValueError:
            number = -1
        if name not in _PIPE_OPTIONS or name in numbers or not 0 <= number <= most:
            raise _wrong(endpoint, f"{option!r} is nothing that can stand there")
        numbers[name] = number
    return PipeListener(path=path, **numbers)


@implementer(IStreamServerEndpoint)
class PipeEndpoint:
    """
    Listens for smbd.

    :param pipe: where.
    """

    def __init__(self, reactor: Any, pipe: PipeListener) -> None:
        self._reactor = reactor
        self._pipe = pipe

    def listen(self, protocolFactory: IProtocolFactory) -> "Deferred[IListeningPort]":
        """As ``IStreamServerEndpoint``; a socket that nobody listens on any more is removed."""
        return execute(self._listen, protocolFactory)

    def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        path = self._pipe.path
        _makeRoom(path)
        port: IListeningPort = self._reactor.listenUNIX(
            path, factory, backlog=_BACKLOG, mode=self._pipe.mode
        )
        return port


def _makeRoom(path: str) -> None:
    """
    Remove what a server has left that was killed.

    :raises ListenerError: something else is there, or nothing can be there.
    """
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise ListenerError(
            f"listen np:{path}: there is no directory {folder}; smbd makes np in its ncalrpc dir "
            "when it starts: start it first, or make the directory with mode 0700"
        )
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise ListenerError(f"listen np:{path}: {error.strerror}") from None
    if not stat.S_ISSOCK(kind):
        raise ListenerError(
            f"listen np:{path}: there is something else than a socket; if it is a link, name what "
            "it points to"
        )
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        problem = probe.connect_ex(path)
    if problem not in (errno.ECONNREFUSED, errno.ENOENT):
        # Also when its queue is full, or it is another's.
        found = os.strerror(problem) if problem else "it listens"
        raise ListenerError(
            f"listen np:{path}: another process has that socket ({found}): stop it, or name "
            "another path"
        )
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ListenerError(
            f"listen np:{path}: an old socket cannot be removed: {error.strerror}"
        ) from None


def _split(endpoint: str) -> list[str]:
    # A colon in a value is written \: in such strings (interface=\:\:1).
    return [part.replace("\\:", ":") for part in re.split(r"(?<!\\):", endpoint)]


def _wrong(endpoint: str, problem: str) -> ListenerError:
    return ListenerError(f"listen {endpoint!r}: {problem}; it should be like {_PIPE_WORDS}")


#: What may stand behind the path: how its number is written, and the largest.
_PIPE_OPTIONS = {"mode": (8, 0o777), "user": (10, 2**32 - 2)}
