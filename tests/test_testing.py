"""
The conformance kit: it passes a good handler, and tells a bad one what is wrong with it.

Each animal of the zoo is a good handler with one thing broken; what the kit says of it is expected
word for word where the words matter to its author.
"""

import contextlib
import unittest
from pathlib import Path
from uuid import UUID

from twisted.internet import defer, reactor, task, threads
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer, verify

from tapiproxy import interfaces
from tapiproxy.errors import HandlerArgumentError, InvalidAgentID, InvalidPassword, TAPIError
from tapiproxy.proxy.broker import Assignment, Broker
from tapiproxy.proxy.host import ProxyHost
from tapiproxy.proxy.lines import staticLine
from tapiproxy.tapi import agentstructs as structs
from tapiproxy.tapi import lineconstants, proxymessages
from tapiproxy.testing import (
    FakeAddress,
    FakeLine,
    FakePrincipal,
    FakeProxyHost,
    KnownAgent,
    makeProxyHandlerTests,
    makeRequest,
)

SALES = structs.LINEAGENTGROUPENTRY(GroupID=UUID(int=7), Name="Sales")
BOTH = (interfaces.IAgentProxyHandler, interfaces.ICallCenterProxyHandler)


@implementer(
    *BOTH,
    interfaces.IProxyHandlerLifecycle,
    interfaces.IClientObserver,
    interfaces.IReloadable,
    interfaces.IControllable,
)
class Good:
    """A handler with one of everything: one agent, one group, one queue, one session at most."""

    def __init__(self, host):
        self.host = host
        self.session = None

    def start(self):
        return task.deferLater(self.host.reactor, 1)

    def stop(self):
        return defer.succeed(None)

    def clientOpened(self, client, line, principal):
        pass

    def clientClosed(self, client, reason):
        pass

    def check(self, options):
        if "no_such_option_7e57ab1e" in options:
            raise HandlerArgumentError("unknown option")

    def reload(self, options):
        pass

    def controlVerbs(self):
        return {"feed": self.feed}

    def feed(self, argument):
        return {"fed": len(argument)}

    def agent(self, hAgent):
        if hAgent != 1001:
            raise InvalidAgentID

    def queue(self, dwQueueID):
        if dwQueueID != 3:
            raise TAPIError(0x80000048)

    def setAgentGroup(self, request):
        pass

    async def setAgentState(self, request):
        pass

    def setAgentActivity(self, request):
        pass

    def getAgentCaps(self, request):
        return structs.LINEAGENTCAPS(AgentHandlerInfo="zoo")

    def getAgentStatus(self, request):
        return structs.LINEAGENTSTATUS(dwState=lineconstants.LINEAGENTSTATE_LOGGEDOFF)

    def agentSpecific(self, request):
        return request.Params[::-1]

    def getAgentActivityList(self, request):
        entry = structs.LINEAGENTACTIVITYENTRY(dwID=1, Name="Lunch")
        return structs.LINEAGENTACTIVITYLIST(List=(entry,))

    def getAgentGroupList(self, request):
        return structs.LINEAGENTGROUPLIST(List=(SALES,))

    def createAgent(self, request):
        if request.AgentID != "1001":
            raise InvalidAgentID
        if request.AgentPIN != "1234":
            raise InvalidPassword
        return task.deferLater(self.host.reactor, 0.5, lambda: 1001)

    def setAgentMeasurementPeriod(self, request):
        self.agent(request.hAgent)

    def getAgentInfo(self, request):
        self.agent(request.hAgent)
        return structs.LINEAGENTINFO()

    async def createAgentSession(self, request):
        self.agent(request.hAgent)
        if request.GroupID != SALES.GroupID:
            raise TAPIError(0x80000058)
        self.session = 5
        message = proxymessages.LINE_AGENTSESSIONSTATUS(5, 1)
        self.host.proxyMessage(request.line, message)
        return 5

    def getAgentSessionList(self, request):
        self.agent(request.hAgent)
        return structs.LINEAGENTSESSIONLIST()

    def getAgentSessionInfo(self, request):
        if request.hAgentSession != self.session:
            raise TAPIError(0x80000048)
        return structs.LINEAGENTSESSIONINFO()

    def setAgentSessionState(self, request):
        if request.hAgentSession != self.session:
            raise TAPIError(0x80000048)

    def getQueueList(self, request):
        if request.GroupID != SALES.GroupID:
            raise TAPIError(0x80000058)
        return structs.LINEQUEUELIST(List=(structs.LINEQUEUEENTRY(dwQueueID=3, Name="Q"),))

    def setQueueMeasurementPeriod(self, request):
        self.queue(request.dwQueueID)

    def getQueueInfo(self, request):
        self.queue(request.dwQueueID)
        return structs.LINEQUEUEINFO()

    def getGroupList(self, request):
        return structs.LINEAGENTGROUPLIST(List=(SALES,))

    def setAgentStateEx(self, request):
        self.agent(request.hAgent)


