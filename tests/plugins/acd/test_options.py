"""A site from the configuration."""

import copy
import re
import uuid
from typing import Any

from twisted.trial import unittest

from tapiproxy.errors import HandlerArgumentError
from tapiproxy.fakes import FakePrincipal
from tapiproxy.plugins.acd.access import isOwn
from tapiproxy.plugins.acd.options import readSite
from tapiproxy.plugins.acd.site import groupID, queueID
from tests.plugins.acd.support import OPTIONS, PIN


class ReadSite(unittest.TestCase):
    """What is read."""

    def test_whole(self) -> None:
        """Every key arrives where it belongs, in milliseconds where it is a time."""
        site = readSite(
            {
                "groups": {
                    "Sales": {
                        "id": "01234567-89ab-cdef-0123-456789abcdef",
                        "queues": ["In", "Out"],
                        "wrap_up": 1.5,
                        "client_gone": "keep",
                        "grace": 5,
                    }
                },
                "queues": {"In": {"id": 5}},
                "agents": {"7": {"name": "Ada", "pin": PIN, "user": "D\\a", "groups": ["Sales"]}},
                "activities": {"1": "Lunch"},
                "supervisors": ["D\\boss"],
                "time_zone": "Europe/Berlin",
                "retention_days": 2,
                "longest_call_hours": 3,
                "synchronous": "normal",
            }
        )
        (group,) = site.groups.values()
        self.assertEqual(group.GroupID, uuid.UUID("01234567-89ab-cdef-0123-456789abcdef"))
        self.assertEqual((group.wrapUp, group.grace, group.clientGone), (1500, 5000, "keep"))
        self.assertEqual([each.dwQueueID for each in group.queues], [5, queueID("Out")])
        agent = site.agents["7"]
        self.assertEqual((agent.name, agent.user, agent.groups), ("Ada", "D\\a", (group,)))
        self.assertEqual(site.activities, {1: "Lunch"})
        self.assertEqual(site.supervisors, {"D\\boss"})
        self.assertEqual(str(site.timeZone), "Europe/Berlin")
        self.assertEqual((site.retention, site.longestCall), (172800_000, 10800_000))
        self.assertEqual((site.durable, site.demo), (False, False))

    def test_accounts(self) -> None:
        """Accounts may be written in any way, and groups as they are named."""
        site = readSite(
            {
                "agents": {"7": {"user": "ada@calls"}, "8": {"user": "calls\\Bob"}},
                "supervisors": ["calls\\Boss", "Shift leaders", "S-1-5-21-1-2-3-512", ":"],
            }
        )
        self.assertEqual([each.user for each in site.agents.values()], ["CALLS\\ada", "CALLS\\bob"])
        self.assertIs(site.agentOf("CALLS\\bob"), site.agents["8"])
        for principal in (
            FakePrincipal("CALLS\\boss"),
            FakePrincipal("CALLS\\carol", frozenset({"Shift leaders"})),
            FakePrincipal("CALLS\\carol", frozenset({"S-1-5-21-1-2-3-512"})),
        ):
            self.assertTrue(isOwn(site, site.agents["7"], principal), principal)
        for principal in (
            FakePrincipal("CALLS\\bob"),
            FakePrincipal("OTHER\\boss"),
            FakePrincipal("boss"),
        ):
            self.assertFalse(isOwn(site, site.agents["7"], principal), principal)

    def test_defaults(self) -> None:
        """A group without a table of its own has a queue of its name, 60 s of grace, no wrap-up."""
        site = readSite({"groups": {"Sales": {}}})
        group = site.groups[groupID("Sales")]
        self.assertEqual([each.name for each in group.queues], ["Sales"])
        self.assertEqual((group.wrapUp, group.grace, group.clientGone), (0, 60_000, "not_ready"))
        self.assertTrue(site.durable)

    def test_identifiers(self) -> None:
        """Identifiers are functions of the names: these are for ever."""
        self.assertEqual(str(groupID("Sales")), "375e6b9c-3b21-5028-8586-26a4c0b15d66")
        self.assertEqual(queueID("Sales"), 202271720)

    def test_demoWithSettings(self) -> None:
        """Settings of the site alone leave the demo agents."""
        site = readSite({"time_zone": "Asia/Tokyo"})
        self.assertTrue(site.demo)
        self.assertEqual(list(site.agents), ["1001", "1002", "1003", "1004"])


