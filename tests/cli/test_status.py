"""``tapiproxy status``."""

import io
import json
import sys
from pathlib import Path

from twisted.trial.unittest import TestCase

from tapiproxy import control, defaults
from tapiproxy.cli import main, status

STATUS = {
    "version": "1.2",
    "seconds": 3723,
    "configuration": "site.toml",
    "data": "/d",
    "listen": ["IPv4Address(type='TCP', host='127.0.0.1', port=13135)"],
    "connections": 3,
    "connectionsRefused": 1,
    "limits": {"attachedClients": 10},
    "deadline": 5.0,
    "deadlines": {"CreateAgent": 10.0},
    "handlerFiles": {"acd": {"plugin": "acd", "file": "/p/acd.py"}},
    "draining": False,
    "attached": 1,
    "attaching": 0,
    "attachedEver": 4,
    "attachRefused": 2,
    "callbacksLost": 1,
    "outstanding": 6,
    "outcomes": {
        "accepted": 100,
        "answered": 80,
        "refused": 7,
        "failed": 1,
        "deadline": 2,
        "cancelled": 3,
        "lost": 1,
        "forced": 0,
        "handlerRemoved": 0,
        "late": 2,
    },
    "events": {"pushed": 90, "pushes": 30, "polled": 0, "dropped": 0, "withdrawn": 0},
    "unserved": {"MakeCall": 3},
    "lines": [
        {"name": "Line 1", "handler": "acd", "requestTypes": list(range(1, 21)), "open": 1},
        {"name": "Line 2", "handler": "", "requestTypes": [], "open": 0},
        {"name": "Line 3", "handler": "acd", "requestTypes": [9, 19], "open": 0},
    ],
    "handlers": {
        "acd": {"provided": [9], "started": True, "lines": ["a"], "refusals": 7, "failures": 1}
    },
    "clients": [
        {
            "name": "PC\x1b[31m #1",
            "user": "ann",
            "principal": "",
            "level": "none",
            "mechanism": "",
            "apps": 1,
            "phoneApps": 0,
            "lines": ["Line 1"],
            "requests": 6,
            "queued": 5,
            "queuedBytes": 560,
        }
    ],
}


class StatusTests(TestCase):
    def run_(self, *typed, answer=STATUS):
        self.asked = []

        def call(path, verb, argument=None):
            self.asked.append((path, verb))
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.patch(control, "call", call)
        out, err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        return main.main(["status", *typed]), out.getvalue(), err.getvalue()

    def test_asks(self):
        """It asks the socket of the data directory, the default one without --data."""
        self.run_("--data", "/d")
        self.assertEqual(self.asked, [(Path("/d/control.sock"), "status")])
        self.run_()
        self.assertEqual(self.asked[0][0], defaults.dataDirectory() / "control.sock")

    def test_noServer(self):
        """Where no server answers, that is said, with exit code 1."""
        code, out, err = self.run_(answer=control.ControlError("no server answers at /d"))
        self.assertEqual((code, out, err), (1, "", "tapiproxy: no server answers at /d\n"))

    def test_json(self):
        """--json prints everything as it came."""
        code, out, _err = self.run_("--json")
        self.assertEqual((code, json.loads(out)), (0, STATUS))

    def test_tables(self):
        """Clients, lines, handlers, requests, outcomes, deadlines and queues are shown."""
        code, out, err = self.run_()
        self.assertEqual((code, err), (0, ""))
        lines = [" ".join(line.split()) for line in out.splitlines()]
        for expected in (
            "tapiproxy 1.2, up 1:02:03",
            "configuration site.toml, data /d",
            "deadlines: 5 s, CreateAgent 10 s",
            "1 clients attached (4 so far, 2 refused, 1 lost their call-back), 3 connections "
            "(1 refused)",
            "accepted outstanding answered refused failed deadline cancelled lost forced removed "
            "late",
            "100 6 80 7 1 2 3 1 0 0 2",
            "90 30 0 0 0",
            "acd acd started 1 7 1 /p/acd.py",
            "Line 1 acd 1 everything",
            "Line 2 0 nothing",
            "Line 3 acd 0 CREATEAGENT, GETGROUPLIST",
            "PC\N{REPLACEMENT CHARACTER}[31m #1 ann not logged on none Line 1 6 5 560",
            "MakeCall 3",
        ):
            self.assertIn(expected, lines)

    def test_loggedOn(self):
        """A client that has logged on is shown by its principal, with mechanism and level."""
        client = {
            **STATUS["clients"][0],
            "principal": "CALLS\\ann",
            "level": "privacy",
            "mechanism": "Negotiate (NTLM)",
        }
        _code, out, _err = self.run_(answer={**STATUS, "clients": [client]})
        lines = [" ".join(line.split()) for line in out.splitlines()]
        self.assertIn("client user logon level lines requests queued octets", lines)
        self.assertTrue(
            any("#1 CALLS\\ann Negotiate (NTLM) privacy Line 1 6 5 560" in line for line in lines)
        )

    def test_terminal(self):
        """What a client calls itself cannot steer the terminal."""
        self.assertNotIn("\x1b", self.run_()[1])

    def test_many(self):
        """A table of thousands of clients is cut, and says so."""
        _code, out, _err = self.run_(answer={**STATUS, "clients": STATUS["clients"] * 5000})
        self.assertIn("Clients (5000)", out)
        self.assertIn("... and 4800 more; --json shows all", out)
        self.assertLess(len(out.splitlines()), 300)

    def test_draining(self):
        """A server that is about to stop, and one that does not listen yet, say so."""
        text = "\n".join(status.tables({**STATUS, "draining": True, "listen": [], "unserved": {}}))
        self.assertIn("up 1:02:03, draining", text)
        self.assertIn("listening on nothing yet", text)
        self.assertNotIn("not served", text)
