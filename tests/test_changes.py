"""What a re-read configuration changes."""

from twisted.trial.unittest import SynchronousTestCase

from tapiproxy import config
from tapiproxy.changes import compare
from tapiproxy.configkeys import Limit

LIMITS = {"clients": Limit(default=100, least=1, most=1000)}

SITE = """\
[handlers.acd]
grace = 60
[handlers.test]
plugin = "fixed"
[lines.a]
addresses = ["1"]
handler = "acd"
[lines.b]
addresses = ["2"]
handler = "test"
"""


class ChangesTests(SynchronousTestCase):
    def changes(self, new, old=SITE):
        return compare(config.parse(old, "old", LIMITS), config.parse(new, "new", LIMITS))

    def test_none(self):
        """The same configuration changes nothing."""
        changes = self.changes(SITE + "# a comment\n")
        self.assertEqual(
            (changes.refused, changes.said, changes.added, changes.removed, changes.changed),
            ((), (), (), (), ()),
        )

    def test_fixed(self):
        """What holds for the life of the process is refused by name, all of it."""
        changes = self.changes(
            'listen = ["tcp:1"]\ndata = "/elsewhere"\nallow_unauthenticated = true\n'
            'poll_without_callback = true\nadministrators = ["a"]\n'
            "callback = {user = 'a', password_file = 'p'}\n" + SITE + "[limits]\nclients = 5\n"
            "[endpoint_mapper]\nendpoint = 'tcp:135'\n"
        )
        self.assertEqual(
            sorted(changes.refused),
            [
                "[callback] has changed",
                "[endpoint_mapper] has changed",
                "[limits] has changed",
                "administrators has changed",
                "allow_unauthenticated has changed",
                "data has changed",
                "listen or [listeners] has changed",
                "poll_without_callback has changed",
            ],
        )

    def test_otherPlugin(self):
        """A handler cannot become another while it runs."""
        for text in ('plugin = "acd"', 'plugin = "fixed"\narguments = "x"'):
            changes = self.changes(SITE.replace('plugin = "fixed"', text))
            self.assertEqual(
                changes.refused, ("plugin or arguments of [handlers.test] have changed",)
            )

    def test_lines(self):
        """Lines come, go and change, each said by name."""
        changes = self.changes(
            SITE.replace("[lines.b]", "[lines.c]").replace('["1"]', '["1", "11"]')
        )
        self.assertEqual(changes.refused, ())
        self.assertEqual(changes.said, ("line 'a' changed", "line 'c' added", "line 'b' removed"))

    def test_order(self):
        """Another order is a change: device identifiers follow it."""
        old = '[lines.a]\naddresses = ["1"]\n[lines.b]\naddresses = ["2"]\n'
        new = '[lines.b]\naddresses = ["2"]\n[lines.a]\naddresses = ["1"]\n'
        self.assertEqual(self.changes(new, old).said, ("the order of lines changed",))

    def test_handlers(self):
        """Handlers come, go and change; of their options only the names are said."""
        changes = self.changes(
            SITE.replace("[handlers.test]", "[handlers.new]")
            .replace('"test"', '"new"')
            .replace("grace = 60", 'token = "s3cret"')
        )
        self.assertEqual([each.name for each in changes.added], ["new"])
        self.assertEqual(changes.removed, ("test",))
        self.assertEqual([each.options for each in changes.changed], [{"token": "s3cret"}])
        self.assertIn("handler acd: grace, token changed", changes.said)
        self.assertNotIn("s3cret", "".join(changes.said))

    def test_deadlines(self):
        """Deadlines are taken over while running."""
        changes = self.changes(SITE + "[deadlines]\nCreateAgent = 9\n")
        self.assertEqual((changes.refused, changes.said), ((), ("deadlines changed",)))
