"""
Which events may come in: the contexts and handles that this client has handed out.

[MS-TRP] 3.3.4.2: an event with a wrong InitContext fails the whole call, one with a handle that
does not exist is ignored.
"""

import secrets
from collections.abc import Callable, Mapping

from tapiproxy.trp.events import ASYNCEVENTMSG

__all__ = ["MAXIMUM_DEVICES", "Admission"]

#: More lines than a server can have; a device identifier beyond is no device.
MAXIMUM_DEVICES = 10_000


class Admission:
    """
    What one client has handed out.

    An InitContext stays known after its ShutDown, and a closed line's events are ignored, since
    events that were on their way are no fault of the server.

    :ivar dwNumDevs: lines that the server has shown; LINE_CREATE adds to them.
    """

    def __init__(self) -> None:
        self._initContexts: set[int] = set()
        self._lines: set[int] = set()
        self._lastLine = 0
        self.dwNumDevs = 0

    def newInitContext(self) -> int:
        """Make the InitContext of an Initialize: not to be guessed, so that a mix-up shows."""
        while True:
            InitContext = secrets.randbits(32)
            if InitContext and InitContext not in self._initContexts:
                self._initContexts.add(InitContext)
                return InitContext

    def newLine(self) -> int:
        """Make the hRemoteLine of an Open; it is not used twice."""
        self._lastLine += 1
        self._lines.add(self._lastLine)
        return self._lastLine

    def lineClosed(self, hRemoteLine: int) -> None:
        """Ignore the line's events from now on."""
        self._lines.discard(hRemoteLine)

    def linesClosed(self) -> None:
        """Ignore the events of all lines from now on."""
        self._lines.clear()

    def knows(self, InitContext: int) -> bool:
        """Whether an event with this InitContext is one of this client at all."""
        return InitContext in self._initContexts

    def admits(self, packet: ASYNCEVENTMSG) -> bool:
        """Whether an event is one to hand on; the others are ignored."""
        rule = _RULES.get(packet.Msg)
        return rule is not None and rule(self, packet)

    # The rules, one for each group of messages

    def _ofLine(self, packet: ASYNCEVENTMSG) -> bool:
        return not packet.hDevice or packet.hDevice in self._lines

    def _specific(self, packet: ASYNCEVENTMSG) -> bool:
        return (packet.Param4 or packet.hDevice) in self._lines

    def _created(self, packet: ASYNCEVENTMSG) -> bool:
        if packet.Param1 >= MAXIMUM_DEVICES:
            return False
        self.dwNumDevs = max(self.dwNumDevs, packet.Param1 + 1)
        return True

    def _removed(self, packet: ASYNCEVENTMSG) -> bool:
        return packet.Param1 < self.dwNumDevs

    def _always(self, packet: ASYNCEVENTMSG) -> bool:
        return True


#: 3.3.4.2, by Msg.  Messages of calls and phones, which this client has none of, are not here.
_RULES: Mapping[int, Callable[[Admission, ASYNCEVENTMSG], bool]] = {
    0x00: Admission._ofLine,  # LINE_ADDRESSSTATE
    0x03: Admission._ofLine,  # LINE_CLOSE
    0x08: Admission._ofLine,  # LINE_LINEDEVSTATE
    0x0C: Admission._always,  # LINE_REPLY: its request ID decides
    0x13: Admission._created,  # LINE_CREATE
    0x15: Admission._specific,  # LINE_AGENTSPECIFIC
    0x16: Admission._ofLine,  # LINE_AGENTSTATUS
    0x19: Admission._removed,  # LINE_REMOVE
    0x1B: Admission._ofLine,  # LINE_AGENTSESSIONSTATUS
    0x1C: Admission._ofLine,  # LINE_QUEUESTATUS
    0x1D: Admission._ofLine,  # LINE_AGENTSTATUSEX
    0x1E: Admission._ofLine,  # LINE_GROUPSTATUS
    0x1F: Admission._ofLine,  # LINE_PROXYSTATUS
}
