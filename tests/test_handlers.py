"""Finding factories by name, and making handlers of them."""

import sys
import textwrap
from pathlib import Path
from types import ModuleType

from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy import handlers
from tapiproxy.configkeys import Place
from tapiproxy.errors import HandlerArgumentError
from tests.folders import makeFolder

GOOD = """
from zope.interface import implementer
from tapiproxy.interfaces import IAgentProxyHandler, IProxyHandlerFactory

@implementer(IAgentProxyHandler)
class Handler:
    def setAgentGroup(self, request):
        pass
    setAgentState = setAgentActivity = getAgentCaps = getAgentStatus = setAgentGroup
    agentSpecific = getAgentActivityList = getAgentGroupList = setAgentGroup

@implementer(IProxyHandlerFactory)
class Factory:
    handlerName = "NAME"
    handlerHelp = "Answers nothing.\\nFor a test."
    argStringFormat = "a colour"
    def makeHandler(self, argString, host):
        return Handler()

factory = Factory()
"""


class Host:
    """As much of a host as making a handler needs."""

    name = "main"


class CatalogueTests(SynchronousTestCase):
    def setUp(self):
        self.made = 0
        self.package = ModuleType(f"plugins_of_{self.id().replace('.', '_')}")
        self.package.__path__ = []
        sys.modules[self.package.__name__] = self.package
        self.addCleanup(self.forget)

    def forget(self):
        name = self.package.__name__
        for each in [n for n in sys.modules if n == name or n.startswith(name + ".")]:
            del sys.modules[each]

    def folder(self, **modules):
        """Make a plugin folder with these modules, on the package's path."""
        folder = makeFolder(self)
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(text))
        handlers.addDirectory(folder, self.package)
        return folder.resolve()

    def find(self):
        return handlers.findFactories(self.package)

    def refused(self, name):
        """What asking for a handler is refused with."""
        return str(self.assertRaises(handlers.HandlerLoadError, self.find().get, name))

    def test_byName(self):
        """A factory is found by its handlerName, whatever its file is called."""
        folder = self.folder(some_file=GOOD.replace("NAME", "demo"))
        found = self.find().get("demo")
        self.assertEqual((found.name, found.file), ("demo", f"{folder}/some_file.py"))

    def test_package(self):
        """A handler may be a package as well as a module."""
        folder = self.folder()
        (folder / "big").mkdir()
        (folder / "big" / "__init__.py").write_text(GOOD.replace("NAME", "big"))
        self.assertEqual(self.find().get("big").file, f"{folder}/big/__init__.py")

    def test_twoFolders(self):
        """Handlers of several folders stand side by side."""
        self.folder(one=GOOD.replace("NAME", "one"))
        self.folder(two=GOOD.replace("NAME", "two"))
        self.assertEqual(self.find().names(), ["one", "two"])

    def test_unknown(self):
        """An unknown name is answered with those that exist, and with the nearest."""
        self.folder(demo=GOOD.replace("NAME", "demo"), other=GOOD.replace("NAME", "other"))
        self.assertEqual(
            self.refused("dmeo"),
            "no handler is named 'dmeo'; there are: demo, other; did you mean 'demo'?",
        )

    def test_noneInstalled(self):
        """Where nothing is installed the answer says so."""
        self.assertEqual(self.refused("demo"), "no handler is named 'demo'; there are: none")
        self.assertEqual(self.find().help(), "No handler is installed.\n")

    def test_importError(self):
        """A module that was asked for and does not load is refused with its traceback."""
        folder = self.folder(demo="import there_is_no_such_module\n")
        refused = self.refused("demo")
        self.assertIn(f"{folder}/demo.py", refused)
        self.assertIn("No module named 'there_is_no_such_module'", refused)
        self.assertIn("Traceback", refused)

    def test_othersImportError(self):
        """A module that does not load is no reason to refuse another that was asked for."""
        self.folder(bad="1/0", exits="raise SystemExit", demo=GOOD.replace("NAME", "demo"))
        catalogue = self.find()
        self.assertEqual(catalogue.get("demo").name, "demo")
        self.assertEqual(len(catalogue.broken), 2)
        self.assertIn("ZeroDivisionError", self.refused("unheard_of"))

    def test_twoNames(self):
        """Two factories of one name are refused with both file names, but only if asked for."""
        folder = self.folder(
            one=GOOD.replace("NAME", "demo"),
            two=GOOD.replace("NAME", "demo"),
            three=GOOD.replace("NAME", "three"),
        )
        refused = self.refused("demo")
        self.assertIn(f"{folder}/one.py and {folder}/two.py", refused)
        self.assertEqual(self.find().get("three").name, "three")

    def test_twoFiles(self):
        """Two modules of one name in two folders are refused: one would hide the other."""
        first = self.folder(demo=GOOD.replace("NAME", "demo"))
        second = self.folder(demo=GOOD.replace("NAME", "demo"))
        refused = self.refused("demo")
        self.assertIn(f"{first}/demo.py", refused)
        self.assertIn(f"{second}/demo.py", refused)

    def test_sameObject(self):
        """A factory that a second module imports is still one."""
        self.folder(
            a=GOOD.replace("NAME", "demo"),
            b=f"from {self.package.__name__}.a import factory as again\n",
        )
        self.assertTrue(self.find().get("demo").file.endswith("/a.py"))

    def test_badName(self):
        """A factory with a name that no configuration can hold is refused under its file's."""
        self.folder(demo=GOOD.replace("NAME", "My Demo"))
        self.assertIn("handlerName is 'My Demo'", self.refused("demo"))

    def test_badFactory(self):
        """A factory that does not keep to its interface is refused under its own name."""
        self.folder(file=GOOD.replace("NAME", "demo").replace("argString, host", "argString"))
        self.assertIn("should be makeHandler(argString, host)", self.refused("demo"))

    def test_noInstance(self):
        """A module that only has the factory's class is told to make an instance."""
        self.folder(demo=GOOD.replace("NAME", "demo").replace("factory = Factory()", ""))
        self.assertIn("add `demo = Factory()`", self.refused("demo"))

    def test_noFactory(self):
        """A module that has no factory at all is told so, if it was asked for."""
        self.folder(demo="x = 1\n")
        self.assertIn("nothing at its top level provides", self.refused("demo"))

    def test_private(self):
        """A module whose name begins with an underscore is nobody's handler: it is not loaded."""
        self.folder(_shared="1/0")
        self.assertEqual(self.find(), handlers.Catalogue(()))

    def test_noCache(self):
        """Looking for handlers writes nothing into the plugin folder."""
        folder = self.folder(demo=GOOD.replace("NAME", "demo"))
        self.find()
        self.assertEqual([p.name for p in folder.iterdir() if p.suffix != ""], ["demo.py"])

    def test_help(self):
        """The help shows name, help, arguments and file of each, and why others cannot be used."""
        folder = self.folder(
            demo=GOOD.replace("NAME", "demo"),
            plain=GOOD.replace("NAME", "plain").replace('"a colour"', '""'),
            bad="1/0",
        )
        text = self.find().help()
        self.assertIn(
            "demo\n    Answers nothing.\n    For a test.\n    Arguments: a colour\n"
            f"    File: {folder}/demo.py\n",
            text,
        )
        self.assertIn("No arguments.", text)
        self.assertIn("bad: cannot be used\n", text)
        self.assertIn("ZeroDivisionError", text)

    def test_noFolder(self):
        """A plugin folder that is not there is refused by name."""
        refused = self.assertRaises(
            handlers.HandlerLoadError, handlers.addDirectory, Path("/no/such"), self.package
        )
        self.assertIn("/no/such: there is no such folder", str(refused))

    def makeOne(self, text, place=None):
        """Make the handler of a module with this text."""
        self.made += 1
        name = f"demo{self.made}"
        self.folder(**{name: text.replace("NAME", name)})
        return handlers.makeHandler(self.find().get(name), "blue", Host(), place)

    def notMade(self, text, place=None):
        """What making the handler of a module with this text is refused with."""
        return str(self.assertRaises(handlers.HandlerLoadError, self.makeOne, text, place))

    def test_make(self):
        """makeHandler is called with the argument string and the host."""
        handler = self.makeOne(
            GOOD.replace(
                "Handler()\n", "setattr(Handler, 'was', (argString, host.name)) or Handler()\n"
            )
        )
        self.assertEqual(handler.was, ("blue", "main"))

    def test_argumentError(self):
        """What a factory says of its arguments is shown as it is, without a traceback."""
        refused = self.notMade(
            GOOD.replace("return Handler()", "raise HandlerArgumentError('blue is no colour')")
            + f"from {HandlerArgumentError.__module__} import HandlerArgumentError\n"
        )
        self.assertEqual(refused, "handler 'main': blue is no colour")

    def test_argumentErrorOfAKey(self):
        """If it names an option, file and line are said too; else its text says all there is."""
        place = Place("site.toml", "[handlers.main]\n\nhue = 'blue'\n", ("handlers", "main"))
        for key, source in ("key=('hue',)", "site.toml, line 3: "), ("", ""):
            refused = self.notMade(
                GOOD.replace("return Handler()", f"raise HandlerArgumentError('no colour', {key})")
                + f"from {HandlerArgumentError.__module__} import HandlerArgumentError\n",
                place,
            )
            self.assertEqual(refused, f"{source}handler 'main': no colour")

    def test_makeFails(self):
        """A factory that fails is shown with file and traceback."""
        refused = self.notMade(GOOD.replace("return Handler()", "1/0"))
        self.assertIn("demo1.py", refused)
        self.assertIn("ZeroDivisionError", refused)

    def test_notAHandler(self):
        """What is no handler is refused with everything that is wrong with it."""
        refused = self.notMade(GOOD.replace("return Handler()", "return None"))
        self.assertIn("NoneType provides neither IAgentProxyHandler nor", refused)
        refused = self.notMade(GOOD.replace("getAgentStatus = ", "getAgentStatus_ = "))
        self.assertIn("the method getAgentStatus of IAgentProxyHandler is missing", refused)


class InstalledTests(SynchronousTestCase):
    def test_shipped(self):
        """Every module shipped in tapiproxy.plugins is a handler that loads."""
        catalogue = handlers.findFactories(namedAny("tapiproxy.plugins"))
        self.assertEqual(catalogue.broken, ())
        self.assertIn("fixed", catalogue.names())
