"""A server is put together as a configuration says."""

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy import assembly, config, handlers
from tapiproxy.configkeys import ConfigurationError
from tapiproxy.datadirectory import DataDirectory
from tapiproxy.dcerpc.namedpipeauth import decodeRequest
from tapiproxy.dcerpc.pipe import PipeFactory
from tapiproxy.dcerpc.server import Limits
from tapiproxy.failedlogons import LogonLimits
from tapiproxy.trp.settings import Settings
from tests.dcerpc.pipeclients import Client
from tests.folders import makeFolder

SITE = """\
[lines.a]
addresses = ["1", "2"]
users = ['DOM\\Ann']
[lines.b]
addresses = ["3"]
deadline = 2
[lines.b.deadlines]
CreateAgent = 3
[deadlines]
default = 4
GetQueueList = 9
"""


def parse(text):
    return config.parse(text, "site.toml", assembly.allowedLimits())


class LimitTests(SynchronousTestCase):
    def test_names(self):
        """No limit of the runtime has the name of one of the session: a key sets one thing."""
        names = [
            {each.name for each in attrs.fields(cls)} for cls in (Limits, LogonLimits, Settings)
        ]
        self.assertEqual(sum(map(len, names)), len(set.union(*names)))
        self.assertEqual(set(assembly.allowedLimits()) - set.union(*names), set())

    def test_defaults(self):
        """Every default lies within the bounds of its own limit."""
        for name, limit in assembly.allowedLimits().items():
            self.assertTrue(limit.least <= limit.default <= limit.most, name)
            parse(f"[limits]\n{name} = {limit.default}\n")

    def test_elsewhere(self):
        """What has a key of its own is no limit."""
        for name in ("request", "requests", "pollWithoutCallback", "administrators"):
            self.assertNotIn(name, assembly.allowedLimits())


class LineTests(SynchronousTestCase):
    def test_lines(self):
        """Lines keep their order, addresses and users."""
        a, b = assembly.lines(parse(SITE))
        self.assertEqual([each.address for each in a.addresses], ["1", "2"])
        self.assertEqual((a.name, a.users, b.name), ("a", {"DOM\\ann"}, "b"))

    def test_assignments(self):
        """A line's own deadlines come before the server's, each kind before the other."""
        configuration = parse(SITE)
        a, b = assembly.assignments(configuration, assembly.lines(configuration))
        self.assertEqual((a.handler, a.seconds, a.requests), ("acd", 4.0, {"GetQueueList": 9.0}))
        self.assertEqual((b.seconds, b.requests), (2.0, {"CreateAgent": 3.0}))

    def test_collision(self):
        """Two lines of one permanent identifier are refused with the file and both names."""
        self.patch(assembly.StaticLine, "dwPermanentLineID", 7)
        error = self.assertRaises(ConfigurationError, assembly.lines, parse(SITE))
        self.assertIn("site.toml: the lines 'a' and 'b' have", str(error))


class ListenerTests(SynchronousTestCase):
    def test_loopback(self):
        """Loopback alone needs no word in the configuration."""
        assembly.checkListeners(parse('listen = ["tcp:1:interface=127.0.0.1", "unix:/x"]'))

    def test_beyond(self):
        """One listener beyond loopback is enough to be refused, and is the one that is named."""
        text = 'listen = ["tcp:1:interface=127.0.0.1", "tcp:2"]\n'
        error = self.assertRaises(ConfigurationError, assembly.checkListeners, parse(text))
        self.assertIn("listen 'tcp:2' is not known to be loopback", str(error))
        assembly.checkListeners(parse(text + "allow_unauthenticated = true\n"))
        assembly.checkListeners(parse(text + "[authentication]\nusers_file = 'users'\n"))

    def refused(self, text):
        return str(self.assertRaises(ConfigurationError, assembly.checkListeners, parse(text)))

    def test_everybody(self):
        """Beyond loopback, nobody is served unauthenticated by a minimum_level alone."""
        text = (
            "[authentication]\nusers_file = 'users'\n"
            "[listeners.a]\nendpoint = 'tcp:2'\nminimum_level = 'none'\n"
        )
        self.assertIn("allow_unauthenticated = true as well", self.refused(text))
        assembly.checkListeners(parse("allow_unauthenticated = true\n" + text))

    def test_nobody(self):
        """A minimum_level where nobody can log on is refused, on loopback too."""
        text = "[listeners.a]\nendpoint = 'tcp:2:interface=127.0.0.1'\nminimum_level = 'privacy'\n"
        self.assertIn("nobody can log on: name a users_file", self.refused(text))
        assembly.checkListeners(parse(text + "[authentication]\nusers_file = 'users'\n"))


