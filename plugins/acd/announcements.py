"""
What applications are told without asking: which messages a change of the model is worth.

A message is sent for what differs from what was told before, so nothing is told twice, and a
request that changes nothing tells nothing.  [MS-TRP] 2.2.4.2.1
"""

from collections.abc import Iterable

from attrs import define, frozen

from tapiproxy.plugins.acd.address import addressStatus
from tapiproxy.plugins.acd.centre import Centre
from tapiproxy.plugins.acd.model import Changed
from tapiproxy.plugins.acd.site import Site
from tapiproxy.plugins.acd.states import RELEASED
from tapiproxy.plugins.acd.statistics import agentNextState, agentState, nextState
from tapiproxy.tapi.agentstructs import LINEAGENTSTATUS
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSESSIONSTATUS_NEWSESSION,
    LINEAGENTSESSIONSTATUS_STATE,
    LINEAGENTSESSIONSTATUS_UPDATEINFO,
    LINEAGENTSTATUS_ACTIVITY,
    LINEAGENTSTATUS_ACTIVITYLIST,
    LINEAGENTSTATUS_GROUP,
    LINEAGENTSTATUS_GROUPLIST,
    LINEAGENTSTATUS_NEXTSTATE,
    LINEAGENTSTATUS_STATE,
    LINEAGENTSTATUS_VALIDNEXTSTATES,
    LINEAGENTSTATUS_VALIDSTATES,
    LINEAGENTSTATUSEX_NEWAGENT,
    LINEAGENTSTATUSEX_STATE,
    LINEAGENTSTATUSEX_UPDATEINFO,
    LINEGROUPSTATUS_GROUPREMOVED,
    LINEGROUPSTATUS_NEWGROUP,
    LINEQUEUESTATUS_NEWQUEUE,
    LINEQUEUESTATUS_QUEUEREMOVED,
    LINEQUEUESTATUS_UPDATEINFO,
)
from tapiproxy.tapi.proxymessages import (
    LINE_AGENTSESSIONSTATUS,
    LINE_AGENTSTATUS,
    LINE_AGENTSTATUSEX,
    LINE_GROUPSTATUS,
    LINE_QUEUESTATUS,
    ProxyMessage,
)

__all__ = ["ALL_LINES", "Announcements", "News", "siteNews"]

#: The line of a message that is about no address.
ALL_LINES = ""


@frozen
class News:
    """
    A message and where it belongs.

    :param line: the name of the line; `ALL_LINES` if it is about no address.
    """

    line: str
    message: ProxyMessage


@frozen
class _States:
    state: int
    next: int