@implementer(interfaces.IProxyHandlerFactory)
class Factory:
    """Makes handlers of one class, or whatever it is told to make."""

    handlerName = "zoo"
    handlerHelp = "For a test."
    argStringFormat = ""

    def __init__(self, make):
        self.make = make

    def makeHandler(self, argString, host):
        if "\x00" in argString or "no_such_option_7e57ab1e" in host.options:
            raise HandlerArgumentError("that is no argument")
        return self.make(host)


AGENT = KnownAgent(AgentID="1001", AgentPIN="1234", strict=True)

GoodTests = makeProxyHandlerTests(Factory(Good), provides=BOTH, agent=AGENT)


class Threaded(Good):
    """A handler that answers from a thread, and so needs the real reactor."""

    def start(self):
        return threads.deferToThreadPool(
            self.host.reactor, self.host.reactor.getThreadPool(), lambda: None
        )

    def createAgent(self, request):
        if (request.AgentID, request.AgentPIN) != ("1001", "1234"):
            raise InvalidAgentID
        pool = self.host.reactor.getThreadPool()
        return threads.deferToThreadPool(self.host.reactor, pool, lambda: 1001)


ThreadedTests = makeProxyHandlerTests(
    Factory(Threaded), provides=BOTH, agent=AGENT, makeReactor=lambda: reactor
)


