"""What verification says of factories and handlers that do not keep to the contract."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tapiproxy import interfaces, verify
from tapiproxy.tapi import lineconstants


@implementer(interfaces.IAgentProxyHandler)
class Agents:
    """A handler that has all eight methods and answers nothing."""

    def setAgentGroup(self, request):
        pass

    setAgentState = setAgentActivity = getAgentCaps = getAgentStatus = setAgentGroup
    agentSpecific = getAgentActivityList = getAgentGroupList = setAgentGroup


class FactoryTests(SynchronousTestCase):
    @implementer(interfaces.IProxyHandlerFactory)
    class Factory:
        handlerName = "demo"
        handlerHelp = "For a test."
        argStringFormat = ""

        def makeHandler(self, argString, host):
            pass

    def test_good(self):
        """Of a factory that is in order, nothing is said."""
        self.assertEqual(verify.factoryProblems(self.Factory()), [])

    def test_names(self):
        """A name that cannot stand in a configuration is refused, with what a name may be."""
        for name in ("", "Demo", "2nd", "my-acd", "demo\n", "dämo"):
            factory = self.Factory()
            factory.handlerName = name
            [problem] = verify.factoryProblems(factory)
            self.assertIn(repr(name), problem)
            self.assertIn("small letter", problem)

    def test_attributes(self):
        """Attributes of a wrong type are named, each one."""
        factory = self.Factory()
        factory.handlerHelp = None
        factory.argStringFormat = 7
        self.assertEqual(
            verify.factoryProblems(factory),
            [
                "handlerHelp is None, it should be a str",
                "argStringFormat is 7, it should be a str",
            ],
        )

    def test_signature(self):
        """A makeHandler that cannot be called with two arguments is shown as it is written."""

        class Short(self.Factory):
            def makeHandler(self, argString):
                pass

        [problem] = verify.factoryProblems(Short())
        self.assertIn("makeHandler(argString) should be makeHandler(argString, host)", problem)

    def test_undeclared(self):
        """An object that does not declare the interface is told how to."""
        problems = verify.factoryProblems(object())
        self.assertIn("put @implementer(IProxyHandlerFactory) on the class", problems[0])


class HandlerTests(SynchronousTestCase):
    def test_good(self):
        """Of a handler that is in order, nothing is said."""
        self.assertEqual(verify.handlerProblems(Agents()), [])

    def test_missing(self):
        """A method that is missing is named, and the one that was perhaps meant."""

        @implementer(interfaces.IAgentProxyHandler)
        class Handler(Agents):
            getAgentCaps = property()

            def get_agent_caps(self, request):
                pass

        self.assertEqual(
            verify.handlerProblems(Handler()),
            [
                "the method getAgentCaps of IAgentProxyHandler is missing; there is get_agent_caps",
            ],
        )

    def test_signature(self):
        """A method that wants more than the one argument is shown as it is written."""

        @implementer(interfaces.IAgentProxyHandler)
        class Handler(Agents):
            def getAgentCaps(self, request, dwAddressID):
                pass

        [problem] = verify.handlerProblems(Handler())
        self.assertIn(
            "getAgentCaps(request, dwAddressID) should be getAgentCaps(request), as "
            "IAgentProxyHandler says",
            problem,
        )

    def test_noMethod(self):
        """Something that is no method where a method belongs is named."""
        handler = Agents()
        handler.getAgentCaps = 5
        [problem] = verify.handlerProblems(handler)
        self.assertEqual(
            problem,
            "getAgentCaps is 5, it should be a method: getAgentCaps(request) of IAgentProxyHandler",
        )

    def test_several(self):
        """Everything that is wrong is said at once, not one finding a run."""
        handler = Agents()
        handler.getAgentCaps = handler.getAgentStatus = None
        self.assertEqual(len(verify.handlerProblems(handler)), 2)

    def test_providesNothing(self):
        """A handler that declares nothing is told so, and which declaration its methods want."""

        class Handler:
            def createAgent(self, request):
                pass

        [problem] = verify.handlerProblems(Handler())
        self.assertIn("provides neither", problem)
        self.assertIn("has createAgent(): put @implementer(ICallCenterProxyHandler)", problem)
        [problem] = verify.handlerProblems(object())
        self.assertTrue(problem.endswith("ICallCenterProxyHandler"), problem)

    def test_class(self):
        """Returning the class instead of an instance is named as that."""
        [problem] = verify.handlerProblems(Agents)
        self.assertIn("the class Agents (not an instance of it)", problem)

    def test_deferred(self):
        """A makeHandler that returns a Deferred or a coroutine is sent to start()."""

        async def later():
            return Agents()

        coroutine = later()
        self.addCleanup(coroutine.close)
        for wrong in (Deferred(), coroutine):
            [problem] = verify.handlerProblems(wrong)
            self.assertIn("belongs into start()", problem)

    def test_ability(self):
        """An optional ability that is declared is held to its interface as well."""

        @implementer(interfaces.IProxyHandlerLifecycle)
        class Handler(Agents):
            def start(self, reactor):
                pass

        problems = verify.handlerProblems(Handler())
        self.assertEqual(len(problems), 2)
        self.assertIn("start(reactor) should be start()", problems[0] + problems[1])
        self.assertIn("the method stop of IProxyHandlerLifecycle is missing", "".join(problems))

    def test_requestTypes(self):
        """A declared subset is made of constants, of interfaces that the handler provides."""

        @implementer(interfaces.IPartialProxyHandler)
        class Handler(Agents):
            requestTypes = frozenset({lineconstants.LINEPROXYREQUEST_GETAGENTCAPS})

        handler = Handler()
        self.assertEqual(verify.handlerProblems(handler), [])
        for wrong, words in (
            ((), "empty"),
            ({99}, "has 99, which is no LINEPROXYREQUEST_ constant"),
            ({lineconstants.LINEPROXYREQUEST_CREATEAGENT}, "LINEPROXYREQUEST_CREATEAGENT, whose"),
            (4, "should be a frozenset"),
            ("4", "should be a frozenset"),
        ):
            handler.requestTypes = wrong
            [problem] = verify.handlerProblems(handler)
            self.assertIn(words, problem)


class RequestTypeTests(SynchronousTestCase):
    def test_all(self):
        """Every LINEPROXYREQUEST constant belongs to one method of the two interfaces."""
        self.assertEqual(sorted(verify.REQUEST_TYPES.values()), list(range(1, 21)))

    def test_provided(self):
        """What a handler provides is its registration, a declared subset narrows it."""
        self.assertEqual(verify.providedRequestTypes(Agents()), frozenset(range(1, 9)))

        @implementer(interfaces.IPartialProxyHandler)
        class Partial(Agents):
            requestTypes = frozenset({4, 8})

        self.assertEqual(verify.providedRequestTypes(Partial()), frozenset({4, 8}))
