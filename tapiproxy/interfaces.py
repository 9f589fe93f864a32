"""
The contract between tapiproxy and its ACD handlers.

A *handler* is what TAPI calls the registered proxy function handler of a line: it is asked what the
agents' applications ask (CreateAgent, GetAgentGroupList, SetAgentSessionState ...), and what it
answers is its lineProxyResponse.  A third party provides two things:

* a *factory* (`IProxyHandlerFactory`), the plugin object of a module in ``tapiproxy.plugins``;
* the *handler* that the factory makes, which provides `IAgentProxyHandler` (the requests of
  TAPI 2.0), `ICallCenterProxyHandler` (those of TAPI 2.2) or both, and any of the optional
  abilities at the end of this file.

What a handler provides *is* its registration ([MS-TRP] 2.2.3.1.48, LINEPROXYREQUEST_Constants).

Common to every method of the two handler interfaces:

* it is called in the reactor thread and may not block; it gets one argument, the arm of
  LINEPROXYREQUEST that belongs to the request (``tapiproxy.tapi.proxyrequest``), which has, beside
  the packet's own members, ``line`` (`ILine`), ``client`` (opaque, hashable: one per open line of
  one application), ``principal`` (`IPrincipal`), ``clientMachineName``, ``clientUserName``,
  ``dwClientAppAPIVersion`` and ``deadline`` (in seconds of ``host.reactor.seconds()``);
* everything that the server itself can check has been checked: the line, the address, sizes,
  constants.  Whether an agent, session, group, queue or activity exists, only the handler knows;
* it returns what its docstring says, or a Deferred or coroutine of that.  A struct of
  ``tapiproxy.tapi.agentstructs`` is packed by the server into the room that the client gave;
* it raises (or fails with) `tapiproxy.errors.TAPIError` to refuse, with any LINEERR_ code.
  Anything else is logged with the handler's name and answered LINEERR_OPERATIONFAILED;
* its Deferred is cancelled when the client has gone or the deadline has passed.  What it does after
  that reaches nobody: the client has had its answer.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zope.interface import Attribute, Interface

from tapiproxy.tapi.proxymessages import ProxyMessage

__all__ = [
    "ALL_LINES",
    "IAddress",
    "IAgentProxyHandler",
    "ICallCenterProxyHandler",
    "IClientObserver",
    "IControllable",
    "IDemonstration",
    "ILine",
    "ILineProvider",
    "IPartialProxyHandler",
    "IPrincipal",
    "IProxyHandlerFactory",
    "IProxyHandlerLifecycle",
    "IProxyHost",
    "IReloadable",
]

#: For `IProxyHost.setAvailable`: every line that names the handler.
ALL_LINES = None


class IPrincipal(Interface):
    """Who is at the other end of a connection, as far as its authentication says."""

    name = Attribute(
        "``DOMAIN\\user`` as `tapiproxy.accountnames.accountName` spells it, or the empty string "
        "for nobody in particular."
    )
    groups = Attribute("A frozenset of group names and SIDs; unknown is the empty set, never all.")


class IAddress(Interface):
    """One address of a line ([MS-TRP] 1.3): a place on a network, such as an extension."""

    dwAddressID = Attribute("Its number on the line, from 0.")
    address = Attribute("Its name or number, a str, as LINEADDRESSCAPS shows it.")


class ILine(Interface):
    """A line device, as handlers see it: no handle, no client."""

    name = Attribute("The name in the configuration; its permanent identifier comes from it.")
    addresses = Attribute("A tuple of `IAddress`, ordered by dwAddressID.")
    dwPermanentLineID = Attribute("LINEDEVCAPS.dwPermanentLineID, equal on every start and node.")


class ILineProvider(Interface):
    """
    Where the server's lines come from ([MS-TRP] 3.1.1, Provider List).

    The first implementer reads them from the configuration; a provider that follows a switch's
    own list of devices is another.
    """

    def lines() -> "tuple[ILine, ...]":
        """
        All lines, in the order of their device identifiers.

        :returns: a tuple of `ILine`.
        """

    def visibleTo(line: Any, principal: IPrincipal) -> bool:
        """
        Whether the principal may see the line; one that he may not see does not exist for him.

        :param line: an `ILine` of ``lines()``.
        :param principal: an `IPrincipal`.
        :returns: a bool.
        """

    def devCaps(line: Any, version: int) -> Any:
        """
        The capabilities of a line.

        :param line: an `ILine` of ``lines()``.
        :param version: the TAPI version asked for; fields of later versions are not sent.
        :returns: a ``tapiproxy.tapi.linestructs.LINEDEVCAPS``.
        """

    def addressCaps(line: Any, dwAddressID: int, version: int) -> Any:
        """
        The capabilities of one address.

        :param line: an `ILine` of ``lines()``.
        :param dwAddressID: a valid address identifier of it.
        :param version: the TAPI version asked for.
        :returns: a ``tapiproxy.tapi.linestructs.LINEADDRESSCAPS``.
        """

    def addressStatus(line: Any, dwAddressID: int) -> Any:
        """
        The state of one address now.

        :param line: an `ILine` of ``lines()``.
        :param dwAddressID: a valid address identifier of it.
        :returns: a ``tapiproxy.tapi.linestructs.LINEADDRESSSTATUS``.
        """

    def devStatus(line: Any) -> Any:
        """
        The state of a line now; the server adds who has it open.

        :param line: an `ILine` of ``lines()``.
        :returns: a ``tapiproxy.tapi.linestructs.LINEDEVSTATUS``.
        """


class IProxyHandlerFactory(Interface):
    """
    The plugin object: a module of ``tapiproxy.plugins`` has one at its top level.

    Found by this interface, chosen by ``handlerName`` in the configuration or in ``--handler``.
    """

    handlerName = Attribute("A str, unique among the installed ones: ``[a-z][a-z0-9_]*``.")
    handlerHelp = Attribute("One or a few lines for ``--help-handlers``: what ACD it speaks to.")
    argStringFormat = Attribute(
        "What may follow ``NAME:`` in ``--handler NAME:ARGS``, for ``--help-handlers``; empty if "
        "nothing may."
    )

    def makeHandler(argString: str, host: "IProxyHost") -> Any:
        """
        Make the handler that serves all lines which name this configured handler.

        Called once for each ``[handlers.NAME]`` (or ``--handler``), before the server listens, in
        the reactor thread.  It may read files; it may not connect or block on a network: that is
        for `IProxyHandlerLifecycle.start`.

        :param argString: a str, the part behind ``NAME:``; empty if there is none.
        :param host: the `IProxyHost` of this handler.
        :returns: a provider of `IAgentProxyHandler`, `ICallCenterProxyHandler` or both.
        :raises tapiproxy.errors.HandlerArgumentError: the arguments or the options of the
            configuration are wrong; its text is shown to the administrator.
        """


class IProxyHost(Interface):
    """What a handler may ask of the server that it lives in."""

    name = Attribute("The name of this handler in the configuration.")
    lines = Attribute("A tuple of the `ILine` that name this handler; a reload may change it.")
    reactor = Attribute("The only source of time (IReactorTime) and of connections.")
    dataDirectory = Attribute(
        "A ``pathlib.Path`` of the handler's own, made before ``makeHandler`` with mode 0700."
    )
    options = Attribute(
        "A mapping with the handler's own keys of its table in the configuration; empty without."
    )

    def proxyMessage(line: ILine, message: ProxyMessage) -> None:
        """
        Tell every application that has the line open (lineProxyMessage).

        Events about an agent, a session, a queue or a group go to all lines of this handler,
        whatever line is given.  The message is copied before this returns.  It may be called at any
        time in the reactor thread; a message sent while a request is being answered leaves after
        that request's acknowledgement.

        :param line: an `ILine` of ``lines``.
        :param message: a LINE_AGENTSTATUS, LINE_AGENTSPECIFIC, LINE_AGENTSTATUSEX,
            LINE_AGENTSESSIONSTATUS, LINE_QUEUESTATUS or LINE_GROUPSTATUS of
            ``tapiproxy.tapi.proxymessages``.
        :raises TypeError: for any other message.
        :raises ValueError: the line is not one of this handler's.
        """

    def setAvailable(
        requestTypes: Iterable[int], lines: Iterable[ILine] | None = ALL_LINES
    ) -> None:
        """
        Say which requests can be answered now; each change is told as LINE_PROXYSTATUS.

        A request of a type that is not available fails at once with LINEERR_OPERATIONUNAVAIL.
        Before the first call everything that the handler provides is available, unless it provides
        `IProxyHandlerLifecycle`: then it is when ``start`` has succeeded.

        :param requestTypes: an iterable of LINEPROXYREQUEST_Constants, a subset of what the handler
            provides; empty for none.
        :param lines: an iterable of `ILine`, or ``ALL_LINES``: also those that a reload adds.
        :raises ValueError: a type that the handler does not provide, or another handler's line.
        """


class IAgentProxyHandler(Interface):
    """
    The eight agent requests of TAPI 2.0, which name an agent by the address he is on.

    See the module's docstring for what all methods have in common.
    """

    def setAgentGroup(request: Any) -> Any:
        """
        Log an agent on at an address, into the groups listed; with an empty list, log him off.

        :param request: ``SetAgentGroupArm``: dwAddressID, GroupList.
        :returns: None.
        """

    def setAgentState(request: Any) -> Any:
        """
        Set the state of the agent at an address, the state after the next call, or both.

        :param request: ``SetAgentStateArm``: dwAddressID, dwAgentState, dwNextAgentState (each one
            LINEAGENTSTATE_ value or 0, not both 0; a state of 0 stays as it is, a next state of 0
            beside a state is that state's own default).
        :returns: None.
        """

    def setAgentActivity(request: Any) -> Any:
        """
        Set what the agent at an address is doing.

        :param request: ``SetAgentActivityArm``: dwAddressID, dwActivityID.
        :returns: None.
        """

    def getAgentCaps(request: Any) -> Any:
        """
        What this handler can do at an address.

        It belongs to no open line, so ``request.client`` is None.

        :param request: ``GetAgentCapsArm``: dwAddressID.
        :returns: a LINEAGENTCAPS.
        """

    def getAgentStatus(request: Any) -> Any:
        """
        The state of the agent at an address.

        :param request: ``GetAgentStatusArm``: dwAddressID.
        :returns: a LINEAGENTSTATUS; LINEAGENTSTATE_LOGGEDOFF where no agent is.
        """

    def agentSpecific(request: Any) -> Any:
        """
        Do what one of the handler's own extensions means.

        :param request: ``AgentSpecificArm``: dwAddressID, dwAgentExtensionIDIndex (a place in
            LINEAGENTCAPS.AgentExtensionIDList), Params (bytes).
        :returns: the block's new content, bytes at most as long as Params, or None to leave it.
        """

    def getAgentActivityList(request: Any) -> Any:
        """
        The activities that can be set at an address.

        :param request: ``GetAgentActivityListArm``: dwAddressID.
        :returns: a LINEAGENTACTIVITYLIST.
        """

    def getAgentGroupList(request: Any) -> Any:
        """
        The groups into which the agent may log on at an address.

        Sent before any session exists ([MS-TRP] 4.12), so an address without agent is no error.

        :param request: ``GetAgentGroupListArm``: dwAddressID.
        :returns: a LINEAGENTGROUPLIST.
        """


class ICallCenterProxyHandler(Interface):
    """
    The twelve call-centre requests of TAPI 2.2, which name agents, sessions and queues by handles.

    The handler makes the handles: HAGENT and HAGENTSESSION are non-zero DWORDs of its own
    ([MS-TRP] 2.2.6.28).  See the module's docstring for what all methods have in common.
    """

    def createAgent(request: Any) -> Any:
        """
        Make, or find, an agent.

        :param request: ``CreateAgentArm``: AgentID and AgentPIN, each a str or None.
        :returns: the HAGENT, an int from 1 to 0xFFFFFFFF; the same for the same agent.
        """

    def setAgentMeasurementPeriod(request: Any) -> Any:
        """
        Set the period that an agent's statistics cover.

        :param request: ``SetAgentMeasurementPeriodArm``: hAgent, dwMeasurementPeriod (seconds).
        :returns: None.
        """

    def getAgentInfo(request: Any) -> Any:
        """
        State and statistics of an agent.

        :param request: ``GetAgentInfoArm``: hAgent.
        :returns: a LINEAGENTINFO.
        """

    def createAgentSession(request: Any) -> Any:
        """
        Begin a session: an agent who serves one group at one address.

        :param request: ``CreateAgentSessionArm``: hAgent, AgentPIN, GroupID (a ``uuid.UUID``),
            dwWorkingAddressID.
        :returns: the HAGENTSESSION, an int from 1 to 0xFFFFFFFF.
        """

    def getAgentSessionList(request: Any) -> Any:
        """
        The sessions of an agent.

        :param request: ``GetAgentSessionListArm``: hAgent.
        :returns: a LINEAGENTSESSIONLIST.
        """

    def getAgentSessionInfo(request: Any) -> Any:
        """
        State and statistics of a session.

        :param request: ``GetAgentSessionInfoArm``: hAgentSession.
        :returns: a LINEAGENTSESSIONINFO.
        """

    def setAgentSessionState(request: Any) -> Any:
        """
        Set the state of a session, the state after the next call, or both.

        :param request: ``SetAgentSessionStateArm``: hAgentSession, dwAgentSessionState,
            dwNextAgentSessionState (each one LINEAGENTSESSIONSTATE_ value or 0, as for
            ``setAgentState``).
        :returns: None.
        """

    def getQueueList(request: Any) -> Any:
        """
        The queues of a group.

        :param request: ``GetQueueListArm``: GroupID (a ``uuid.UUID``).
        :returns: a LINEQUEUELIST.
        """

    def setQueueMeasurementPeriod(request: Any) -> Any:
        """
        Set the period that a queue's statistics cover.

        :param request: ``SetQueueMeasurementPeriodArm``: dwQueueID, dwMeasurementPeriod (seconds).
        :returns: None.
        """

    def getQueueInfo(request: Any) -> Any:
        """
        The statistics of a queue.

        :param request: ``GetQueueInfoArm``: dwQueueID.
        :returns: a LINEQUEUEINFO.
        """

    def getGroupList(request: Any) -> Any:
        """
        All groups of the ACD.

        :param request: ``GetGroupListArm``: nothing of its own.
        :returns: a LINEAGENTGROUPLIST.
        """

    def setAgentStateEx(request: Any) -> Any:
        """
        Set the state of an agent, the state after the next call, or both.

        :param request: ``SetAgentStateExArm``: hAgent, dwAgentState, dwNextAgentState (each one
            LINEAGENTSTATEEX_ value or 0, as for ``setAgentState``).
        :returns: None.
        """


# Optional abilities.


class IPartialProxyHandler(Interface):
    """A handler that answers only some requests of the interfaces it provides."""

    requestTypes = Attribute(
        "A frozenset of the LINEPROXYREQUEST_Constants that it answers; the methods of the others "
        "are never called, their requests fail with LINEERR_OPERATIONUNAVAIL."
    )


class IProxyHandlerLifecycle(Interface):
    """A handler with something to open before its first request and to close after its last."""

    def start() -> Any:
        """
        Open what the handler needs; called once, after all handlers are made.

        Its requests are available from the moment the Deferred fires.  A failure, or silence for
        20 seconds, stops the start of the server with the reason.

        :returns: a Deferred of None.
        """

    def stop() -> Any:
        """
        Close everything; called once, when no request is outstanding any more.

        :returns: a Deferred of None, which is given 10 seconds.
        """


class IClientObserver(Interface):
    """A handler that wants to know which applications come and go."""

    def clientOpened(client: Any, line: ILine, principal: IPrincipal) -> None:
        """
        An application opened a line.

        :param client: opaque and hashable, the same object as on its requests.
        :param line: the `ILine`.
        :param principal: the `IPrincipal` of its connection.
        """

    def clientClosed(client: Any, reason: str) -> None:
        """
        The application closed the line, detached, or was lost; its requests are ended already.

        :param client: as given to ``clientOpened``; it is not used again.
        :param reason: ``"close"``, ``"detach"``, ``"lost"`` or ``"forced"``: the server closed it,
            or a reload gave the line to another handler.
        """


class IReloadable(Interface):
    """A handler that takes a re-read configuration (SIGHUP) without a restart: options, lines."""

    def check(options: Mapping[str, Any]) -> None:
        """
        Look at new options without using them; the reload is refused as a whole if any is wrong.

        :param options: a mapping, as `IProxyHost.options`.
        :raises tapiproxy.errors.HandlerArgumentError: what is wrong with them.
        """

    def reload(options: Mapping[str, Any]) -> None:
        """
        Use options that ``check`` has passed; ``host.lines`` is already the new one.

        Called as well, with the options as they were, when a reload has changed the handler's lines
        alone.

        :param options: a mapping, as `IProxyHost.options`.
        """


class IControllable(Interface):
    """A handler that takes commands of the administrator, over the server's local socket."""

    def controlVerbs() -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        """
        The commands that it takes; called once, when the handler has been made.

        A verb is called in the reactor thread with one argument, a dict as JSON has them, and
        returns such a dict or a Deferred of one, which is cancelled when the caller has gone or 60
        seconds have passed.  It raises (or fails with) `tapiproxy.errors.HandlerArgumentError` to
        say what is wrong with the argument; that text is shown to the caller.  Anything else is
        logged with the handler's name.

        The caller names it with the handler: ``acd.feed`` is verb ``feed`` of handler ``acd``.

        :returns: a mapping of verb (a str, ``[a-z][a-z0-9_]*``) to callable.
        """


class IDemonstration(Interface):
    """
    A handler that may be a demonstration: made-up agents with PINs that everybody knows.

    Before a reload gives it other options, ``makeHandler`` is called with them once more, to see
    whether that one would be a demonstration; it is never started.
    """

    demo = Attribute(
        "Whether it is one now.  A server that listens beyond loopback does not start with it, and "
        "refuses a reload that would make it one."
    )
