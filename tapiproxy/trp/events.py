"""
Events: what the server tells without being asked, in the frame ASYNCEVENTMSG.  [MS-TRP] 2.2.4.2.1

The messages that a handler sends are in `tapiproxy.tapi.proxymessages`; those that the server sends
by itself are here.  LINE_REPLY and its special forms are in `tapiproxy.trp.completions`.
"""

import struct
from collections.abc import Callable
from typing import ClassVar, Protocol

from attrs import frozen

from tapiproxy.tapi.proxymessages import (
    LINE_AGENTSESSIONSTATUS,
    LINE_AGENTSPECIFIC,
    LINE_AGENTSTATUS,
    LINE_AGENTSTATUSEX,
    LINE_GROUPSTATUS,
    LINE_QUEUESTATUS,
)
from tapiproxy.wire.errors import BEYOND, TOOSMALL, DecodeError, EncodeError

#: Octets of a frame without VarData.
FRAME_SIZE = 40

_FRAME = struct.Struct("<10I")

#: Msg of LINE_REPLY and of every special completion of a line request.
LINE_REPLY = 0x0C


@frozen
class Recipient:
    """
    Whom an event is for: values of the client's own, which come back with every event.

    One for each open line; for what belongs to no line one for each HLINEAPP, with 0 in the others.

    :ivar InitContext: from Initialize.
    :ivar hDevice: hRemoteLine of Open, or hLine where that was 0.
    :ivar OpenContext: from Open.
    """

    InitContext: int
    hDevice: int = 0
    OpenContext: int = 0


class Event(Protocol):
    """An event without its addressee."""

    Msg: ClassVar[int]

    def params(self) -> tuple[int, int, int]:
        """Param1, Param2 and Param3."""


@frozen
class LINE_PROXYSTATUS:
    """
    Which requests are served changed.  [MS-TRP] 2.2.4.2.1.22

    :param dwProxyStatus: one of LINEPROXYSTATUS_.
    :param dwRequestType: the LINEPROXYREQUEST_ that was opened or closed; else 0.
    """

    Msg: ClassVar[int] = 0x1F
    dwProxyStatus: int
    dwRequestType: int = 0

    def params(self) -> tuple[int, int, int]:
        """As for every event."""
        return self.dwProxyStatus, self.dwRequestType, 0


@frozen
class LINE_LINEDEVSTATE:
    """
    The state of a line device changed.  [MS-TRP] 2.2.4.2.1.17

    :param dwDeviceState: one LINEDEVSTATE_ bit or more.
    :param dwDeviceStateDetail1: depends on the bit, with LINEDEVSTATE_REINIT the Msg that is meant.
    :param dwDeviceStateDetail2: depends on the bit.
    """

    Msg: ClassVar[int] = 0x08
    dwDeviceState: int
    dwDeviceStateDetail1: int = 0
    dwDeviceStateDetail2: int = 0

    def params(self) -> tuple[int, int, int]:
        """As for every event."""
        return self.dwDeviceState, self.dwDeviceStateDetail1, self.dwDeviceStateDetail2


@frozen
class LINE_CLOSE:
    """The server closed the line; its handle is void.  [MS-TRP] 2.2.4.2.1.9"""

    Msg: ClassVar[int] = 0x03

    def params(self) -> tuple[int, int, int]:
        """As for every event."""
        return 0, 0, 0


@frozen
class LINE_CREATE:
    """
    There is a new line device.  [MS-TRP] 2.2.4.2.1.10

    :param dwDeviceID: its index.
    """

    Msg: ClassVar[int] = 0x13
    dwDeviceID: int

    def params(self) -> tuple[int, int, int]:
        """As for every event."""
        return self.dwDeviceID, 0, 0


@frozen
class LINE_REMOVE:
    """
    A line device is gone for good.  [MS-TRP] 2.2.4.2.1.24

    :param dwDeviceID: its index.
    """

    Msg: ClassVar[int] = 0x19
    dwDeviceID: int

    def params(self) -> tuple[int, int, int]:
        """As for every event."""
        return self.dwDeviceID, 0, 0


