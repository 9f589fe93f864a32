"""Who the server is to its clients: from the configuration to what a client is sent."""

import struct
import subprocess
import sys

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy import assembly, config
from tapiproxy.callbacklogon import CallbackLogon
from tapiproxy.configkeys import ConfigurationError
from tapiproxy.dcerpc.interface import AuthenticationFailed
from tapiproxy.dcerpc.kdcthreads import KDCThreads
from tapiproxy.dcerpc.ntlm import NTLMAcceptor
from tapiproxy.nthash import ntHash
from tests.assembled import assembled
from tests.dcerpc.ntlmpeers import Accounts, server, service, shake
from tests.dcerpc.ntlmvectors import GOLDEN
from tests.extras import needsGSSAPI
from tests.folders import makeFolder

MACHINE = bytes(range(32))

#: Nobody here waits for a KDC.
THREADS = KDCThreads(None)


def keytabOf(name, realm):
    """A keytab with one AES key, in MIT's format 0x502."""

    def counted(octets):
        return struct.pack(">H", len(octets)) + octets

    entry = struct.pack(">H", 1) + counted(realm.encode()) + counted(name.encode())
    entry += struct.pack(">IIBH", 1, 0, 1, 18) + counted(bytes(32))
    return b"\5\2" + struct.pack(">i", len(entry)) + entry


class CallbackCase(SynchronousTestCase):
    def setUp(self):
        self.folder = makeFolder(self)
        self.password = self.folder / "password"
        self.password.write_text("secret")
        self.password.chmod(0o600)

    def text(self, more=""):
        return f"[callback]\nuser = 'DOM\\tapi'\npassword_file = '{self.password}'\n{more}"


class LogonTests(CallbackCase):
    def asked(self, user, authType=9, level=6):
        """What the client's acceptor is asked to verify, and under which provider."""
        table = config.CallbackTable(
            user=user, passwordFile=self.password, authType=authType, level=level
        )
        client = CallbackLogon(table, MACHINE, THREADS).newContext("192.0.2.7", "PC")
        self.assertEqual((client.authType, client.authLevel), (authType, level))
        accounts = Accounts()
        with self.assertRaises(AuthenticationFailed):
            shake(client, service(accounts).newContext(authType, level, "peer"))
        [logon] = accounts.asked
        self.assertIsNotNone(logon.sessionBaseKey(ntHash("secret")))
        return logon

    def test_names(self):
        """An account of a domain, of a DNS domain, and of none, as clients know them."""
        for user, expected in (
            ("DOM\\Tapi$", ("DOM", "Tapi$")),
            ("tapi@dom.test", ("", "tapi@dom.test")),
            ("tapi", ("", "tapi")),
        ):
            logon = self.asked(user)
            self.assertEqual((logon.domain, logon.user), expected)
            self.assertNotEqual(logon.workstation, "")

    def test_providers(self):
        """The provider and the level are the configuration's."""
        for authType in (9, 10):
            for level in (2, 4, 5, 6):
                self.asked("tapi", authType, level)

    def test_ownAcceptor(self):
        """What it makes, the acceptors of its own process refuse unasked."""
        self.password.write_text(GOLDEN.password)
        table = config.CallbackTable(user="DOM\\alice", passwordFile=self.password, authType=10)
        logon = CallbackLogon(table, MACHINE, THREADS)
        for machineID in (bytes(32), b""):
            acceptor = NTLMAcceptor(attrs.evolve(server(), machineID=machineID), Accounts(), 6)
            shake(logon.newContext("192.0.2.7", "PC"), acceptor)
            self.assertEqual(acceptor.principal, "DOM\\alice")
        accounts = Accounts()
        acceptor = NTLMAcceptor(attrs.evolve(server(), machineID=MACHINE), accounts, 6)
        with self.assertRaises(AuthenticationFailed):
            shake(logon.newContext("192.0.2.7", "PC"), acceptor)
        self.assertEqual(accounts.asked, [])


