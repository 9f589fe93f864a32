"""
Finds the factories of handlers by name, and makes handlers of them that keep to the contract.

A factory is any object at the top level of a module in ``tapiproxy.plugins`` that provides
`tapiproxy.interfaces.IProxyHandlerFactory`, whatever the file's name.  Every module is imported:
``twisted.plugin.getPlugins`` is not used, since it hides import errors in the log and the second
of two modules with one name altogether, and writes its cache into a folder that is often read-only.

A module that does not load stops nobody who did not ask for it; one that was asked for stops the
start, with the reason.
"""

import difflib
import importlib
import pkgutil
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import field, frozen

from tapiproxy import plugins, verify
from tapiproxy.configkeys import Place
from tapiproxy.errors import HandlerArgumentError
from tapiproxy.interfaces import IProxyHandlerFactory, IProxyHost

__all__ = [
    "BrokenModule",
    "Catalogue",
    "FoundFactory",
    "HandlerLoadError",
    "addDirectory",
    "findFactories",
    "makeHandler",
]


class HandlerLoadError(Exception):
    """A handler that was asked for is not to be had; the text is for the administrator."""


@frozen
class FoundFactory:
    """A factory and where it comes from."""

    factory: IProxyHandlerFactory
    file: str

    @property
    def name(self) -> str:
        """The name by which configurations ask for it."""
        name: str = self.factory.handlerName
        return name


@frozen
class BrokenModule:
    """
    A plugin file that gives no factory.

    :param names: the handler names that it stands for, as far as that can be told.
    :param files: where it is.
    :param reason: what is wrong, with the traceback if there was one.
    """

    names: frozenset[str]
    files: tuple[str, ...]
    reason: str


@frozen
class Catalogue:
    """The factories that are installed, and what did not become one."""

    found: tuple[FoundFactory, ...]
    broken: tuple[BrokenModule, ...] = field(default=())

    def names(self) -> list[str]:
        """The names that can be asked for."""
        return sorted({each.name for each in self.found})

    def get(self, name: str) -> FoundFactory:
        """
        The factory of that name.

        :param name: as a configuration or ``--handler`` has it.
        :raises HandlerLoadError: there is none, or two, or its module did not load.
        """
        for broken in self.broken:
            if name in broken.names:
                raise HandlerLoadError(
                    f"handler {name!r} cannot be used ({' and '.join(broken.files)}): "
                    f"{broken.reason}"
                )
        found = [each for each in self.found if each.name == name]
        if len(found) > 1:
            files = " and ".join(sorted(each.file for each in found))
            raise HandlerLoadError(
                f"two handlers are named {name!r}: in {files}; remove one, or change its "
                "handlerName"
            )
        if not found:
            raise HandlerLoadError(self._missing(name))
        return found[0]

    def help(self) -> str:
        """The text of ``--help-handlers``: each handler's name, help and arguments."""
        parts = []
        for each in sorted(self.found, key=lambda each: (each.name, each.file)):
            arguments = each.factory.argStringFormat
            parts.append(
                f"{each.name}\n"
                + _indented(each.factory.handlerHelp.strip())
                + _indented(f"Arguments: {arguments}" if arguments else "No arguments.")
                + _indented(f"File: {each.file}")
            )
        for broken in self.broken:
            parts.append(
                f"{', '.join(sorted(broken.names))}: cannot be used\n"
                + "".join(_indented(f"File: {file}") for file in broken.files)
                + _indented(broken.reason.strip())
            )
        return "\n".join(parts) or "No handler is installed.\n"

    def _missing(self, name: str) -> str:
        names = self.names()
        text = f"no handler is named {name!r}; there are: {', '.join(names) or 'none'}"
        near = difflib.get_close_matches(name, names, n=1)
        if near:
            text += f"; did you mean {near[0]!r}?"
        for broken in self.broken:
            text += f"\n{' and '.join(broken.files)} did not load: {broken.reason}"
        return text


def addDirectory(directory: Path, package: ModuleType = plugins) -> None:
    """
    Look for handlers in one more folder (``--plugin-dir``).

    :param directory: a folder of modules, which are imported as ``tapiproxy.plugins.NAME``.
    :param package: the plugin package.
    :raises HandlerLoadError: it is not a folder.
    """
    directory = directory.absolute()
    if not directory.is_dir():
        raise HandlerLoadError(f"--plugin-dir {directory}: there is no such folder")
    if str(directory) not in package.__path__:
        package.__path__.append(str(directory))
    importlib.invalidate_caches()