class Refusals(unittest.TestCase):
    """What is wrong is named: the place, what was found, what is allowed."""

    def problem(self, change: Any) -> str:
        options = copy.deepcopy(dict(OPTIONS))
        change(options)
        return str(self.assertRaises(HandlerArgumentError, readSite, options))

    def assertProblem(self, change: Any, pattern: str) -> None:
        self.assertTrue(re.search(pattern, self.problem(change)), self.problem(change))

    def test_unknownKeys(self) -> None:
        """A key that is not known is refused at every level."""
        self.assertProblem(lambda o: o.update(agent={}), "the key 'agent', allowed is activities,")
        self.assertProblem(
            lambda o: o["groups"]["Sales"].update(wrapup=1), "groups.Sales: .*'wrapup'"
        )
        self.assertProblem(lambda o: o["agents"]["1001"].update(PIN=1), "agents.1001: .*'PIN'")
        self.assertProblem(lambda o: o["queues"]["Sales"].update(x=1), "queues.Sales: .*'x'")

    def test_values(self) -> None:
        """A value of the wrong kind or out of range is refused."""
        sales = ["groups", "Sales"]
        for path, value, pattern in (
            ([*sales, "wrap_up"], -1, "groups.Sales.wrap_up: found -1, allowed is a number from 0"),
            ([*sales, "wrap_up"], True, "groups.Sales.wrap_up: found True"),
            ([*sales, "wrap_up"], float("nan"), "groups.Sales.wrap_up: found nan"),
            ([*sales, "grace"], "1m", "groups.Sales.grace: found '1m'"),
            ([*sales, "client_gone"], "stay", "allowed is one of keep, not_ready, log_out"),
            ([*sales, "id"], "Sales", "groups.Sales.id: found 'Sales', allowed is a GUID"),
            ([*sales, "queues"], "Sales", "groups.Sales.queues: .*array of strings"),
            (["queues", "Sales", "id"], 0, "queues.Sales.id: found 0"),
            (["agents", "1001", "groups"], ["Nowhere"], "names of groups: Sales, Support"),
            (["agents", "1001", "groups"], ["Sales"] * 65, "at most 64"),
            (["agents", "1001", "name"], 5, "agents.1001.name: found 5"),
            (["agents", "1001"], "Ada", "agents.1001: found 'Ada', allowed is a table"),
            (["agents"], [], r"agents: found \[\]"),
            (["activities"], {"one": "Lunch"}, "activities: found 'one'"),
            (["activities"], "Lunch", "activities: found 'Lunch'"),
            (["time_zone"], "Mars/Base", "time_zone: found 'Mars/Base'"),
            (["time_zone"], "../etc", "time_zone: found '../etc'"),
            (["synchronous"], "off", "one of full, normal"),
            (["retention_days"], 0, "retention_days: found 0"),
            (["supervisors"], "boss", "supervisors: found 'boss'"),
            (["agents", "1001", "user"], "a:b", "agents.1001.user: found 'a:b', allowed is an acc"),
        ):

            def change(options: Any, path: Any = path, value: Any = value) -> None:
                *tables, key = path
                for table in tables:
                    options = options[table]
                options[key] = value

            self.assertProblem(change, pattern)

    def test_keys(self) -> None:
        """A refusal names its key, so that the line of the configuration can be said."""
        for agent, key in (
            ({"pin": "1"}, "pin"),
            ({"user": 5}, "user"),
            ({"PIN": 1}, "PIN"),
            ({"groups": [5]}, "groups"),
        ):
            options = {"agents": {"a.b": agent}}
            error = self.assertRaises(HandlerArgumentError, readSite, options)
            self.assertEqual(error.key, ("agents", "a.b", key))

    def test_longAgentID(self) -> None:
        """An agent's id has its bound."""
        self.assertProblem(lambda o: o["agents"].update({"x" * 129: {"user": "a"}}), "128")

    def test_PINInClear(self) -> None:
        """A PIN in clear is refused without being shown."""
        problem = self.problem(lambda o: o["agents"]["1001"].update(pin="8642"))
        self.assertIn("agents.1001.pin", problem)
        self.assertNotIn("8642", problem)
        problem = self.problem(lambda o: o["agents"]["1001"].update(pin=8642))
        self.assertNotIn("8642", problem)

    def test_nobody(self) -> None:
        """An agent with neither PIN nor user is refused: nobody could be him."""
        self.assertProblem(lambda o: o["agents"].update({"1009": {}}), "neither pin nor user")

    def test_twice(self) -> None:
        """Two groups, queues or users that would be one are refused with both names."""
        self.assertProblem(lambda o: o["queues"].update(Third={"id": 11}), "'Sales' and of 'Third'")
        self.assertProblem(
            lambda o: o["groups"].update(Third={"id": str(groupID("Sales"))}),
            "'Sales' and of 'Third'",
        )
        self.assertProblem(
            lambda o: o["agents"].update({"1005": {"user": "DOM\\ben"}}), "'1002' and of '1005'"
        )