class ZooTests(SynchronousTestCase):
    """Each test breaks one thing."""

    def run_(self, factory, provides=BOTH, agent=AGENT):
        """The kit for a factory, to be run by `assertSays`."""
        return makeProxyHandlerTests(factory, provides=provides, agent=agent)

    def broken(self, **changes):
        """The kit for a good handler with these attributes instead of its own."""
        return self.run_(Factory(type("Broken", (Good,), changes)))

    def assertPasses(self, case):
        """The whole kit passes."""
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
        self.assertEqual(result.failures + result.errors, [])
        self.assertGreater(result.testsRun, 20)

    def assertSays(self, case, test, words):
        """One test of the kit fails with these words; its text is returned."""
        result = unittest.TestResult()
        case(test).run(result)
        [text, *_] = [str(text) for _, text in result.failures + result.errors]
        self.assertIn(words, text)
        return text

    def test_good(self):
        """The good handler passes; with the kit failing it, nothing below would mean anything."""
        self.assertPasses(self.run_(Factory(Good)))

    def test_wrongFactory(self):
        """A factory with wrong attributes fails as the factory."""
        factory = Factory(Good)
        factory.handlerName = "Zoo!"
        self.assertSays(self.run_(factory), "test_factory", "the factory: handlerName is 'Zoo!'")

    def test_makeFails(self):
        """A factory that fails is told with the exception and its place."""
        found = self.run_(Factory(lambda host: host.options["colour"]))
        text = self.assertSays(
            found, "test_provides", "makeHandler('') raised KeyError: 'colour' ("
        )
        self.assertIn("test_testing.py, line", text)

    def test_argumentFails(self):
        """A factory that trips over arguments is told what administrators are shown."""
        factory = Factory(Good)
        factory.makeHandler = lambda argString, host: {"": Good}[argString](host)
        self.assertSays(
            self.run_(factory), "test_arguments", "shown only the text of a HandlerArgumentError"
        )

    def test_speechlessRefusal(self):
        """A refusal of arguments without a text helps nobody."""
        factory = Factory(Good)

        def makeHandler(argString, host):
            if argString:
                raise HandlerArgumentError
            return Good(host)

        factory.makeHandler = makeHandler
        self.assertSays(self.run_(factory), "test_arguments", "without a text")

    def test_signature(self):
        """A method with another signature is shown as it is written."""
        found = self.broken(getAgentCaps=lambda self: None)
        self.assertSays(found, "test_provides", "getAgentCaps() should be getAgentCaps(request)")

    def test_otherInterfaces(self):
        """A handler that provides less than it is meant to is told which."""
        found = self.run_(Factory(Good), provides=BOTH[:1])
        self.assertSays(
            found,
            "test_provides",
            "provides IAgentProxyHandler and ICallCenterProxyHandler, not IAgentProxyHandler",
        )

    def test_exception(self):
        """Any other exception than TAPIError is told with its place and its price."""
        found = self.broken(getAgentCaps=lambda self, request: {}["caps"])
        text = self.assertSays(
            found, "test_getAgentCaps", "getAgentCaps failed with KeyError: 'caps' ("
        )
        self.assertIn("raise TAPIError", text)

    def test_notImplemented(self):
        """NotImplementedError is no refusal."""

        def setAgentGroup(self, request):
            raise NotImplementedError

        found = self.broken(setAgentGroup=setAgentGroup)
        self.assertSays(found, "test_setAgentGroup", "failed with NotImplementedError")

    def test_positiveCode(self):
        """A refusal with something that is no LINEERR_ code is told."""

        def setAgentGroup(self, request):
            raise TAPIError(5)

        found = self.broken(setAgentGroup=setAgentGroup)
        self.assertSays(found, "test_setAgentGroup", "with 5, which is no LINEERR_ code")

    def test_wrongStruct(self):
        """A dict, or another struct, is not what a client can read."""
        found = self.broken(getAgentCaps=lambda self, request: {"dwStates": 1})
        self.assertSays(
            found, "test_getAgentCaps", "getAgentCaps returned a dict; it returns a LINEAGENTCAPS"
        )
        found = self.broken(getQueueInfo=lambda self, request: structs.LINEAGENTINFO())
        self.assertSays(found, "test_getQueueInfo", "it returns a LINEQUEUEINFO")

    def test_unpackable(self):
        """A struct with a value that does not fit its field cannot be sent, and which one is."""
        caps = structs.LINEAGENTCAPS(dwCapsVersion=-1)
        found = self.broken(getAgentCaps=lambda self, request: caps)
        text = self.assertSays(
            found, "test_getAgentCaps", "the LINEAGENTCAPS of getAgentCaps cannot be"
        )
        self.assertIn("dwCapsVersion", text)

    def test_tooLarge(self):
        """A list for which no client can give room is told with its size."""
        many = structs.LINEAGENTGROUPLIST(List=(SALES,) * 10_000)
        found = self.broken(getAgentGroupList=lambda self, request: many)
        self.assertSays(found, "test_getAgentGroupList", "no client can give room for more than")

    def test_result(self):
        """A set request that returns something is told."""
        found = self.broken(setAgentGroup=lambda self, request: True)
        self.assertSays(found, "test_setAgentGroup", "returned a bool; it returns None")

    def test_handle(self):
        """A handle is a DWORD that is not 0, and nothing else."""
        for wrong in (0, -1, 1 << 32, "1001", True, None, 1001.0):
            found = self.broken(createAgent=lambda self, request, wrong=wrong: wrong)
            self.assertSays(found, "test_createAgent", f"{wrong!r}; it returns a handle, an int")

    def test_otherHandle(self):
        """An agent that gets a new handle each time is told what that costs."""
        handles = iter(range(1, 1000))

        def createAgent(self, request):
            self.agent = lambda hAgent: None
            return next(handles)

        found = self.broken(createAgent=createAgent)
        self.assertSays(found, "test_sameAgent", "an application that attaches again finds its")

    def test_block(self):
        """AgentSpecific gives back bytes, not longer than what came."""
        for wrong in (b"x" * 17, "text", bytearray(4)):
            found = self.broken(agentSpecific=lambda self, request, wrong=wrong: wrong)
            self.assertSays(found, "test_agentSpecific", "it returns None, or bytes that are not")

    def test_silence(self):
        """A handler that does not answer within the deadline is told so."""
        found = self.broken(getAgentCaps=lambda self, request: defer.Deferred())
        self.assertSays(
            found, "test_getAgentCaps", "getAgentCaps has not answered within 5 seconds"
        )

    def test_anybody(self):
        """An unknown agent, or a wrong PIN, that is accepted is told with how to refuse it."""

        def byPIN(self, request):
            return 1001

        def byID(self, request):
            if request.AgentID != "1001":
                raise InvalidAgentID
            return 1001

        words = "accepted the unknown agent 'no-such-agent-7E57AB1E': raise InvalidAgentID"
        self.assertSays(self.broken(createAgent=byPIN), "test_unknownAgent", words)
        words = "accepted an agent with a wrong PIN"
        self.assertSays(self.broken(createAgent=byID), "test_unknownAgent", words)

    def test_strangerKnown(self):
        """If the handler refuses the agent that the author gave, the author is asked for one."""
        found = self.run_(Factory(Good), agent=KnownAgent(AgentID="7"))
        self.assertSays(found, "test_createAgent", "give makeProxyHandlerTests an agent=")

    def test_pinLogged(self):
        """A PIN in a log entry is told, whatever the entry says."""

        def createAgent(self, request):
            Logger().info("{who} with {pin}", who=request.AgentID, pin=request.AgentPIN)
            return Good.createAgent(self, request)

        found = self.broken(createAgent=createAgent)
        self.assertSays(found, "test_unknownAgent", "shows the PIN that createAgent was given")

    def test_unknownHandles(self):
        """Answering for an agent, a session, a group or a queue that nobody made is told."""
        for method, result, member in (
            ("getAgentInfo", structs.LINEAGENTINFO(), "hAgent"),
            ("setAgentStateEx", None, "hAgent"),
            ("getAgentSessionInfo", structs.LINEAGENTSESSIONINFO(), "hAgentSession"),
            ("getQueueList", structs.LINEQUEUELIST(), "GroupID"),
            ("getQueueInfo", structs.LINEQUEUEINFO(), "dwQueueID"),
        ):
            found = self.broken(**{method: lambda self, request, result=result: result})
            self.assertSays(found, "test_unknownHandles", f"{method} answered for {member} ")

    def test_answersAfterCancel(self):
        """A handler that takes its cancellation for an answer is told."""

        async def setAgentState(self, request):
            with contextlib.suppress(defer.CancelledError):
                await task.deferLater(self.host.reactor, 1)

        found = self.broken(setAgentState=setAgentState)
        self.assertSays(
            found, "test_cancel", "setAgentState answered after it was cancelled: the client is"
        )

    def test_livesAfterCancel(self):
        """A handler that goes on as if it had not been cancelled is told."""

        async def setAgentState(self, request):
            for _ in range(100):
                with contextlib.suppress(defer.CancelledError):
                    await task.deferLater(self.host.reactor, 1)

        found = self.broken(setAgentState=setAgentState)
        self.assertSays(found, "test_cancel", "after it was cancelled, has not answered within 1")

    def test_cancelRaises(self):
        """A canceller that fails is told."""

        def setAgentState(self, request):
            return defer.Deferred(lambda deferred: {}["x"])

        found = self.broken(setAgentState=setAgentState)
        self.assertSays(found, "test_cancel", "cancelling setAgentState raised KeyError")

    def test_start(self):
        """A start that returns nothing, fails, raises or never ends is told, and so is a stop."""
        for method, seconds in (("start", 20), ("stop", 10)):
            for wrong, words in (
                (lambda self: None, "returned None; it returns a Deferred"),
                (lambda self: {}["x"], "raised KeyError: 'x'"),
                (lambda self: defer.fail(OSError("no switch")), "failed with OSError: no switch"),
                (lambda self: defer.Deferred(), f"has not answered within {seconds} seconds"),
            ):
                found = self.broken(**{method: wrong})
                self.assertSays(found, "test_provides", f"{method}() {words}")

    def test_leftBehind(self):
        """Timers that still run after stop() are told, each one."""

        def start(self):
            self.host.reactor.callLater(1000, self.stop)
            return defer.succeed(None)

        found = self.broken(start=start)
        self.assertSays(found, "test_provides", "after stop() calls still wait in host.reactor")

    def test_observer(self):
        """An observer that fails for one of the reasons is told."""

        def clientClosed(self, client, reason):
            {"close": 1, "detach": 2}[reason]

        found = self.broken(clientClosed=clientClosed)
        self.assertSays(found, "test_clients", "clientClosed raised KeyError: 'lost'")

    def test_reload(self):
        """Options that trip a handler over are told; HandlerArgumentError is the way to refuse."""
        found = self.broken(check=lambda self, options: options["no_such_option_7e57ab1e"])
        self.assertSays(found, "test_reload", "check raised KeyError")

        def check(self, options):
            if options:
                raise ValueError("?")

        self.assertSays(self.broken(check=check), "test_reload", "that it does not know")

    def test_verbs(self):
        """Commands with improper names, results or failures are told."""
        for verbs, words in (
            ({"Feed!": None}, "the verb 'Feed!' has another form"),
            ({"feed": lambda argument: 5}, "the verb feed returned a int"),
            ({"feed": lambda argument: argument["file"]}, "the verb feed raised KeyError"),
            ({"feed": lambda argument: defer.Deferred()}, "the verb feed has not answered"),
        ):
            found = self.broken(controlVerbs=lambda self, verbs=verbs: verbs)
            self.assertSays(found, "test_verbs", words)

    def test_availability(self):
        """Saying that something is available which the handler does not provide is told."""

        @implementer(interfaces.IPartialProxyHandler)
        class Partial(Good):
            requestTypes = frozenset({lineconstants.LINEPROXYREQUEST_GETGROUPLIST})

            def start(self):
                self.host.setAvailable([lineconstants.LINEPROXYREQUEST_GETAGENTCAPS])
                return defer.succeed(None)

        found = self.run_(Factory(Partial))
        self.assertSays(found, "test_provides", "which the handler does not provide")

    def test_partial(self):
        """What a handler says that it does not answer is not asked of it."""

        @implementer(interfaces.IPartialProxyHandler)
        class Partial(Good):
            requestTypes = frozenset({lineconstants.LINEPROXYREQUEST_GETGROUPLIST})
            createAgent = Good.getAgentCaps

        self.assertPasses(self.run_(Factory(Partial)))

    def test_messages(self):
        """Messages that no application can understand are told, member by member."""
        agent, session = proxymessages.LINE_AGENTSTATUS, proxymessages.LINE_AGENTSESSIONSTATUS
        for message, words in (
            (agent(5, 1), "dwAddressID 5: the line has 1 addresses"),
            (agent(0, 0), "dwAgentStatus is 0: it says what changed"),
            (agent(0, 1 << 30), "bits that are no LINEAGENTSTATUS_"),
            (agent(0, lineconstants.LINEAGENTSTATUS_STATE, 6), "dwAgentState is 0x6: it is one"),
            (session(5, 1, 4), "does not say that the state changed"),
            (session("5", 1), "'5' is no DWORD"),
            (proxymessages.LINE_QUEUESTATUS(-1, 1), "-1 is no DWORD"),
            (proxymessages.LINE_GROUPSTATUS(0), "dwGroupStatus is 0"),
        ):

            def getGroupList(self, request, message=message):
                self.host.proxyMessage(request.line, message)
                return Good.getGroupList(self, request)

            found = self.broken(getGroupList=getGroupList)
            self.assertSays(found, "test_getGroupList", words)

    def test_noMessage(self):
        """Something that is no message of a handler is refused by the host, as by the real one."""

        def getGroupList(self, request):
            self.host.proxyMessage(request.line, "hello")

        found = self.broken(getGroupList=getGroupList)
        self.assertSays(found, "test_getGroupList", "proxyMessage takes one of LINE_AGENTSTATUS")


