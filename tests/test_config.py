"""The configuration: what is read from it, and how it is refused."""

import itertools
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tapiproxy import config, defaults
from tapiproxy.assembly import allowedLimits
from tapiproxy.configkeys import ConfigurationError, Limit
from tests.folders import makeFolder

LIMITS = {
    "clients": Limit(default=100, least=1, most=1000),
    "idle": Limit(default=30.0, least=0.1, most=3600.0),
}

SITE = """\
listen = ["tcp:135:interface=127.0.0.1", "unix:/run/t.sock"]
data = "/srv/tapiproxy"
allow_unauthenticated = true
poll_without_callback = true
administrators = ["DOM\\\\root"]

[limits]
clients = 7
idle = 9

[deadlines]
default = 4
CreateAgent = 10.0

[handlers.main]
plugin = "acd"
arguments = "fast"
grace = 60

[[handlers.main.agents]]
id = "1001"

[handlers.test]

[lines.sales]
addresses = ["1001", "1002"]
handler = "main"
users = ["DOM\\\\alice"]
groups = ["Sales"]
deadline = 2.5

[lines.sales.deadlines]
GetQueueList = 1

[lines."Line 2"]
addresses = ["1003"]
handler = "test"
"""


def endpoints(configuration):
    """Where it listens."""
    return [each.endpoint for each in configuration.listeners]


class ReadTests(SynchronousTestCase):
    def parse(self, text):
        return config.parse(text, "site.toml", LIMITS)

    def test_all(self):
        """Every key arrives where it belongs; keys of a handler's own stay as they are."""
        read = self.parse(SITE)
        self.assertEqual(endpoints(read), ["tcp:135:interface=127.0.0.1", "unix:/run/t.sock"])
        self.assertEqual(read.data, Path("/srv/tapiproxy"))
        self.assertTrue(read.allowUnauthenticated)
        self.assertTrue(read.pollWithoutCallback)
        self.assertEqual(read.administrators, {"DOM\\root"})
        self.assertEqual(read.limits, {"clients": 7, "idle": 9.0})
        self.assertEqual((read.deadline, read.deadlines), (4.0, {"CreateAgent": 10.0}))
        main, test = read.handlers
        self.assertEqual((main.name, main.plugin, main.arguments), ("main", "acd", "fast"))
        self.assertEqual(main.options, {"grace": 60, "agents": [{"id": "1001"}]})
        self.assertEqual((test.plugin, test.arguments, test.options), ("test", "", {}))
        sales, second = read.lines
        self.assertEqual(
            sales,
            config.LineTable(
                name="sales",
                addresses=("1001", "1002"),
                handler="main",
                users=("DOM\\alice",),
                groups=("Sales",),
                deadline=2.5,
                deadlines={"GetQueueList": 1.0},
            ),
        )
        self.assertEqual((second.name, second.handler, second.users), ("Line 2", "test", ()))

    def test_default(self):
        """Without a file there is one line with one address, the acd, and loopback."""
        read = config.read(None, LIMITS)
        self.assertEqual(endpoints(read), [defaults.LISTEN])
        self.assertEqual(read.data, defaults.dataDirectory())
        self.assertFalse(read.allowUnauthenticated)
        self.assertEqual(read.handlers, (config.HandlerTable(name="acd", plugin="acd"),))
        self.assertEqual(
            read.lines,
            (config.LineTable(name="Line 1", addresses=("1000",), handler="acd"),),
        )
        self.assertEqual((read.deadline, read.deadlines, read.limits), (5.0, {}, {}))

    def test_onlyHandler(self):
        """A line need not name its handler where there is only one."""
        [line] = self.parse('[handlers.fixed]\n[lines.a]\naddresses = ["1"]').lines
        self.assertEqual(line.handler, "fixed")

    def test_withHandler(self):
        """--handler puts every line on that handler; a table of its name keeps its options."""
        read = self.parse(SITE).withHandler("main", "slow")
        [table] = read.handlers
        self.assertEqual((table.plugin, table.arguments), ("acd", "slow"))
        self.assertEqual(table.options["grace"], 60)
        self.assertEqual({line.handler for line in read.lines}, {"main"})
        [table] = self.parse(SITE).withHandler("fixed", "").handlers
        self.assertEqual(table, config.HandlerTable(name="fixed", plugin="fixed"))

    def test_relativeData(self):
        """A relative data directory is fixed at once: a daemon changes its own directory."""
        self.assertTrue(self.parse('data = "here"').data.is_absolute())

    def test_optionsNotShown(self):
        """A handler's options may hold secrets: they are in no repr."""
        read = self.parse('[handlers.acd]\ntoken = "s3cret"')
        self.assertNotIn("s3cret", repr(read))


