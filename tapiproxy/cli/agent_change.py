"""
The commands that change something: agents, sessions, states, groups, activities, periods.

The commands that only show something are in `agent_show`; the table of all is in `agent_commands`.
"""

import argparse

from tapiproxy.cli.agent_application import AgentApplication, only
from tapiproxy.cli.agent_words import (
    duration,
    handle,
    parseConstant,
    parseNumber,
    shown,
    words,
)
from tapiproxy.cli.main import CommandError
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSESSIONSTATE,
    LINEAGENTSTATE,
    LINEAGENTSTATEEX,
)
from tapiproxy.wire.sets import ConstantSet

__all__ = [
    "login",
    "openSession",
    "period",
    "setActivity",
    "setAddressState",
    "setGroup",
    "setSessionState",
    "setState",
    "specific",
]

#: The most that an extension's block may hold: it travels in one ClientRequest.
MAXIMUM_SPECIFIC_ROOM = 65536


async def login(app: AgentApplication, options: argparse.Namespace) -> None:
    """Create the agent, or find it again: the same agent has the same handle."""
    hAgent = await app.login(options.agentid, options.pin)
    app.write(f"agent {shown(options.agentid)} is {handle(hAgent)}")


async def openSession(app: AgentApplication, options: argparse.Namespace) -> None:
    """Open a session: the agent serves a group on this address."""
    line = await app.line()
    hAgent = await app.agent()
    group = await app.group(options.group)
    hAgentSession = await line.createAgentSession(
        hAgent, group.GroupID, app.wanted.dwAddressID, app.wanted.pin
    )
    app.write(f"session {handle(hAgentSession)} in {shown(group.Name or group.GroupID)}")


async def setState(app: AgentApplication, options: argparse.Namespace) -> None:
    """Set the agent's state in all sessions."""
    state, following = _states(LINEAGENTSTATEEX, options)
    await (await app.line()).setAgentStateEx(await app.agent(), state, following)
    app.write(_told("agent", LINEAGENTSTATEEX, state, following))


async def setSessionState(app: AgentApplication, options: argparse.Namespace) -> None:
    """Set the state of one session."""
    state, following = _states(LINEAGENTSESSIONSTATE, options)
    hAgentSession = await app.session(options.session)
    await (await app.line()).setAgentSessionState(hAgentSession, state, following)
    what = f"session {handle(hAgentSession)}"
    app.write(_told(what, LINEAGENTSESSIONSTATE, state, following))


async def setAddressState(app: AgentApplication, options: argparse.Namespace) -> None:
    """Set the state of whoever is on this address."""
    state, following = _states(LINEAGENTSTATE, options)
    await (await app.line()).setAgentState(app.wanted.dwAddressID, state, following)
    app.write(_told(f"address {app.wanted.dwAddressID}", LINEAGENTSTATE, state, following))


async def setGroup(app: AgentApplication, options: argparse.Namespace) -> None:
    """Log on to groups at this address; without a group, log off."""
    line = await app.line()
    if app.wanted.agentID is not None:
        await app.agent()
    chosen = tuple([await app.group(text) for text in options.group])
    await line.setAgentGroup(app.wanted.dwAddressID, chosen)
    names = ", ".join(shown(g.Name or g.GroupID) for g in chosen)
    app.write(f"address {app.wanted.dwAddressID}: {names or 'logged off'}")


async def setActivity(app: AgentApplication, options: argparse.Namespace) -> None:
    """Set what the agent on this address is doing."""
    line = await app.line()
    known = (await line.getAgentActivityList(app.wanted.dwAddressID)).List
    wanted = options.activity.lower()
    chosen = only(
        [a for a in known if wanted in (str(a.dwID), (a.Name or "").lower())],
        options.activity,
        "activity",
        [a.Name or str(a.dwID) for a in known],
    )
    await line.setAgentActivity(app.wanted.dwAddressID, chosen.dwID)
    app.write(f"address {app.wanted.dwAddressID}: activity {shown(chosen.Name or chosen.dwID)}")


async def period(app: AgentApplication, options: argparse.Namespace) -> None:
    """Set the period that the figures of the agent, or of a queue, cover."""
    seconds = parseNumber(options.seconds, "a number of seconds")
    line = await app.line()
    if options.queue is None:
        await line.setAgentMeasurementPeriod(await app.agent(), seconds)
        what = "agent"
    else:
        queue = await app.queue(options.queue)
        await line.setQueueMeasurementPeriod(queue.dwQueueID, seconds)
        what = f"queue {shown(queue.Name or queue.dwQueueID)}"
    app.write(f"{what}: measured over {duration(seconds)}")


async def specific(app: AgentApplication, options: argparse.Namespace) -> None:
    """Call an extension of the ACD and show the block that comes back."""
    index = parseNumber(options.extension, "the number of an extension")
    room = parseNumber(options.room, "a number of bytes")
    try:
        block = bytes.fromhex(options.data) if options.hex else options.data.encode("utf-8")
    except ValueError:
        raise CommandError(f"{options.data!r} is not a row of bytes in hexadecimal") from None
    if not len(block) <= room <= MAXIMUM_SPECIFIC_ROOM:
        raise CommandError(
            f"--room must hold what is sent, {len(block)} bytes, and be at most "
            f"{MAXIMUM_SPECIFIC_ROOM}"
        )
    answer = await (await app.line()).agentSpecific(
        app.wanted.dwAddressID, index, block.ljust(room, b"\0")
    )
    text = answer.rstrip(b"\0")
    app.write(text.hex(" ") if options.hex else shown(text.decode("utf-8", "replace")))


def _states(constants: ConstantSet, options: argparse.Namespace) -> tuple[int, int]:
    state = 0 if options.state == "-" else parseConstant(constants, options.state)
    following = parseConstant(constants, options.next) if options.next else 0
    if not state and not following:
        raise CommandError("name a state, or - and --next STATE")
    return state, following


def _told(what: str, constants: ConstantSet, state: int, following: int) -> str:
    parts = [words(constants, state)] if state else []
    if following:
        parts.append(f"{words(constants, following)} after the next call")
    return f"{what}: {', '.join(parts)}"
