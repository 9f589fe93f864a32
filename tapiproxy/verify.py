"""
What is wrong with a factory or a handler, in words for whoever wrote it.

zope's ``verifyObject`` does the looking, method signatures included; this module adds what it
cannot know (names, request types) and says each finding as a sentence.  Nothing is called here but
attributes: how a handler behaves is for ``tapiproxy.testing``.
"""

import difflib
import inspect
import re
from collections.abc import Iterable, Iterator

from zope.interface.exceptions import (
    BrokenImplementation,
    BrokenMethodImplementation,
    DoesNotImplement,
    Invalid,
)
from zope.interface.interface import InterfaceClass, Method
from zope.interface.verify import verifyObject

from tapiproxy import interfaces
from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS

__all__ = [
    "HANDLER_INTERFACES",
    "HANDLER_NAME",
    "REQUEST_TYPES",
    "factoryProblems",
    "handlerProblems",
    "interfaceProblems",
    "providedRequestTypes",
]

#: What a handler provides at least one of.
HANDLER_INTERFACES: tuple[InterfaceClass, ...] = (
    interfaces.IAgentProxyHandler,
    interfaces.ICallCenterProxyHandler,
)

#: What it may provide beside them.
_ABILITIES: tuple[InterfaceClass, ...] = (
    interfaces.IPartialProxyHandler,
    interfaces.IProxyHandlerLifecycle,
    interfaces.IClientObserver,
    interfaces.IReloadable,
    interfaces.IControllable,
    interfaces.IDemonstration,
)

#: Names of handlers and of their verbs: they stand in configurations, commands and logs.
HANDLER_NAME = re.compile(r"[a-z][a-z0-9_]*")

#: LINEPROXYREQUEST_Constants by method name.
REQUEST_TYPES: dict[str, int] = {row.method: row.requestType for row in PROXY_REQUESTS}


def factoryProblems(factory: object) -> list[str]:
    """
    What keeps an object from being a plugin's factory.

    :param factory: what claims to provide `tapiproxy.interfaces.IProxyHandlerFactory`.
    :returns: sentences; none if all is well.
    """
    problems = list(interfaceProblems(interfaces.IProxyHandlerFactory, factory))
    for attribute in ("handlerName", "handlerHelp", "argStringFormat"):
        value = getattr(factory, attribute, "")
        if not isinstance(value, str):
            problems.append(f"{attribute} is {value!r}, it should be a str")
    name = getattr(factory, "handlerName", None)
    if isinstance(name, str) and not HANDLER_NAME.fullmatch(name):
        problems.append(
            f"handlerName is {name!r}: it begins with a small letter and has only a-z, 0-9 and _"
        )
    return problems


def handlerProblems(handler: object) -> list[str]:
    """
    What keeps an object from being a handler.

    :param handler: what ``makeHandler`` returned.
    :returns: sentences; none if all is well.
    """
    if inspect.isawaitable(handler) or hasattr(handler, "addCallback"):
        return [
            f"makeHandler returned {type(handler).__name__}: it returns the handler itself; what "
            "has to wait belongs into start() of IProxyHandlerLifecycle"
        ]
    provided = [each for each in HANDLER_INTERFACES if each.providedBy(handler)]
    if not provided:
        return [_providesNothing(handler)]
    problems: list[str] = []
    for interface in (*provided, *(each for each in _ABILITIES if each.providedBy(handler))):
        problems.extend(interfaceProblems(interface, handler))
    if interfaces.IPartialProxyHandler.providedBy(handler):
        problems.extend(_requestTypeProblems(handler))
    return problems


def interfaceProblems(interface: InterfaceClass, candidate: object) -> Iterator[str]:
    """
    Where an object does not keep to one interface.

    :param interface: the interface that it should provide.
    :param candidate: the object.
    :returns: sentences.
    """
    try:
        verifyObject(interface, candidate)
    except Invalid as error:
        # zope raises one finding as itself, several as a MultipleInvalid that has them.
        for problem in getattr(error, "exceptions", (error,)):
            yield _sentence(problem, interface, candidate)


def providedRequestTypes(handler: object) -> frozenset[int]:
    """
    The LINEPROXYREQUEST_Constants for which a handler is registered by what it provides.

    :param handler: one without problems.
    """
    provided = frozenset(
        REQUEST_TYPES[name]
        for interface in HANDLER_INTERFACES
        if interface.providedBy(handler)
        for name in interface.names()
    )
    if interfaces.IPartialProxyHandler.providedBy(handler):
        return provided & frozenset(getattr(handler, "requestTypes"))  # noqa: B009  # any object
    return provided


def _sentence(problem: Invalid, interface: InterfaceClass, candidate: object) -> str:
    name = interface.__name__
    if isinstance(problem, DoesNotImplement):
        return f"{_kind(candidate)} does not declare {name}: put @implementer({name}) on the class"
    if isinstance(problem, BrokenMethodImplementation):
        method = problem.method
        wanted = f"{method.__name__}{method.getSignatureString()}"
        found = getattr(candidate, method.__name__)
        if not callable(found):
            return f"{method.__name__} is {found!r}, it should be a method: {wanted} of {name}"
        return (
            f"{method.__name__}{inspect.signature(found)} should be {wanted}, as {name} says: "
            f"{problem.mess}"
        )
    if isinstance(problem, BrokenImplementation):
        missing = problem.name
        text = missing if isinstance(missing, str) else missing.__name__
        what = "method" if isinstance(missing, Method) else "attribute"
        return f"the {what} {text} of {name} is missing{_similar(text, candidate)}"
    return str(problem)


def _similar(name: str, candidate: object) -> str:
    """The attribute that was perhaps meant, as the end of a sentence."""
    flat = {each.replace("_", "").lower(): each for each in dir(candidate)}
    near = difflib.get_close_matches(name.lower(), flat, n=1, cutoff=0.85)
    return f"; there is {flat[near[0]]}" if near and flat[near[0]] != name else ""


def _providesNothing(handler: object) -> str:
    alike = [name for name in REQUEST_TYPES if callable(getattr(handler, name, None))]
    text = f"{_kind(handler)} provides neither IAgentProxyHandler nor ICallCenterProxyHandler"
    if not alike:
        return text
    wanted = sorted(
        interface.__name__ for interface in HANDLER_INTERFACES if set(interface.names()) & {*alike}
    )
    return f"{text}, but has {alike[0]}(): put @implementer({', '.join(wanted)}) on the class"


def _requestTypeProblems(handler: object) -> Iterator[str]:
    found = getattr(handler, "requestTypes", ())
    if isinstance(found, str | bytes) or not isinstance(found, Iterable):
        yield f"requestTypes is {found!r}, it should be a frozenset of LINEPROXYREQUEST_ constants"
        return
    names = {value: name for name, value in REQUEST_TYPES.items()}
    provided = {
        REQUEST_TYPES[name]
        for interface in HANDLER_INTERFACES
        if interface.providedBy(handler)
        for name in interface.names()
    }
    listed = list(found)
    if not listed:
        yield "requestTypes is empty: such a handler answers nothing"
    for each in listed:
        if each not in names:
            yield f"requestTypes has {each!r}, which is no LINEPROXYREQUEST_ constant"
        elif each not in provided:
            yield (
                f"requestTypes has LINEPROXYREQUEST_{names[each].upper()}, whose interface the "
                "handler does not provide"
            )


def _kind(candidate: object) -> str:
    """What to call an object in a sentence: never its repr, which may hold anything."""
    if isinstance(candidate, type):
        return f"the class {candidate.__name__} (not an instance of it)"
    return f"{type(candidate).__name__}"
