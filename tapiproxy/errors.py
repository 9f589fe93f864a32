"""
What handlers raise, and what their hosts raise at them.

``TAPIError`` is the one way for a handler to refuse a request: its code reaches the client as the
Result of LINE_REPLY ([MS-TRP] 2.2.3.1.38).  Any other exception counts as a failure of the handler:
it is logged with the handler's name and the client gets LINEERR_OPERATIONFAILED.
"""

from tapiproxy.tapi import lineerr


class TAPIError(Exception):
    """
    A request is refused with a TAPI result code.

    :param code: a LINEERR_ value of [MS-TRP] 2.2.3.1.38; any of them passes unchanged.
    :param reason: for the log only; it never reaches a client.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        name = lineerr.name(self.code)
        return f"{name}: {self.reason}" if self.reason else name


class InvalidAgentID(TAPIError):
    """The agent is unknown, or may not be used by this principal (LINEERR_INVALAGENTID)."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(lineerr.LINEERR_INVALAGENTID, reason)


class InvalidPassword(TAPIError):
    """The agent's PIN is wrong or missing (LINEERR_INVALPASSWORD)."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(lineerr.LINEERR_INVALPASSWORD, reason)


class OperationUnavailable(TAPIError):
    """The handler does not offer this, here or now (LINEERR_OPERATIONUNAVAIL)."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(lineerr.LINEERR_OPERATIONUNAVAIL, reason)


class HandlerArgumentError(ValueError):
    """
    ``makeHandler`` does not understand its arguments.

    Its text is shown to the administrator as it is, so it says what was given, what is allowed and
    what to change.

    :param key: which of the options is wrong, as the names from the handler's table down to it
        (``("agents", "1001", "pin")``): the text is shown with its file and line.
    """

    def __init__(self, text: str = "", *, key: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.key = key
