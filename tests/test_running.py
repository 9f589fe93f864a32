"""A server in operation: start, SIGHUP, stop; with sockets in memory and handlers of the test's."""

import signal
from ipaddress import ip_address
from pathlib import Path

import attrs
from twisted.cred.error import LoginDenied
from twisted.internet import defer, error
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tapiproxy import assembly, config, handlers, interfaces, running, usersfile
from tapiproxy.datadirectory import DataDirectory, DataDirectoryError
from tapiproxy.dcerpc.interface import AuthenticationFailed
from tapiproxy.dcerpc.pdu import SyntaxID
from tapiproxy.dcerpc.towers import TCPTower
from tapiproxy.errors import HandlerArgumentError
from tapiproxy.nthash import ntHash
from tapiproxy.plugins.fixed import FixedHandler
from tapiproxy.tapi.lineconstants import LINEPROXYREQUEST_GETGROUPLIST
from tapiproxy.trp import idl
from tapiproxy.trp.principals import NOBODY
from tapiproxy.trp.proxies import ClientToken
from tapiproxy.winbind import WinbindError
from tests.dcerpc.ept import EPT, ask, ept_map, told
from tests.dcerpc.ntlmpeers import Accounts, shake, spnegoAcceptor
from tests.dcerpc.pdus import bind, context, request
from tests.folders import makeFolder
from tests.logons import makeLogon
from tests.reactors import ServiceReactor

SITE = """\
[handlers.one]
plugin = "zoo"
[lines.a]
addresses = ["1"]
handler = "one"
"""

TWO = (
    SITE
    + """\
[handlers.two]
plugin = "zoo"
[lines.b]
addresses = ["2"]
handler = "two"
"""
)


@implementer(
    interfaces.IProxyHandlerLifecycle,
    interfaces.IReloadable,
    interfaces.IControllable,
    interfaces.IDemonstration,
)
class ZooHandler(FixedHandler):
    """A handler whose life the test leads."""

    def __init__(self, host):
        super().__init__(["Sales"], host)
        self.started, self.stopped = defer.Deferred(), defer.Deferred()
        self.calls = []
        self.demo = bool(host.options.get("demo"))

    def start(self):
        self.calls.append("start")
        if "closed" in self.host.options:
            self.host.setAvailable([])
        return self.started

    def stop(self):
        self.calls.append("stop")
        return self.stopped

    def check(self, options):
        self.calls.append(("check", dict(options)))
        if "wrong" in options:
            raise HandlerArgumentError("wrong is not allowed", key=("wrong",))

    def reload(self, options):
        self.calls.append(("reload", dict(options), self.host.lines))
        if "broken" in options:
            raise KeyError("broken")

    def controlVerbs(self):
        return {"feed": lambda argument: argument}


@implementer(interfaces.IProxyHandlerFactory)
class ZooFactory:
    """Makes handlers, and keeps them for the test."""

    handlerName = "zoo"
    handlerHelp = argStringFormat = ""
    kind = ZooHandler

    def __init__(self):
        self.made = {}

    def makeHandler(self, argString, host):
        if "refused" in host.options:
            raise HandlerArgumentError("refused is not allowed")
        handler = self.kind(host)
        self.made.setdefault(host.name, handler)
        return handler