class PipeTests(SynchronousTestCase):
    PIPE = "[listeners.a]\nendpoint = 'np:/np/tapsrv'\n"
    USERS = "[authentication]\nusers_file = 'users'\n"

    def refused(self, text):
        return str(self.assertRaises(ConfigurationError, assembly.checkListeners, parse(text)))

    def test_identity(self):
        """A pipe needs accounts, or smbd's word; its default level is that beyond loopback."""
        said = self.refused(self.PIPE)
        self.assertIn("'np:/np/tapsrv' is a pipe, and its clients cannot log on", said)
        self.assertIn('identity = "pipe"', said)
        for text in (self.PIPE + self.USERS, self.PIPE + "identity = 'pipe'\n"):
            configuration = parse(text)
            assembly.checkListeners(configuration)
            [listener] = configuration.listeners
            self.assertEqual(assembly._minimumLevel(configuration, listener), 6)

    def test_otherListeners(self):
        """smbd's word counts at pipes alone."""
        text = "[listeners.a]\nendpoint = 'tcp:1:interface=127.0.0.1'\nidentity = 'pipe'\n"
        self.assertIn("and is no pipe", self.refused(text))

    def test_wrong(self):
        """What is wrong with the endpoint is said before anything is started."""
        self.assertIn("begin at the root", self.refused("listen = ['np:tapsrv']\n"))

    def test_factories(self):
        """Pipes have factories of their own, by what is said of them; the rest as before."""
        configuration = parse(
            self.PIPE
            + "identity = 'pipe'\n"
            + "[listeners.b]\nendpoint = 'np:/np/two:user=7'\nidentity = 'pipe'\n"
            + "[listeners.c]\nendpoint = 'tcp:1:interface=127.0.0.1'\n"
            + "[listeners.d]\nendpoint = 'tcp:2:interface=127.0.0.1'\n"
            + '[handlers.fixed]\narguments = "Sales"\n'
        )
        parts = assembly.assemble(
            configuration, handlers.findFactories(), DataDirectory(makeFolder(self)), Clock()
        )
        a, b, c, d = parts.factories
        self.assertEqual(
            [(each.pipe, each.user) for each in (a, b)], [("tapsrv", 0), ("tapsrv", 7)]
        )
        self.assertTrue(a.principals is not None and a.principals is b.principals)
        self.assertEqual(a.endpoint.authentication.minimumLevel, 6)
        self.assertIs(c, d)
        self.assertNotIsInstance(c, PipeFactory)

    def test_ownAccount(self):
        """Nobody comes by a pipe as the account that calls clients back."""
        secret = makeFolder(self) / "password"
        secret.touch(0o600)
        secret.write_text("correct horse")
        configuration = parse(
            self.PIPE
            + "identity = 'pipe'\n"
            + f"[callback]\nuser = 'TAPISRV\\ALICE'\npassword_file = '{secret}'\n"
            + '[handlers.fixed]\narguments = "Sales"\n'
        )
        parts = assembly.assemble(
            configuration, handlers.findFactories(), DataDirectory(makeFolder(self)), Clock()
        )
        (pipe,) = parts.factories
        found = []
        for account in ("alice", "bob"):
            request = decodeRequest(Client(account=account).request())
            pipe.principals.identify(request, found.append)
        nobody, bob = found
        self.assertEqual((nobody, bob.name), (None, "TAPISRV\\bob"))