class RefusalTests(SynchronousTestCase):
    def refused(self, text):
        error = self.assertRaises(ConfigurationError, config.parse, text, "site.toml", LIMITS)
        return str(error)

    def assertRefused(self, text, expected):
        self.assertEqual(self.refused(text), expected)

    def test_notTOML(self):
        """What is not TOML is refused with line and column."""
        refused = self.refused("listen = []\ndata 5\n")
        self.assertTrue(refused.startswith("site.toml: "), refused)
        self.assertIn("line 2, column 6", refused)

    def test_unknownKey(self):
        """An unknown key is refused with line, table, the nearest key and all that are allowed."""
        self.assertRefused(
            'listen = ["tcp:1"]\n\n[lines.sales]\nadresses = ["1"]\n',
            "site.toml, line 4: [lines.sales] unknown key adresses (did you mean addresses?); "
            "allowed are addresses, deadline, deadlines, groups, handler, users",
        )
        self.assertIn("unknown key port; allowed are", self.refused("port = 135"))

    def test_wrongValue(self):
        """A wrong value is refused with line, table, key, what was found and what is allowed."""
        self.assertRefused(
            "data = 5\n",
            "site.toml, line 1: data = 5; it should be the data directory's path",
        )
        self.assertRefused(
            "[limits]\n# few\nclients = 0\n",
            "site.toml, line 3: [limits] clients = 0; it should be a whole number from 1 to 1000 "
            "(default 100)",
        )
        self.assertRefused(
            "[lines.a]\naddresses = []\n",
            "site.toml, line 2: [lines.a] addresses = []; it should be a list of one or more "
            "different texts, the line's addresses",
        )

    def test_kinds(self):
        """No value of a wrong kind is taken for another: no number for a bool, no bool for one."""
        for text in (
            "listen = []",
            'listen = "tcp:135"',
            'listen = ["tcp:1", "tcp:1"]',
            "listen = [135]",
            'data = ""',
            'data = "a\\nb"',
            "allow_unauthenticated = 1",
            'allow_unauthenticated = "true"',
            "limits = 5",
            "[limits]\nclients = true",
            "[limits]\nclients = 7.5",
            "[limits]\nclients = 1001",
            "[limits]\nidle = nan",
            "[limits]\nidle = inf",
            "[deadlines]\ndefault = 0",
            "[deadlines]\ndefault = -1",
            "[deadlines]\nCreateAgent = 4000",
            '[deadlines]\nCreateAgent = "5"',
            "handlers = 1",
            "[handlers]",
            "[handlers]\nacd = 1",
            "[handlers.acd]\nplugin = 1",
            '[handlers.acd]\nplugin = "../x"',
            "[handlers.acd]\narguments = 1",
            "[lines]",
            "[lines]\na = 1",
            '[lines.a]\naddresses = ["1", "1"]',
            '[lines.a]\naddresses = [""]',
            '[lines.a]\naddresses = ["1"]\nusers = "alice"',
            '[lines.a]\naddresses = ["1"]\ndeadline = 0',
            '[lines.a]\naddresses = ["1"]\n[lines.a.deadlines]\nCreateAgent = 0',
            "lines = 2026-01-01",
        ):
            self.assertIn("it should be", self.refused(text), text)

    def test_names(self):
        """Names of handlers and lines are held to what can stand in a log and a command."""
        self.assertIn("small letter", self.refused("[handlers.Main]"))
        self.assertIn("printable", self.refused('[lines."a\\tb"]\naddresses = ["1"]'))
        self.assertIn("printable", self.refused('[lines.""]\naddresses = ["1"]'))

    def test_unknownDeadline(self):
        """A deadline of a request that no handler gets is refused with those that there are."""
        refused = self.refused("[deadlines]\ncreateAgent = 5")
        self.assertIn("did you mean CreateAgent?", refused)
        self.assertIn("GetQueueInfo", refused)

    def test_noAddresses(self):
        """A line without addresses is refused at its own place."""
        self.assertRefused(
            "[lines.a]\n",
            "site.toml, line 1: [lines.a] addresses is missing; it should be a list of one or more "
            "different texts, the line's addresses",
        )

    def test_lineWithoutHandler(self):
        """A line names one of the handler tables, or is refused with those that there are."""
        tables = "[handlers.a]\n[handlers.b]\n[lines.x]\naddresses = ['1']\n"
        self.assertRefused(
            tables,
            "site.toml, line 3: [lines.x] handler is missing; it should be the name of one of the "
            "[handlers.NAME] tables (a, b)",
        )
        self.assertRefused(
            tables + "handler = 'c'",
            'site.toml, line 5: [lines.x] handler = "c"; it should be the name of one of the '
            "[handlers.NAME] tables (a, b)",
        )

    def test_longValue(self):
        """An endless value is not repeated endlessly."""
        self.assertLess(len(self.refused(f'listen = "{"x" * 5000}"')), 250)