class RunningCase(SynchronousTestCase):
    """A service over a configuration that the test writes."""

    def setUp(self):
        self.signals = {}
        self.patch(signal, "signal", self.installSignal)
        self.patch(running, "raiseDescriptorLimit", lambda: 1064)
        self.reactor = ServiceReactor()
        self.zoo = ZooFactory()
        found = handlers.FoundFactory(self.zoo, "/plugins/zoo.py")
        self.catalogue = handlers.Catalogue((found,))
        self.folder = makeFolder(self)
        self.text = SITE
        self.logged = []
        observer = lambda event: self.logged.append(formatEvent(event))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.gaveUp = 0

    def installSignal(self, number, handler):
        previous = self.signals.get(number, signal.SIG_DFL)
        self.signals[number] = handler
        return previous

    def read(self):
        return config.parse(
            f'data = "{self.folder}/data"\n{self.text}', "site.toml", assembly.allowedLimits()
        )

    def giveUp(self):
        self.gaveUp += 1

    def make(self, text=SITE):
        self.text = text
        configuration = self.read()
        directory = DataDirectory(configuration.data)
        self.addCleanup(directory.close)
        parts = assembly.assemble(configuration, self.catalogue, directory, self.reactor)
        self.service = running.TelephonyService(
            configuration=configuration,
            readAgain=self.read,
            catalogue=self.catalogue,
            directory=directory,
            parts=parts,
            reactor=self.reactor,
            giveUp=self.giveUp,
        )
        return self.service

    def start(self, text=SITE):
        """Start it, all handlers included."""
        self.make(text).startService()
        for handler in list(self.zoo.made.values()):
            handler.started.callback(None)
        self.assertEqual(self.gaveUp, 0)

    def hangup(self, text):
        """Write another configuration, and send SIGHUP."""
        self.text = text
        self.signals[signal.SIGHUP](signal.SIGHUP, None)
        self.reactor.advance(0)

    def types(self, line):
        """What can be asked on a line now."""
        service = self.service.parts.broker.service(self.line(line))
        return service.requestTypes()

    def line(self, name):
        lines = assembly.lines(self.service.configuration)
        return next(line for line in lines if line.name == name)

    def assertLogged(self, words):
        self.assertTrue(any(words in text for text in self.logged), (words, self.logged))


