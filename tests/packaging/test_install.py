"""The ways to install that are supported: a wheel, and an editable install of a checkout."""

from tests.packaging.installed import InstalledCase


class WheelTests(InstalledCase):
    def test_wheel(self):
        """From a wheel, twistd finds the plugin and the handlers, and the command is there."""
        self.install(self.copyOfCheckout())
        shown = self.twistd("tapiproxy", "--help-handlers")
        self.assertIn(f"File: {self.folder}/venv/lib/", shown)
        self.assertIn("/tapiproxy/plugins/fixed.py\n", shown)
        self.assertIn("acd\n", shown)
        command = self.python.parent / "tapiproxy"
        self.assertEqual(self.run_(command, "handlers"), shown)

    def test_content(self):
        """A wheel has every part; no __init__ of ours hides Twisted's own packages."""
        self.install(self.copyOfCheckout())
        [packages] = (self.folder / "venv" / "lib").glob("*/site-packages")
        files = {str(path.relative_to(packages)) for path in packages.rglob("*.py")}
        self.assertIn("twisted/plugins/tapiproxy_plugin.py", files)
        self.assertIn("tapiproxy/plugins/fixed.py", files)
        self.assertTrue((packages / "tapiproxy" / "py.typed").exists())
        self.assertEqual({f for f in files if f.startswith("twisted/") and "__init__" in f}, set())


class EditableTests(InstalledCase):
    def test_editable(self):
        """An editable install runs the checkout, twistd's plugin included."""
        checkout = self.copyOfCheckout()
        self.install("--editable", checkout)
        shown = self.twistd("tapiproxy", "--help-handlers")
        self.assertIn(f"File: {checkout}/plugins/fixed.py\n", shown)
