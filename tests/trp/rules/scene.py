"""
A request on its way: what is changed in its octets, what the server answers to them.
"""

from collections.abc import Callable
from struct import pack_into

from attrs import field, frozen

from tapiproxy.proxy.broker import Assignment
from tapiproxy.proxy.lines import StaticLines, staticLine
from tapiproxy.tapi import lineerr, phoneerr
from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS
from tapiproxy.trp.events import ASYNCEVENTMSG
from tapiproxy.trp.requests.line import Close
from tapiproxy.trp.templates import NOW, Request, encodeRequest
from tapiproxy.wire.layout import fieldsOf
from tests.spec.extracted import headerStructs
from tests.trp.support import Harness, makeHarness

#: What an answer is called that is no error: 0, or a request identifier.
ACCEPTED = "accepted"

#: A handle that nobody was ever given.
NOBODYS = 0x0BADBAD0

#: The dwDeviceIDs of the second line, the one without a handler, and the first that there is not.
SUPPORT, BARE, BEYOND_DEVICES = 1, 2, 3

_LINES = (
    staticLine("Sales", ("1000", "1001")),
    staticLine("Support", ("2000",)),
    staticLine("Bare", ("3000", "3001")),
)

_ASSIGNMENTS = (
    Assignment(line=_LINES[0], handler="acd"),
    Assignment(line=_LINES[1], handler="acd"),
    Assignment(line=_LINES[2]),
)

# Octets before VarData ([MS-TRP] 2.2.5.2), and the place of the first parameter.
_VARDATA, _PARAMETERS = 60, 8

# Where VarData is used, this stands behind what is pointed to: text without a null.
_UNTERMINATED = "no null ".encode("utf-16-le")

_MEMBERS = {
    name: dict(zip(each.members, each.offsets, strict=True))
    for name, each in headerStructs().items()
}

#: A DWORD, or how to find it.
Value = int | Callable[["Scene"], int]


@frozen
class Change:
    """
    What is different in a request.

    :ivar words: parameters by the specification's names.
    :ivar members: DWORDs of the struct at the start of VarData: ``"LINECALLPARAMS.dwBearerMode"``.
    :ivar entry: what to add to the places of members: where the entry of a list begins.
    :ivar moved: octets put in front of what lies in VarData.
    :ivar tail: what stands in VarData behind that which is pointed to.
    :ivar needed: lNeededSize.
    :ivar before: what happens first.
    """

    words: dict[str, Value] = field(factory=dict)
    members: dict[str, int] = field(factory=dict)
    entry: int = 0
    moved: int = 0
    tail: bytes | None = None
    needed: int | None = None
    before: "Callable[[Scene], object] | None" = None


class Scene:
    """
    A server, and an application that has attached, initialised and opened the line Sales.

    :ivar varData: of the request that is being made.
    """

    def __init__(self) -> None:
        self.harness: Harness = makeHarness(lines=_LINES, assignments=_ASSIGNMENTS)
        self.app = self.harness.application().ready()
        self.Req_Func = 0
        self.varData = b""
        self.tail = 0

    @property
    def hLine(self) -> int:
        return self.app.hLine

    @property
    def hLineApp(self) -> int:
        return self.app.hLineApp

    def ask(self, message: Request, change: Change | None = None) -> str:
        """
        Send a request, changed if so wanted.

        :returns: the name of Ack_ReturnValue's error, or `ACCEPTED`.
        """
        octets, needed = self.compose(message, change or Change())
        return self.answer(octets, needed, message.completes)

    def compose(self, message: Request, change: Change) -> tuple[bytes, int | None]:
        """
        Make the octets of a request.

        :returns: pBuffer and lNeededSize.
        """
        self.Req_Func = message.Req_Func
        if change.before is not None:
            change.before(self)
        frame, content = _halved(encodeRequest(message))
        content[:0] = bytes(change.moved)
        self.tail = len(content)
        if content:
            content += _UNTERMINATED if change.tail is None else change.tail
        self.varData = bytes(content)
        cls = type(message)
        slots = [slot for each in fieldsOf(cls) for slot in each.slots]
        for name, value in change.words.items():
            place = _PARAMETERS + 4 * slots.index(name)
            pack_into("<I", frame, place, value(self) if callable(value) else value)
        for name, value in change.members.items():
            structure, _, member = name.partition(".")
            place = change.moved + _MEMBERS[structure][member] + change.entry
            pack_into("<I", content, place, value)
        return bytes(frame + content), change.needed

    def answer(self, octets: bytes, needed: int | None, completes: str = NOW) -> str:
        """
        Send octets.

        :returns: as `ask`; for a fault its status.
        """
        try:
            call = self.app.rawCall(octets, needed)
        except Exception as error:  # noqa: BLE001 -- a frontier: the runtime answers with a fault
            return f"crash: {error!r}"
        if call.faults:
            return f"fault {call.faults[0]:#x}"
        result = int.from_bytes(call.answers[0][_RESULT], "little")
        return _answer(result, completes)

    def replies(self) -> list[ASYNCEVENTMSG]:
        """The LINE_REPLYs that have come since this was last asked."""
        return self.app.replies()


# Ack_ReturnValue in the stub of ClientRequest's answer, behind the length and offset of pBuffer.
_RESULT = slice(12, 16)


def _halved(pBuffer: bytes) -> tuple[bytearray, bytearray]:
    return bytearray(pBuffer[:_VARDATA]), bytearray(pBuffer[_VARDATA:])


def _answer(result: int, completes: str) -> str:
    if result == 0 if completes == NOW else 0 < result < 0x80000000:
        return ACCEPTED
    return nameOf(result)


def nameOf(code: int) -> str:
    """Name an error code, whichever device it is of."""
    return phoneerr.name(code) if 0x90000000 <= code < 0xA0000000 else lineerr.name(code)


# Values that depend on the scene.


def END(scene: Scene) -> int:
    """The first offset outside VarData."""
    return len(scene.varData)


def TAIL(scene: Scene) -> int:
    """The offset of what stands behind that which is pointed to."""
    return scene.tail


def behind(octets: int) -> Callable[[Scene], int]:
    """Make an offset so many octets behind `TAIL`."""
    return lambda scene: scene.tail + octets


def anothersLine(scene: Scene) -> int:
    """An HLINE of another client, which has more of them than this one."""
    other = scene.harness.application().ready()
    for _ in range(3):
        other.open()
    return other.hLine


def anothersApp(scene: Scene) -> int:
    """An HLINEAPP of another client."""
    other = scene.harness.application().ready()
    for _ in range(3):
        other.initialize()
    return other.hLineApp


def closedLine(scene: Scene) -> int:
    """An HLINE that the client had."""
    hLine = scene.app.open()
    assert scene.app.result(Close(hLine=hLine)) == 0
    return hLine


def bareLine(scene: Scene) -> int:
    """The HLINE of a line without a handler."""
    return scene.app.open(dwDeviceID=BARE)


def opened(version: int) -> Callable[[Scene], int]:
    """Make an HLINE of another version."""

    def hLine(scene: Scene) -> int:
        return scene.app.open(version=version)

    hLine.__name__ = f"opened with {version:#x}"
    return hLine


# What happens first.


def withdrawn(scene: Scene) -> None:
    """The handler says that it does not answer this request now."""
    scene.harness.host.setAvailable(
        row.requestType for row in PROXY_REQUESTS if row.Req_Func != scene.Req_Func
    )


def supportRemoved(scene: Scene) -> None:
    """The second line is taken out of the configuration."""
    left = tuple(line for line in _LINES if line.name != "Support")
    scene.harness.server.linesChanged(StaticLines(left))
