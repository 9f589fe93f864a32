"""
What the codec says when bytes do not mean what they should, or a value does not fit its field.

No TAPI result code appears here: the session layer turns (packet, kind of the field, problem) into
one, by the table of its own.
"""

#: An offset does not have the alignment of what it points to.
MISALIGNED = "misaligned"
#: An offset points outside the bytes that were sent for it.
OUTSIDE = "outside"
#: A block or a list begins inside the bytes that were sent and ends beyond them.
BEYOND = "beyond"
#: A string has no terminating null within the bytes that were sent.
UNTERMINATED = "unterminated"
#: A string is longer than any that the protocol has a use for.
TOOLONG = "too long"
#: The octets of a string are not UTF-16.
BADTEXT = "bad text"
#: Less room than the fixed part of a struct, a GUID or the elements of a list need.
TOOSMALL = "too small"
#: A parameter of the request lies beyond the bytes that were sent.
MISSING = "missing"
#: A value that its field cannot have: a size that cannot be, a flag that does not exist.
BADVALUE = "bad value"

#: The closed list: a DecodeError has one of these.
PROBLEMS = (
    MISALIGNED,
    OUTSIDE,
    BEYOND,
    UNTERMINATED,
    TOOLONG,
    BADTEXT,
    TOOSMALL,
    MISSING,
    BADVALUE,
)


class DecodeError(ValueError):
    """
    Bytes from a peer are wrong; the only exception that decoding raises.

    :ivar problem: one of :data:`PROBLEMS`.
    :ivar field: packet or struct, and field in the spelling of the specification:
        ``"CreateAgent.lpszAgentID"``; the name of a struct alone where the whole is meant.
    :ivar kind: the name of the field's kind (:mod:`tapiproxy.wire.layout`): ``"wideString"``.
    :ivar detail: what was found, for the log.
    """

    def __init__(self, problem: str, field: str, kind: str, detail: str = "") -> None:
        super().__init__(problem, field, kind, detail)
        self.problem = problem
        self.field = field
        self.kind = kind
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.field} ({self.kind}) is {self.problem}: {self.detail}"


class EncodeError(ValueError):
    """
    A value cannot be written: too large for its field, or text that is not Unicode.

    :ivar field: as in `DecodeError`.
    """

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(field, detail)
        self.field = field
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.field}: {self.detail}"
