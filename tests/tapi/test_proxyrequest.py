"""The twenty arms, as a handler sees them."""

import uuid
from typing import Any

import attrs
from attrs import frozen
from twisted.trial.unittest import TestCase

from tapiproxy import interfaces
from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS, CreateAgentArm, CreateAgentSessionArm


@frozen
class Context:
    line: Any = "line"
    client: Any = "client"
    principal: Any = "principal"
    clientMachineName: str = "PC"
    clientUserName: str = "DOMAIN\\ann"
    dwClientAppAPIVersion: int = 0x20002
    deadline: float = 5.0


class Arms(TestCase):
    """What every arm has."""

    def test_context(self) -> None:
        """An arm has, beside its members, who asks, on which line, and until when."""
        context = Context()
        for row in PROXY_REQUESTS:
            members = attrs.fields(row.arm)[1:]
            arm = row.arm(context, *range(len(members)))
            for field in attrs.fields(Context):
                self.assertEqual(getattr(arm, field.name), getattr(context, field.name))
            for index, member in enumerate(members):
                self.assertEqual(getattr(arm, member.name), index)

    def test_secret(self) -> None:
        """A PIN does not show in what a log would print, and neither does who asks."""
        for arm in (
            CreateAgentArm(Context(), "1001", "4711"),
            CreateAgentSessionArm(Context(), "4711", 1, uuid.uuid4(), 0),
        ):
            self.assertNotIn("4711", repr(arm))
            self.assertNotIn("Context", repr(arm))
        self.assertEqual(
            repr(CreateAgentArm(Context(), "1001", "4")), "CreateAgentArm(AgentID='1001')"
        )


class Table(TestCase):
    """PROXY_REQUESTS."""

    def test_methods(self) -> None:
        """Each row's method is one of the handler interfaces, and each of theirs is a row's."""
        rows = [row.method for row in PROXY_REQUESTS]
        agents = interfaces.IAgentProxyHandler.names()
        callCenter = interfaces.ICallCenterProxyHandler.names()
        self.assertEqual(set(rows[:8]), set(agents))
        self.assertEqual(set(rows[8:]), set(callCenter))

    def test_names(self) -> None:
        """A row is named as its packets are."""
        self.assertEqual(PROXY_REQUESTS[8].name, "CreateAgent")
        self.assertEqual(len({row.Req_Func for row in PROXY_REQUESTS}), 20)
        self.assertEqual(len({row.arm for row in PROXY_REQUESTS}), 20)
