"""Versions and filters of events, by what an application sees."""

from twisted.trial.unittest import TestCase

from tapiproxy.tapi import eventmasks as em
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSTATUS_GROUPLIST,
    LINEAGENTSTATUS_STATE,
)
from tapiproxy.tapi.proxymessages import (
    LINE_AGENTSPECIFIC,
    LINE_AGENTSTATUS,
    LINE_GROUPSTATUS,
    LINE_QUEUESTATUS,
)
from tapiproxy.tapi.versions import TAPI_1_4, TAPI_2_0, TAPI_2_2, TAPI_3_0
from tapiproxy.trp.requests import agent, generic, line, phone
from tests.trp.support import makeHarness

GROUPSTATUS, QUEUESTATUS, AGENTSTATUS, AGENTSPECIFIC = 0x1E, 0x1C, 0x16, 0x15


class FilterTestCase(TestCase):
    """An application with a handler that says four things."""

    def setUp(self) -> None:
        self.harness = makeHarness()
        self.app = self.harness.application()
        self.app.attach()
        self.app.initialize()

    def heard(self) -> list[int]:
        """The Msg of what the application hears of the four."""
        host = self.harness.host
        for message in (
            LINE_AGENTSPECIFIC(0),
            LINE_AGENTSTATUS(0, LINEAGENTSTATUS_STATE, 4),
            LINE_QUEUESTATUS(1, 1),
            LINE_GROUPSTATUS(1),
        ):
            host.proxyMessage(host.lines[0], message)
        return [event.Msg for event in self.app.events()]

    def setMasks(self, dwObjType: int, lObjectID: int, mask: int, **members: int) -> None:
        message = generic.RSPSetEventFilterMasks(
            dwObjType=dwObjType, lObjectID=lObjectID, ulEventMasksLo=mask, **members
        )
        self.assertEqual(self.app.result(message), 0)


class Versions(FilterTestCase):
    """The version that was negotiated for the handle."""

    def test_before2(self) -> None:
        """Before 2.0 there are no agents."""
        self.app.open(version=TAPI_1_4)
        self.assertEqual(self.heard(), [])

    def test_2(self) -> None:
        """At 2.0 there are agents, but no queues and groups."""
        self.app.open(version=TAPI_2_0)
        self.assertEqual(self.heard(), [AGENTSPECIFIC, AGENTSTATUS])

    def test_22(self) -> None:
        """At 2.2 there is everything."""
        self.app.open(version=TAPI_2_2)
        self.assertEqual(self.heard(), [AGENTSPECIFIC, AGENTSTATUS, QUEUESTATUS, GROUPSTATUS])


class Masks(FilterTestCase):
    """RSPSetEventFilterMasks.  [MS-TRP] 2.2.4.1.8.3"""

    def test_line(self) -> None:
        """A mask of a line is that line's."""
        first, _ = self.app.open(), self.app.open()
        self.setMasks(2, first, em.EM_LINE_GROUPSTATUS)
        self.assertEqual(self.heard().count(GROUPSTATUS), 2)
        self.assertEqual(self.heard().count(QUEUESTATUS), 1)

    def test_application(self) -> None:
        """A mask of an HLINEAPP is that of its lines, the later ones included."""
        self.app.open()
        self.setMasks(1, self.app.hLineApp, em.EM_LINE_GROUPSTATUS)
        self.app.open()
        self.assertEqual(self.heard(), [GROUPSTATUS] * 2)

    def test_client(self) -> None:
        """dwObjType 0 is the whole client, whatever lObjectID says."""
        self.app.open()
        self.setMasks(0, 0xDEAD, 0)
        self.app.initialize()
        self.app.open()
        self.assertEqual(self.heard(), [])

    def test_oldHandles(self) -> None:
        """Handles before 3.0 have no filter."""
        self.app.open(version=TAPI_2_2)
        self.setMasks(0, 0, 0)
        self.assertEqual(len(self.heard()), 4)

    def test_subMask(self) -> None:
        """A sub-mask lets an event pass for the named changes only."""
        self.app.open(version=TAPI_3_0)
        self.setMasks(
            0, 0, em.EM_LINE_AGENTSTATUS, fSubMask=1, dwSubMasks=LINEAGENTSTATUS_GROUPLIST
        )
        self.assertNotIn(AGENTSTATUS, self.heard())
        host = self.harness.host
        host.proxyMessage(host.lines[0], LINE_AGENTSTATUS(0, LINEAGENTSTATUS_GROUPLIST))
        self.assertEqual([event.Msg for event in self.app.events()], [AGENTSTATUS])

    def test_repliesPass(self) -> None:
        """LINE_REPLY is never filtered."""
        self.app.open()
        self.setMasks(0, 0, 0)
        self.app.result(agent.CreateAgent(hLine=self.app.hLine))
        self.assertEqual(len(self.app.replies()), 1)

    def test_phoneApplication(self) -> None:
        """A mask of an HPHONEAPP is taken, though phones have no events."""
        reply = self.app.request(phone.Initialize(dwFriendlyNameOffset="", dwModuleNameOffset=""))
        self.setMasks(4, reply.message.hPhoneApp, 0)
        self.app.open()
        self.assertEqual(len(self.heard()), 4)


class StatusMessages(FilterTestCase):
    """SetStatusMessages."""

    def test_noneByDefault(self) -> None:
        """Without it nothing is told of a line's state."""
        self.app.open()
        other = self.harness.application().ready()
        other.result(line.Close(hLine=other.hLine))
        self.assertEqual(self.app.events(), [])

    def test_takenBack(self) -> None:
        """What was asked for can be taken back."""
        self.app.open()
        for states in (0x600, 0):
            message = line.SetStatusMessages(hLine=self.app.hLine, dwLineStates=states)
            self.assertEqual(self.app.result(message), 0)
        self.harness.application().ready()
        self.assertEqual(self.app.events(), [])
