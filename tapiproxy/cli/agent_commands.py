"""
The table of the agent application's commands, and their arguments.

The same commands serve one shot (``tapiproxy agent groups``) and the shell.  Each of the 20 proxy
requests is sent by one of them.
"""

import argparse
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from attrs import field as attribute
from attrs import frozen

from tapiproxy.cli import agent_change, agent_show
from tapiproxy.cli.agent_application import AgentApplication
from tapiproxy.cli.agent_words import constantNames
from tapiproxy.cli.main import Subparsers
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSESSIONSTATE,
    LINEAGENTSTATE,
    LINEAGENTSTATEEX,
)
from tapiproxy.wire.sets import ConstantSet

__all__ = ["COMMANDS", "Command", "addCommands"]


@frozen
class Argument:
    """One argument of a command, as argparse takes it; `words` is what the shell completes."""

    name: str
    options: Mapping[str, Any]
    words: tuple[str, ...] = ()


def argument(name: str, words: tuple[str, ...] = (), **options: Any) -> Argument:
    """Write an argument down the way that ``add_argument`` is called."""
    return Argument(name, options, words)


@frozen
class Command:
    """
    One command.

    :param name: as it is typed.
    :param run: does it; its docstring is the help.
    :param arguments: in order.
    :param asAgent: whether it logs the agent in, so that a PIN may be wanted.
    """

    name: str
    run: Callable[[AgentApplication, argparse.Namespace], Awaitable[None]]
    arguments: tuple[Argument, ...] = ()
    asAgent: bool = attribute(default=False, kw_only=True)

    @property
    def help(self) -> str:
        """One line for ``--help``."""
        return (self.run.__doc__ or "").strip().splitlines()[0]


def addCommands(subparsers: Subparsers) -> None:
    """Give each command its parser; what is parsed has the `Command` as ``command``."""
    for command in COMMANDS.values():
        parser = subparsers.add_parser(command.name, help=command.help, description=command.help)
        for each in command.arguments:
            parser.add_argument(each.name, **each.options)
        parser.set_defaults(command=command)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < 1e9:
        raise ValueError(text)
    return seconds


def _states(constants: ConstantSet) -> tuple[Argument, Argument]:
    names = tuple(constantNames(constants))
    return (
        argument(
            "state",
            words=names,
            metavar="STATE",
            help=f"one of {', '.join(names)}; - leaves it as it is",
        ),
        argument("--next", words=names, metavar="STATE", help="the state after the next call"),
    )


COMMANDS: Mapping[str, Command] = {
    command.name: command
    for command in (
        Command("lines", agent_show.lines),
        Command("caps", agent_show.caps),
        Command("groups", agent_show.groups),
        Command("my-groups", agent_show.myGroups, asAgent=True),
        Command(
            "queues",
            agent_show.queues,
            (argument("group", metavar="GROUP", nargs="?", help="its name or GUID"),),
        ),
        Command("proxy-status", agent_show.proxyStatus),
        Command(
            "login",
            agent_change.login,
            (argument("agentid", metavar="AGENTID", help="the agent's number"),),
            asAgent=True,
        ),
        Command(
            "open-session",
            agent_change.openSession,
            (argument("group", metavar="GROUP", help="its name or GUID"),),
            asAgent=True,
        ),
        Command("sessions", agent_show.sessions, asAgent=True),
        Command("set-state", agent_change.setState, _states(LINEAGENTSTATEEX), asAgent=True),
        Command(
            "set-session-state",
            agent_change.setSessionState,
            (
                argument("session", metavar="SESSION", help="its handle, or its group's name"),
                *_states(LINEAGENTSESSIONSTATE),
            ),
            asAgent=True,
        ),
        Command("status", agent_show.status),
        Command(
            "set-group",
            agent_change.setGroup,
            (argument("group", metavar="GROUP", nargs="*", help="names or GUIDs; none logs off"),),
            asAgent=True,
        ),
        Command("set-address-state", agent_change.setAddressState, _states(LINEAGENTSTATE)),
        Command("activities", agent_show.activities),
        Command(
            "set-activity",
            agent_change.setActivity,
            (argument("activity", metavar="ACTIVITY", help="its name or number"),),
        ),
        Command(
            "info",
            agent_show.info,
            (
                argument(
                    "subject",
                    words=("agent", "session", "queue"),
                    choices=("agent", "session", "queue"),
                    help="whose figures",
                ),
                argument("name", metavar="NAME", nargs="?", help="of the session or queue"),
            ),
            asAgent=True,
        ),
        Command(
            "period",
            agent_change.period,
            (
                argument("seconds", metavar="SECONDS", help="the length of the period"),
                argument("--queue", metavar="QUEUE", help="a queue's instead of the agent's"),
            ),
            asAgent=True,
        ),
        Command(
            "specific",
            agent_change.specific,
            (
                argument("extension", metavar="INDEX", help="of the ACD's extensions, from 0"),
                argument("data", metavar="DATA", help="what is sent: text, or bytes with --hex"),
                argument("--hex", action="store_true", help="DATA and the answer in hexadecimal"),
                argument("--room", metavar="BYTES", default="1024", help="room for the answer"),
            ),
        ),
        Command(
            "watch",
            agent_show.watch,
            (argument("--seconds", metavar="N", type=_seconds, help="stop after so long"),),
            asAgent=True,
        ),
    )
}
