"""``tapiproxy handlers``."""

import io
import sys

from twisted.trial.unittest import TestCase

from tapiproxy import plugins
from tapiproxy.cli import main
from tests.folders import makeFolder


class HandlersTests(TestCase):
    def run_(self, *typed):
        out, err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        self.patch(plugins, "__path__", list(plugins.__path__))
        return main.main(["handlers", *typed]), out.getvalue(), err.getvalue()

    def test_shown(self):
        """The installed handlers are shown with help, arguments and file."""
        code, out, err = self.run_()
        self.assertEqual((code, err), (0, ""))
        self.assertIn("fixed\n    Fixed groups and any agent", out)
        self.assertIn("acd\n    The built-in ACD", out)
        self.assertIn("fixed.py\n", out)

    def test_folder(self):
        """A folder's handlers are shown too, and what is wrong with them."""
        folder = makeFolder(self)
        (folder / "slip.py").write_text("1/0\n")
        self.addCleanup(sys.modules.pop, "tapiproxy.plugins.slip", None)
        code, out, _err = self.run_("--plugin-dir", str(folder))
        self.assertEqual(code, 0)
        self.assertIn("slip: cannot be used\n", out)
        self.assertIn("ZeroDivisionError", out)

    def test_noFolder(self):
        """A folder that is not there is a failure in words."""
        code, out, err = self.run_("--plugin-dir", "/no/such")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("there is no such folder", err)
