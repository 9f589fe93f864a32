"""
The configuration: TOML text to `Configuration`, or a refusal that says where, what and what else.

Nothing is opened, resolved or started here, and nothing has an effect: a configuration is checked
as a whole before any of it is used.  What the keys mean stands in ``docs/configuration.md``; the
tables at the end of this file say which there are.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen

from tapiproxy import configkeys as kinds
from tapiproxy import defaults, verify
from tapiproxy.configkeys import ConfigurationError, Key, Limit, Place, checked, given
from tapiproxy.dcerpc.authnames import LEVELS, MECHANISMS
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_GSS_KERBEROS,
    RPC_C_AUTHN_GSS_NEGOTIATE,
    RPC_C_AUTHN_LEVEL_NONE,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_C_AUTHN_WINNT,
)

__all__ = [
    "AuthenticationTable",
    "CallbackTable",
    "Configuration",
    "HandlerTable",
    "LineTable",
    "ListenerTable",
    "parse",
    "read",
]

#: A site of 10,000 agents is 1 MiB of text; more is a mistaken file.
_LARGEST_FILE = 16 * 1024 * 1024

#: In seconds; a client that waits longer has been given up by whoever sits before it.
_LONGEST_DEADLINE = 3600.0


@frozen(kw_only=True)
class ListenerTable:
    """
    ``[listeners.NAME]``, or one of ``listen``.

    :param endpoint: a Twisted endpoint string, or ``np:PATH``.
    :param minimumLevel: RPC_C_AUTHN_LEVEL_NONE to PKT_PRIVACY; None for what suits the endpoint.
    :param pipeIdentity: take smbd's word for who a client is that does not log on by RPC.
    """

    endpoint: str
    minimumLevel: int | None = None
    pipeIdentity: bool = False


@frozen(kw_only=True)
class AuthenticationTable:
    """
    ``[authentication]``.

    :param usersFile: the accounts; None if they are elsewhere.
    :param checkers: who else knows accounts: strcred strings, which may hold secrets.
    :param keytab: the keys of the services that clients have Kerberos tickets for; None to do
        without.
    :param servicePrincipal: the only one of them that counts; None for all.
    :param requirePAC: refuse tickets without a PAC, which says whose they are.
    :param ntlmAuth: winbind's program, to verify users of the domains; None to do without.
    :param wbinfo: winbind's program, to ask for their groups; None to do without.
    :param domains: short names of domains by their DNS names, both in capitals.
    """

    usersFile: Path | None = None
    checkers: tuple[str, ...] = field(default=(), repr=False)
    keytab: Path | None = None
    servicePrincipal: str | None = None
    requirePAC: bool = False
    ntlmAuth: str | None = None
    wbinfo: str | None = None
    domains: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class CallbackTable:
    """
    ``[callback]``.

    :param user: the account that logs on to clients, as it was written.
    :param passwordFile: its password or NT hash, for NTLM; None to do without.
    :param keytab: its keys, for Kerberos; None to do without.
    :param ccache: in place of that its tickets, which others keep fresh; empty for none.
    :param authType: RPC_C_AUTHN_GSS_NEGOTIATE, RPC_C_AUTHN_WINNT or RPC_C_AUTHN_GSS_KERBEROS.
    :param level: RPC_C_AUTHN_LEVEL_CONNECT to PKT_PRIVACY.
    :param required: refuse clients that do not take the logon.
    """

    user: str
    passwordFile: Path | None = None
    keytab: Path | None = None
    ccache: str = ""
    authType: int = RPC_C_AUTHN_GSS_NEGOTIATE
    level: int = RPC_C_AUTHN_LEVEL_PKT_PRIVACY
    required: bool = True


@frozen(kw_only=True)
class HandlerTable:
    """
    ``[handlers.NAME]``.

    :param options: every key that is not ours, for the handler to judge.
    :param place: where it stands, for refusals; None if ``--handler`` alone names it.
    """

    name: str
    plugin: str
    arguments: str = ""
    options: Mapping[str, Any] = field(factory=dict, repr=False)
    place: Place | None = field(default=None, eq=False, repr=False)


@frozen(kw_only=True)
class LineTable:
    """
    ``[lines.NAME]``.

    :param users: who may see it, as principals are spelled, with ``groups``; everybody if both
        are empty.
    :param deadline: seconds for every request; None for the server's.
    :param deadlines: seconds by request name (``CreateAgent``).
    """

    name: str
    addresses: tuple[str, ...]
    handler: str
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    deadline: float | None = None
    deadlines: Mapping[str, float] = field(factory=dict)


@frozen(kw_only=True)
class Configuration:
    """
    A whole configuration, checked.

    :param source: the file's name, for messages.
    :param endpointMapper: the endpoint string of ``[endpoint_mapper]``; None for no such service.
    :param authentication: who may log on; None for nobody.
    :param callback: who the server is to clients; None for nobody.
    :param administrators: principals that may attach as administrators.
    :param pollWithoutCallback: attach clients that give no usable call-back endpoint.
    :param deadline: seconds that a handler has for an answer.
    :param deadlines: the same by request name.
    :param limits: only what was set, by name.
    """

    source: str
    listeners: tuple[ListenerTable, ...]
    endpointMapper: str | None
    data: Path
    authentication: AuthenticationTable | None
    callback: CallbackTable | None
    allowUnauthenticated: bool
    pollWithoutCallback: bool
    administrators: frozenset[str]
    handlers: tuple[HandlerTable, ...]
    lines: tuple[LineTable, ...]
    deadline: float
    deadlines: Mapping[str, float]
    limits: Mapping[str, float]

    def withHandler(self, name: str, arguments: str) -> "Configuration":
        """
        The same with one handler for every line (``--handler NAME:ARGS``).

        :param name: the plugin; if a table has that name, its options stay.
        :param arguments: the argument string.
        """
        table = next(
            (each for each in self.handlers if each.name == name),
            HandlerTable(name=name, plugin=name),
        )
        return attrs.evolve(
            self,
            handlers=(attrs.evolve(table, arguments=arguments),),
            lines=tuple(attrs.evolve(each, handler=name) for each in self.lines),
        )


def read(file: Path | None, limits: Mapping[str, Limit]) -> Configuration:
    """
    Read a configuration file.

    :param file: the file; None for the embedded default.
    :param limits: what ``[limits]`` may set.
    :raises ConfigurationError: it cannot be read, or `parse` refuses it.
    """
    if file is None:
        return parse("", "the embedded default", limits)
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST_FILE:
        raise ConfigurationError(f"{file}: larger than {_LARGEST_FILE} bytes")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{file}, line {line}: not UTF-8") from None
    return parse(text, str(file), limits)


def parse(text: str, source: str, limits: Mapping[str, Limit]) -> Configuration:
    """
    Check a configuration.

    :param text: the TOML document.
    :param source: what to call it in a refusal.
    :param limits: what ``[limits]`` may set.
    :raises ConfigurationError: the first thing that is wrong with it.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{source}: {error}") from None
    place = Place(source, text, ())
    root = checked(place, document, _ROOT)
    handlers = tuple(
        _handler(place.below("handlers", name), name, table)
        for name, table in root["handlers"].items()
    )
    names = [each.name for each in handlers]
    lines = tuple(
        _line(place.below("lines", name), name, table, names)
        for name, table in root["lines"].items()
    )
    deadlines = checked(place.below("deadlines"), root["deadlines"], _DEADLINES)
    return Configuration(
        source=source,
        listeners=_listeners(place.below("listeners"), root["listen"], root["listeners"]),
        endpointMapper=_endpointMapper(place.below("endpoint_mapper"), root["endpoint_mapper"]),
        data=Path(root["data"]).absolute() if root["data"] else defaults.dataDirectory(),
        authentication=_authentication(place.below("authentication"), root["authentication"]),
        callback=_callback(place.below("callback"), root["callback"]),
        allowUnauthenticated=root["allow_unauthenticated"],
        pollWithoutCallback=root["poll_without_callback"],
        administrators=frozenset(root["administrators"]),
        handlers=handlers,
        lines=lines,
        deadline=deadlines["default"],
        deadlines=given(deadlines, _REQUESTS),
        limits=_limits(place.below("limits"), root["limits"], limits),
    )