class StartTests(RunningCase):
    def test_order(self):
        """Nothing listens before the handlers have started; then server and socket do."""
        service = self.make()
        service.startService()
        [handler] = self.zoo.made.values()
        self.assertEqual(handler.calls, ["start"])
        self.assertEqual((self.reactor.tcpServers, self.reactor.unixServers), ([], []))
        self.assertEqual(self.types("a"), ())
        handler.started.callback(None)
        [(port, factory, _backlog, interface)] = self.reactor.tcpServers
        self.assertEqual((port, interface), (13135, "127.0.0.1"))
        self.assertIs(factory, service.parts.factories[0])
        [(path, _factory, _backlog, mode, _pid)] = self.reactor.unixServers
        self.assertEqual((Path(path), mode), (self.folder / "data" / "control.sock", 0o600))
        self.assertIn(LINEPROXYREQUEST_GETGROUPLIST, self.types("a"))

    def test_endpointMapper(self):
        """The endpoint mapper listens last, and tells the port of tapsrv."""
        self.start(SITE + "[endpoint_mapper]\nendpoint = 'tcp:135:interface=127.0.0.1'\n")
        [_tapsrv, (port, factory, _backlog, interface)] = self.reactor.tcpServers
        self.assertEqual((port, interface), (135, "127.0.0.1"))
        protocol = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 50000))
        host = IPv4Address("TCP", "127.0.0.1", 135)
        transport = StringTransport(hostAddress=host)
        protocol.makeConnection(transport)
        protocol.dataReceived(bind(context(abstract=EPT)))
        transport.clear()
        tapsrv = SyntaxID(idl.TAPSRV, *idl.TAPSRV_VERSION)
        for transfer in idl.TRANSFER_SYNTAXES:
            asked = TCPTower(abstract=tapsrv, transfer=transfer.syntaxID)
            protocol.dataReceived(request(ask(asked), ept_map))
            address = ip_address("127.0.0.1")
            expected = attrs.evolve(asked, port=13135, address=address)
            self.assertEqual(told(transport.value()[24:]), ([expected.encode()], 0))
            transport.clear()
        self.service.stopService()
        self.reactor.advance(0.05)
        self.zoo.made["one"].stopped.callback(None)
        self.assertTrue(transport.disconnecting)

    def test_log(self):
        """The start log names handlers, listeners, lines, data directory and the room."""
        self.start(TWO)
        self.assertLogged("handler one: zoo of /plugins/zoo.py, 1 lines")
        self.assertLogged("listening on 0.0.0.0 port 13135")  # as the memory reactor says
        self.assertLogged(
            f"2 lines, data directory {self.folder}/data, configuration site.toml; room for 500 "
            "clients"
        )
        self.assertFalse(any("limit of open files" in text for text in self.logged))

    def test_moreClients(self):
        """Whoever asks for more clients than the descriptors hold is told so."""
        self.start(SITE + "[limits]\nattachedClients = 501\n")
        self.assertLogged("the limit of open files holds 500 clients")

    def test_fewerClients(self):
        """Where the configuration allows fewer clients than the descriptors hold, that counts."""
        self.start(SITE + "[limits]\nattachedClients = 3\n")
        self.assertLogged("room for 3 clients")

    def test_handlerFails(self):
        """A handler that fails to start ends the process, with its reason."""
        self.make().startService()
        self.zoo.made["one"].started.errback(OSError("no switch"))
        self.assertLogged("not started: handler 'one' did not start: OSError: no switch")
        self.assertEqual((self.gaveUp, self.reactor.tcpServers), (1, []))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_handlerSilent(self):
        """A handler has 20 seconds to start."""
        self.make().startService()
        self.reactor.advance(19.9)
        self.assertEqual(self.gaveUp, 0)
        self.reactor.advance(0.1)
        self.assertLogged("handler 'one' has not started within 20 seconds")
        self.assertEqual(self.gaveUp, 1)

    def test_portTaken(self):
        """A port that another has ends the process, with the system's reason."""

        def listenTCP(port, factory, backlog=50, interface=""):
            raise error.CannotListenError(interface, port, OSError(98, "Address in use"))

        self.reactor.listenTCP = listenTCP
        self.make().startService()
        self.zoo.made["one"].started.callback(None)
        self.assertLogged("not started: Couldn't listen on 127.0.0.1:13135")
        self.assertEqual(self.gaveUp, 1)

    def test_wrongEndpoint(self):
        """An endpoint string that is none ends the process, with what it should be like."""
        self.make('listen = ["nosuch:1"]\nallow_unauthenticated = true\n' + SITE).startService()
        self.zoo.made["one"].started.callback(None)
        self.assertLogged("it should be like tcp:PORT:interface=ADDRESS")
        self.assertEqual(self.gaveUp, 1)

    def test_bug(self):
        """A failure that nobody expected ends the process with a traceback."""
        self.patch(running, "clientRoom", lambda descriptors: {}["x"])
        self.make().startService()
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertEqual(self.gaveUp, 1)

    def test_handlersOwnFolder(self):
        """Each handler has a folder of its own in the data directory."""
        self.start(TWO)
        self.assertEqual(
            [handler.host.dataDirectory for handler in self.zoo.made.values()],
            [self.folder / "data" / "handlers" / name for name in ("one", "two")],
        )


class StatusTests(RunningCase):
    def test_status(self):
        """The status names listeners, limits, deadlines, handlers with their files, and more."""
        self.start(TWO + "[deadlines]\ndefault = 4\nCreateAgent = 9\n")
        self.reactor.advance(61)
        status = self.service.status({})
        self.assertEqual((status["seconds"], status["configuration"]), (61, "site.toml"))
        self.assertEqual((status["deadline"], status["deadlines"]), (4.0, {"CreateAgent": 9.0}))
        self.assertEqual(status["data"], f"{self.folder}/data")
        self.assertEqual(status["handlerFiles"]["two"]["file"], "/plugins/zoo.py")
        self.assertEqual(status["listen"], ["0.0.0.0 port 13135"])  # as the memory reactor says
        self.assertEqual(status["limits"]["attachedClients"], 10000)
        for key in ("clients", "lines", "handlers", "outcomes", "outstanding", "connections"):
            self.assertIn(key, status)

    def test_verbs(self):
        """The socket knows status, and each handler's verbs under its name."""
        self.start(TWO)
        control = self.reactor.unixServers[0][1]
        self.assertEqual(sorted(control.verbs), ["one.feed", "status", "two.feed"])


