"""A handler in a distribution of its own: built, installed beside tapiproxy, found and used."""

from tests.packaging.installed import InstalledCase

PROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "tapiproxy-demo-echo"
version = "1.0"
dependencies = ["tapiproxy"]

[tool.setuptools]
packages = ["tapiproxy.plugins"]
"""

HANDLER = '''\
"""Gives AgentSpecific's parameters back, reversed."""

from zope.interface import implementer

from tapiproxy.errors import OperationUnavailable
from tapiproxy.interfaces import IAgentProxyHandler, IPartialProxyHandler, IProxyHandlerFactory
from tapiproxy.tapi.lineconstants import LINEPROXYREQUEST_AGENTSPECIFIC


@implementer(IAgentProxyHandler, IPartialProxyHandler)
class Echo:
    requestTypes = frozenset({LINEPROXYREQUEST_AGENTSPECIFIC})

    def agentSpecific(self, request):
        return request.Params[::-1]

    def setAgentGroup(self, request):
        raise OperationUnavailable()

    setAgentState = setAgentActivity = getAgentCaps = getAgentStatus = setAgentGroup
    getAgentActivityList = getAgentGroupList = setAgentGroup


@implementer(IProxyHandlerFactory)
class EchoFactory:
    handlerName = "demo_echo"
    handlerHelp = "An example."
    argStringFormat = ""

    def makeHandler(self, argString, host):
        return Echo()


demo_echo = EchoFactory()
'''

#: Its author's test module, and a use of the handler as the server makes it.
PROGRAM = """\
import sys, tempfile, unittest
from pathlib import Path
from twisted.internet.testing import MemoryReactorClock
from tapiproxy import service
from tapiproxy.interfaces import IAgentProxyHandler
from tapiproxy.plugins.demo_echo import demo_echo
from tapiproxy.testing import makeProxyHandlerTests, makeRequest, FakeProxyHost

EchoTests = makeProxyHandlerTests(demo_echo, provides=(IAgentProxyHandler,))
result = unittest.TestResult()
unittest.defaultTestLoader.loadTestsFromTestCase(EchoTests).run(result)
assert result.testsRun > 10 and result.wasSuccessful(), result.failures + result.errors

with tempfile.TemporaryDirectory() as data:
    options = service.Options()
    options.parseOptions(["--handler", "demo_echo", "--data", data])
    made = service.makeService(options, MemoryReactorClock())
    handler = made.parts.handlers["demo_echo"].handler
    request = makeRequest(
        "agentSpecific", FakeProxyHost(), dwAddressID=0, dwAgentExtensionIDIndex=0, Params=b"abc"
    )
    print(handler.agentSpecific(request).decode())
"""


class SeparateDistributionTests(InstalledCase):
    def test_used(self):
        """It passes the kit, twistd shows it, and a server is made with it."""
        self.install(self.copyOfCheckout())
        project = self.folder / "demo"
        (project / "tapiproxy" / "plugins").mkdir(parents=True)
        (project / "pyproject.toml").write_text(PROJECT)
        (project / "tapiproxy" / "plugins" / "demo_echo.py").write_text(HANDLER)
        elsewhere = self.folder / "elsewhere"
        self.install("--target", elsewhere, project)
        [packages] = (self.folder / "venv" / "lib").glob("*/site-packages")
        (packages / "elsewhere.pth").write_text(f"{elsewhere}\n")
        shown = self.twistd("tapiproxy", "--help-handlers")
        self.assertIn("demo_echo\n    An example.\n", shown)
        self.assertIn(f"File: {elsewhere}/tapiproxy/plugins/demo_echo.py\n", shown)
        self.assertEqual(self.run_(self.python, "-c", PROGRAM), "cba\n")