def _listeners(
    place: Place, listen: Sequence[str] | None, tables: Mapping[str, Any]
) -> tuple[ListenerTable, ...]:
    if listen is None:
        listen = () if tables else (defaults.LISTEN,)
    listeners = [ListenerTable(endpoint=endpoint) for endpoint in listen]
    for name, table in tables.items():
        here = place.below(name)
        if not isinstance(table, dict):
            raise here.wrong(table, "a table")
        values = checked(here, table, _LISTENER)
        if values["endpoint"] is None:
            raise here.refuse(f"endpoint is missing; it should be {_ENDPOINT_WORDS}")
        listeners.append(
            ListenerTable(
                endpoint=values["endpoint"],
                minimumLevel=values["minimum_level"],
                pipeIdentity=values["identity"],
            )
        )
    return tuple(listeners)


def _endpointMapper(place: Place, table: Mapping[str, Any] | None) -> str | None:
    if table is None:
        return None
    endpoint: str | None = checked(place, table, _ENDPOINT_MAPPER)["endpoint"]
    if endpoint is None:
        raise place.refuse(f"endpoint is missing; it should be {_MAPPER_WORDS}")
    return endpoint


def _authentication(place: Place, table: Mapping[str, Any] | None) -> AuthenticationTable | None:
    if table is None:
        return None
    values = checked(place, table, _AUTHENTICATION)
    if not any(values[each] for each in ("users_file", "keytab", "checkers")):
        raise place.refuse(
            "users_file is missing; it should be a path (`tapiproxy passwd`), unless there are a "
            "keytab or checkers"
        )
    for key in ("service_principal", "require_pac"):
        if values[key] and values["keytab"] is None:
            raise place.below(key).refuse(
                f"{key} without keytab: name the file that has the service's key", 1
            )
    for program, purpose in (("ntlm_auth", "it is to verify"), ("wbinfo", "it knows groups of")):
        if values[program] is not None and not values["domains"]:
            raise place.below(program).refuse(
                f"{program} without domains: name the domains whose users {purpose}", 1
            )
    return AuthenticationTable(
        usersFile=_path(values["users_file"]),
        checkers=values["checkers"],
        keytab=_path(values["keytab"]),
        servicePrincipal=values["service_principal"],
        requirePAC=values["require_pac"],
        ntlmAuth=values["ntlm_auth"],
        wbinfo=values["wbinfo"],
        domains=values["domains"],
    )


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value).absolute()