class FileTests(SynchronousTestCase):
    def refused(self, content):
        file = makeFolder(self) / "site.toml"
        if content is not None:
            file.write_bytes(content)
        error = str(self.assertRaises(ConfigurationError, config.read, file, LIMITS))
        self.assertIn(str(file), error)
        return error

    def test_read(self):
        """A file is read as UTF-8."""
        file = makeFolder(self) / "site.toml"
        file.write_text('[lines."Köln"]\naddresses = ["1"]\n', "utf-8")
        [line] = config.read(file, LIMITS).lines
        self.assertEqual(line.name, "Köln")

    def test_missing(self):
        """A file that is not there is refused with the system's reason."""
        self.assertIn("No such file", self.refused(None))

    def test_encoding(self):
        """A file in another encoding is refused with the line where that shows."""
        self.assertIn(", line 2: not UTF-8", self.refused(b"# a\n# \xe4\n"))

    def test_large(self):
        """A file that cannot be a configuration is not read to its end."""
        self.assertIn("larger than", self.refused(b"#" * (16 * 1024 * 1024 + 1)))


class AuthenticationTests(SynchronousTestCase):
    def parse(self, text):
        return config.parse(text, "site.toml", LIMITS)

    def refused(self, text):
        return str(self.assertRaises(ConfigurationError, self.parse, text))

    def test_listeners(self):
        """Listeners have endpoints and levels; those of listen come first, and need not be."""
        tables = (
            '[listeners.inside]\nendpoint = "tcp:1:interface=127.0.0.1"\nminimum_level = "none"\n'
            '[listeners.outside]\nendpoint = "tcp:2"\n'
        )
        inside = config.ListenerTable(endpoint="tcp:1:interface=127.0.0.1", minimumLevel=1)
        outside = config.ListenerTable(endpoint="tcp:2")
        self.assertEqual(self.parse(tables).listeners, (inside, outside))
        self.assertEqual(
            self.parse('listen = ["tcp:3"]\n' + tables).listeners,
            (config.ListenerTable(endpoint="tcp:3"), inside, outside),
        )

    def test_levels(self):
        """Levels go by the names of [MS-RPCE]'s, from none to privacy."""
        found = []
        for level in ("none", "connect", "packet", "integrity", "privacy"):
            text = f'[listeners.a]\nendpoint = "tcp:1"\nminimum_level = "{level}"\n'
            found.append(self.parse(text).listeners[0].minimumLevel)
        self.assertEqual(found, [1, 2, 4, 5, 6])

    def test_identities(self):
        """Who a client is, RPC alone says if nothing else is written."""
        found = []
        for line in ("", 'identity = "rpc"\n', 'identity = "pipe"\n'):
            text = f'[listeners.a]\nendpoint = "np:/x"\n{line}'
            found.append(self.parse(text).listeners[0].pipeIdentity)
        self.assertEqual(found, [False, False, True])
        for wrong in ('"smb"', "true", "[]"):
            text = f"[listeners.a]\nendpoint = 'np:/x'\nidentity = {wrong}\n"
            self.assertIn("it should be one of rpc, pipe", self.refused(text))

    def test_keytab(self):
        """A keytab makes a users file superfluous, and may be limited to one service."""
        read = self.parse("[authentication]\nkeytab = '/etc/keytab'\n").authentication
        self.assertEqual(
            (read.usersFile, read.keytab, read.servicePrincipal), (None, Path("/etc/keytab"), None)
        )
        read = self.parse(
            "[authentication]\nusers_file = '/etc/users'\nkeytab = '/etc/keytab'\n"
            "service_principal = 'host/server.dom.example@DOM.EXAMPLE'\n"
        ).authentication
        self.assertEqual(read.usersFile, Path("/etc/users"))
        self.assertEqual(read.servicePrincipal, "host/server.dom.example@DOM.EXAMPLE")

    def test_authentication(self):
        """A users file, and domains by their DNS names."""
        table = self.parse(
            '[authentication]\nusers_file = "/etc/users"\ndomains = {Dom = "dom.test"}\n'
        ).authentication
        self.assertEqual(table.usersFile, Path("/etc/users"))
        self.assertEqual(table.domains, {"DOM.TEST": "DOM"})
        self.assertIsNone(table.ntlmAuth)
        self.assertIsNone(self.parse("").authentication)

    def test_callback(self):
        """An account and its password are enough; the rest is what clients want by default."""
        text = "[callback]\nuser = 'Dom\\Tapi$'\npassword_file = '/etc/password'\n"
        table = self.parse(text).callback
        self.assertEqual(
            table, config.CallbackTable(user="Dom\\Tapi$", passwordFile=Path("/etc/password"))
        )
        self.assertEqual((table.authType, table.level, table.required), (9, 6, True))
        table = self.parse(
            text + 'mechanism = "ntlm"\nlevel = "integrity"\nrequired = false\n'
        ).callback
        self.assertEqual((table.authType, table.level, table.required), (10, 5, False))
        table = self.parse(
            "[callback]\nuser = 'tapi@DOM'\nkeytab = '/etc/keytab'\nmechanism = 'kerberos'\n"
        ).callback
        self.assertEqual(table.keytab, Path("/etc/keytab"))
        self.assertEqual((table.authType, table.passwordFile, table.ccache), (16, None, ""))
        self.assertIsNone(self.parse("").callback)

    def test_accounts(self):
        """Accounts are spelled as principals are, however they are written."""
        read = self.parse(
            "administrators = ['dom\\Root', 'Boss@dom.test']\n"
            "[lines.a]\naddresses = ['1']\nusers = ['dom\\ALICE', 'Bob']\n"
        )
        self.assertEqual(read.administrators, {"DOM\\root", "DOM.TEST\\boss"})
        self.assertEqual(read.lines[0].users, ("DOM\\alice", "bob"))

    def test_endpointMapper(self):
        """There is an endpoint mapper where one is asked for."""
        self.assertIsNone(self.parse("").endpointMapper)
        read = self.parse("[endpoint_mapper]\nendpoint = 'tcp:135'\n")
        self.assertEqual(read.endpointMapper, "tcp:135")
        self.assertEqual(len(read.listeners), 1)

    def test_refused(self):
        """What is missing or wrong is refused with its place and what it should be."""
        for text, said in (
            ("[listeners.a]\n", "line 1: [listeners.a] endpoint is missing"),
            ("listeners = {a = 5}", "[listeners] a = 5; it should be a table"),
            ("[listeners]\n", "listeners = a table; it should be one or more tables"),
            (
                "[listeners.a]\nendpoint = 'tcp:1'\nminimum_level = 'call'\n",
                'line 3: [listeners.a] minimum_level = "call"; it should be one of none, connect',
            ),
            (
                "[listeners.a]\nendpoint = 'tcp:1'\nminimum_level = 6\n",
                "minimum_level = 6; it should be one of",
            ),
            ("[endpoint_mapper]\n", "line 1: [endpoint_mapper] endpoint is missing"),
            ("[endpoint_mapper]\nlisten = 'tcp:1'\n", "unknown key listen; allowed are endpoint"),
            ("[authentication]\n", "line 1: [authentication] users_file is missing"),
            (
                "[authentication]\ncheckers = 'memory:alice:secret'\n",
                "it should be a list of checkers with their arguments",
            ),
            (
                "[authentication]\nusers_file = 'u'\nservice_principal = 'host/a@B'\n",
                "line 3: [authentication] service_principal without keytab",
            ),
            (
                "[authentication]\nusers_file = 'u'\nrequire_pac = true\n",
                "line 3: [authentication] require_pac without keytab",
            ),
            *(
                (
                    f"[authentication]\nkeytab = 'k'\nservice_principal = '{wrong}'\n",
                    f'line 3: [authentication] service_principal = "{wrong}"; it should be a '
                    "service with its realm",
                )
                for wrong in ("host/a", "a@B", "host/a/b@C", "host/a@b@C", "host/ a@B")
            ),
            (
                "[authentication]\nusers_file = 'u'\ndomains = {A = 5}\n",
                "line 3: [authentication] domains = a table; it should be a table of domains'",
            ),
            (
                "[authentication]\nusers_file = 'u'\nntlm_auth = 'ntlm_auth'\n",
                'line 3: [authentication] ntlm_auth = "ntlm_auth"; it should be the path',
            ),
            (
                "[authentication]\nusers_file = 'u'\nntlm_auth = '/bin/ntlm_auth'\n",
                "line 3: [authentication] ntlm_auth without domains",
            ),
            (
                "[authentication]\nusers_file = 'u'\nwbinfo = '/bin/wbinfo'\n",
                "line 3: [authentication] wbinfo without domains",
            ),
            ("[callback]\n", "line 1: [callback] user is missing; it should be an account"),
            (
                "[callback]\nuser = 'a'\n",
                "line 1: [callback] password_file or keytab or ccache is missing: how the account",
            ),
            (
                "[callback]\nuser = 'a@B'\nkeytab = 'k'\nmechanism = 'ntlm'\n",
                "[callback] password_file is missing",
            ),
            (
                "[callback]\nuser = 'a@B'\npassword_file = 'p'\nmechanism = 'kerberos'\n",
                "[callback] keytab or ccache is missing",
            ),
            (
                "[callback]\nuser = 'A\\b'\nkeytab = 'k'\n",
                "with a keytab or ccache it should be 'user@REALM'",
            ),
            (
                "[callback]\nuser = 'a@B'\nkeytab = 'k'\nccache = 'c'\n",
                "line 4: [callback] ccache beside keytab",
            ),
            (
                "[callback]\nuser = 'a:b'\n",
                'line 2: [callback] user = "a:b"; it should be an account',
            ),
            ("[callback]\nlevel = 'none'\n", 'level = "none"; it should be one of connect, packet'),
            ("[callback]\nmechanism = 'basic'\n", "it should be one of negotiate, ntlm, kerberos"),
            ("administrators = ['a\\b\\c']", "it should be a list of accounts, each 'DOMAIN"),
            ("[lines.a]\naddresses = ['1']\nusers = ['']", "it should be a list of accounts"),
        ):
            self.assertIn(said, self.refused(text))