class StopTests(RunningCase):
    def test_stop(self):
        """Listeners close first, then handlers stop, then the socket and the folder are free."""
        self.start()
        [handler] = self.zoo.made.values()
        stopped = self.service.stopService()
        self.assertNoResult(stopped)
        self.assertEqual(handler.calls[-1], "stop")
        self.assertRaises(DataDirectoryError, DataDirectory, self.folder / "data")
        handler.stopped.callback(None)
        self.successResultOf(stopped)
        DataDirectory(self.folder / "data").close()

    def test_winbind(self):
        """The processes that verify logons and tell groups end with the server."""
        users = self.folder / "users"
        usersfile.rewrite(users, lambda text: "")
        self.start(
            f"{SITE}[authentication]\nusers_file = '{users}'\nntlm_auth = '/bin/true'\n"
            "wbinfo = '/bin/true'\ndomains = {DOM = 'dom.test'}\n"
        )
        stopped = self.service.stopService()
        self.zoo.made["one"].stopped.callback(None)
        self.successResultOf(stopped)
        logon = makeLogon("alice", "DOM", "secret")
        failure = self.failureResultOf(self.service.parts.winbind.verify(logon), WinbindError)
        self.assertIn("the server stops", str(failure.value))
        groups = self.service.parts.domainGroups.groupsOf("DOM\\alice")
        self.failureResultOf(groups, LoginDenied)

    def test_handlerHangs(self):
        """A handler has 10 seconds to stop; what fails or hangs is logged, and holds up nobody."""
        self.start(TWO)
        stopped = self.service.stopService()
        self.reactor.advance(10)
        self.assertLogged("handler one has not stopped within 10 seconds, and is left")
        self.zoo.made["two"].stopped.errback(OSError("late"))
        self.successResultOf(stopped)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_whileStarting(self):
        """A stop during the start ends it; only handlers that have started are stopped."""
        self.make(TWO).startService()
        one, two = self.zoo.made["one"], self.zoo.made["two"]
        one.started.callback(None)
        stopped = self.service.stopService()
        one.stopped.callback(None)
        self.successResultOf(stopped)
        self.assertEqual((one.calls, two.calls), (["start", "stop"], ["start"]))
        self.assertEqual((self.gaveUp, self.reactor.tcpServers), (0, []))

    def test_hangupAfterStop(self):
        """SIGHUP has its default again when the service has stopped."""
        self.start()
        stopped = self.service.stopService()
        self.zoo.made["one"].stopped.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.signals[signal.SIGHUP], signal.SIG_DFL)

    def test_hangupWhileStopping(self):
        """SIGHUP while it stops changes nothing."""
        self.start()
        stopped = self.service.stopService()
        self.hangup(TWO)
        self.zoo.made["one"].stopped.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(list(self.zoo.made), ["one"])


