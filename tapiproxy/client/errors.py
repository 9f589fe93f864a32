"""
What the client side raises: one family, so that an application catches what it can act on.

Nothing else leaves the client, whatever a server sends.
"""

from tapiproxy.tapi import lineerr

__all__ = [
    "AttachRefused",
    "BadAnswer",
    "BadValue",
    "CallFailed",
    "ClientError",
    "ConnectionEnded",
    "LogonRefused",
    "NoAnswer",
    "ServerUnreachable",
    "TelephonyError",
    "TooManyRequests",
]


class ClientError(Exception):
    """A request, or the session as a whole, did not come to what was asked."""


class TelephonyError(ClientError):
    """
    The server, or the handler behind it, refuses with a result code.  [MS-TRP] 2.2.3.1.38

    :ivar code: as it was received, an unsigned 32-bit number.
    :ivar name: ``"LINEERR_INVALAGENTID"``; hexadecimal for a code that the specification lacks.
    :ivar request: the name of the packet that was refused.
    :ivar completed: False for a refusal in the acknowledgement (by the server itself), True for
        one in LINE_REPLY (by the handler, or a deadline of the server).
    """

    def __init__(self, code: int, request: str, *, completed: bool = False) -> None:
        self.code = code
        self.name = lineerr.name(code)
        self.request = request
        self.completed = completed
        super().__init__(f"{request} was refused with {self.name}")


class ServerUnreachable(ClientError):
    """No connection: nobody listens there, the name is unknown, or the network is silent."""


class LogonRefused(ClientError):
    """The server does not take the client's logon, its level, or its doing without."""


class AttachRefused(ClientError):
    """
    The server did not let the client in.

    :ivar code: the result of ClientAttach ([MS-TRP] 3.1.4.1), an unsigned 32-bit number.
    :ivar callback: why this client did not accept the server's call-back; empty if it was not for
        that.
    :ivar elsewhere: the address that it came from, if it was not accepted for that.
    """

    def __init__(self, code: int, callback: str = "", elsewhere: str = "") -> None:
        self.code = code
        self.callback = callback
        self.elsewhere = elsewhere
        super().__init__(f"ClientAttach was refused with {lineerr.name(code)}")


class CallFailed(ClientError):
    """
    The RPC call ended with a fault PDU.

    :ivar status: the status of the PDU.
    """

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"the server answered with the RPC fault 0x{status:08X}")


class NoAnswer(ClientError):
    """A deadline of this client has passed."""


class ConnectionEnded(ClientError):
    """The session is over: one of its two connections closed, or it was detached."""


class BadAnswer(ClientError):
    """The server sent what the specification does not allow."""


class TooManyRequests(ClientError):
    """The application has as many requests outstanding as it may."""


class BadValue(ClientError):
    """A value does not fit its field: text that is no Unicode or holds a null, too big a number."""