def _callback(place: Place, table: Mapping[str, Any] | None) -> CallbackTable | None:
    if table is None:
        return None
    values = checked(place, table, _CALLBACK)
    user, password, keytab = values["user"], values["password_file"], values["keytab"]
    ccache = values["ccache"]
    if user is None:
        raise place.refuse(f"user is missing; it should be {kinds.ACCOUNT_WORDS}")
    if not any(values[name] for name in _CREDENTIALS[values["mechanism"]]):
        needed = " or ".join(_CREDENTIALS[values["mechanism"]])
        raise place.refuse(f"{needed} is missing: how the account is to log on")
    if keytab and ccache:
        raise place.below("ccache").refuse("ccache beside keytab: one of them is enough", 1)
    if (keytab or ccache) and not re.fullmatch(r"[^\\@]+@[^\\@]+", user):
        raise place.below("user").refuse(
            f"user = {kinds.shown(user)}; with a keytab or ccache it should be 'user@REALM'", 1
        )
    return CallbackTable(
        user=user,
        passwordFile=Path(password).absolute() if password else None,
        keytab=Path(keytab).absolute() if keytab else None,
        ccache=ccache or "",
        authType=values["mechanism"],
        level=values["level"],
        required=values["required"],
    )


def _mechanism(value: Any) -> int:
    if isinstance(value, str) and value in MECHANISMS:
        return MECHANISMS[value]
    raise ValueError


def _callbackLevel(value: Any) -> int:
    if (level := _level(value)) != RPC_C_AUTHN_LEVEL_NONE:
        return level
    raise ValueError


def _level(value: Any) -> int:
    if isinstance(value, str) and value in LEVELS:
        return LEVELS[value]
    raise ValueError


def _identity(value: Any) -> bool:
    """Whether it is the pipe's."""
    if value in _IDENTITIES:
        return bool(value == _IDENTITIES[1])
    raise ValueError