def encode(event: Event, recipient: Recipient) -> bytes:
    """
    Encode an event.

    :param event: a message of a handler, or an event of this module.
    :param recipient: whom it is for.
    :returns: an ASYNCEVENTMSG.
    :raises EncodeError: a value does not fit its field.
    """
    one, two, three = event.params()
    try:
        return _FRAME.pack(
            FRAME_SIZE,
            recipient.InitContext,
            0,
            recipient.hDevice,
            event.Msg,
            recipient.OpenContext,
            one,
            two,
            three,
            0,
        )
    except struct.error as error:
        raise EncodeError(type(event).__name__, str(error)) from None


@frozen
class ASYNCEVENTMSG:
    """
    An event or completion as it lies in a buffer.  [MS-TRP] 2.2.5.1

    :ivar context: PostProcessProcContext; in a completion lpContext.
    :ivar varData: what follows the ten DWORDs, padding included.
    """

    InitContext: int
    context: int
    hDevice: int
    Msg: int
    OpenContext: int
    Param1: int
    Param2: int
    Param3: int
    Param4: int
    varData: bytes


def decodeList(data: bytes, start: int = 0, end: int | None = None) -> list[ASYNCEVENTMSG]:
    """
    Split a buffer of RemoteSPEventProc or GetAsyncEvents into its packets.

    :param data: octets that hold it.
    :param start: where it begins.
    :param end: where it ends; None for the end of data.
    :raises DecodeError: TOOSMALL or BEYOND.
    """
    if end is None:
        end = len(data)
    packets = []
    while start < end:
        if end - start < FRAME_SIZE:
            raise _bad(TOOSMALL, f"{end - start} octets")
        totalSize, init, context, device, msg, opened, one, two, three, four = _FRAME.unpack_from(
            data, start
        )
        if totalSize < FRAME_SIZE:
            raise _bad(TOOSMALL, f"TotalSize {totalSize}")
        if totalSize > end - start:
            raise _bad(BEYOND, f"TotalSize {totalSize} of {end - start} octets")
        varData = data[start + FRAME_SIZE : start + totalSize]
        packets.append(
            ASYNCEVENTMSG(init, context, device, msg, opened, one, two, three, four, varData)
        )
        start += totalSize
    return packets


def _bad(problem: str, detail: str) -> DecodeError:
    return DecodeError(problem, "ASYNCEVENTMSG.TotalSize", "dword", detail)


def decode(packet: ASYNCEVENTMSG) -> Event | None:
    """
    Say what an event means.

    :returns: a message of `tapiproxy.tapi.proxymessages` or an event of this module; None for any
        other Msg, LINE_REPLY among them.
    """
    read = _EVENTS.get(packet.Msg)
    return read and read(packet.Param1, packet.Param2, packet.Param3)


_EVENTS: dict[int, Callable[[int, int, int], Event]] = {
    LINE_AGENTSTATUS.Msg: LINE_AGENTSTATUS,
    LINE_AGENTSPECIFIC.Msg: LINE_AGENTSPECIFIC,
    LINE_AGENTSTATUSEX.Msg: LINE_AGENTSTATUSEX,
    LINE_AGENTSESSIONSTATUS.Msg: LINE_AGENTSESSIONSTATUS,
    LINE_QUEUESTATUS.Msg: lambda one, two, three: LINE_QUEUESTATUS(one, two),
    LINE_GROUPSTATUS.Msg: lambda one, two, three: LINE_GROUPSTATUS(two),
    LINE_PROXYSTATUS.Msg: lambda one, two, three: LINE_PROXYSTATUS(one, two),
    LINE_LINEDEVSTATE.Msg: LINE_LINEDEVSTATE,
    LINE_CLOSE.Msg: lambda one, two, three: LINE_CLOSE(),
    LINE_CREATE.Msg: lambda one, two, three: LINE_CREATE(one),
    LINE_REMOVE.Msg: lambda one, two, three: LINE_REMOVE(one),
}