class DocumentationTests(SynchronousTestCase):
    def setUp(self):
        self.root = Path(__file__).resolve().parent.parent
        self.text = (self.root / "docs" / "configuration.md").read_text("utf-8")

    def test_keys(self):
        """The documentation names every key that there is."""
        tables = {"limits", "deadlines", "handlers", "lines", "listeners", "authentication"}
        tables |= {"callback", "endpoint_mapper"}
        keys = (
            config._AUTHENTICATION,
            config._CALLBACK,
            config._HANDLER,
            config._LINE,
            config._LISTENER,
        )
        for key in (*config._ROOT, *itertools.chain(*keys)):
            wanted = f"[{key.name}" if key.name in tables else f"`{key.name}`"
            self.assertIn(wanted, self.text)

    def test_limits(self):
        """The documentation names every limit with the default that it has."""
        rows = set(re.findall(r"^\| `(\w+)` \| (\d+) \|", self.text, re.MULTILINE))
        self.assertEqual(
            rows, {(name, f"{limit.default:.0f}") for name, limit in allowedLimits().items()}
        )

    def test_example(self):
        """The documentation's example is a configuration."""
        [example] = re.findall(r"```toml\n(.*?)```", self.text, re.DOTALL)
        read = config.parse(example, "docs", allowedLimits())
        self.assertEqual([line.handler for line in read.lines], ["acd", "try"])
        self.assertEqual(endpoints(read), [defaults.LISTEN])

    def test_readme(self):
        """The README's example is a configuration."""
        readme = (self.root / "README.md").read_text("utf-8")
        [example] = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
        [line] = config.parse(example, "README", allowedLimits()).lines
        self.assertEqual(line.addresses, ("2001", "2002"))