def _servicePrincipal(value: Any) -> str:
    if _SERVICE.fullmatch(kinds.text(value)):
        return str(value)
    raise ValueError


def _program(value: Any) -> str:
    """A program's path, from the root: it is not looked for."""
    if kinds.text(value).startswith("/"):
        return str(value)
    raise ValueError


def _domains(value: Any) -> dict[str, str]:
    """Short names by DNS names, from DNS names by short names."""
    found = {}
    for short, name in kinds.table(value).items():
        found[kinds.text(name).upper()] = kinds.text(short).upper()
    return found


def _handler(place: Place, name: str, table: Any) -> HandlerTable:
    if not isinstance(table, dict):
        raise place.wrong(table, "a table")
    if not verify.HANDLER_NAME.fullmatch(name):
        raise place.refuse(
            "a handler's name begins with a small letter and has only a-z, 0-9 and _"
        )
    known = {key.name for key in _HANDLER}
    ours = checked(place, {key: table[key] for key in table if key in known}, _HANDLER)
    return HandlerTable(
        name=name,
        plugin=ours["plugin"] or name,
        arguments=ours["arguments"],
        options={key: table[key] for key in table if key not in known},
        place=place,
    )


def _line(place: Place, name: str, table: Any, handlers: Sequence[str]) -> LineTable:
    if not isinstance(table, dict):
        raise place.wrong(table, "a table")
    try:
        kinds.text(name)
    except ValueError:
        raise place.refuse(f"a line's name is {kinds.TEXT_WORDS}") from None
    values = checked(place, table, _LINE)
    handler = values["handler"]
    if handler is None and len(handlers) == 1:
        [handler] = handlers
    if handler not in handlers:
        have = ", ".join(handlers)
        problem = (
            f"handler = {kinds.shown(handler)}" if handler is not None else "handler is missing"
        )
        raise place.below("handler").refuse(
            f"{problem}; it should be the name of one of the [handlers.NAME] tables ({have})", 1
        )
    if not values["addresses"]:
        raise place.refuse(f"addresses is missing; it should be {_ADDRESSES_WORDS}")
    deadlines = checked(place.below("deadlines"), values["deadlines"], _REQUESTS)
    return LineTable(
        name=name,
        addresses=values["addresses"],
        handler=handler,
        users=values["users"],
        groups=values["groups"],
        deadline=values["deadline"],
        deadlines=given(deadlines, _REQUESTS),
    )


def _limits(
    place: Place, table: Mapping[str, Any], limits: Mapping[str, Limit]
) -> dict[str, float]:
    keys = []
    for name, limit in sorted(limits.items()):
        kind = "a whole number" if isinstance(limit.default, int) else "a number"
        words = f"{kind} from {limit.least:g} to {limit.most:g} (default {limit.default:g})"
        keys.append(Key(name, kinds.numberOf(limit), words, None))
    return given(checked(place, table, keys), keys)


_ADDRESSES_WORDS = "a list of one or more different texts, the line's addresses"
_SECONDS_WORDS = f"seconds, from 0.1 to {_LONGEST_DEADLINE:g}"
_seconds = kinds.numberOf(Limit(default=5.0, least=0.1, most=_LONGEST_DEADLINE))

_MAPPER_WORDS = 'a Twisted endpoint string, such as "tcp:135:interface=192.0.2.7"'
_ENDPOINT_WORDS = f'a Twisted endpoint string, such as "{defaults.LISTEN}"'

_SERVICE = re.compile(r"[^/@\s]+/[^/@\s]+@[^/@\s]+")
_SERVICE_WORDS = "a service with its realm, such as host/server.dom.example@DOM.EXAMPLE"

#: What an account of [callback] can log on with, by provider.
_CREDENTIALS = {
    RPC_C_AUTHN_GSS_NEGOTIATE: ("password_file", "keytab", "ccache"),
    RPC_C_AUTHN_WINNT: ("password_file",),
    RPC_C_AUTHN_GSS_KERBEROS: ("keytab", "ccache"),
}

#: Who says who a client is: RPC alone, or the pipe too.
_IDENTITIES = ("rpc", "pipe")

# What each table may have.  A server without a configuration is the defaults of the first: one line
# of one address, and the built-in ACD, which without agents of its own is a small demo site.

