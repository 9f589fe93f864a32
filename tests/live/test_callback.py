"""A server that logs on to an agent application, both as processes: ``twistd`` and the CLI."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tapiproxy import usersfile
from tapiproxy.nthash import ntHash
from tests.live.ports import freePort
from tests.live.server import Server

TAPIPROXY = Path(sys.executable).with_name("tapiproxy")

#: Seconds for an agent to say what it has to.
PATIENCE = 30

ACCOUNT = "DOM\\tapiproxy"

SITE = """\
[listeners.guarded]
endpoint = "tcp:{port}:interface=127.0.0.1"
minimum_level = "packet"
[authentication]
users_file = "{users}"
[callback]
user = '{account}'
password_file = "{password}"
{more}
"""


def secret(path: Path, text: str) -> Path:
    """A file that nobody else can read."""
    path.write_text(text)
    path.chmod(0o600)
    return path


class Site:
    """
    A server and what its agents know of it.

    :ivar servers: a users file with the server's account.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server: Server | None = None
        self.users = self.accounts("users", alice="wonderland")
        self.password = secret(folder / "password", "the server's")
        self.alice = secret(folder / "alice", "wonderland\n")
        self.servers = self.accounts("servers", **{ACCOUNT: "the server's"})

    def accounts(self, name: str, **passwords: str) -> Path:
        """A users file."""
        text = ""
        for user, password in passwords.items():
            text = usersfile.withUser(text, user, ntHash(password))
        return secret(self.folder / name, text)

    def start(self, more: str = "") -> Server:
        """
        Start the server.

        :param more: further keys of ``[callback]``.
        """
        port = freePort()
        config = SITE.format(
            port=port, users=self.users, account=ACCOUNT, password=self.password, more=more
        )
        self.server = Server(self.folder, config=config, port=port)
        return self.server.start()

    def agent(self, *typed: str, servers: Path | None = None) -> tuple[int, str, str]:
        """
        Alice's agent application: its exit code, and what it prints.

        :param servers: where the accounts of servers are; None to know none.
        """
        logon = ["--user", "alice", "--password-file", str(self.alice)]
        if servers is not None:
            logon += ["--server-users", str(servers)]
        assert self.server is not None
        done = subprocess.run(
            [
                str(TAPIPROXY),
                "agent",
                "--server",
                f"127.0.0.1:{self.server.port}",
                *logon,
                *typed,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    if made.server is not None:
        try:
            made.server.stop()
        finally:
            made.server.cleanUp()
        made.server.checkLog()


@pytest.mark.parametrize("mechanism", ["negotiate", "ntlm"])
@pytest.mark.parametrize("level", ["privacy", "integrity", "packet"])
def test_exchange(site, mechanism, level):
    """4.12 with both directions logged on, by each provider and level."""
    server = site.start(f'mechanism = "{mechanism}"\nlevel = "{level}"')
    code, told, problem = site.agent(
        "--mechanism", mechanism, "--level", level, "demo", servers=site.servers
    )
    assert code == 0, problem
    assert "CreateAgentSession" in told
    assert "LINE_AGENTSESSIONSTATUS" in told
    server.waitForLog("client")
    assert f"called back as {ACCOUNT} at level {level}" in server.log


def test_passwdMakesTheFile(site):
    """`tapiproxy passwd` makes the password file; after SIGHUP a new password is used."""
    site.password.unlink()

    def passwd(password: str) -> None:
        subprocess.run(
            [str(TAPIPROXY), "passwd", str(site.password), ACCOUNT],
            input=password + "\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )

    passwd("the server's")
    server = site.start()
    assert site.agent("lines", servers=site.servers)[0] == 0
    passwd("a new one")
    renewed = site.accounts("renewed", **{ACCOUNT: "a new one"})
    assert site.agent("lines", servers=renewed)[0] == 1
    server.signal(signal.SIGHUP)
    server.waitForLog(f"{site.password} of [callback] re-read")
    assert site.agent("lines", servers=renewed)[0] == 0


def test_refused(site):
    """Either side says in words why the other was not let in, and the server goes on."""
    server = site.start()
    others = site.accounts("others", **{ACCOUNT: "another's"})
    for typed, servers, said in (
        (["lines"], None, "was not told which server to accept"),
        (["lines"], others, "its account, password or mechanism is not one that this client"),
        (["--level", "connect", "lines"], site.servers, "or not at level connect"),
    ):
        code, told, problem = site.agent(*typed, servers=servers)
        assert (code, told) == (1, "")
        assert said in problem
    secret(site.alice, "looking glass\n")
    code, told, problem = site.agent("lines", servers=site.servers)
    assert (code, told) == (1, "")
    assert "does not let us log on" in problem
    assert "was not attached: its remotesp at 127.0.0.1 cannot be used" in server.log
    secret(site.alice, "wonderland\n")
    assert site.agent("lines", servers=site.servers)[0] == 0


def test_notRequired(site):
    """With required = false an agent that takes no logon is called back without one."""
    server = site.start("required = false")
    code, told, problem = site.agent("demo")
    assert code == 0, problem
    assert "LINE_AGENTSESSIONSTATUS" in told
    assert "does not take the logon of [callback]" in server.log
