"""
What went wrong, and what an agent or an administrator can do about it: errors in words.

One table for the result codes that an agent application meets; no connection here.
"""

from tapiproxy.cli.agent_words import shown
from tapiproxy.client.errors import (
    AttachRefused,
    CallFailed,
    ClientError,
    LogonRefused,
    ServerUnreachable,
    TelephonyError,
)
from tapiproxy.tapi import lineerr

__all__ = ["explain"]


def explain(error: ClientError, server: str) -> str:
    """
    Say what happened and what to do.

    :param server: the server's name and port as they were asked for.
    """
    if isinstance(error, ServerUnreachable):
        return (
            f"the server {server} cannot be reached: {shown(error)}\n"
            "  Is it running (`twistd -n tapiproxy`), and is this its address and port?"
        )
    if isinstance(error, LogonRefused):
        return (
            f"the server {server} does not let us log on: {shown(error)}\n"
            "  Look at --user and its password or tickets (`klist`), --mechanism and --level, "
            "and at the server's log."
        )
    if isinstance(error, AttachRefused) and error.callback:
        return (
            f"the server {server} called back, and was not let in: {error.callback}\n"
            "  --server-users FILE has the accounts of which it must log on with one, --level the "
            "least that it must offer; who it logs on as stands in its configuration, [callback]."
        )
    if isinstance(error, AttachRefused) and error.elsewhere:
        return (
            f"the server {server} called back from {error.elsewhere}, and was not let in: that is "
            "not its address here\n"
            "  Give --server a name or an address that leads to the one that it calls back from."
        )
    if isinstance(error, AttachRefused):
        return (
            f"the server {server} did not let us in ({lineerr.name(error.code)})\n"
            "  It must be able to connect back to this machine: look for a firewall between the "
            "two, and at the server's log."
        )
    if isinstance(error, TelephonyError):
        advice = _ADVICE.get(error.code)
        return f"{error}" + (f"\n  {advice}" if advice else "")
    if isinstance(error, CallFailed):
        return f"{error}\n  The server's log says why."
    return shown(error)


_ADVICE = {
    lineerr.LINEERR_INVALAGENTID: (
        "There is no such agent, nobody is logged in (give --agent ID, or `login ID` in the "
        "shell), or the agent belongs to another user."
    ),
    lineerr.LINEERR_INVALPASSWORD: (
        "The PIN is wrong or missing: give it in a file (--pin-file), in TAPIPROXY_PIN or at the "
        "prompt. After some failures the agent is locked for a minute."
    ),
    lineerr.LINEERR_INVALAGENTGROUP: (
        "There is no such group, or the agent may not log in to it: see `my-groups`."
    ),
    lineerr.LINEERR_INVALADDRESSID: "The line has no such address: see `caps`, and --address.",
    lineerr.LINEERR_INVALAGENTSTATE: (
        "The agent cannot go to this state now: `status` shows the states to choose from."
    ),
    lineerr.LINEERR_INVALAGENTSESSIONSTATE: (
        "The session cannot go to this state now: `info session` shows the present one."
    ),
    lineerr.LINEERR_INVALAGENTACTIVITY: "There is no such activity: see `activities`.",
    lineerr.LINEERR_BADDEVICEID: "There is no such line: see `lines`, and --line.",
    lineerr.LINEERR_NODEVICE: "The line was removed from the server: see `lines`, and --line.",
    lineerr.LINEERR_OPERATIONUNAVAIL: (
        "Nothing behind the server answers this request now: see `proxy-status`."
    ),
    lineerr.LINEERR_OPERATIONFAILED: (
        "The ACD behind the server failed or did not answer in time; the server's log says which. "
        "Trying again may help."
    ),
    lineerr.LINEERR_RESOURCEUNAVAIL: "The server is at one of its limits: try again in a moment.",
    lineerr.LINEERR_INCOMPATIBLEAPIVERSION: "Server and client have no TAPI version in common.",
    lineerr.LINEERR_INVALPARAM: (
        "The server does not take one of the values, or the agent, session or queue is unknown."
    ),
    lineerr.LINEERR_STRUCTURETOOSMALL: "What was sent, or its --room, is too small for the ACD.",
    lineerr.LINEERR_UNINITIALIZED: "The session with the server has ended: begin a new one.",
}
