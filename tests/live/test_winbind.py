"""Winbind's program as a real process: one that speaks its documented protocol."""

import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tapiproxy.winbind import PROCESSES, Answer, Winbind, WinbindError
from tests.folders import makeFolder
from tests.logons import makeLogon

#: Knows one user; takes him at his word, since what is tested is the way there and back.
PROGRAM = """\
import base64, sys
while True:
    lines = {}
    for line in iter(sys.stdin.readline, ""):
        if line == ".\\n":
            break
        parameter, _, value = line.strip().partition(":")
        encoded = value.startswith(":")
        lines[parameter] = base64.b64decode(value[1:]).decode() if encoded else value.strip()
    else:
        break
    assert sys.argv[1:] == ["--helper-protocol=ntlm-server-1"]
    assert len(lines["LANMAN-Challenge"]) == 16 and lines["Request-User-Session-Key"] == "Yes"
    if (lines["NT-Domain"], lines["Username"]) == ("DOM", "\\u00e4lice"):
        print("Authenticated: Yes\\nUser-Session-Key: " + lines["NT-Response"][:32].upper())
        print(".", flush=True)
    elif lines["Username"] == "crash":
        sys.exit(1)
    else:
        print("Authenticated: No\\nAuthentication-Error: No such user\\n.\\n.", flush=True)
"""


class Spawning:
    """The reactor, and the processes that it has started."""

    def __init__(self):
        self.callLater = reactor.callLater
        self.transports = []

    def spawnProcess(self, *arguments, **more):
        self.transports.append(reactor.spawnProcess(*arguments, **more))

    async def ended(self):
        """When nothing of them is left."""
        while any(each.pid is not None or each.pipes for each in self.transports):
            await deferLater(reactor, 0.01)


class WinbindTests(TestCase):
    timeout = 30

    def setUp(self):
        program = makeFolder(self) / "program.py"
        program.write_text(PROGRAM)
        command = [sys.executable, str(program), "--helper-protocol=ntlm-server-1"]
        self.spawning = Spawning()
        self.winbind = Winbind(self.spawning, command)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.spawning.ended()))
        self.addCleanup(self.winbind.stop)

    async def test_logons(self):
        """Logons, more than there are processes, get each its own answer."""
        logons = [makeLogon("\u00e4lice", "DOM", "secret") for _ in range(20)]
        answers = await gatherResults([self.winbind.verify(each) for each in logons])
        self.assertEqual(len(self.spawning.transports), PROCESSES)
        self.assertEqual(
            [each.sessionBaseKey for each in answers], [each.ntResponse[:16] for each in logons]
        )
        self.assertEqual(
            await self.winbind.verify(makeLogon("bob", "DOM", "x")),
            Answer(sessionBaseKey=None, problem="No such user"),
        )

    async def test_crash(self):
        """A process that crashes fails its own logon; the next one starts another."""
        with self.assertRaises(WinbindError):
            await self.winbind.verify(makeLogon("crash", "DOM", "x"))
        answer = await self.winbind.verify(makeLogon("\u00e4lice", "DOM", "x"))
        self.assertIsNotNone(answer.sessionBaseKey)