@define(eq=False)
class Announcements:
    """What was told last of every agent, session and address."""

    _centre: Centre
    _agents: dict[str, _States]
    _sessions: dict[int, _States]
    _addresses: dict[tuple[str, int], LINEAGENTSTATUS]

    @classmethod
    def after(cls, centre: Centre) -> "Announcements":
        """Begin with a model that has been told as it is."""
        model = centre.model
        return cls(
            centre,
            {
                agent.id: _States(agentState(agent), agentNextState(agent))
                for agent in model.agents.values()
            },
            {
                number: _States(session.state, nextState(session))
                for number, session in model.sessions.items()
            },
            {place: addressStatus(centre, *place) for place in model.onAddress},
        )

    def news(self, changed: Changed) -> list[News]:
        """
        What to tell of a change.

        :param changed: what was touched; the model is already as it is to be told.
        """
        messages: list[ProxyMessage] = []
        for agent in changed.agents:
            messages += self._agent(agent, agent in changed.figures)
        for session in changed.sessions:
            messages += self._session(session, session in changed.figures)
        for queue in changed.queues:
            messages.append(LINE_QUEUESTATUS(queue, LINEQUEUESTATUS_UPDATEINFO))
        found = [News(ALL_LINES, message) for message in messages]
        for line, address in changed.addresses:
            found += self._address(line, address)
        return found

    def _agent(self, name: str, figures: bool) -> Iterable[ProxyMessage]:
        agent = self._centre.model.agents[name]
        now = _States(agentState(agent), agentNextState(agent))
        before = self._agents.get(name)
        self._agents[name] = now
        if before is None:
            yield LINE_AGENTSTATUSEX(agent.hAgent, LINEAGENTSTATUSEX_NEWAGENT)
            return
        bits = LINEAGENTSTATUSEX_UPDATEINFO if figures or now.next != before.next else 0
        if now.state != before.state:
            bits |= LINEAGENTSTATUSEX_STATE
        if bits:
            state = now.state if bits & LINEAGENTSTATUSEX_STATE else 0
            yield LINE_AGENTSTATUSEX(agent.hAgent, bits, state)

    def _session(self, number: int, figures: bool) -> Iterable[ProxyMessage]:
        session = self._centre.model.sessions.get(number)
        before = self._sessions.get(number)
        if session is None:
            if before is not None:
                del self._sessions[number]
                yield LINE_AGENTSESSIONSTATUS(number, LINEAGENTSESSIONSTATUS_STATE, RELEASED)
            return
        now = _States(session.state, nextState(session))
        self._sessions[number] = now
        if before is None:
            yield LINE_AGENTSESSIONSTATUS(number, LINEAGENTSESSIONSTATUS_NEWSESSION)
            return
        bits = LINEAGENTSESSIONSTATUS_UPDATEINFO if figures or now.next != before.next else 0
        if now.state != before.state:
            bits |= LINEAGENTSESSIONSTATUS_STATE
        if bits:
            state = now.state if bits & LINEAGENTSESSIONSTATUS_STATE else 0
            yield LINE_AGENTSESSIONSTATUS(number, bits, state)

    def _address(self, line: str, address: int) -> Iterable[News]:
        now = addressStatus(self._centre, line, address)
        nobody = addressStatus(self._centre, "", 0)
        before = self._addresses.get((line, address), nobody)
        if now.GroupList:
            self._addresses[line, address] = now
        else:
            self._addresses.pop((line, address), None)
        bits = 0
        for bit, name in _ADDRESS_BITS:
            if getattr(now, name) != getattr(before, name):
                bits |= bit
        if bits:
            state = now.dwState if bits & LINEAGENTSTATUS_STATE else 0
            yield News(line, LINE_AGENTSTATUS(address, bits, state))


def siteNews(
    before: Site, after: Site, centre: Centre, places: Iterable[tuple[str, int]]
) -> list[News]:
    """
    What to tell of a configuration that was read again.

    :param places: every address of every line, as line name and dwAddressID.
    """
    messages: list[ProxyMessage] = []
    if after.groups.keys() - before.groups.keys():
        messages.append(LINE_GROUPSTATUS(LINEGROUPSTATUS_NEWGROUP))
    if before.groups.keys() - after.groups.keys():
        messages.append(LINE_GROUPSTATUS(LINEGROUPSTATUS_GROUPREMOVED))
    for queue in sorted(after.queues.keys() - before.queues.keys()):
        messages.append(LINE_QUEUESTATUS(queue, LINEQUEUESTATUS_NEWQUEUE))
    for queue in sorted(before.queues.keys() - after.queues.keys()):
        messages.append(LINE_QUEUESTATUS(queue, LINEQUEUESTATUS_QUEUEREMOVED))
    found = [News(ALL_LINES, message) for message in messages]
    moved = {
        agent
        for agent in before.agents.keys() | after.agents.keys()
        if _groups(before, agent) != _groups(after, agent)
    }
    for line, address in places:
        bits = LINEAGENTSTATUS_ACTIVITYLIST if before.activities != after.activities else 0
        here = centre.model.atAddress(line, address)
        # Somebody not logged on yet may be looking at the list of groups at any address.
        if moved and (not here or any(session.agent in moved for session in here)):
            bits |= LINEAGENTSTATUS_GROUPLIST
        if bits:
            found.append(News(line, LINE_AGENTSTATUS(address, bits)))
    return found


def _groups(site: Site, agent: str) -> list[tuple[object, str]]:
    settings = site.agents.get(agent)
    return [] if settings is None else [(each.GroupID, each.name) for each in settings.groups]


_ADDRESS_BITS = (
    (LINEAGENTSTATUS_GROUP, "GroupList"),
    (LINEAGENTSTATUS_STATE, "dwState"),
    (LINEAGENTSTATUS_NEXTSTATE, "dwNextState"),
    (LINEAGENTSTATUS_ACTIVITY, "dwActivityID"),
    (LINEAGENTSTATUS_VALIDSTATES, "dwValidStates"),
    (LINEAGENTSTATUS_VALIDNEXTSTATES, "dwValidNextStates"),
)
