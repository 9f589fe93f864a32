"""Accounts of a site's own, from the configuration's line to the client's principal."""

import json
import re
from pathlib import Path

from twisted.cred.error import UnauthorizedLogin
from twisted.trial.unittest import SynchronousTestCase

import twisted.plugins
from tapiproxy.configkeys import ConfigurationError
from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.interface import ERROR_ACCESS_DENIED
from tapiproxy.logons import NTLMResponse
from tapiproxy.nthash import ntHash
from tapiproxy.sitecheckers import CheckerError, siteChecker
from tapiproxy.trp.principals import Principal
from tests.assembled import assembled
from tests.dcerpc.ntlmpeers import account, ntlmInitiator
from tests.dcerpc.pdus import bind, request
from tests.folders import makeFolder
from tests.logons import makeLogon
from tests.test_ntlmservice import ATTACH, TAPSRV, Peer

ROOT = Path(__file__).parent.parent

#: Beside what the documentation shows: checkers that go wrong, each in its way.
BROKEN = '''
"""Checkers that go wrong."""

from twisted.cred.credentials import IUsernameHashedPassword, IUsernamePassword
from twisted.cred.strcred import ICheckerFactory
from twisted.internet.defer import succeed
from twisted.plugin import IPlugin
from zope.interface import implementer


class Checker:
    def __init__(self, *interfaces):
        self.credentialInterfaces = interfaces

    def requestAvatarId(self, credentials):
        return succeed(b"mallory")


@implementer(IPlugin, ICheckerFactory)
class Factory:
    authHelp = argStringFormat = ""
    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, authType, make):
        self.authType = authType
        self.generateChecker = make


curious = Factory("curious", lambda argstring: Checker(IUsernamePassword))
credulous = Factory("credulous", lambda argstring: Checker(IUsernameHashedPassword))
crashing = Factory("crashing", lambda argstring: 1 / 0)
'''


def documented() -> str:
    """The plugin that the documentation shows."""
    text = (ROOT / "docs" / "authentication.md").read_text(encoding="utf-8")
    [found] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return found


class SiteCheckersTests(SynchronousTestCase):
    def setUp(self):
        self.folder = makeFolder(self)
        plugins = self.folder / "plugins"
        plugins.mkdir()
        (plugins / "sitedb.py").write_text(documented(), encoding="utf-8")
        (plugins / "brokencheckers.py").write_text(BROKEN, encoding="utf-8")
        self.patch(twisted.plugins, "__path__", [*twisted.plugins.__path__, str(plugins)])

    def assemble(self, checkers, more=""):
        return assembled(
            "poll_without_callback = true\n"
            "[listeners.a]\nendpoint = 'tcp:1:interface=127.0.0.1'\nminimum_level = 'privacy'\n"
            f"[authentication]\ncheckers = {json.dumps(checkers)}\n{more}"
            "[handlers.fixed]\n[lines.a]\naddresses = ['1']\n",
            self.folder / "data",
        )

    def attached(self, parts, who):
        """As whom somebody attaches; None if he does not."""
        peer = Peer(parts.factories[0])
        secured = peer.logOn(ntlmInitiator(6, who))
        answer = peer.say(secured.protect(request(ATTACH)))
        fault = pdu.decode(answer)
        if isinstance(fault, pdu.FaultPDU):
            self.assertEqual(fault.status, ERROR_ACCESS_DENIED)
            return None
        secured.unprotect(answer)
        [client] = parts.server.clients
        return client.principal

    def test_documented(self):
        """The documentation's plugin lets its people in, with their groups, and nobody else."""
        wanted = Principal("alice", frozenset(["Sales"]))
        for who, principal in (
            (account(domain=""), wanted),
            (account(domain="PC"), wanted),
            (account(ntHash=bytes(16)), None),
            (account("bob"), None),
        ):
            parts = self.assemble(["sitedb:postgresql://localhost/people"])
            self.assertEqual(self.attached(parts, who), principal)

    def test_inTurn(self):
        """Several are asked in turn; Twisted's own know an account with its domain or without."""
        parts = self.assemble(["memory:bob:other", "memory:alice:secret:DOM\\carol:secret"])
        self.assertEqual(self.attached(parts, account("carol")), Principal("DOM\\carol"))
        for who, name in (("alice", "alice"), ("bob", None)):
            parts = self.assemble(["memory:bob:other", "memory:alice:secret"])
            found = self.attached(parts, account(who, "PC"))
            self.assertEqual(found, None if name is None else Principal(name))

    def test_file(self):
        """Twisted's file of passwords, which knows names in UTF-8."""
        file = self.folder / "passwords"
        file.write_text("alice:secret\n", encoding="utf-8")
        parts = self.assemble([f"file:{file}"])
        self.assertEqual(self.attached(parts, account()), Principal("alice"))

    def test_sameWork(self):
        """A name that nobody has costs what one costs that somebody has, and proves nothing."""
        made = []
        original = NTLMResponse.checkPassword

        def checkPassword(credentials, password):
            made.append(password)
            return original(credentials, password)

        self.patch(NTLMResponse, "checkPassword", checkPassword)
        checker, _ = siteChecker("memory:alice:secret")
        for user in ("alice", "bob"):
            credentials = NTLMResponse(makeLogon(user, "PC", "correct horse"), f"PC\\{user}")
            self.failureResultOf(checker.requestAvatarId(credentials), UnauthorizedLogin)
            self.assertEqual(len(made), 1)
            self.assertIsNone(credentials.sessionBaseKey)
            made.clear()

    def test_both(self):
        """The users file's accounts come first, and its groups are everybody's."""
        users = self.folder / "users"
        users.touch(0o600)
        hashed = ntHash("other").hex()
        users.write_text(f"user alice:{hashed}\ngroup Support:alice\n", encoding="utf-8")
        more = f"users_file = '{users}'\n"
        for password, wanted in (
            ("other", Principal("alice", frozenset(["Sales", "Support"]))),
            ("secret", Principal("alice", frozenset(["Sales", "Support"]))),
            ("wrong", None),
        ):
            parts = self.assemble(["sitedb"], more)
            who = account(ntHash=ntHash(password))
            self.assertEqual(self.attached(parts, who), wanted)

    def test_credulous(self):
        """A checker that lets somebody in without a look at his password lets nobody in."""
        parts = self.assemble(["credulous"])
        self.assertIsNone(self.attached(parts, account()))
        peer = Peer(parts.factories[0])
        peer.say(bind(TAPSRV))
        self.assertEqual(pdu.decode(peer.say(request(ATTACH))).status, ERROR_ACCESS_DENIED)

    def test_refused(self):
        """What cannot be had is refused with its name and what to do, and without its argument."""
        for description, said in (
            ("nowhere:hidden", "no checker 'nowhere' is installed; there are: file, memory, site"),
            ("memory:hidden", "checker 'memory' refuses its argument"),
            ("curious:hidden", "checker 'curious' wants IUsernamePassword: who logs on by NTLM"),
            ("crashing:hidden", "checker 'crashing' cannot be made: ZeroDivisionError"),
        ):
            caught = self.assertRaises(CheckerError, siteChecker, description)
            self.assertIn(said, str(caught))
            self.assertNotIn("hidden", str(caught))
        caught = self.assertRaises(ConfigurationError, self.assemble, ["nowhere"])
        self.assertIn("site.toml: [authentication] no checker 'nowhere'", str(caught))