_ROOT = (
    Key(
        "listen",
        kinds.someTexts,
        f'a list of one or more Twisted endpoint strings, such as ["{defaults.LISTEN}"]',
        None,
    ),
    Key("listeners", kinds.tables, "one or more tables [listeners.NAME]", {}),
    Key("endpoint_mapper", kinds.table, "a table", None),
    Key("authentication", kinds.table, "a table", None),
    Key("callback", kinds.table, "a table", None),
    Key("data", kinds.text, "the data directory's path", None),
    Key("allow_unauthenticated", kinds.boolean, "true or false", False),
    Key("poll_without_callback", kinds.boolean, "true or false", False),
    Key("administrators", kinds.accounts, kinds.ACCOUNTS_WORDS, ()),
    Key("limits", kinds.table, "a table", {}),
    Key("deadlines", kinds.table, "a table", {}),
    Key("handlers", kinds.tables, "one or more tables [handlers.NAME]", {"acd": {}}),
    Key(
        "lines",
        kinds.tables,
        "one or more tables [lines.NAME]",
        {"Line 1": {"addresses": ["1000"]}},
    ),
)

_LISTENER = (
    Key("endpoint", kinds.text, _ENDPOINT_WORDS, None),
    Key("minimum_level", _level, f"one of {', '.join(LEVELS)}", None),
    Key("identity", _identity, f"one of {', '.join(_IDENTITIES)}", False),
)

_ENDPOINT_MAPPER = (Key("endpoint", kinds.text, _MAPPER_WORDS, None),)

_AUTHENTICATION = (
    Key("users_file", kinds.text, "the users file's path", None),
    Key("checkers", kinds.texts, 'a list of checkers with their arguments, "NAME:ARGUMENT"', ()),
    Key("keytab", kinds.text, "the path of a keytab", None),
    Key("service_principal", _servicePrincipal, _SERVICE_WORDS, None),
    Key("require_pac", kinds.boolean, "true or false", False),
    Key("ntlm_auth", _program, "the path of winbind's ntlm_auth, such as /usr/bin/ntlm_auth", None),
    Key("wbinfo", _program, "the path of winbind's wbinfo, such as /usr/bin/wbinfo", None),
    Key("domains", _domains, "a table of domains' DNS names by their short names", {}),
)

_CALLBACK = (
    Key("user", kinds.account, kinds.ACCOUNT_WORDS, None),
    Key(
        "password_file",
        kinds.text,
        "a path: a file of mode 0600 with the password (`tapiproxy passwd`)",
        None,
    ),
    Key("keytab", kinds.text, "a path: a file of mode 0600 with the account's keys", None),
    Key("ccache", kinds.text, "a credential cache, such as FILE:/run/tapiproxy.ccache", None),
    Key("mechanism", _mechanism, f"one of {', '.join(MECHANISMS)}", RPC_C_AUTHN_GSS_NEGOTIATE),
    Key(
        "level",
        _callbackLevel,
        f"one of {', '.join(list(LEVELS)[1:])}",
        RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    ),
    Key("required", kinds.boolean, "true or false", True),
)

_HANDLER = (
    Key(
        "plugin", kinds.handlerName, "the name of an installed handler (`tapiproxy handlers`)", None
    ),
    Key("arguments", kinds.anyText, "a text", ""),
)

#: Deadlines by request, [MS-TRP] 2.2.3.1.48: CreateAgent ...
_REQUESTS = tuple(
    Key(name[0].upper() + name[1:], _seconds, _SECONDS_WORDS, None) for name in verify.REQUEST_TYPES
)

_DEADLINES = (Key("default", _seconds, _SECONDS_WORDS, 5.0), *_REQUESTS)

_LINE = (
    Key("addresses", kinds.someTexts, _ADDRESSES_WORDS, ()),
    Key("handler", kinds.handlerName, "the name of a [handlers.NAME] table", None),
    Key("users", kinds.accounts, kinds.ACCOUNTS_WORDS, ()),
    Key("groups", kinds.texts, kinds.TEXTS_WORDS, ()),
    Key("deadline", _seconds, _SECONDS_WORDS, None),
    Key("deadlines", kinds.table, "a table", {}),
)
