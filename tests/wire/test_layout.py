"""Kinds of fields, as the rules of the session layer see them."""

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.tapi.handles import HLINE
from tapiproxy.tapi.lineconstants import LINEAGENTSTATE
from tapiproxy.trp.requests import agent, line
from tapiproxy.wire import layout
from tapiproxy.wire.errors import MISALIGNED, DecodeError, EncodeError


class Fields(TestCase):
    """fieldsOf()."""

    def test_kindsCarryWhatRulesNeed(self) -> None:
        """A field says its path, its kind, and the kind its set or its type of handle."""
        fields = {field.name: field for field in layout.fieldsOf(agent.SetAgentState)}
        self.assertEqual(fields["hLine"].path, "SetAgentState.hLine")
        self.assertEqual(fields["hLine"].kind, layout.Handle(HLINE))
        self.assertIs(fields["dwAgentState"].kind.set, LINEAGENTSTATE)
        self.assertEqual(fields["dwRequestID"].kind.name, "requestID")

    def test_slots(self) -> None:
        """A block has the DWORD of its size beside its own."""
        fields = {field.name: field for field in layout.fieldsOf(agent.GetQueueList)}
        self.assertEqual(fields["pGroupID"].slots, ("pGroupID", "cbGUID"))
        fields = {field.name: field for field in layout.fieldsOf(line.NegotiateAPIVersion)}
        self.assertEqual(fields["ExtensionID"].slots, ("ExtensionID", "dwSize"))

    def test_withoutKind(self) -> None:
        """A class with a plain field was not declared with kinds."""

        @attrs.frozen
        class Plain:
            dwNumber: int = 0

        self.assertRaises(TypeError, layout.fieldsOf, Plain)

    def test_secret(self) -> None:
        """A secret string shows nowhere in what a log would print."""
        for message in (
            agent.CreateAgent(lpszAgentID="1001", lpszAgentPIN="4711"),
            agent.CreateAgentSession(lpszAgentPIN="4711"),
        ):
            self.assertNotIn("4711", repr(message))
            self.assertNotIn("4711", str(message))


class Errors(TestCase):
    """What an error says."""

    def test_decodeError(self) -> None:
        """The log shows field, kind, problem and what was found."""
        error = DecodeError(MISALIGNED, "CreateAgent.lpszAgentID", "wideString", "offset 3")
        self.assertEqual(str(error), "CreateAgent.lpszAgentID (wideString) is misaligned: offset 3")

    def test_encodeError(self) -> None:
        """The log shows which field a value does not fit."""
        self.assertEqual(str(EncodeError("A.b", "too large")), "A.b: too large")
