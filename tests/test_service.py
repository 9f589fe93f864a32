"""Options of ``twistd tapiproxy``, and what makeService makes of them."""

import atexit
import io
import os
import sys

from twisted.application.service import IService, IServiceMaker
from twisted.plugin import getPlugins
from twisted.python import usage
from twisted.trial.unittest import TestCase

from tapiproxy import defaults, plugins, service
from tapiproxy.datadirectory import DataDirectory
from tests.folders import makeFolder
from tests.reactors import ServiceReactor

PLUGIN = """
from tapiproxy.plugins.fixed import FixedFactory

class Mine(FixedFactory):
    handlerName = "mine"
    handlerHelp = "From a folder."

mine = Mine()
"""


def endpoints(configuration):
    """Where it listens."""
    return [each.endpoint for each in configuration.listeners]


class OptionsCase(TestCase):
    """Options over a configuration file and a data directory of the test's own."""

    def setUp(self):
        self.folder = makeFolder(self)
        self.patch(plugins, "__path__", list(plugins.__path__))
        self.addCleanup(self.forgetModule)

    def forgetModule(self):
        sys.modules.pop("tapiproxy.plugins.mine", None)

    def parse(self, *words, config=None):
        arguments = list(words)
        if config is not None:
            file = self.folder / "site.toml"
            file.write_text(config)
            arguments += ["--config", str(file)]
        if "--data" not in words:
            arguments += ["--data", str(self.folder / "data")]
        options = service.Options()
        options.parseOptions(arguments)
        return options

    def refused(self, *words, **files):
        text = str(self.assertRaises(SystemExit, self.parse, *words, **files))
        self.assertTrue(text.startswith("tapiproxy: "))
        return text


class OptionsTests(OptionsCase):
    def test_default(self):
        """Without options: loopback, the default port, one line, the built-in ACD."""
        configuration = self.parse().configuration
        self.assertEqual(endpoints(configuration), [defaults.LISTEN])
        self.assertEqual([line.name for line in configuration.lines], ["Line 1"])
        self.assertEqual([table.plugin for table in configuration.handlers], ["acd"])

    def test_overrides(self):
        """What is typed comes before the file."""
        configuration = self.parse(
            "--listen",
            "tcp:1:interface=127.0.0.1",
            "--listen",
            "unix:/x",
            "--handler",
            "fixed:Sales,Night shift: two",
            config='listen = ["tcp:5:interface=127.0.0.1"]\ndata = "/elsewhere"\n',
        ).configuration
        self.assertEqual(endpoints(configuration), ["tcp:1:interface=127.0.0.1", "unix:/x"])
        [table] = configuration.handlers
        self.assertEqual((table.name, table.arguments), ("fixed", "Sales,Night shift: two"))
        self.assertEqual(configuration.data, self.folder / "data")

    def test_readAgain(self):
        """Reading again takes the file as it is then, and what was typed as it was."""
        options = self.parse("--handler", "fixed", config="")
        (self.folder / "site.toml").write_text('[lines.new]\naddresses = ["7"]\n')
        again = options.read()
        self.assertEqual([line.name for line in again.lines], ["new"])
        self.assertEqual([table.name for table in again.handlers], ["fixed"])

    def test_wrongConfiguration(self):
        """A wrong key is refused with file, line and what is allowed."""
        refused = self.refused(config="lisen = 1\n")
        self.assertIn("site.toml, line 1: unknown key lisen (did you mean listen?)", refused)

    def test_limits(self):
        """Limits of the session and of the runtime can be set, by their own names."""
        configuration = self.parse(
            config="[limits]\nattachedClients = 7\nconnections = 14\nidle = 5\n"
        ).configuration
        self.assertEqual(
            configuration.limits, {"attachedClients": 7, "connections": 14, "idle": 5.0}
        )
        self.assertIn("from 1 to", self.refused(config="[limits]\nattachedClients = 0\n"))

    def test_unknownHandler(self):
        """A handler that is not installed is refused with those that are."""
        refused = self.refused("--handler", "fixd")
        self.assertIn("no handler is named 'fixd'; there are: acd, fixed", refused)
        self.assertIn("did you mean 'fixed'?", refused)

    def test_synopsis(self):
        """--help begins with twistd's part of the line, once."""
        options = service.Options()
        options.parent = usage.Options()
        options.parent.subCommand = "tapiproxy"
        options.parent.synopsis = "Usage: twistd [options]"
        first = options.getSynopsis().strip()
        self.assertEqual(first, "Usage: twistd [options] tapiproxy [options]")

    def test_unknownOption(self):
        """A wrong option is refused by name; for that twistd shows those that there are."""
        error = self.assertRaises(usage.UsageError, self.parse, "--lisen", "x")
        self.assertIn("lisen", str(error))

    def test_beyondLoopback(self):
        """Listening beyond loopback is refused unless the configuration allows it in words."""
        for endpoint in ("tcp:13135", "tcp:13135:interface=0.0.0.0", r"tcp6:1:interface=\:\:"):
            refused = self.refused("--listen", endpoint)
            self.assertIn(repr(endpoint), refused)
            self.assertIn("allow_unauthenticated = true", refused)
            self.parse("--listen", endpoint, config="allow_unauthenticated = true\n")

    def test_pipe(self):
        """A pipe may be typed as well; whose clients it lets in, the configuration has to say."""
        endpoint = "np:/run/samba/ncalrpc/np/tapsrv"
        self.assertIn("is a pipe, and its clients", self.refused("--listen", endpoint))
        accounts = "[authentication]\nusers_file = 'users'\n"
        options = self.parse("--listen", endpoint, config=accounts)
        self.assertEqual(endpoints(options.configuration), [endpoint])

    def test_pluginDirectory(self):
        """--plugin-dir adds a folder of handlers; one that is not there is refused."""
        folder = makeFolder(self)
        (folder / "mine.py").write_text(PLUGIN)
        options = self.parse("--plugin-dir", str(folder), "--handler", "mine")
        self.assertEqual(options.catalogue.get("mine").file, str(folder.resolve() / "mine.py"))
        self.assertIn("no such folder", self.refused("--plugin-dir", "/no/such"))

    def test_helpHandlers(self):
        """--help-handlers shows the installed ones, those of folders named behind it included."""
        folder = makeFolder(self)
        (folder / "mine.py").write_text(PLUGIN)
        out = io.StringIO()
        self.patch(sys, "stdout", out)
        error = self.assertRaises(
            SystemExit, self.parse, "--help-handlers", "--plugin-dir", str(folder)
        )
        self.assertEqual(error.code, 0)
        for words in ("acd\n", "fixed\n", "mine\n    From a folder.\n", "Arguments: the groups'"):
            self.assertIn(words, out.getvalue())


