"""What the agent at an address looks like: LINEAGENTSTATUS ([MS-TRP] 2.2.6.8)."""

from uuid import UUID

from tapiproxy.plugins.acd.centre import Centre
from tapiproxy.plugins.acd.states import (
    ENDED,
    LIVE,
    TRANSITIONS,
    busiest,
    toAgentStates,
)
from tapiproxy.plugins.acd.statistics import nextState
from tapiproxy.tapi.agentstructs import LINEAGENTGROUPENTRY, LINEAGENTSTATUS
from tapiproxy.tapi.lineconstants import (
    LINEAGENTFEATURE,
    LINEAGENTFEATURE_SETAGENTACTIVITY,
    LINEAGENTFEATURE_SETAGENTSTATE,
    LINEAGENTSTATE_LOGGEDOFF,
)

__all__ = ["addressStatus"]

#: What needs somebody at the address.
_WITH_AGENT = LINEAGENTFEATURE_SETAGENTSTATE | LINEAGENTFEATURE_SETAGENTACTIVITY


def addressStatus(centre: Centre, line: str, address: int) -> LINEAGENTSTATUS:
    """
    The state of whoever is logged on at an address: of several sessions the busiest speaks.

    :param line: the line's name.
    :param address: the dwAddressID.
    """
    sessions = centre.model.atAddress(line, address)
    if not sessions:
        return LINEAGENTSTATUS(
            dwState=LINEAGENTSTATE_LOGGEDOFF,
            dwNextState=LINEAGENTSTATE_LOGGEDOFF,
            dwAgentFeatures=LINEAGENTFEATURE.mask & ~_WITH_AGENT,
            dwValidStates=LINEAGENTSTATE_LOGGEDOFF,
            dwValidNextStates=LINEAGENTSTATE_LOGGEDOFF,
        )
    agents = [centre.model.agents[agent] for agent in {each.agent: None for each in sessions}]
    conditions: list[int | str] = [session.state for session in sessions]
    conditions += [call.direction for agent in agents for call in agent.nonACD.values()]
    row = busiest(conditions)
    after = busiest(nextState(session) for session in sessions)
    state = LINEAGENTSTATE_LOGGEDOFF if row is None else row.agentState
    valid = validNext = LIVE | ENDED
    for session in sessions:
        valid &= TRANSITIONS[session.state].state
        validNext &= TRANSITIONS[session.state].next
    activity = next((agent.activity for agent in agents if agent.activity), 0)
    return LINEAGENTSTATUS(
        GroupList=tuple(_group(centre, group) for group in {each.group: None for each in sessions}),
        dwState=state,
        dwNextState=state if after is None else after.agentState,
        dwActivityID=activity,
        Activity=centre.site.activities.get(activity),
        dwAgentFeatures=LINEAGENTFEATURE.mask,
        # Of sessions that have no state in common each may stay as it is.
        dwValidStates=toAgentStates(valid) or state,
        dwValidNextStates=toAgentStates(validNext),
    )


def _group(centre: Centre, group: str) -> LINEAGENTGROUPENTRY:
    GroupID = UUID(group)
    settings = centre.site.groups.get(GroupID)
    return LINEAGENTGROUPENTRY(GroupID=GroupID, Name=settings.name if settings else "")
