"""Samba's own client of tapsrv, in a process of its own (`sambaprogram`)."""

import json
import subprocess
from pathlib import Path

PYTHON = "/usr/bin/python3"
PROGRAM = Path(__file__).with_name("sambaprogram.py")

#: Seconds that the process may take to end.
END = 10.0


def missing() -> str | None:
    """Why Samba's client cannot be had here; None if it can."""
    try:
        subprocess.run([PYTHON, "-c", "import samba.dcerpc.echo"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return f"Samba's client is not installed for {PYTHON} (Debian: python3-samba)"
    return None


class Refused(Exception):
    """Samba was refused: an NTSTATUS."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status:#x} {text}")
        self.status = status


class Samba:
    """
    The process, which has one connection at a time.

    :param options: of smb.conf, ``name=value``.
    """

    def __init__(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [PYTHON, str(PROGRAM), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *words: object) -> list:
        """
        Have something done.

        :raises Refused: the server would not.
        """
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"Samba's client has ended ({self._process.wait(END)})"
        outcome, *answer = json.loads(line)
        if outcome == "refused":
            raise Refused(*answer)
        return answer

    def end(self) -> None:
        """End the process."""
        self._process.stdin.close()
        try:
            self._process.wait(END)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()


class SambaClient:
    """
    Its connection that is bound to tapsrv.

    :param binding: where tapsrv is, with the level and the provider: ``[PORT,seal,ntlm]``.
    :param kerberos: "never", "preferred" or "always", with the tickets of the environment.
    """

    def __init__(
        self,
        samba: Samba,
        binding: str,
        user: str,
        domain: str,
        password: str,
        kerberos: str = "never",
    ) -> None:
        self._samba = samba
        samba.ask("connect", binding, user, domain, password, kerberos)

    def request(self, opnum: int, stub: bytes) -> bytes:
        (answer,) = self._samba.ask("request", opnum, stub.hex())
        return bytes.fromhex(answer)

    def disconnect(self) -> None:
        self._samba.ask("disconnect")
