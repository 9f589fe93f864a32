"""
Limits and deadlines of the session layer, each with its reason.

One place, so that the configuration's ``[limits]`` and ``[deadlines]`` are these names and nothing
is bounded by a number in the middle of the code.  Times are in seconds.
"""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen
from attrs.validators import gt

__all__ = ["MAX_AGENT_DATA", "Settings"]

#: The most room that a list or info request may name: 0x40000 ([MS-TRP] 3.1.4.2, rules 24.5 ...).
MAX_AGENT_DATA = 0x40000

_positive: Any = gt(0)


@frozen(kw_only=True)
class Settings:
    """
    What a site may set.

    :ivar attachedClients: clients at one time; each costs two connections and some kilobytes.
    :ivar attachedPerAddress: the same of one address: a terminal server has hundreds of agents, and
        none may take the place of all others.
    :ivar linesPerClient: HLINEs of one client; a workstation has a handful of applications with a
        few lines each, a supervisor's wallboard some hundreds.
    :ivar appsPerClient: HLINEAPPs and HPHONEAPPs of one client: one per application on it.
    :ivar requestsInFlight: accepted requests of one client whose LINE_REPLY it has not got yet.
        One more is refused with RESOURCEUNAVAIL.  Each may hold 0x40000 bytes, so 64 is 16 MiB.
    :ivar queuedEvents: status events that wait for one client; when full, the oldest is dropped
        and counted.  A thousand is what a busy ACD says in a minute.
    :ivar pushBytes: events of one RemoteSPEventProc; a single longer event goes alone.  64 KiB is
        over a thousand status events and still a short call.
    :ivar agentSpecificBytes: parameter block of AgentSpecific, for which the specification has no
        bound of its own; the one of all other agent data.
    :ivar callbackConnect: connect, bind and RemoteSPAttach together: the client waits 5 s for
        ClientAttach ([MS-TRP] 3.2.2).
    :ivar callbackEvents: one RemoteSPEventProc; a client that has not taken it by then is lost.
    :ivar callbackDetach: RemoteSPDetach, whose result nobody needs.
    :ivar callbacksConnecting: call-backs being connected at one time: a client that names a dead
        port holds one for ``callbackConnect``; 256 let a site of thousands attach after a restart.
    :ivar callbacksPerAddress: the same of one address, so that one that names dead ports holds up
        nobody but itself.
    :ivar request: a handler's time for one request, unless a line or a request type says otherwise.
    :ivar requests: the same by request name: ``{"CreateAgent": 10.0}``.
    :ivar drainFlush: after the last request is ended, the time for its LINE_REPLY and the
        LINE_CLOSE to be taken by the clients.
    :ivar pollWithoutCallback: attach a client that names no usable call-back endpoint, for
        GetAsyncEvents; otherwise ClientAttach refuses it with a reason in the log.
    :ivar administrators: principals that may attach with lProcessID -3.
    """

    attachedClients: int = field(default=10000, validator=_positive)
    attachedPerAddress: int = field(default=1000, validator=_positive)
    linesPerClient: int = field(default=1000, validator=_positive)
    appsPerClient: int = field(default=64, validator=_positive)
    requestsInFlight: int = field(default=64, validator=_positive)
    queuedEvents: int = field(default=1000, validator=_positive)
    pushBytes: int = field(default=65536, validator=_positive)
    agentSpecificBytes: int = field(default=MAX_AGENT_DATA, validator=_positive)
    callbackConnect: float = field(default=3.0, validator=_positive)
    callbackEvents: float = field(default=10.0, validator=_positive)
    callbackDetach: float = field(default=2.0, validator=_positive)
    callbacksConnecting: int = field(default=256, validator=_positive)
    callbacksPerAddress: int = field(default=64, validator=_positive)
    request: float = field(default=5.0, validator=_positive)
    requests: Mapping[str, float] = field(factory=dict)
    drainFlush: float = field(default=3.0, validator=_positive)
    pollWithoutCallback: bool = False
    administrators: frozenset[str] = frozenset()
