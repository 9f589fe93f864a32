"""Lines of keys in TOML texts."""

from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.places import lineOf

TEXT = """\
listen = ["tcp:1"]
data = '''
/var'''

[lines.sales]   # a comment
addresses = [
    "1001",
]
deadlines.CreateAgent = 10

[lines."Line 1"]
"odd \\"key\\"" = 1
inline = { x = 1 }
[[handlers.acd.agents]]
id = 1
"""


class LineOfTests(SynchronousTestCase):
    def test_found(self):
        """Keys are found in the root, in tables, dotted, quoted and in arrays of tables."""
        for path, line in (
            (("listen",), 1),
            (("data",), 2),
            (("lines", "sales"), 5),
            (("lines", "sales", "addresses"), 6),
            (("lines", "sales", "deadlines", "CreateAgent"), 9),
            (("lines", "Line 1"), 11),
            (("lines", "Line 1", 'odd "key"'), 12),
            (("handlers", "acd", "agents", "id"), 15),
        ):
            self.assertEqual(lineOf(TEXT, path), line, path)

    def test_nearest(self):
        """A key that is missing, or inside an inline table, gives the line around it."""
        self.assertEqual(lineOf(TEXT, ("lines", "sales", "handler")), 5)
        self.assertEqual(lineOf(TEXT, ("lines", "Line 1", "inline", "x")), 13)

    def test_none(self):
        """What is nowhere in the text has no line."""
        self.assertIsNone(lineOf(TEXT, ("limits", "clients")))
        self.assertIsNone(lineOf("", ("listen",)))