class HostBehaviour:
    """What a handler may count on, of the fake host and of the server's own."""

    def test_interface(self):
        """The host keeps to IProxyHost."""
        self.assertTrue(verify.verifyObject(interfaces.IProxyHost, self.host))

    def test_message(self):
        """A message of the handler reaches the line that it was sent for."""
        message = proxymessages.LINE_AGENTSTATUS(0, 1)
        self.host.proxyMessage(self.host.lines[1], message)
        self.assertEqual(self.told(), [("b", message)])

    def test_noMessage(self):
        """What is none of the six messages is a TypeError, and reaches nobody."""
        for wrong in (None, "LINE_REPLY", proxymessages.ProxyMessage()):
            self.assertRaises(TypeError, self.host.proxyMessage, self.host.lines[0], wrong)
        self.assertEqual(self.told(), [])

    def test_otherLine(self):
        """A line of another handler is a ValueError, for messages and availability alike."""
        message = proxymessages.LINE_GROUPSTATUS(1)
        self.assertRaises(ValueError, self.host.proxyMessage, FakeLine("c"), message)
        self.assertRaises(ValueError, self.host.setAvailable, {4}, [FakeLine("c")])
        self.assertEqual(self.told(), [])

    def test_available(self):
        """Availability is said of all lines, or of some; the last word counts."""
        self.host.setAvailable({4})
        self.host.setAvailable([], [self.host.lines[1]])
        self.assertEqual((self.available("a"), self.available("b")), ({4}, set()))

    def test_notProvided(self):
        """A request type that the handler does not provide is a ValueError, and changes nothing."""
        self.host.setAvailable({4})
        self.assertRaises(ValueError, self.host.setAvailable, {4, 21})
        self.assertEqual(self.available("a"), {4})