class ReloadTests(RunningCase):
    def test_nothing(self):
        """The same configuration changes nothing, and says so."""
        self.start()
        self.hangup(SITE)
        self.assertLogged("configuration site.toml re-read: nothing changed")

    def test_lines(self):
        """Lines come and go; each change is logged; the handler sees its new lines."""
        self.start()
        self.hangup(SITE.replace("[lines.a]", "[lines.c]"))
        self.assertLogged("configuration re-read: line 'c' added")
        self.assertLogged("configuration re-read: line 'a' removed")
        [line] = self.zoo.made["one"].host.lines
        self.assertEqual(line.name, "c")
        self.assertIn(LINEPROXYREQUEST_GETGROUPLIST, self.types("c"))
        self.assertEqual(self.zoo.made["one"].calls[1:], [("reload", {}, (line,))])

    def test_otherHandlersLines(self):
        """A handler whose lines and options stay is not told of a reload."""
        self.start(TWO)
        self.hangup(TWO.replace("[lines.b]", "[lines.c]"))
        self.assertEqual(self.zoo.made["one"].calls, ["start"])
        self.assertEqual(len(self.zoo.made["two"].calls), 2)

    def test_clientOfRemovedHandler(self):
        """A handler that is gone with its line is told that the line's client has gone."""
        closed = []

        @implementer(interfaces.IClientObserver)
        class Observing(ZooHandler):
            def clientOpened(self, client, line, principal):
                pass

            def clientClosed(self, client, reason):
                closed.append((self.host.name, client, reason))

        self.zoo.kind = Observing
        self.start(TWO)
        parts = self.service.parts
        token = ClientToken("PC-1")
        parts.broker.clientOpened(token, self.line("b"), NOBODY)
        parts.server.linesChanged = lambda lines: parts.broker.clientClosed(token, "forced")
        self.hangup(SITE)
        self.assertEqual(closed, [("two", token, "forced")])

    def test_deadlines(self):
        """Deadlines of the server and of a line are taken over, the nearest one counts."""
        self.start()

        class CreateAgent:
            Req_Func = 146

        class GetGroupList:
            Req_Func = 152

        for text, create, groups in (
            ("", 5.0, 5.0),
            ("[deadlines]\ndefault = 4\nCreateAgent = 9\n", 9.0, 4.0),
            ("deadline = 2\n[deadlines]\nCreateAgent = 9\n", 2.0, 2.0),
            ("deadline = 2\n[lines.a.deadlines]\nCreateAgent = 3\n", 3.0, 2.0),
        ):
            self.hangup(SITE + text)
            service = self.service.parts.broker.service(self.line("a"))
            self.assertEqual(service.seconds(CreateAgent), create, text)
            self.assertEqual(service.seconds(GetGroupList), groups, text)

    def test_options(self):
        """New options are checked first, then used; the host has them before."""
        self.start()
        self.hangup(SITE.replace('"zoo"', '"zoo"\ncolour = "blue"', 1))
        handler = self.zoo.made["one"]
        options = {"colour": "blue"}
        self.assertEqual(
            handler.calls[1:], [("check", options), ("reload", options, handler.host.lines)]
        )
        self.assertEqual(handler.host.options, options)
        self.assertLogged("configuration re-read: handler one: colour changed")

    def assertRefused(self, text, words):
        """A reload is refused with these words and changes nothing."""
        before = self.service.configuration
        self.hangup(text)
        self.assertLogged("the configuration stays as it was: " + words)
        self.assertIs(self.service.configuration, before)
        self.assertEqual([line.name for line in self.zoo.made["one"].host.lines], ["a"])
        self.assertNotIn("reload", [call[0] for call in self.zoo.made["one"].calls])

    def test_refused(self):
        """A configuration that is wrong in any place is refused as a whole."""
        self.start()
        changed = SITE.replace("[lines.a]", "[lines.c]")
        self.assertRefused(changed + "x = 1\n", "site.toml, line 7: [lines.c] unknown key x")
        self.assertRefused(
            changed.replace('"zoo"', '"zoo"\nwrong = 1', 1),
            "site.toml, line 4: [handlers.one] wrong is not allowed",
        )
        self.assertRefused(
            'listen = ["tcp:9:interface=127.0.0.1"]\n' + changed,
            "site.toml: listen or [listeners] has changed: that needs a restart",
        )
        self.assertRefused(
            changed + "[handlers.new]\nplugin = 'nosuch'\n", "no handler is named 'nosuch'"
        )
        self.assertRefused(
            changed + "[handlers.new]\nplugin = 'zoo'\nrefused = 1\n", "handler 'new': refused is"
        )

    def test_usersFile(self):
        """The users file is read again, too; a wrong one leaves all as it was."""
        users = self.folder / "users"
        usersfile.rewrite(users, lambda text: usersfile.withUser(text, "alice", bytes(16)))
        site = f"{SITE}[authentication]\nusers_file = '{users}'\n"
        self.start(site)
        accounts = self.service.parts.accounts
        for user, said in (("bob", "nothing changed"), ("carol", "line 'a' changed")):
            usersfile.rewrite(
                users, lambda text, user=user: usersfile.withUser(text, user, bytes(16))
            )
            self.assertIsNone(self.successResultOf(accounts.find("", user)))
            self.hangup(site.replace('["1"]', '["1"]' if user == "bob" else '["2"]'))
            self.assertIsNotNone(self.successResultOf(accounts.find("", user)))
            self.assertLogged(f"users file {users} re-read")
            self.assertLogged(said)
        users.write_text("nonsense")
        self.hangup(site.replace('["1"]', '["3"]'))
        self.assertLogged(f"the configuration stays as it was: {users}, line 1: it should be user")
        self.assertEqual([each.address for each in self.line("a").addresses], ["2"])
        self.assertIsNotNone(self.successResultOf(accounts.find("", "carol")))

    def test_passwordFile(self):
        """So is the password of the call-backs: the next one is made with it."""
        password = self.folder / "password"
        password.write_text("first")
        password.chmod(0o600)
        site = f"{SITE}[callback]\nuser = 'DOM\\tapi'\npassword_file = '{password}'\n"
        self.start(site)
        self.assertLogged(
            "called back as DOM\\tapi at level privacy; those that do not take that are refused"
        )
        password.write_text("second")
        self.assertTrue(self.logsOnWith("first"))
        self.hangup(site)
        self.assertLogged(f"{password} of [callback] re-read")
        self.assertTrue(self.logsOnWith("second"))
        password.write_text("third")
        password.chmod(0o644)
        self.hangup(site)
        self.assertLogged("the configuration stays as it was: the password file")
        self.assertTrue(self.logsOnWith("second"))

    def logsOnWith(self, password):
        """Whether the next call-back proves that it knows a password."""
        accounts = Accounts()
        client = self.service.parts.callbackLogon.newContext("192.0.2.1", "PC")
        with self.assertRaises(AuthenticationFailed):
            shake(client, spnegoAcceptor(6, accounts=accounts))
        [logon] = accounts.asked
        self.assertEqual((logon.domain, logon.user), ("DOM", "tapi"))
        return logon.sessionBaseKey(ntHash(password)) is not None

    def test_weakCallbackLogon(self):
        """A logon that protects nothing is warned of."""
        password = self.folder / "password"
        password.write_text("first")
        password.chmod(0o600)
        site = f"{SITE}[callback]\nuser = 'tapi'\npassword_file = '{password}'\n"
        self.start(site + "level = 'connect'\n")
        self.assertLogged("hands the server's logon on is let in elsewhere as tapi")

    def test_noCallbackLogon(self):
        """Without [callback] the start says what that means for clients."""
        self.start()
        self.assertLogged("clients are called back without a logon; those that want one")

    def test_notReloadable(self):
        """A handler that takes no options while it runs wants a restart."""
        self.zoo.kind = lambda host: FixedHandler(["Sales"], host)
        self.make().startService()
        self.hangup(SITE.replace('"zoo"', '"zoo"\ncolour = "blue"', 1))
        self.assertLogged("[handlers.one] has changed: that needs a restart of the server")

    def test_demonstration(self):
        """Options that would make a demonstration of a handler are refused beyond loopback."""
        beyond = 'listen = ["tcp:1"]\nallow_unauthenticated = true\n'
        self.start(beyond + SITE)
        self.assertRefused(
            beyond + SITE.replace('"zoo"', '"zoo"\ndemo = true', 1),
            "site.toml: handler 'one' is a demonstration",
        )

    def test_reloadFails(self):
        """A handler that fails on options that it had checked is logged; the rest is in force."""
        self.start()
        self.hangup(TWO.replace('"zoo"', '"zoo"\nbroken = 1', 1))
        self.zoo.made["two"].started.callback(None)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertIn(LINEPROXYREQUEST_GETGROUPLIST, self.types("b"))

    def test_added(self):
        """A new handler starts before anything is in force, and answers from then on."""
        self.start()
        self.hangup(TWO)
        two = self.zoo.made["two"]
        self.assertEqual([line.name for line in two.host.lines], ["b"])
        self.assertEqual(len(self.service.configuration.lines), 1)
        two.started.callback(None)
        self.assertEqual(len(self.service.configuration.lines), 2)
        self.assertIn(LINEPROXYREQUEST_GETGROUPLIST, self.types("b"))
        self.assertIn("two.feed", self.reactor.unixServers[0][1].verbs)
        self.assertLogged("configuration re-read: handler two added")

    def test_addedUnavailable(self):
        """What a new handler says of its availability while it starts holds from then on."""
        self.start()
        self.hangup(TWO.replace("[handlers.two]", "[handlers.two]\nclosed = true"))
        two = self.zoo.made["two"]
        two.started.callback(None)
        self.assertEqual(self.types("b"), ())
        two.host.setAvailable([LINEPROXYREQUEST_GETGROUPLIST])
        self.assertEqual(self.types("b"), (LINEPROXYREQUEST_GETGROUPLIST,))

    def test_addedSaysNonsense(self):
        """A new handler that says what it does not provide, or fails on its verbs, is not added."""

        class Nonsense(ZooHandler):
            def start(self):
                self.host.setAvailable([99])
                return defer.succeed(None)

        class Speechless(ZooHandler):
            def controlVerbs(self):
                raise KeyError("feed")

        self.start()
        for kind, failure, words in (
            (Nonsense, ValueError, "handler 'two' did not start: ValueError: request types [99]"),
            (Speechless, KeyError, "handler 'two' does not say which commands it takes"),
        ):
            self.zoo.kind = kind
            self.zoo.made.pop("two", None)
            self.assertRefused(TWO, words)
            self.assertEqual(len(self.flushLoggedErrors(failure)), 1)
            self.assertNotIn("two", self.service.status({})["handlers"])

    def test_addedFails(self):
        """A new handler that does not start takes the whole reload back."""
        self.start()
        self.hangup(TWO)
        self.zoo.made["two"].started.errback(OSError("no switch"))
        self.assertLogged("the configuration stays as it was: handler 'two' did not start")
        self.assertEqual(len(self.service.configuration.lines), 1)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.assertEqual(self.zoo.made["two"].calls, ["start"])

    def test_removed(self):
        """A handler that is gone is stopped, its lines and its verbs are gone before."""
        self.start(TWO)
        self.hangup(SITE)
        two = self.zoo.made["two"]
        self.assertEqual(two.calls, ["start", "stop"])
        self.assertNotIn("two.feed", self.reactor.unixServers[0][1].verbs)
        self.assertNotIn("two", self.service.status({})["handlers"])
        two.stopped.callback(None)
        stopped = self.service.stopService()
        self.zoo.made["one"].stopped.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(two.calls, ["start", "stop"])

    def test_twice(self):
        """SIGHUPs during a reload are one more reload, with the file as it is then."""
        self.start()
        self.hangup(TWO)
        self.hangup("nonsense")
        self.hangup(TWO + "[deadlines]\ndefault = 3\n")
        self.zoo.made["two"].started.callback(None)
        self.assertEqual(self.service.configuration.deadline, 3.0)
        self.assertFalse(any("stays as it was" in text for text in self.logged))

    def test_bug(self):
        """A failure that nobody expected leaves the configuration, and is logged as one."""
        self.start()
        self.patch(running, "compare", lambda old, new: {}["x"])
        self.hangup(TWO)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertEqual(len(self.service.configuration.lines), 1)
