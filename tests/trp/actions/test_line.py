"""Requests about lines that are answered at once."""

from struct import unpack

from twisted.trial.unittest import TestCase

from tapiproxy.tapi.lineerr import (
    LINEERR_INCOMPATIBLEEXTVERSION,
    LINEERR_INVALADDRESS,
    LINEERR_INVALDEVICECLASS,
)
from tapiproxy.tapi.versions import TAPI_1_4, TAPI_3_1
from tapiproxy.trp.requests import agent, line
from tests.trp.support import makeHarness


class Lines(TestCase):
    """What an application asks of a line that it has open."""

    def setUp(self) -> None:
        self.harness = makeHarness()
        self.app = self.harness.application().ready()

    def test_addressID(self) -> None:
        """An address is found by its name, and by nothing else."""
        message = line.GetAddressID(hLine=self.app.hLine, dwAddressMode=2, lpsAddress="1001")
        self.assertEqual(self.app.request(message).message.lpdwAddressID, 1)
        message = line.GetAddressID(hLine=self.app.hLine, dwAddressMode=2, lpsAddress="100")
        self.assertEqual(self.app.result(message), LINEERR_INVALADDRESS)

    def test_numAddressIDs(self) -> None:
        """The addresses are counted."""
        reply = self.app.request(line.GetNumAddressIDs(hLine=self.app.hLine))
        self.assertEqual(reply.message.lpdwNumAddressIDs, 2)

    def test_id(self) -> None:
        """The device of class tapi/line is the line itself; there is no other class."""
        self.app.open(1)
        for select in (1, 2, 8):
            message = line.GetID(
                hLine=self.app.hLine, dwSelect=select, lpDeviceID=64, lpszDeviceClass="TAPI/line"
            )
            reply = self.app.request(message)
            self.assertEqual(unpack("<I", reply.message.lpDeviceID.String), (1,))
        message = line.GetID(
            hLine=self.app.hLine, dwSelect=1, lpDeviceID=64, lpszDeviceClass="wave/in"
        )
        self.assertEqual(self.app.result(message), LINEERR_INVALDEVICECLASS)

    def test_devStatus(self) -> None:
        """Everybody's handles are counted; only one's own application is named."""
        self.app.open(dwPrivileges=4, dwMediaModes=4)
        self.harness.application().ready()
        message = line.GetLineDevStatus(hLine=self.app.hLine, lpLineDevStatus=1024)
        status = self.app.request(message).message.lpLineDevStatus
        self.assertEqual((status.dwNumOpens, status.dwOpenMediaModes), (3, 4))
        self.assertEqual([info.MachineName for info in status.AppInfo], ["PC-1"] * 2)

    def test_devStatusOfOldHandle(self) -> None:
        """A handle before 2.0 gets the 76 octets of its version."""
        self.app.open(version=TAPI_1_4)
        message = line.GetLineDevStatus(hLine=self.app.hLine, lpLineDevStatus=76)
        reply = self.app.request(message, version=TAPI_1_4)
        self.assertEqual((reply.result, len(reply.varData)), (0, 76))

    def test_addressStatus(self) -> None:
        """An address is in use by everyone who has its line open."""
        message = line.GetAddressStatus(hLine=self.app.hLine, dwAddressID=1, lpAddressStatus=64)
        self.assertEqual(self.app.request(message).message.lpAddressStatus.dwNumInUse, 1)

    def test_proxyStatus(self) -> None:
        """GetProxyStatus lists what can be asked now, by device and without opening it."""
        self.harness.host.setAvailable([9, 12], [self.harness.host.lines[1]])
        found = []
        for dwDeviceID in range(3):
            message = agent.GetProxyStatus(
                hLineApp=self.app.hLineApp,
                dwDeviceID=dwDeviceID,
                dwAppAPIVersion=TAPI_3_1,
                lpLineProxyRequestList=1024,
            )
            found.append(self.app.request(message).message.lpLineProxyRequestList.List)
        self.assertEqual(found, [tuple(range(1, 21)), (9, 12), ()])

    def test_extensions(self) -> None:
        """There are no extensions: version 0 is all that can be agreed on and selected."""
        message = line.NegotiateExtVersion(
            hLineApp=self.app.hLineApp, dwTSPIVersion=TAPI_3_1, dwHighVersion=5
        )
        self.assertEqual(self.app.request(message).message.lpdwExtVersion, 0)
        message = line.NegotiateExtVersion(
            hLineApp=self.app.hLineApp, dwTSPIVersion=TAPI_3_1, dwLowVersion=1, dwHighVersion=5
        )
        self.assertEqual(self.app.result(message), LINEERR_INCOMPATIBLEEXTVERSION)
        select = line.SelectExtVersion(hLine=self.app.hLine, dwExtVersion=1)
        self.assertEqual(self.app.result(select), LINEERR_INCOMPATIBLEEXTVERSION)
