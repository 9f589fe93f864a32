"""
The six messages that a proxy handler may send: what TAPI calls lineProxyMessage.

A handler names what changed; handles, contexts and the choice of clients are the server's.  The
event packets with the same names ([MS-TRP] 2.2.4.2.1) are made from these in ``trp``.
"""

from typing import ClassVar

from attrs import frozen

__all__ = [
    "LINE_AGENTSESSIONSTATUS",
    "LINE_AGENTSPECIFIC",
    "LINE_AGENTSTATUS",
    "LINE_AGENTSTATUSEX",
    "LINE_GROUPSTATUS",
    "LINE_QUEUESTATUS",
    "PROXY_MESSAGES",
    "ProxyMessage",
]


class ProxyMessage:
    """A message with the Msg number and the three parameters of its event packet."""

    __slots__ = ()
    Msg: ClassVar[int]

    def params(self) -> tuple[int, int, int]:
        """Param1, Param2 and Param3 of the event packet."""
        raise AssertionError(f"{type(self).__name__} is not one of PROXY_MESSAGES")


@frozen
class LINE_AGENTSTATUS(ProxyMessage):
    """
    The agent at an address changed.  [MS-TRP] 2.2.4.2.1.4

    :param dwAddressID: the address on the line that the message is sent for.
    :param dwAgentStatus: what changed, LINEAGENTSTATUS_ bits.
    :param dwAgentState: the new LINEAGENTSTATE_ if LINEAGENTSTATUS_STATE is among them, else 0.
    """

    Msg: ClassVar[int] = 0x16
    dwAddressID: int
    dwAgentStatus: int
    dwAgentState: int = 0

    def params(self) -> tuple[int, int, int]:
        """As for every message."""
        return self.dwAddressID, self.dwAgentStatus, self.dwAgentState


@frozen
class LINE_AGENTSPECIFIC(ProxyMessage):
    """
    Something of the handler's own extension happened.  [MS-TRP] 2.2.4.2.1.3

    :param dwAgentExtensionIDIndex: a place in LINEAGENTCAPS.AgentExtensionIDList.
    :param dwHandlerSpecific1: the extension's own.
    :param dwHandlerSpecific2: the extension's own.
    """

    Msg: ClassVar[int] = 0x15
    dwAgentExtensionIDIndex: int
    dwHandlerSpecific1: int = 0
    dwHandlerSpecific2: int = 0

    def params(self) -> tuple[int, int, int]:
        """As for every message."""
        return self.dwAgentExtensionIDIndex, self.dwHandlerSpecific1, self.dwHandlerSpecific2


@frozen
class LINE_AGENTSTATUSEX(ProxyMessage):
    """
    An agent changed.  [MS-TRP] 2.2.4.2.1.5

    :param hAgent: the handler's HAGENT.
    :param dwAgentStatus: what changed, LINEAGENTSTATUSEX_ bits.
    :param dwAgentState: the new LINEAGENTSTATEEX_ if LINEAGENTSTATUSEX_STATE is among them, else 0.
    """

    Msg: ClassVar[int] = 0x1D
    hAgent: int
    dwAgentStatus: int
    dwAgentState: int = 0

    def params(self) -> tuple[int, int, int]:
        """As for every message."""
        return self.hAgent, self.dwAgentStatus, self.dwAgentState


@frozen
class LINE_AGENTSESSIONSTATUS(ProxyMessage):
    """
    An agent session changed.  [MS-TRP] 2.2.4.2.1.2

    :param hAgentSession: the handler's HAGENTSESSION.
    :param dwAgentSessionStatus: what changed, LINEAGENTSESSIONSTATUS_ bits.
    :param dwAgentSessionState: the new LINEAGENTSESSIONSTATE_ if LINEAGENTSESSIONSTATUS_STATE is
        among them, else 0 (the specification's "one of LINEAGENTSESSIONSTATUS" is a slip).
    """

    Msg: ClassVar[int] = 0x1B
    hAgentSession: int
    dwAgentSessionStatus: int
    dwAgentSessionState: int = 0

    def params(self) -> tuple[int, int, int]:
        """As for every message."""
        return self.hAgentSession, self.dwAgentSessionStatus, self.dwAgentSessionState


@frozen
class LINE_QUEUESTATUS(ProxyMessage):
    """
    A queue changed.  [MS-TRP] 2.2.4.2.1.23

    :param dwQueueID: the handler's number of the queue.
    :param dwQueueStatus: what changed, LINEQUEUESTATUS_ bits.
    """

    Msg: ClassVar[int] = 0x1C
    dwQueueID: int
    dwQueueStatus: int

    def params(self) -> tuple[int, int, int]:
        """As for every message."""
        return self.dwQueueID, self.dwQueueStatus, 0


@frozen
class LINE_GROUPSTATUS(ProxyMessage):
    """
    The groups changed.  [MS-TRP] 2.2.4.2.1.16

    :param dwGroupStatus: LINEGROUPSTATUS_NEWGROUP or LINEGROUPSTATUS_GROUPREMOVED (tapi.h).
    """

    Msg: ClassVar[int] = 0x1E
    dwGroupStatus: int

    def params(self) -> tuple[int, int, int]:
        """As for every message."""
        return 0, self.dwGroupStatus, 0


#: All that `tapiproxy.interfaces.IProxyHost.proxyMessage` takes.
PROXY_MESSAGES: tuple[type[ProxyMessage], ...] = (
    LINE_AGENTSTATUS,
    LINE_AGENTSPECIFIC,
    LINE_AGENTSTATUSEX,
    LINE_AGENTSESSIONSTATUS,
    LINE_QUEUESTATUS,
    LINE_GROUPSTATUS,
)
