"""
``twistd tapiproxy``: its options, and the service that they make.

The only module that takes what was typed, reads the configuration and hands both to
`tapiproxy.assembly`, which builds everything, and to `tapiproxy.running`, which runs it.
"""

import atexit
import os
import sys
from pathlib import Path
from typing import Any

import attrs
from twisted.application.service import IService
from twisted.python import usage

from tapiproxy import assembly, config, defaults, handlers, running
from tapiproxy.configkeys import ConfigurationError
from tapiproxy.datadirectory import DataDirectory, DataDirectoryError

__all__ = ["Options", "makeService"]


class Options(usage.Options):
    """
    What may be typed behind ``twistd tapiproxy``.

    :ivar configuration: what is to be run, once the options are parsed.
    :ivar catalogue: the handlers that are installed.
    """

    # twistd puts its own part before it.
    synopsis = "[options]"
    longdesc = (
        "A telephony server for agent applications ([MS-TRP]), whose agent requests ACD handlers "
        "answer.  Without options it serves the built-in ACD's demo site on "
        f"{defaults.HOST}, port {defaults.PORT}."
    )

    optParameters = [
        ["config", None, None, "The configuration, a TOML file."],
        ["data", None, None, f"The data directory [default: {defaults.dataDirectory()}]"],
        ["handler", None, None, "NAME[:ARGS]: answer every line with this handler."],
    ]

    configuration: config.Configuration
    catalogue: handlers.Catalogue

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.listen: list[str] = []
        self.pluginDirectories: list[Path] = []
        self._help = False
        self._file: Path | None = None
        self._data: Path | None = None

    def opt_listen(self, endpoint: str) -> None:
        """An endpoint string to listen on, instead of the configuration's; may be repeated."""
        self.listen.append(endpoint)

    def opt_plugin_dir(self, directory: str) -> None:
        """A folder with more handlers; may be repeated."""
        self.pluginDirectories.append(Path(directory))

    def opt_help_handlers(self) -> None:
        """Show the handlers that are installed, and stop."""
        self._help = True

    def postOptions(self) -> None:
        """
        Read the configuration and find the handlers.

        :raises SystemExit: the configuration or a handler cannot be used; its text says why.  Not a
            UsageError, before whose text twistd would show all its options.
        """
        try:
            for directory in self.pluginDirectories:
                handlers.addDirectory(directory)
            self.catalogue = handlers.findFactories()
            if self._help:
                print(self.catalogue.help(), end="")
                sys.exit(0)
            # Both are used again at SIGHUP, when twistd has perhaps changed its directory.
            if self["config"] is not None:
                self._file = Path(self["config"]).absolute()
            if self["data"] is not None:
                self._data = Path(self["data"]).absolute()
            self.configuration = self.read()
            assembly.checkListeners(self.configuration)
            for table in self.configuration.handlers:
                self.catalogue.get(table.plugin)
        except (ConfigurationError, handlers.HandlerLoadError) as error:
            raise SystemExit(f"tapiproxy: {error}") from None

    def read(self) -> config.Configuration:
        """
        Read the configuration, with what was typed put over it; once more at each SIGHUP.

        :raises tapiproxy.configkeys.ConfigurationError: it cannot be used.
        """
        read = config.read(self._file, assembly.allowedLimits())
        if self["handler"] is not None:
            name, _, arguments = self["handler"].partition(":")
            read = read.withHandler(name, arguments)
        if self.listen:
            listeners = tuple(config.ListenerTable(endpoint=each) for each in self.listen)
            read = attrs.evolve(read, listeners=listeners)
        if self._data is not None:
            read = attrs.evolve(read, data=self._data)
        return read


def makeService(options: Options, reactor: Any = None) -> IService:
    """
    Make what ``twistd`` starts.

    :param options: parsed.
    :param reactor: the global one without it.
    :raises SystemExit: a handler or the data directory cannot be used; its text says why.
    """
    if reactor is None:
        # Not at the top: importing it installs it.
        from twisted.internet import reactor
    configuration = options.configuration
    directory = None
    try:
        directory = DataDirectory(configuration.data)
        parts = assembly.assemble(configuration, options.catalogue, directory, reactor)
    except (ConfigurationError, DataDirectoryError, handlers.HandlerLoadError) as error:
        if directory is not None:
            directory.close()
        # twistd would show a UsageError with a traceback by now.
        raise SystemExit(f"tapiproxy: {error}") from None
    service: IService = running.TelephonyService(
        configuration=configuration,
        readAgain=options.read,
        catalogue=options.catalogue,
        directory=directory,
        parts=parts,
        reactor=reactor,
        giveUp=lambda: _giveUp(reactor),
    )
    return service


def _giveUp(reactor: Any) -> None:
    """End the process with exit code 1, which twistd itself has no way to do."""
    # Last, behind twistd's own end: it removes its pid file, and flushes its log.
    atexit.register(_exitFailed)
    # A start whose steps all fail at once does so before the reactor runs, when it cannot stop.
    reactor.callWhenRunning(reactor.stop)


def _exitFailed() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
