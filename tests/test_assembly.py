"""A server is put together as a configuration says."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy import assembly, config
from tapiproxy.configkeys import ConfigurationError
from tapiproxy.dcerpc.server import Limits
from tapiproxy.failedlogons import LogonLimits
from tapiproxy.trp.settings import Settings

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