class MakeServiceTests(OptionsCase):
    def make(self, *words, **files):
        made = service.makeService(self.parse(*words, **files), ServiceReactor())
        self.addCleanup(made.stopService)
        return made

    def refusal(self, *words, **files):
        options = self.parse(*words, **files)
        return str(self.assertRaises(SystemExit, service.makeService, options, ServiceReactor()))

    def test_plugin(self):
        """twistd finds the service maker, and it is this module's."""
        [maker] = [each for each in getPlugins(IServiceMaker) if each.tapname == "tapiproxy"]
        self.assertEqual(maker.module, "tapiproxy.service")
        self.assertIs(maker.makeService, service.makeService)

    def test_default(self):
        """The embedded default makes a service, with the demo site for loopback."""
        made = self.make()
        self.assertTrue(IService.providedBy(made))
        self.assertTrue(made.parts.handlers["acd"].handler.demo)

    def test_settings(self):
        """Limits and deadlines of the configuration reach the parts that they bound."""
        made = self.make(
            "--handler",
            "fixed",
            config=(
                "poll_without_callback = true\nadministrators = ['a']\n[limits]\nconnections = 9\n"
                "queuedEvents = 8\n[deadlines]\ndefault = 3\nCreateAgent = 4\n"
            ),
        )
        settings = made.parts.settings
        self.assertEqual(made.parts.limits.connections, 9)
        self.assertEqual((settings.queuedEvents, settings.request), (8, 3.0))
        self.assertEqual(settings.requests, {"CreateAgent": 4.0})
        self.assertTrue(settings.pollWithoutCallback)
        self.assertEqual(settings.administrators, {"a"})

    def test_demoBeyondLoopback(self):
        """The demo site is refused beyond loopback, even where no authentication is allowed."""
        refusal = self.refusal("--listen", "tcp:13135", config="allow_unauthenticated = true\n")
        self.assertIn("handler 'acd' is a demonstration", refusal)
        self.make("--listen", "tcp:1", "--handler", "fixed", config="allow_unauthenticated = true")

    def test_dataDirectoryInUse(self):
        """A data directory that another server has is refused."""
        held = DataDirectory(self.folder / "data")
        self.addCleanup(held.close)
        self.assertIn("in use by another server", self.refusal())

    def test_wrongArguments(self):
        """What a handler says of its arguments is the whole refusal."""
        self.assertEqual(
            self.refusal("--handler", "acd:x").partition(";")[0],
            "tapiproxy: handler 'acd': acd takes no arguments, 'x' was given",
        )

    def test_wrongOption(self):
        """What a handler says of an option is said with the option's file and line."""
        refusal = self.refusal(config='[handlers.acd]\n\n[handlers.acd.agents.1001]\npin = "1"\n')
        self.assertIn(", line 4: handler 'acd': agents.1001.pin: ", refusal)

    def test_refusedFreesTheDirectory(self):
        """After a refusal the data directory is free again."""
        self.refusal("--handler", "acd:x")
        self.make()


class GiveUpTests(TestCase):
    def test_exitCode(self):
        """
        A start that fails stops the reactor, once it runs, and the process ends with 1 when twistd
        is done.
        """
        registered, exits = [], []
        self.patch(atexit, "register", registered.append)
        self.patch(os, "_exit", exits.append)
        reactor = ServiceReactor()
        service._giveUp(reactor)
        self.assertEqual((reactor.stopped, exits), (0, []))
        for f, args, kw in reactor.whenRunningHooks:
            f(*args, **kw)
        self.assertEqual((reactor.stopped, exits), (1, []))
        registered[0]()
        self.assertEqual(exits, [1])
