"""
A tapiproxy started by ``twistd`` as an administrator starts it: a process with a port, a data
directory, a log and a deadline on everything.
"""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.live.ports import freePort

#: Seconds until a server must listen, and until one that was told to stop must be gone.
START = 30.0
STOP = 30.0

#: What a log must not hold: an exception that nobody expected, or that was lost.
ALARMS = ("Traceback", "Unhandled", "[critical]")

TWISTD = Path(sys.executable).with_name("twistd")


class Server:
    """
    One server process.

    :param directory: where its configuration, data and log lie; another server may follow there.
    :param arguments: further options of ``twistd tapiproxy``.
    :param config: the text of a TOML configuration.
    :param port: a TCP port at which the configuration has it listen; by default it is told to
        listen at one, and nowhere else.
    """

    def __init__(
        self,
        directory: Path,
        *arguments: str,
        config: str | None = None,
        port: int | None = None,
    ) -> None:
        self.directory = directory
        self._configured = port is not None
        self.port = port or freePort()
        self.data = directory / "data"
        self.configFile = directory / "tapiproxy.toml"
        self.logFile = directory / f"log.{self.port}"
        self.arguments = list(arguments)
        if config is not None:
            self.configFile.write_text(config)
            self.arguments = ["--config", str(self.configFile), *self.arguments]
        self.process: subprocess.Popen | None = None
        #: A test that provokes one of `ALARMS` says so by removing it here.
        self.alarms = list(ALARMS)

    def command(self) -> list[str]:
        """The command line."""
        listen = [] if self._configured else ["--listen", f"tcp:{self.port}:interface=127.0.0.1"]
        return [
            str(TWISTD),
            "-n",
            "--pidfile=",
            "tapiproxy",
            *listen,
            "--data",
            str(self.data),
            *self.arguments,
        ]

    def launch(self) -> "Server":
        """Start the process, and do not wait for it."""
        with self.logFile.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
            )
        return self

    def start(self) -> "Server":
        """Start the process and wait until it listens."""
        self.launch()
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended ({self.process.returncode}):\n{self.log}")
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=1),
            ):
                return self
            time.sleep(0.02)
        raise AssertionError(f"the server does not listen after {START} s:\n{self.log}")

    @property
    def log(self) -> str:
        """What the server has written."""
        return self.logFile.read_text(errors="replace")

    def waitForLog(self, text: str, timeout: float = STOP) -> None:
        """Until the server has written something."""
        deadline = time.monotonic() + timeout
        while text not in self.log:
            assert time.monotonic() < deadline, f"no {text!r} in the log:\n{self.log}"
            time.sleep(0.02)

    def running(self) -> bool:
        """Whether there is a process."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self.process.send_signal(number)

    def wait(self, timeout: float = STOP) -> int:
        """
        Until the process has ended.

        :returns: its exit status.
        """
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server still runs after {timeout} s:\n{self.log}") from None

    def stop(self) -> None:
        """SIGTERM, and the orderly end that it asks for."""
        self.signal(signal.SIGTERM)
        self.waitForOrderlyEnd()

    def waitForOrderlyEnd(self) -> None:
        """
        Until the process has ended as SIGTERM asks it to.

        :raises AssertionError: it ended otherwise, or not.
        """
        status = self.wait()
        # When all is done, twistd ends itself with the signal that it was given.
        assert status == -signal.SIGTERM, f"exit status {status}:\n{self.log}"
        assert "Server Shut Down." in self.log, self.log

    def kill(self) -> None:
        """``kill -9``."""
        self.process.kill()
        self.wait()

    def cleanUp(self) -> None:
        """Leave no process behind, whatever a test did."""
        if self.running():
            self.process.kill()
            self.process.wait()

    def checkLog(self) -> None:
        """
        Nothing went wrong that the server did not expect.

        :raises AssertionError: it did.
        """
        found = [alarm for alarm in self.alarms if alarm in self.log]
        assert not found, f"{found} in the server's log:\n{self.log}"