class AssemblyTests(CallbackCase):
    def assemble(self, text):
        return assembled(text, self.folder / "data")

    def test_none(self):
        """Without [callback] nobody logs on."""
        self.assertIsNone(self.assemble("").callbackLogon)

    def test_handedBack(self):
        """
        A call-back's logon is taken neither by the server that made it nor by one of its account.

        Others that know the account take it, since for them it is one like any.
        """
        users = self.folder / "users"
        users.write_text("user DOM\\tapi:" + ntHash("secret").hex())
        users.chmod(0o600)
        authentication = f"[authentication]\nusers_file = '{users}'\n"
        parts, twin = (self.assemble(self.text(authentication)) for _ in range(2))
        for other, said in ((parts, "this server's own logon"), (twin, "logon failure")):
            error = self.assertRaises(AuthenticationFailed, self.handOn, parts, other)
            self.assertIn(said, str(error))
        acceptor = self.handOn(parts, self.assemble(authentication))
        self.assertEqual(acceptor.principal.name, "DOM\\tapi")

    def handOn(self, parts, other):
        """Give a call-back's logon to a listener."""
        acceptor = other.factories[0].endpoint.authentication.newContext(9, 6, "peer")
        shake(parts.callbackLogon.newContext("192.0.2.7", "PC"), acceptor)
        return acceptor

    def test_names(self):
        """The account's names are those that clients are known by: the domain's short one too."""
        for user, names in (
            ("DOM\\Tapi", {"DOM\\tapi"}),
            ("tapi@dom.example", {"DOM\\tapi", "DOM.EXAMPLE\\tapi"}),
            ("tapi", {"tapi"}),
        ):
            text = f"[callback]\nuser = '{user}'\npassword_file = 'p'\n"
            text += "[authentication]\nusers_file = 'u'\ndomains = {DOM = 'dom.example'}\n"
            configuration = config.parse(text, "site.toml", {})
            self.assertEqual(assembly._callbackNames(configuration), names)
        self.assertEqual(assembly._callbackNames(config.parse("", "site.toml", {})), set())

    def test_passwordFile(self):
        """A password file that cannot be used stops the start with its reason."""
        self.password.chmod(0o640)
        error = self.assertRaises(ConfigurationError, self.assemble, self.text())
        self.assertIn("site.toml: [callback] the password file", str(error))
        self.assertIn("chmod 0600", str(error))

    @needsGSSAPI
    def test_keytab(self):
        """A keytab that others can read stops the start, as does one without the account's key."""
        keytab = self.folder / "keytab"
        text = f"[callback]\nuser = 'tapi@DOM.TEST'\nkeytab = '{keytab}'\n"
        error = self.assertRaises(ConfigurationError, self.assemble, text)
        self.assertIn("site.toml: [callback] the keytab", str(error))
        keytab.write_bytes(b"\5\2")
        keytab.chmod(0o644)
        error = self.assertRaises(ConfigurationError, self.assemble, text)
        self.assertIn("chmod 0600", str(error))
        keytab.chmod(0o600)
        for content, said in (
            (b"", ""),
            (b"\5\2", ""),
            (keytabOf("other", "DOM.TEST"), "tapi@DOM.TEST"),
        ):
            keytab.write_bytes(content)
            error = self.assertRaises(ConfigurationError, self.assemble, text)
            self.assertIn(f"site.toml: [callback] the keytab {keytab} is of no use", str(error))
            self.assertIn(said, str(error))
        keytab.write_bytes(keytabOf("tapi", "DOM.TEST"))
        parts = self.assemble(text)
        self.assertEqual(parts.callbackLogon.files, (keytab,))

    def test_extras(self):
        """Without an extra the start stops with the line to type."""
        kerberos = "[callback]\nuser = 'a@B'\nccache = 'FILE:/c'\n"
        for missing, extra, text in (
            ("cryptography", "auth", self.text()),
            ("gssapi, which is built with Debian's libkrb5-dev and gcc", "kerberos", kerberos),
        ):
            self.checkExtra(missing, extra, text)

    def checkExtra(self, missing, extra, text):
        program = (
            "import sys\n"
            f"sys.modules[{missing.partition(',')[0]!r}] = None\n"
            "from tapiproxy import assembly, config, configkeys\n"
            f"configuration = config.parse({text!r}, 'site.toml', {{}})\n"
            "try:\n"
            "    assembly._callbackLogon(configuration, b'', None)\n"
            "except configkeys.ConfigurationError as error:\n"
            "    print(error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        self.assertEqual(
            done.stdout,
            f"site.toml: [callback] needs {missing}: pip install 'tapiproxy[{extra}]'\n",
        )
