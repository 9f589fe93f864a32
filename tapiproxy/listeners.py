"""Endpoint strings: whether one is beyond loopback, and what a server needs to listen on them."""

import ipaddress
import re
from typing import Any

__all__ = ["ListenerError", "isLoopback", "serverEndpoint"]


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
    # A colon in a value is written \: in such strings (interface=\:\:1).
    kind, *parts = [part.replace("\\:", ":") for part in re.split(r"(?<!\\):", endpoint)]
    if kind == "unix":
        return True
    # As Twisted reads them: the last of two holds, and without one it is every interface.
    named = [part for part in parts if part.startswith("interface=")]
    if kind not in ("tcp", "tcp6") or not named:
        return False
    try:
        return ipaddress.ip_address(named[-1].removeprefix("interface=")).is_loopback
    except ValueError:
        return False