def findFactories(package: ModuleType = plugins) -> Catalogue:
    """
    Import every module of the plugin package and gather the factories.

    :param package: the plugin package.
    """
    found: list[FoundFactory] = []
    broken: list[BrokenModule] = []
    for name, files in sorted(_modules(package).items()):
        if len(files) > 1:
            reason = "two modules have one name, so that one would hide the other; rename one"
            broken.append(BrokenModule(frozenset({name}), files, reason))
            continue
        try:
            module = importlib.import_module(f"{package.__name__}.{name}")
        except (Exception, SystemExit) as error:  # noqa: BLE001  # others' code: any failure counts
            reason = "its module did not load:\n" + "".join(traceback.format_exception(error))
            broken.append(BrokenModule(frozenset({name}), files, reason))
            continue
        good, bad = _factories(module, name, files)
        # One object imported into a second module is still one.
        found.extend(g for g in good if not any(g.factory is each.factory for each in found))
        broken.extend(bad)
    return Catalogue(tuple(found), tuple(broken))


def makeHandler(
    found: FoundFactory, argString: str, host: IProxyHost, place: Place | None = None
) -> Any:
    """
    Make a handler, and see that it keeps to the contract.

    :param found: its factory.
    :param argString: what stands behind ``NAME:``.
    :param host: the handler's `IProxyHost`.
    :param place: where its options stand, if they stand anywhere.
    :returns: the handler: a provider of one or both handler interfaces.
    :raises HandlerLoadError: the factory refused or failed, or what it made is not a handler.
    """
    where = f"handler {host.name!r} ({found.file})"
    try:
        handler = found.factory.makeHandler(argString, host)
    except HandlerArgumentError as error:
        source = f"{place.below(*error.key)}: " if place is not None and error.key else ""
        raise HandlerLoadError(f"{source}handler {host.name!r}: {error}") from None
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        raise HandlerLoadError(f"{where}: makeHandler failed:\n{text}") from error
    problems = verify.handlerProblems(handler)
    if problems:
        raise HandlerLoadError(
            f"{where} does not keep to tapiproxy.interfaces:\n"
            + "".join(_indented(f"- {problem}") for problem in problems)
        )
    return handler


def _modules(package: ModuleType) -> Mapping[str, tuple[str, ...]]:
    """Every module of the package and the files that have its name; private ones left out."""
    modules: dict[str, tuple[str, ...]] = {}
    for folder in dict.fromkeys(str(Path(each).resolve()) for each in package.__path__):
        for info in pkgutil.iter_modules([folder]):
            if info.name.startswith("_"):
                continue
            tail = "/__init__.py" if info.ispkg else ".py"
            modules[info.name] = (*modules.get(info.name, ()), f"{folder}/{info.name}{tail}")
    return modules


def _factories(
    module: ModuleType, name: str, files: tuple[str, ...]
) -> tuple[list[FoundFactory], list[BrokenModule]]:
    """The factories at a module's top level: those in order, and what is wrong with the rest."""
    good: list[FoundFactory] = []
    bad: list[BrokenModule] = []
    # By identity: one object may have two names there, and need not be hashable.
    for factory in {id(value): value for value in vars(module).values()}.values():
        if not IProxyHandlerFactory.providedBy(factory):
            continue
        problems = verify.factoryProblems(factory)
        if not problems:
            good.append(FoundFactory(factory, files[0]))
            continue
        claimed = getattr(factory, "handlerName", None)
        usable = isinstance(claimed, str) and verify.HANDLER_NAME.fullmatch(claimed)
        reason = "its factory does not keep to IProxyHandlerFactory: " + "; ".join(problems)
        bad.append(BrokenModule(frozenset({str(claimed) if usable else name}), files, reason))
    if not good and not bad:
        bad.extend(_nothingIn(module, name, files))
    return good, bad


def _nothingIn(module: ModuleType, name: str, files: tuple[str, ...]) -> Iterator[BrokenModule]:
    """What to say of a module without a factory: the usual slip is a class and no instance."""
    for attribute, value in vars(module).items():
        if isinstance(value, type) and IProxyHandlerFactory.implementedBy(value):
            reason = (
                f"it has the class {attribute}, but no instance of it at its top level: add "
                f"`{name} = {attribute}()`"
            )
            yield BrokenModule(frozenset({name}), files, reason)
            return
    reason = "nothing at its top level provides IProxyHandlerFactory"
    yield BrokenModule(frozenset({name}), files, reason)


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
