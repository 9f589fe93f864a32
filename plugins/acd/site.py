"""
What a site is made of: agents, groups, queues, activities, as the configuration has them.

A `Site` never changes; a reload makes another one.  The identifiers that applications see are pure
functions of the configured names where the configuration does not give them.
"""

import hashlib
import uuid
import zoneinfo
from collections.abc import Mapping
from datetime import tzinfo

from attrs import field, frozen

__all__ = [
    "CLIENT_GONE",
    "DEMO_OPTIONS",
    "KEEP",
    "LOG_OUT",
    "NOT_READY",
    "AgentSettings",
    "GroupSettings",
    "QueueSettings",
    "Site",
    "groupID",
    "queueID",
    "zone",
]

#: What happens to a session when the last application that worked for its agent has gone.
KEEP = "keep"
NOT_READY = "not_ready"
LOG_OUT = "log_out"
CLIENT_GONE = (KEEP, NOT_READY, LOG_OUT)

#: Name space of the GUIDs of groups; any fixed one does.
_GROUPS = uuid.UUID("5f0c2a1e-7d53-4a1b-9c3e-2f6f1f0f8a11")


@frozen
class QueueSettings:
    """
    A queue.

    :param name: its name in the configuration.
    :param dwQueueID: its number on the wire.
    """

    name: str
    dwQueueID: int


@frozen
class GroupSettings:
    """
    A group into which agents log on.

    :param name: its name in the configuration.
    :param GroupID: its GUID on the wire.
    :param queues: the queues that it serves.
    :param wrapUp: milliseconds of wrap-up after each call; 0 for none.
    :param clientGone: one of `CLIENT_GONE`.
    :param grace: milliseconds until ``clientGone`` is done.
    """

    name: str
    GroupID: uuid.UUID
    queues: tuple[QueueSettings, ...]
    wrapUp: int
    clientGone: str
    grace: int


@frozen
class AgentSettings:
    """
    An agent.

    :param id: what CreateAgent names him by.
    :param name: for people.
    :param pin: the stored form of his PIN; empty if he has none.
    :param user: the principal who is this agent; empty if there is none.
    :param groups: where he may log on, in the order of the configuration.
    """

    id: str
    name: str
    pin: str = field(repr=False)
    user: str
    groups: tuple[GroupSettings, ...]


@frozen
class Site:
    """
    Everything that is configured.

    :param supervisors: names of principals, as they are spelt, and of groups, who may use every
        agent.
    :param activities: what agents can be doing, by dwActivityID.
    :param timeZone: of LINEAGENTSESSIONINFO.dateSessionStartTime.
    :param retention: milliseconds for which the log is kept, and the longest measurement period.
    :param longestCall: milliseconds after which a call counts as forgotten by whoever reports it.
    :param durable: whether a commit waits until the disk has it (SQLite's synchronous=FULL).
    :param demo: whether this is the built-in demo site, whose PINs everybody knows.
    """

    agents: Mapping[str, AgentSettings]
    groups: Mapping[uuid.UUID, GroupSettings]
    queues: Mapping[int, QueueSettings]
    activities: Mapping[int, str]
    supervisors: frozenset[str]
    timeZone: tzinfo
    retention: int
    longestCall: int
    durable: bool
    demo: bool

    def agentOf(self, principal: str) -> AgentSettings | None:
        """The agent whose ``user`` a principal is."""
        if not principal:
            return None
        return next((agent for agent in self.agents.values() if agent.user == principal), None)


def groupID(name: str) -> uuid.UUID:
    """The GUID of a group that is given none: the same on every start and every node."""
    return uuid.uuid5(_GROUPS, name)


def queueID(name: str) -> int:
    """The number of a queue that is given none: 31 bits, not 0, the same on every start."""
    digest = hashlib.blake2b(name.encode(), digest_size=4, person=b"acd queue").digest()
    return int.from_bytes(digest, "little") & 0x7FFFFFFF or 1


def zone(name: str) -> tzinfo:
    """
    Find a time zone by its name.

    :raises ValueError: there is none of that name.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"no time zone is named {name!r}") from error


_DEMO_PIN = (
    "scrypt$ln=14,r=8,p=1$dGFwaXByb3h5LWRlbW8tMQ$LWJIQRcmkGmYB48Zh+pVqsNl7M3IjRhoF6dfPTP8/f4"
)

#: The site without a configuration: agents 1001 to 1004, PIN 1234, two groups, one queue each.
DEMO_OPTIONS: Mapping[str, object] = {
    "groups": {"Sales": {"wrap_up": 10}, "Support": {"wrap_up": 10}},
    "activities": {"1": "Lunch", "2": "Training", "3": "Meeting"},
    "agents": {
        str(number): {"name": name, "pin": _DEMO_PIN, "groups": ["Sales", "Support"]}
        for number, name in ((1001, "Ada"), (1002, "Ben"), (1003, "Cleo"), (1004, "Dan"))
    },
}