class FakeHostTests(HostBehaviour, SynchronousTestCase):
    def setUp(self):
        self.host = FakeProxyHost(lines=(FakeLine("a"), FakeLine("b")))
        self.host.handler = Good(self.host)

    def told(self):
        return [(line.name, message) for line, message in self.host.messages]

    def available(self, name):
        return self.host.available[name]


class ServerHostTests(HostBehaviour, SynchronousTestCase):
    def setUp(self):
        self.broker = Broker()
        self.broker.listen(self)
        lines = staticLine("a", ("1",)), staticLine("b", ("2",)), staticLine("c", ("3",))
        self.broker.assign(
            Assignment(line=line, handler="other" if line.name == "c" else "zoo") for line in lines
        )
        self.messages = []
        self.host = ProxyHost("zoo", self.broker, task.Clock(), Path(), {})
        self.broker.addHandler("zoo", Good(self.host))

    def proxyMessage(self, lines, message):
        self.messages.extend((line.name, message) for line in lines)

    def proxyStatusChanged(self, line, changes):
        pass

    def told(self):
        return self.messages

    def available(self, name):
        [line] = [line for line in self.host.lines if line.name == name]
        return set(self.broker.service(line).requestTypes())


class FakeTests(SynchronousTestCase):
    def test_interfaces(self):
        """The fakes keep to the interfaces that they stand in for."""
        for interface, fake in (
            (interfaces.IPrincipal, FakePrincipal()),
            (interfaces.IAddress, FakeAddress(0, "1000")),
            (interfaces.ILine, FakeLine()),
        ):
            self.assertTrue(verify.verifyObject(interface, fake))

    def test_dataDirectory(self):
        """The host's data directory is there, and goes with the host."""
        host = FakeProxyHost()
        folder = host.dataDirectory
        self.assertTrue(folder.is_dir())
        del host
        self.assertFalse(folder.exists())

    def test_request(self):
        """A request has what a real one has: line, client, principal, names and deadline."""
        host = FakeProxyHost(reactor=task.Clock())
        host.reactor.advance(10)
        request = makeRequest("getAgentInfo", host, hAgent=4)
        self.assertEqual((request.hAgent, request.line), (4, host.lines[0]))
        self.assertEqual((request.deadline, request.principal), (15.0, FakePrincipal()))
        self.assertNotEqual(request.client, makeRequest("getGroupList", host).client)
        self.assertIsNone(makeRequest("getAgentCaps", host, dwAddressID=0).client)
