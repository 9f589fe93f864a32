"""
A TAPI client: what one application asks of one telephony server.  [MS-TRP] 4.1 and 4.2

One method for each packet, named after it with a small first letter; `tapiproxy.client.line` has
those that go by an open line.  Every method returns a Deferred that fires with the decoded answer
or fails with a `tapiproxy.client.errors.ClientError`, and with nothing else.
"""

from attrs import frozen
from twisted.internet.defer import Deferred

from tapiproxy.client.admission import MAXIMUM_DEVICES
from tapiproxy.client.errors import BadAnswer, ClientError, ConnectionEnded
from tapiproxy.client.line import OpenLine
from tapiproxy.client.session import ClientSession
from tapiproxy.tapi.agentstructs import LINEAGENTCAPS, LINEPROXYREQUESTLIST
from tapiproxy.tapi.extensionids import LINEEXTENSIONID
from tapiproxy.tapi.lineconstants import (
    LINECALLPRIVILEGE_OWNER,
    LINEMEDIAMODE_INTERACTIVEVOICE,
)
from tapiproxy.tapi.linestructs import LINEADDRESSCAPS, LINEDEVCAPS
from tapiproxy.tapi.versions import TAPI_1_3, TAPI_3_1, VALID_VERSIONS
from tapiproxy.trp.requests import agent, generic, line
from tapiproxy.wire.errors import DecodeError
from tapiproxy.wire.layout import TAPI_NO_DATA
from tapiproxy.wire.structs import fixedSize, unpack

__all__ = ["Negotiated", "TelephonyClient"]


@frozen
class Negotiated:
    """
    What NegotiateAPIVersion agreed on.

    :ivar extensionID: of the device's extensions; all zeros if it has none.
    """

    dwNegotiatedVersion: int
    extensionID: LINEEXTENSIONID


