"""
Puts the parts of a server together as a configuration says: lines, handlers, broker, server.

Nothing is started here and nothing listens; what can be wrong with a configuration beyond its form
is found here, before that.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
from attrs import frozen

from tapiproxy.accountnames import principalName
from tapiproxy.callbacklogon import CallbackLogon
from tapiproxy.config import Configuration, HandlerTable, ListenerTable
from tapiproxy.configkeys import ConfigurationError, Limit
from tapiproxy.datadirectory import DataDirectory
from tapiproxy.dcerpc.endpointmapper import EndpointMap
from tapiproxy.dcerpc.interface import RPC_C_AUTHN_LEVEL_NONE, RPC_C_AUTHN_LEVEL_PKT_PRIVACY
from tapiproxy.dcerpc.kdcthreads import KDCThreads
from tapiproxy.dcerpc.management import Statistics
from tapiproxy.dcerpc.ntlmmessages import MACHINE_ID_SIZE
from tapiproxy.dcerpc.pipe import PipeFactory
from tapiproxy.dcerpc.security import IAuthenticationService, NoAuthentication
from tapiproxy.dcerpc.server import Limits, ServerFactory
from tapiproxy.failedlogons import LogonLimits
from tapiproxy.handlers import Catalogue, makeHandler
from tapiproxy.interfaces import IDemonstration
from tapiproxy.lifecycle import RunningHandler
from tapiproxy.listenerauthentication import services
from tapiproxy.listeners import ListenerError, PipeListener, isLoopback, pipeListener
from tapiproxy.logons import OwnLogons
from tapiproxy.pipeprincipals import PipePrincipals
from tapiproxy.privatefile import PrivateFileError
from tapiproxy.provisional import ProvisionalHost
from tapiproxy.proxy.broker import Assignment, Broker
from tapiproxy.proxy.host import ProxyHost
from tapiproxy.proxy.lines import StaticLine, StaticLines, staticLine
from tapiproxy.sitecheckers import CheckerError
from tapiproxy.trp import idl
from tapiproxy.trp.remotesp import Connector, tcpConnector
from tapiproxy.trp.server import TelephonyServer
from tapiproxy.trp.settings import Settings
from tapiproxy.usersfile import UsersFile, UsersFileError
from tapiproxy.verify import providedRequestTypes
from tapiproxy.wbinfo import DomainGroups
from tapiproxy.winbind import DomainChecker, Winbind

__all__ = ["Parts", "allowedLimits", "assemble", "assignments", "checkListeners", "join", "lines"]

#: What stands elsewhere in the configuration: [deadlines] and keys of their own.
_NOT_LIMITS = {"request", "requests", "pollWithoutCallback", "administrators"}

#: Large enough for any machine; what is more is a slip of the keyboard.
_MOST = 2**31 - 1
_LONGEST = 86400.0


@frozen(kw_only=True)
class EndpointMapper:
    """
    What tells clients of the listeners' ports.

    :param map: to be told of them, once they are known.
    :param factory: of its own listener.
    """

    map: EndpointMap
    factory: ServerFactory


@frozen(kw_only=True)
class Parts:
    """
    A server that was put together.

    :param factories: one for each listener; those of one minimum level have the same, but pipes
        their own.
    :param endpointMapper: None if there is to be none.
    :param accounts: who may log on; None for nobody.
    :param callbackLogon: who the server is to clients; None for nobody.
    :param winbind: verifies users of domains; None if there are none.
    :param domainGroups: knows their groups; None if nobody does.
    """

    broker: Broker
    server: TelephonyServer
    factories: tuple[ServerFactory, ...]
    endpointMapper: EndpointMapper | None
    handlers: dict[str, RunningHandler]
    settings: Settings
    limits: Limits
    accounts: UsersFile | None
    callbackLogon: CallbackLogon | None
    winbind: Winbind | None
    domainGroups: DomainGroups | None


def allowedLimits() -> dict[str, Limit]:
    """What ``[limits]`` may set: the numbers of the runtime, the session and failed logons."""
    limits = {}
    for cls in (Limits, Settings, LogonLimits):
        for each in attrs.fields(cls):
            if each.name in _NOT_LIMITS:
                continue
            whole = isinstance(each.default, int)
            limits[each.name] = Limit(
                default=each.default, least=1 if whole else 0.1, most=_MOST if whole else _LONGEST
            )
    return limits


def assemble(
    configuration: Configuration, catalogue: Catalogue, directory: DataDirectory, reactor: Any
) -> Parts:
    """
    Put a server together.

    :param configuration: checked.
    :param catalogue: the handlers that are installed.
    :param directory: the data directory.
    :param reactor: everybody's.
    :raises tapiproxy.configkeys.ConfigurationError: lines or listeners cannot be as they are.
    :raises tapiproxy.handlers.HandlerLoadError: a handler cannot be had, or does not want its
        arguments or options.
    """
    checkListeners(configuration)
    accounts = _accounts(configuration)
    winbind = _winbind(configuration, reactor)
    domainGroups = _domainGroups(configuration, reactor)
    settings = Settings(
        request=configuration.deadline,
        requests=configuration.deadlines,
        pollWithoutCallback=configuration.pollWithoutCallback,
        administrators=configuration.administrators,
        **_chosen(configuration.limits, Settings),
    )
    configured = lines(configuration)
    broker = Broker(settings)
    broker.assign(assignments(configuration, configured))
    handlers = {}
    for table in configuration.handlers:
        found = catalogue.get(table.plugin)
        own = directory.ofHandler(table.name)
        host = ProxyHost(table.name, broker, reactor, own, table.options)
        handler = makeHandler(found, table.arguments, host, table.place)
        handlers[table.name] = RunningHandler(table, found.file, host, handler)
        _checkDemonstration(configuration, table.name, handler)
        broker.addHandler(table.name, handler)

    machineID = os.urandom(MACHINE_ID_SIZE)
    # Half of the time, so that a KDC that is down leaves some for NTLM.
    threads = KDCThreads(reactor, settings.callbackConnect / 2)
    callbackLogon = _callbackLogon(configuration, machineID, threads)
    statistics = Statistics()
    connector, otherwise = _connectors(configuration, callbackLogon, statistics, reactor)
    telephony = TelephonyServer(
        reactor, StaticLines(configured), broker, connector, settings, otherwise
    )
    limits = Limits(**_chosen(configuration.limits, Limits))
    logons = OwnLogons(machineID=machineID, names=_callbackNames(configuration))
    authentication = _services(configuration, accounts, winbind, domainGroups, logons, reactor)
    principals = PipePrincipals([] if accounts is None else [accounts], reactor, own=logons.names)

    def factory(level: int, pipe: PipeListener | None, pipeIdentity: bool) -> ServerFactory:
        ours = (reactor, [telephony.interface], authentication(level), limits, statistics)
        if pipe is None:
            return ServerFactory(*ours)
        return PipeFactory(
            *ours, pipe=idl.PIPE, user=pipe.user, principals=principals if pipeIdentity else None
        )

    wanted = [
        (_minimumLevel(configuration, each), pipeListener(each.endpoint), each.pipeIdentity)
        for each in configuration.listeners
    ]
    factories = {each: factory(*each) for each in wanted}
    endpointMapper = None
    if configuration.endpointMapper is not None:
        mapped = EndpointMap()
        endpointMapper = EndpointMapper(
            map=mapped,
            factory=ServerFactory(
                reactor, [mapped.interface], limits=limits, statistics=statistics
            ),
        )
    return Parts(
        broker=broker,
        server=telephony,
        factories=tuple(factories[each] for each in wanted),
        endpointMapper=endpointMapper,
        handlers=handlers,
        settings=settings,
        limits=limits,
        accounts=accounts,
        callbackLogon=callbackLogon,
        winbind=winbind,
        domainGroups=domainGroups,
    )


def _accounts(configuration: Configuration) -> UsersFile | None:
    table = configuration.authentication
    if table is None or table.usersFile is None:
        return None
    try:
        return UsersFile(table.usersFile, table.domains)
    except UsersFileError as error:
        raise ConfigurationError(f"{configuration.source}: [authentication] {error}") from None


def _winbind(configuration: Configuration, reactor: Any) -> Winbind | None:
    table = configuration.authentication
    if table is None or table.ntlmAuth is None:
        return None
    _checkProgram(configuration, "ntlm_auth", table.ntlmAuth)
    return Winbind(reactor, [table.ntlmAuth, "--helper-protocol=ntlm-server-1"])


def _domainGroups(configuration: Configuration, reactor: Any) -> DomainGroups | None:
    table = configuration.authentication
    if table is None or table.wbinfo is None:
        return None
    _checkProgram(configuration, "wbinfo", table.wbinfo)
    return DomainGroups(reactor, table.wbinfo, table.domains.values())


def _checkProgram(configuration: Configuration, key: str, path: str) -> None:
    if not os.access(path, os.X_OK):
        raise ConfigurationError(
            f"{configuration.source}: [authentication] {key} {path!r} cannot be run: "
            "on Debian the package winbind has it"
        )


def _services(
    configuration: Configuration,
    accounts: UsersFile | None,
    winbind: Winbind | None,
    domainGroups: DomainGroups | None,
    own: OwnLogons,
    reactor: Any,
) -> Callable[[int], IAuthenticationService]:
    """What gives the authentication of listeners, by their minimum level."""
    table = configuration.authentication
    if table is None:
        return NoAuthentication
    limits = LogonLimits(**_chosen(configuration.limits, LogonLimits))
    checkers = [] if winbind is None else [DomainChecker(winbind, table.domains)]
    groups = [] if domainGroups is None else [domainGroups]
    try:
        return services(table, accounts, checkers, groups, limits, own, reactor)
    except ModuleNotFoundError as error:
        raise _needsExtra(configuration, "[authentication]", error) from None
    except (CheckerError, PrivateFileError) as error:
        raise ConfigurationError(f"{configuration.source}: [authentication] {error}") from None


def _callbackNames(configuration: Configuration) -> frozenset[str]:
    """As whom a client's logon would come that is a call-back's, handed back."""
    if configuration.callback is None:
        return frozenset()
    domain, _, user = configuration.callback.user.rpartition("\\")
    table = configuration.authentication
    domains = {} if table is None else table.domains
    return frozenset({principalName(domain, user), principalName(domain, user, domains)})


def _callbackLogon(
    configuration: Configuration, machineID: bytes, threads: KDCThreads
) -> CallbackLogon | None:
    table = configuration.callback
    if table is None:
        return None
    try:
        return CallbackLogon(table, machineID, threads)
    except ModuleNotFoundError as error:
        raise _needsExtra(configuration, "[callback]", error) from None
    except PrivateFileError as error:
        raise ConfigurationError(f"{configuration.source}: [callback] {error}") from None


def _connectors(
    configuration: Configuration,
    callbackLogon: CallbackLogon | None,
    statistics: Statistics,
    reactor: Any,
) -> tuple[Connector, Connector | None]:
    """What connects to clients, and what does where they do not take that."""
    without = tcpConnector(reactor, None, statistics)
    if configuration.callback is None or callbackLogon is None:
        return without, None
    connector = tcpConnector(reactor, callbackLogon.newContext, statistics)
    return connector, None if configuration.callback.required else without


def _needsExtra(
    configuration: Configuration, table: str, error: ModuleNotFoundError
) -> ConfigurationError:
    missing = (error.name or "").partition(".")[0]
    extra = "auth"
    if missing == "gssapi":
        extra, missing = "kerberos", "gssapi, which is built with Debian's libkrb5-dev and gcc"
    return ConfigurationError(
        f"{configuration.source}: {table} needs {missing}: pip install 'tapiproxy[{extra}]'"
    )


def join(
    configuration: Configuration,
    table: HandlerTable,
    parts: Parts,
    catalogue: Catalogue,
    directory: DataDirectory,
    reactor: Any,
) -> RunningHandler:
    """
    Make a handler for a server that runs, without an effect on it.

    :param configuration: the new one.
    :param table: the handler's part of it.
    :param parts: the running server.
    :raises tapiproxy.configkeys.ConfigurationError: as `assemble`.
    :raises tapiproxy.handlers.HandlerLoadError: as `assemble`.
    """
    upcoming = tuple(
        line
        for line, each in zip(lines(configuration), configuration.lines, strict=True)
        if each.handler == table.name
    )
    found = catalogue.get(table.plugin)
    own = directory.ofHandler(table.name)
    host = ProvisionalHost(table.name, parts.broker, reactor, own, table.options, upcoming)
    handler = makeHandler(found, table.arguments, host, table.place)
    host.provided = providedRequestTypes(handler)
    _checkDemonstration(configuration, table.name, handler)
    return RunningHandler(table, found.file, host, handler)


def lines(configuration: Configuration) -> tuple[StaticLine, ...]:
    """
    The lines of a configuration.

    :raises tapiproxy.configkeys.ConfigurationError: two of them have one identifier.
    """
    made = tuple(
        staticLine(each.name, each.addresses, each.users, each.groups)
        for each in configuration.lines
    )
    try:
        StaticLines(made)
    except ValueError as error:
        raise ConfigurationError(f"{configuration.source}: {error}") from None
    return made


def assignments(
    configuration: Configuration, configured: tuple[StaticLine, ...]
) -> Iterator[Assignment]:
    """
    Which line names which handler, with all its deadlines said, since a reload may change them.

    :param configured: the configuration's `lines`.
    """
    for line, table in zip(configured, configuration.lines, strict=True):
        if table.deadline is None:
            seconds, requests = configuration.deadline, configuration.deadlines
        else:
            # What a line says of all its requests counts before what is said of one elsewhere.
            seconds, requests = table.deadline, {}
        yield Assignment(
            line=line,
            handler=table.handler,
            seconds=seconds,
            requests={**requests, **table.deadlines},
        )


def checkListeners(configuration: Configuration) -> None:
    """
    Refuse to serve everybody beyond loopback, unless the configuration says so in as many words.

    :raises tapiproxy.configkeys.ConfigurationError: it does not.
    """
    for each in configuration.listeners:
        pipe = _checkedPipe(configuration, each)
        level = _minimumLevel(configuration, each)
        everybody = level == RPC_C_AUTHN_LEVEL_NONE
        beyond = not isLoopback(each.endpoint)
        if beyond and everybody and not configuration.allowUnauthenticated:
            raise ConfigurationError(
                f"{configuration.source}: listen {each.endpoint!r} is not known to be loopback, "
                'and whoever reaches it would be served: minimum_level = "none" there needs '
                "allow_unauthenticated = true as well"
            )
        if everybody or each.pipeIdentity or configuration.authentication is not None:
            continue
        if pipe is not None:
            raise ConfigurationError(
                f"{configuration.source}: listen {each.endpoint!r} is a pipe, and its clients "
                "cannot log on: name a users_file in [authentication], or take smbd's word for who "
                'they are, by identity = "pipe" in a [listeners.NAME] of its own'
            )
        if each.minimumLevel is not None:
            raise ConfigurationError(
                f"{configuration.source}: listen {each.endpoint!r} has a minimum_level, and nobody "
                "can log on: name a users_file or a keytab in [authentication]"
            )
        raise ConfigurationError(
            f"{configuration.source}: listen {each.endpoint!r} is not known to be loopback, and "
            "clients are not authenticated: whoever reaches it is served.  Listen on "
            "tcp:PORT:interface=127.0.0.1, name a users_file or a keytab in [authentication], or "
            "say allow_unauthenticated = true in the configuration"
        )


def _checkedPipe(configuration: Configuration, listener: ListenerTable) -> PipeListener | None:
    try:
        pipe = pipeListener(listener.endpoint)
    except ListenerError as error:
        raise ConfigurationError(f"{configuration.source}: {error}") from None
    if pipe is None and listener.pipeIdentity:
        raise ConfigurationError(
            f'{configuration.source}: listen {listener.endpoint!r} has identity = "pipe", and is '
            "no pipe: only smbd, by an endpoint np:PATH, says who its clients are"
        )
    return pipe


def _minimumLevel(configuration: Configuration, listener: ListenerTable) -> int:
    if listener.minimumLevel is not None:
        return listener.minimumLevel
    if isLoopback(listener.endpoint) or configuration.allowUnauthenticated:
        return RPC_C_AUTHN_LEVEL_NONE
    # [MS-TRP] 1.7: what clients that insist on security insist on.
    return RPC_C_AUTHN_LEVEL_PKT_PRIVACY


def _checkDemonstration(configuration: Configuration, name: str, handler: object) -> None:
    beyond = _beyond(configuration)
    if beyond and IDemonstration.providedBy(handler) and getattr(handler, "demo", False):
        raise ConfigurationError(
            f"{configuration.source}: handler {name!r} is a demonstration, whose PINs everybody "
            f"knows, and listen {beyond[0]!r} is not known to be loopback: give it agents of your "
            f"own in [handlers.{name}], or listen on tcp:PORT:interface=127.0.0.1"
        )


def _beyond(configuration: Configuration) -> list[str]:
    endpoints = (each.endpoint for each in configuration.listeners)
    return [each for each in endpoints if not isLoopback(each)]


def _chosen(limits: Mapping[str, float], cls: type) -> dict[str, Any]:
    """Those of the limits that are a class's own."""
    return {each.name: limits[each.name] for each in attrs.fields(cls) if each.name in limits}
