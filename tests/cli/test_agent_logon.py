"""The agent application's logon: its options, and what it says when something is wrong."""

import argparse
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import TestCase

from tapiproxy import usersfile
from tapiproxy.cli.agent import oneShot, register, wantedBy
from tapiproxy.cli.agent_application import AgentApplication
from tapiproxy.cli.agent_logon import logonOf
from tapiproxy.cli.main import CommandError
from tapiproxy.dcerpc.interface import AuthenticationFailed
from tapiproxy.dcerpc.security import IAuthenticationService, ISecurityContext
from tapiproxy.nthash import ntHash
from tests.cli.test_agent import Terminal, noPrompt
from tests.client.network import MemoryNetwork
from tests.client.servers import HOST, PORT, RealServer, ScriptedServer
from tests.client.test_logons import logon, service
from tests.dcerpc.ntlmpeers import service as ntlmService
from tests.dcerpc.ntlmpeers import shake, spnegoInitiator
from tests.dcerpc.ntlmvectors import GOLDEN
from tests.extras import needsGSSAPI
from tests.folders import makeFolder


class Case(TestCase):
    def setUp(self) -> None:
        self.folder = makeFolder(self)  # type: ignore[arg-type]  # a TestCase of trial's
        self.password = self.file("password", GOLDEN.password)

    def file(self, name: str, text: str, mode: int = 0o600) -> Path:
        """A file with a secret."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def users(self, *names: str, password: str = GOLDEN.password) -> Path:
        """A users file."""
        text = ""
        for name in names:
            text = usersfile.withUser(text, name, ntHash(password))
        return self.file("users", text)

    def parse(self, *typed: str) -> argparse.Namespace:
        """What argparse makes of ``tapiproxy agent ...``."""
        parser = argparse.ArgumentParser()
        register(parser.add_subparsers())
        return parser.parse_args(["agent", *typed, "lines"])

    def logon(self, *typed: str, stdin: Any = None, ask: Any = noPrompt) -> Any:
        """What the options come to."""
        return logonOf(self.parse(*typed), MemoryReactorClock(), stdin or io.StringIO(), ask)

    def refused(self, *typed: str, stdin: Any = None, ask: Any = noPrompt) -> str:
        """Why they come to nothing."""
        return str(self.assertRaises(CommandError, self.logon, *typed, stdin=stdin, ask=ask))


class Options(Case):
    def accepted(self, context: ISecurityContext) -> None:
        """Alice proves that she is it."""
        acceptor = ntlmService().newContext(context.authType, context.authLevel, "peer")
        shake(context, acceptor)
        self.assertEqual(acceptor.principal, "DOM\\alice")

    def test_nobody(self) -> None:
        """Without any of the options nobody logs on, either way."""
        found = self.logon()
        self.assertEqual((found.newContext, found.servers), (None, None))

    def test_password(self) -> None:
        """The password comes from a file, the input or a prompt, and from no argument."""
        user = ("--user", "DOM\\alice")
        hashed = self.users("DOM\\alice")
        for found in (
            self.logon(*user, "--password-file", str(self.password)),
            self.logon(*user, "--password-file", str(hashed)),
            self.logon(
                *user, "--password-file", "-", stdin=io.StringIO(f"{GOLDEN.password}\nnext\n")
            ),
            self.logon(*user, stdin=Terminal(), ask=lambda prompt: GOLDEN.password),
        ):
            context = found.newContext("acd.example")
            self.assertEqual((context.authType, context.authLevel), (9, 6))
            self.accepted(context)
            self.assertIsNone(found.servers)
        self.patch(sys, "stderr", io.StringIO())
        self.assertRaises(SystemExit, self.parse, "--password", "secret")

    def test_providers(self) -> None:
        """The provider and the level are as asked for."""
        typed = ("--user", "DOM\\alice", "--password-file", str(self.password))
        for mechanism, authType in (("negotiate", 9), ("ntlm", 10)):
            for level, authLevel in (("connect", 2), ("packet", 4), ("integrity", 5)):
                found = self.logon(*typed, "--mechanism", mechanism, "--level", level)
                context = found.newContext("acd.example")
                self.assertEqual((context.authType, context.authLevel), (authType, authLevel))
                self.accepted(context)

    def test_servers(self) -> None:
        """A users file says which servers may call back, and the level what they must offer."""
        users = self.users("DOM\\alice")
        for level, least in ((None, 6), ("integrity", 5)):
            typed = ("--level", level) if level else ()
            servers: IAuthenticationService = self.logon(
                "--server-users", str(users), *typed
            ).servers
            self.assertEqual(servers.minimumLevel, least)
            acceptor = servers.newContext(9, 6, "peer")
            shake(spnegoInitiator(6), acceptor)
            self.assertEqual(getattr(acceptor.principal, "name", None), "DOM\\alice")

    def test_reflected(self) -> None:
        """A server cannot let itself in with the logon that the agent has sent it."""
        found = self.logon(
            *("--user", "DOM\\alice", "--password-file", str(self.password)),
            *("--server-users", str(self.users("DOM\\alice"))),
        )
        error = self.assertRaises(
            AuthenticationFailed,
            shake,
            found.newContext("acd.example"),
            found.servers.newContext(9, 6, "peer"),
        )
        self.assertIn("own logon", str(error))

    def test_refused(self) -> None:
        """What is missing or wrong is said with what to give, and no password is quoted."""
        user = ("--user", "alice")
        for typed, said in (
            (("--mechanism", "ntlm"), "--mechanism says how to log on: give --user"),
            (("--password-file", "x"), "--password-file says how to log on: give --user"),
            (("--level", "privacy"), "--level says how to log on: give --user"),
            (("--mechanism", "kerberos", "--password-file", "x"), "--password-file is of no use"),
            (("--mechanism", "negotiate", "--password-file", "x"), "--password-file is of no use"),
            (("--mechanism", "kerberos", *user), "'alice' should be USER@REALM for Kerberos"),
            (user, "--user needs a password: give --password-file FILE, or - for the input"),
            ((*user, "--password-file", "-"), "no password: a password has 1 to 256 characters"),
            ((*user, "--password-file", "/no/file"), "--password-file: the password file /no/file"),
            (("--user", "a/b", "--password-file", "-"), "'a/b' can be no account's name"),
            (("--server-users", "/no/file"), "--server-users: the users file /no/file cannot be"),
        ):
            self.assertIn(said, self.refused(*typed))
        self.password.chmod(0o644)
        self.assertIn("chmod 0600", self.refused(*user, "--password-file", str(self.password)))

        def leave(prompt: str) -> str:
            raise EOFError

        self.assertIn("no password was entered", self.refused(*user, stdin=Terminal(), ask=leave))

    @needsGSSAPI
    def test_tickets(self) -> None:
        """With Kerberos, and to negotiate without an account, there is no password to ask for."""
        for typed, authType in (
            (("--mechanism", "kerberos"), 16),
            (("--mechanism", "kerberos", "--user", "alice@dom.example"), 16),
            (("--mechanism", "negotiate"), 9),
        ):
            context = self.logon(*typed).newContext("acd.example")
            self.assertEqual((context.authType, context.authLevel), (authType, 6))

    def test_extra(self) -> None:
        """Without the extra the agent is there, and a logon is refused with the line to type."""
        program = (
            "import sys\n"
            "sys.modules['cryptography'] = sys.modules['gssapi'] = None\n"
            "from tapiproxy.cli.main import main\n"
            "sys.exit(main(sys.argv[1:]))\n"
        )
        for typed, code, said in (
            (("--help",), 0, ""),
            (("--server", "127.0.0.1:1", "lines"), 1, "127.0.0.1 port 1 cannot be reached"),
            (
                ("--user", "a", "--password-file", str(self.password), "lines"),
                1,
                "--user needs cryptography: pip install 'tapiproxy[auth]'",
            ),
            (
                ("--server-users", str(self.users("a")), "lines"),
                1,
                "--server-users needs cryptography: pip install 'tapiproxy[auth]'",
            ),
            (
                ("--mechanism", "kerberos", "lines"),
                1,
                "--mechanism kerberos needs gssapi: pip install 'tapiproxy[kerberos]'",
            ),
        ):
            done = subprocess.run(
                [sys.executable, "-c", program, "agent", *typed],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(said, done.stderr)


class Against(Case):
    """The application against a server in memory."""

    def setUp(self) -> None:
        super().setUp()
        self.network = MemoryNetwork()

    def run_(self, *typed: str) -> str:
        """Ask for the number of lines; what is told, or why it is not."""
        options = self.parse("--server", f"{HOST}:{PORT}", *typed)
        reactor: Any = self.network
        found = logonOf(options, reactor, io.StringIO(), noPrompt)
        written: list[str] = []
        app = AgentApplication(reactor, wantedBy(options, None, found), written.append)

        async def work() -> None:
            written.append(str((await app.client()).dwNumDevs))

        outcome: list[Any] = []
        Deferred.fromCoroutine(oneShot(app, work())).addBoth(outcome.append)
        for _ in range(5):
            self.network.flush()
            self.network.advance(1)
        self.network.flush()
        [result] = outcome
        if result is not None:
            result.trap(CommandError)
            return str(result.value)
        [text] = written
        return text

    def alice(self, *more: str) -> tuple[str, ...]:
        return ("--user", "DOM\\alice", "--password-file", str(self.password), *more)

    def test_bothDirections(self) -> None:
        """Client and server log on to each other."""
        RealServer(self.network, service(), logon())
        self.assertEqual(
            self.run_(*self.alice("--server-users", str(self.users("DOM\\alice")))), "1"
        )

    def test_wrongPassword(self) -> None:
        """A wrong password is told as such, with the options to look at."""
        RealServer(self.network, service())
        self.password.write_text("wrong")
        for mechanism in ("negotiate", "ntlm"):
            said = self.run_(*self.alice("--mechanism", mechanism))
            self.assertIn(f"{HOST} port {PORT} does not let us log on", said)
            self.assertIn("Look at --user and its password or tickets (`klist`)", said)

    def test_level(self) -> None:
        """A level below the server's least is told, as is no logon at all."""
        RealServer(self.network, service())
        self.assertIn("not at level integrity", self.run_(*self.alice("--level", "integrity")))
        self.assertIn("wants clients to log on", self.run_())

    def test_calledBackFromElsewhere(self) -> None:
        """So is the address of a call-back that was refused for it, and what to type instead."""
        ScriptedServer(self.network).callBackFrom = "203.0.113.66"
        said = self.run_()
        self.assertIn("called back from 203.0.113.66, and was not let in", said)
        self.assertIn("Give --server", said)

    def test_serverWithoutLogon(self) -> None:
        """So is a server that does not log on where it has to, and what to look at."""
        RealServer(self.network)
        said = self.run_("--server-users", str(self.users("DOM\\alice")))
        self.assertIn("called back, and was not let in: it did not log on", said)
        self.assertIn("--server-users FILE has the accounts", said)

    def test_otherServer(self) -> None:
        """So is one that logs on with another password, or where nobody was told to expect it."""
        RealServer(self.network, None, logon())
        said = self.run_("--server-users", str(self.users("DOM\\alice", password="other")))
        self.assertIn("its account, password or mechanism", said)
        self.assertIn("was not told which server to accept", self.run_())