class TelephonyClient:
    """
    A client that has attached (`tapiproxy.client.connect` makes one).

    It has at most one registration (HLINEAPP) at a time.

    :param detached: fires when the server has called RemoteSPDetach.

    :ivar session: what carries the requests.
    """

    def __init__(self, session: ClientSession, detached: "Deferred[None]") -> None:
        self.session = session
        self._detached = detached
        self._hLineApp = TAPI_NO_DATA

    @property
    def dwNumDevs(self) -> int:
        """How many lines the server shows; LINE_CREATE adds to them."""
        return self.session.admission.dwNumDevs

    def whenEnded(self) -> "Deferred[ClientError]":
        """A Deferred of why the session is over; it never fails."""
        return self.session.whenEnded()

    def abort(self) -> None:
        """Leave without a word; the server runs the session down when the connection closes."""
        self.session.end(ConnectionEnded("this client gave the session up"))

    def initialize(
        self, friendlyName: str, moduleName: str = "tapiproxy", dwAPIVersion: int = TAPI_3_1
    ) -> "Deferred[int]":
        """
        Register the application.  2.2.4.1.1.1

        :returns: how many lines the server shows.
        """
        return Deferred.fromCoroutine(self._initialize(friendlyName, moduleName, dwAPIVersion))

    async def _initialize(self, friendlyName: str, moduleName: str, dwAPIVersion: int) -> int:
        admission = self.session.admission
        reply = await self.session.now(
            line.Initialize(
                InitContext=admission.newInitContext(),
                dwFriendlyNameOffset=friendlyName,
                dwModuleNameOffset=moduleName,
                dwAPIVersion=dwAPIVersion,
            )
        )
        if reply.message.dwNumDevs > MAXIMUM_DEVICES:
            raise BadAnswer(f"the server speaks of {reply.message.dwNumDevs} lines")
        self._hLineApp = reply.message.hLineApp
        # A LINE_CREATE may have come by the other connection already.
        admission.dwNumDevs = max(admission.dwNumDevs, reply.message.dwNumDevs)
        return admission.dwNumDevs

    def negotiateAPIVersion(
        self, dwDeviceID: int, lowest: int = TAPI_1_3, highest: int = TAPI_3_1
    ) -> "Deferred[Negotiated]":
        """Agree on the TAPI version of a line.  2.2.4.1.1.2"""
        return Deferred.fromCoroutine(self._negotiateAPIVersion(dwDeviceID, lowest, highest))

    async def _negotiateAPIVersion(self, dwDeviceID: int, lowest: int, highest: int) -> Negotiated:
        reply = await self.session.now(
            line.NegotiateAPIVersion(
                hLineApp=self._hLineApp,
                dwDeviceID=dwDeviceID,
                dwVersion=lowest,
                dwVersionCurrent=highest,
                ExtensionID=fixedSize(LINEEXTENSIONID),
            )
        )
        version = reply.message.dwNegotiatedVersion
        if version not in VALID_VERSIONS or not lowest <= version <= highest:
            raise BadAnswer(f"the server negotiated 0x{version:08X}")
        try:
            extensionID = unpack(LINEEXTENSIONID, _octets(reply.message.ExtensionID))
        except DecodeError as error:
            raise BadAnswer(str(error)) from None
        return Negotiated(version, extensionID)

    def negotiateAPIVersionForAllDevices(self, highest: int = TAPI_3_1) -> "Deferred[list[int]]":
        """
        Agree on the TAPI versions of all lines at once.  2.2.4.1.8.2

        :returns: a version for each line; 0 for one with which there is none in common.
        """
        return Deferred.fromCoroutine(self._negotiateForAll(highest))

    async def _negotiateForAll(self, highest: int) -> list[int]:
        lines = self.dwNumDevs
        reply = await self.session.now(
            generic.NegotiateAPIVersionForAllDevices(
                hLineApp=self._hLineApp,
                dwNumLineDevices=lines,
                dwNumPhoneDevices=0,
                dwAPIHighVersion=highest,
                dwLineAPIVersionListOffset=4 * lines,
                dwLineExtensionIDListOffset=fixedSize(LINEEXTENSIONID) * lines,
                dwPhoneAPIVersionListOffset=0,
                dwPhoneExtensionIDListOffset=0,
            )
        )
        octets = _octets(reply.message.dwLineAPIVersionListOffset)
        if len(octets) != 4 * lines:
            raise BadAnswer(f"{len(octets)} octets of versions for {lines} lines")
        return [int.from_bytes(octets[at : at + 4], "little") for at in range(0, 4 * lines, 4)]

    def getDevCaps(self, dwDeviceID: int, version: int) -> "Deferred[LINEDEVCAPS]":
        """Ask what a line can do.  2.2.4.1.1.3"""
        return Deferred.fromCoroutine(self._getDevCaps(dwDeviceID, version))

    async def _getDevCaps(self, dwDeviceID: int, version: int) -> LINEDEVCAPS:
        packet = line.GetDevCaps(
            hLineApp=self._hLineApp, dwDeviceID=dwDeviceID, dwTSPIVersion=version
        )
        caps = (await self.session.now(packet, version)).message.lpLineDevCaps
        assert isinstance(caps, LINEDEVCAPS)
        return caps

    def getAddressCaps(
        self, dwDeviceID: int, dwAddressID: int, version: int
    ) -> "Deferred[LINEADDRESSCAPS]":
        """Ask what an address of a line can do.  2.2.4.1.1.4"""
        return Deferred.fromCoroutine(self._getAddressCaps(dwDeviceID, dwAddressID, version))

    async def _getAddressCaps(
        self, dwDeviceID: int, dwAddressID: int, version: int
    ) -> LINEADDRESSCAPS:
        packet = line.GetAddressCaps(
            hLineApp=self._hLineApp,
            dwDeviceID=dwDeviceID,
            dwAddressID=dwAddressID,
            dwTSPIVersion=version,
        )
        caps = (await self.session.now(packet, version)).message.lpAddressCaps
        assert isinstance(caps, LINEADDRESSCAPS)
        return caps

    def getProxyStatus(self, dwDeviceID: int, version: int) -> "Deferred[LINEPROXYREQUESTLIST]":
        """Ask which proxy requests are served for a line.  2.2.4.1.3.39"""
        return Deferred.fromCoroutine(self._getProxyStatus(dwDeviceID, version))

    async def _getProxyStatus(self, dwDeviceID: int, version: int) -> LINEPROXYREQUESTLIST:
        packet = agent.GetProxyStatus(
            hLineApp=self._hLineApp, dwDeviceID=dwDeviceID, dwAppAPIVersion=version
        )
        found = (await self.session.now(packet, version)).message.lpLineProxyRequestList
        assert isinstance(found, LINEPROXYREQUESTLIST)
        return found

    def getAgentCaps(
        self, dwDeviceID: int, dwAddressID: int, version: int
    ) -> "Deferred[LINEAGENTCAPS]":
        """Ask what the handler of a line can do at an address.  2.2.4.1.3.23"""
        return self.session.struct(
            LINEAGENTCAPS,
            agent.GetAgentCaps(
                hLineApp=self._hLineApp,
                dwDeviceID=dwDeviceID,
                dwAddressID=dwAddressID,
                dwAppAPIVersion=version,
            ),
            version,
        )

    def open(
        self,
        dwDeviceID: int,
        version: int,
        *,
        dwPrivileges: int = LINECALLPRIVILEGE_OWNER,
        dwMediaModes: int = LINEMEDIAMODE_INTERACTIVEVOICE,
    ) -> "Deferred[OpenLine]":
        """
        Open a line.  2.2.4.1.1.5

        :param version: as negotiated for the line.
        :param dwPrivileges: LINECALLPRIVILEGE_ bits.
        :param dwMediaModes: LINEMEDIAMODE_ bits of the calls to own.
        """
        return Deferred.fromCoroutine(self._open(dwDeviceID, version, dwPrivileges, dwMediaModes))

    async def _open(
        self, dwDeviceID: int, version: int, dwPrivileges: int, dwMediaModes: int
    ) -> OpenLine:
        hRemoteLine = self.session.admission.newLine()
        packet = line.Open(
            hLineApp=self._hLineApp,
            dwDeviceID=dwDeviceID,
            dwNegotiatedVersion=version,
            dwPrivileges=dwPrivileges,
            dwMediaModes=dwMediaModes,
            dwAsciiCallParamsCodePage=TAPI_NO_DATA,
            hRemoteLine=hRemoteLine,
        )
        try:
            hLine = (await self.session.now(packet)).message.hLine
        except ClientError:
            self.session.lineClosed(hRemoteLine)
            raise
        self.session.lineOpened(hRemoteLine, hLine)
        return OpenLine(
            self.session,
            hLine=hLine,
            hRemoteLine=hRemoteLine,
            dwDeviceID=dwDeviceID,
            version=version,
        )

    def shutDown(self) -> "Deferred[None]":
        """Give the registration up, and with it all its lines.  2.2.4.1.2.2"""
        return Deferred.fromCoroutine(self._shutDown())

    async def _shutDown(self) -> None:
        hLineApp, self._hLineApp = self._hLineApp, TAPI_NO_DATA
        await self.session.now(line.ShutDown(hLineApp=hLineApp))
        self.session.linesClosed()

    def detach(self) -> "Deferred[None]":
        """
        Leave: ClientDetach, then wait for the server's RemoteSPDetach.  3.1.4.3

        The session is over after it, whatever the server says.
        """
        return Deferred.fromCoroutine(self._detach())

    async def _detach(self) -> None:
        try:
            await self.session.detach(self._detached)
        finally:
            self.session.end(ConnectionEnded("this client has detached"))


def _octets(value: int | bytes) -> bytes:
    # A returned() field holds octets in every reply with result 0.
    assert isinstance(value, bytes)
    return value
