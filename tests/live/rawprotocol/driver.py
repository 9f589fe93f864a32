#!/usr/bin/python3
"""
Runs the tests of samba.tests.dcerpc.raw_protocol, and says of each how it ended.

For the Python that Debian's python3-samba is for, which is no virtual environment's; nothing of the
project is imported.  Port 135, where the suite connects to, is redirected to the port given.  The
result is written to standard output, a line of JSON for each test; with ``--list`` no test is run.

    SERVER=127.0.0.1 SMB_CONF_PATH=... driver.py PORT TEST ...
    driver.py PORT --list
"""

import contextlib
import io
import json
import socket
import sys
import unittest

from samba.tests.dcerpc import raw_protocol, raw_testcase

SUITE = raw_protocol.TestDCERPC_BIND


class Redirected:
    """The module socket, for which port 135 of every host is another one."""

    def __init__(self, port: int) -> None:
        self._port = port

    def __getattr__(self, name: str) -> object:
        return getattr(socket, name)

    def getaddrinfo(self, host: str, port: int, *more: int) -> list:
        """Look up."""
        return socket.getaddrinfo(host, self._port if port == 135 else port, *more)


def outcome(name: str) -> str:
    """Run one test: ok, or what was wrong with it."""
    if not hasattr(SUITE, name):
        return "there is no such test"
    result = unittest.TestResult()
    with contextlib.redirect_stderr(io.StringIO()):
        SUITE(name).run(result)
    if result.skipped:
        return f"skipped: {result.skipped[0][1]}"
    problems = [trace for _, trace in result.failures + result.errors]
    if not problems:
        return "ok"
    lines = [line.strip() for line in problems[0].strip().splitlines()]
    where = [line.split(", ")[1] for line in lines if line.startswith("File") and "raw_" in line]
    return f"{where[-1] if where else 'nowhere'}: {lines[-1]}"


def main(port: str, *names: str) -> None:
    """Run those tests."""
    if names == ("--list",):
        for name in unittest.TestLoader().getTestCaseNames(SUITE):
            print(json.dumps([name, ""]))
        return
    raw_testcase.socket = Redirected(int(port))
    for name in names:
        print(json.dumps([name, outcome(name)]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
