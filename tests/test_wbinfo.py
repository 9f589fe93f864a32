"""Groups of a domain's users by wbinfo: what is asked, what is believed, and when it ends."""

from errno import ENOENT

from twisted.cred.error import LoginDenied
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tapiproxy import wbinfo
from tapiproxy.accounts import IGroups
from tapiproxy.wbinfo import GROUPS_SECONDS, DomainGroups
from tapiproxy.winbind import PROCESSES
from tests.test_winbind import FakeProcess

#: As Samba 4.17.12's wbinfo has answered for a user.
ALICE = "S-1-5-21-771577739-1856694074-3131772070-1102"
NAMED = f"{ALICE} SID_USER (1)\n"
GROUPS = f"{ALICE}\nS-1-5-21-771577739-1856694074-3131772070-513\nS-1-5-32-545\n"
#: The same for a group, and for a name that there is not.
SALES = "S-1-5-21-771577739-1856694074-3131772070-1106 SID_DOM_GROUP (2)\n"
UNKNOWN = b"failed to call wbcLookupName: WBC_ERR_DOMAIN_NOT_FOUND\nCould not lookup name DOM\\x\n"


class FakeReactor(Clock):
    """Time and processes, which print what the test says."""

    def __init__(self):
        super().__init__()
        self.asked = []
        self.processes = []

    def spawnProcess(self, protocol, executable, args, env):
        assert (executable, args[0], env) == ("/wbinfo", "/wbinfo", {})
        self.asked.append(args[1:])
        self.processes.append(FakeProcess(protocol))

    def prints(self, text, status=0, complaint=b""):
        """The last process prints a text, and ends."""
        protocol = self.processes[-1].protocol
        protocol.outReceived(text.encode())
        protocol.errReceived(complaint)
        reason = ProcessTerminated(exitCode=status) if status else ProcessDone(None)
        protocol.processEnded(Failure(reason))


class DomainGroupsTests(SynchronousTestCase):
    def setUp(self):
        self.reactor = FakeReactor()
        self.groups = DomainGroups(self.reactor, "/wbinfo", ["DOM"])
        self.logged = []
        observer = lambda event: self.logged.append(formatEvent(event))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def test_groups(self):
        """A user's own SID and those of his groups, in two questions."""
        verifyObject(IGroups, self.groups)
        found = self.groups.groupsOf("DOM\\alice")
        self.reactor.prints(NAMED)
        self.assertNoResult(found)
        self.reactor.prints(GROUPS)
        self.assertEqual(self.successResultOf(found), frozenset(GROUPS.split()))
        self.assertEqual(
            self.reactor.asked, [["--name-to-sid", "DOM\\alice"], ["--user-sids", ALICE]]
        )
        self.assertEqual((self.logged, self.reactor.getDelayedCalls()), ([], []))

    def test_missing(self):
        """Where it cannot be started the logon is refused, as where there is no time."""

        def spawnProcess(*args, env):
            raise FileNotFoundError(ENOENT, "No such file or directory")

        self.reactor.spawnProcess = spawnProcess
        self.refused(self.groups.groupsOf("DOM\\x"), "it cannot be started: No such file")
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_others(self):
        """Of users of no domain, or of another one, nothing is asked and nothing known."""
        for name in ("alice", "OTHER\\alice", "DOM.TEST\\alice"):
            self.assertEqual(self.successResultOf(self.groups.groupsOf(name)), frozenset())
        self.assertEqual(self.reactor.processes, [])

    def unknown(self, found, reason):
        """It has no groups, and the log says why."""
        self.assertEqual(self.successResultOf(found), frozenset())
        [logged] = self.logged
        self.logged.clear()
        self.assertIn("wbinfo tells no groups of DOM\\x: ", logged)
        self.assertIn(reason, logged)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def refused(self, found, reason):
        """The logon is refused, and the log says why."""
        self.failureResultOf(found, LoginDenied)
        self.assertIn("wbinfo has not told the groups of DOM\\x, whose", self.logged[0])
        self.assertIn(reason, self.logged.pop(0))

    def test_unknown(self):
        """Whoever winbind does not know has no groups."""
        found = self.groups.groupsOf("DOM\\x")
        self.reactor.prints("", 1, UNKNOWN)
        self.unknown(found, "WBC_ERR_DOMAIN_NOT_FOUND")
        found = self.groups.groupsOf("DOM\\x")
        self.reactor.prints(NAMED)
        self.reactor.prints("", 1)
        self.unknown(found, "exit code 1")

    def test_noUser(self):
        """A group, or what is no answer, is no user."""
        for text in (SALES, "", "hello\n", f"{ALICE}\n"):
            found = self.groups.groupsOf("DOM\\x")
            self.reactor.prints(text)
            self.unknown(found, "it says that this is")

    def test_noSIDs(self):
        """What is no list of SIDs is not taken for one, not even in part."""
        for text in ("", "hello\n", GROUPS + "S-1-5-21-x\n", GROUPS + "S-1-5-\xb2\n", "S-1-5\n"):
            found = self.groups.groupsOf("DOM\\x")
            self.reactor.prints(NAMED)
            self.reactor.prints(text)
            self.unknown(found, "it says")

    def test_long(self):
        """A process that does not come to an end is killed."""
        found = self.groups.groupsOf("DOM\\x")
        [process] = self.reactor.processes
        process.protocol.outReceived(b"S" * 300_000)
        self.unknown(found, "no end")
        self.assertEqual(process.killed, 1)
        process.protocol.processEnded(Failure(ProcessTerminated(signal=9)))

    def test_deadline(self):
        """Both questions have one deadline; the process that is late is killed."""
        found = self.groups.groupsOf("DOM\\x")
        self.reactor.advance(GROUPS_SECONDS / 2)
        self.reactor.prints(NAMED)
        self.reactor.advance(GROUPS_SECONDS / 2)
        self.refused(found, "2.5 seconds")
        self.assertEqual([each.killed for each in self.reactor.processes], [0, 1])
        self.reactor.prints(GROUPS)

    def test_several(self):
        """So many processes run at one time; what waits gets the first turn that is free."""
        found = [self.groups.groupsOf("DOM\\alice") for _ in range(PROCESSES + 1)]
        self.assertEqual(len(self.reactor.processes), PROCESSES)
        self.reactor.prints(NAMED)
        self.assertEqual(len(self.reactor.processes), PROCESSES + 1)
        self.reactor.prints(GROUPS)
        self.assertIn(ALICE, self.successResultOf(found[PROCESSES - 1]))
        self.assertEqual(len(self.reactor.processes), PROCESSES + 2)
        self.reactor.prints(NAMED)
        self.reactor.prints(GROUPS)
        self.assertIn(ALICE, self.successResultOf(found[-1]))

    def test_full(self):
        """Where too many wait, one more is refused at once."""
        self.patch(wbinfo, "MOST_WAITING", 1)
        found = [self.groups.groupsOf("DOM\\x") for _ in range(PROCESSES + 1)]
        self.refused(self.groups.groupsOf("DOM\\x"), "too many")
        self.groups.stop()
        for each in found:
            self.refused(each, "the server stops")

    def test_stop(self):
        """At the end all processes are killed, and no other is started."""
        found = [self.groups.groupsOf("DOM\\x") for _ in range(PROCESSES + 1)]
        self.reactor.processes[0].exited = True
        self.groups.stop()
        for each in [*found, self.groups.groupsOf("DOM\\x")]:
            self.refused(each, "the server stops")
        self.assertEqual([each.killed for each in self.reactor.processes], [0, 1, 1, 1])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
