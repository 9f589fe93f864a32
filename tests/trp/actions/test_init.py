"""Beginning and ending the use of lines."""

from struct import unpack

from twisted.trial.unittest import TestCase

from tapiproxy.proxy.lines import staticLine
from tapiproxy.tapi.callstructs import LINECALLPARAMS
from tapiproxy.tapi.lineerr import LINEERR_OPERATIONUNAVAIL, LINEERR_RESOURCEUNAVAIL
from tapiproxy.tapi.versions import TAPI_1_3, TAPI_1_4, TAPI_2_0, TAPI_2_2, TAPI_3_0, TAPI_3_1
from tapiproxy.trp.requests import agent, generic, line
from tapiproxy.trp.settings import Settings
from tapiproxy.trp.templates import encodeRequest
from tests.trp.support import ALICE, ASSIGNMENTS, LINES, makeHarness


class Applications(TestCase):
    """Initialize and ShutDown."""

    def setUp(self) -> None:
        self.harness = makeHarness()
        self.app = self.harness.application().ready()

    def test_twice(self) -> None:
        """A second Initialize gives another HLINEAPP, with its own InitContext."""
        first, line1 = self.app.hLineApp, self.app.hLine
        second = self.app.initialize(InitContext=0x9999)
        self.assertNotEqual(first, second)
        self.app.open(1)
        for hLine in (line1, self.app.hLine):
            self.app.result(agent.CreateAgent(hLine=hLine))
        contexts = [event.InitContext for event in self.app.replies()]
        self.assertEqual(contexts, [0x1111, 0x9999])

    def test_shutDownCloses(self) -> None:
        """ShutDown closes the lines of its HLINEAPP and no others."""
        first = self.app.hLineApp
        self.app.initialize()
        self.app.open(1)
        self.assertEqual(self.app.result(line.ShutDown(hLineApp=first)), 0)
        (client,) = self.harness.server.status()["clients"]
        self.assertEqual((client["apps"], client["lines"]), (1, ["Support"]))
        self.assertEqual([reason for _, reason in self.harness.handler.closed], ["close"])

    def test_bounds(self) -> None:
        """HLINEAPPs and HLINEs of a client are bounded."""
        harness = makeHarness(Settings(appsPerClient=1, linesPerClient=1))
        app = harness.application().ready()
        again = line.Initialize(dwFriendlyNameOffset="", dwModuleNameOffset="")
        self.assertEqual(app.result(again), LINEERR_RESOURCEUNAVAIL)
        another = line.Open(hLineApp=app.hLineApp, dwNegotiatedVersion=TAPI_3_1, dwPrivileges=1)
        self.assertEqual(app.result(another), LINEERR_RESOURCEUNAVAIL)

    def test_devicesOfAPrincipal(self) -> None:
        """dwNumDevs counts the lines that the principal may see, and only they have numbers."""
        boss = staticLine("Boss", ("1",), ("DOM\\alice",))
        harness = makeHarness(lines=(boss, *LINES), assignments=ASSIGNMENTS)
        for principal, count, name in ((None, 3, "Sales"), (ALICE, 4, "Boss")):
            app = harness.application(principal)
            app.attach()
            reply = app.request(line.Initialize(dwFriendlyNameOffset="", dwModuleNameOffset=""))
            self.assertEqual(reply.message.dwNumDevs, count)
            caps = line.GetDevCaps(
                hLineApp=reply.message.hLineApp, dwTSPIVersion=TAPI_3_1, lpLineDevCaps=1024
            )
            self.assertEqual(app.request(caps).message.lpLineDevCaps.LineName, name)


class Versions(TestCase):
    """Negotiation, and structs by version."""

    def setUp(self) -> None:
        self.app = makeHarness().application().ready()

    def negotiated(self, low: int, high: int) -> int:
        message = line.NegotiateAPIVersion(
            hLineApp=self.app.hLineApp, dwVersion=low, dwVersionCurrent=high, ExtensionID=16
        )
        reply = self.app.request(message)
        self.assertEqual(reply.result, 0)
        self.assertEqual(reply.message.ExtensionID, bytes(16))
        version: int = reply.message.dwNegotiatedVersion
        return version

    def test_highest(self) -> None:
        """The highest version that both know, even where the client's range ends between two."""
        self.assertEqual(self.negotiated(TAPI_1_3, 0x7FFFFFFF), TAPI_3_1)
        self.assertEqual(self.negotiated(TAPI_1_3, TAPI_2_2), TAPI_2_2)
        self.assertEqual(self.negotiated(TAPI_1_3, 0x00028000), TAPI_2_2)
        self.assertEqual(self.negotiated(TAPI_2_0, TAPI_2_0), TAPI_2_0)

    def test_holes(self) -> None:
        """NegotiateAPIVersionForAllDevices of no devices has nothing in its lists."""
        message = generic.NegotiateAPIVersionForAllDevices(
            hLineApp=self.app.hLineApp, dwAPIHighVersion=TAPI_3_0
        )
        reply = self.app.request(message, 60)
        self.assertEqual((reply.result, reply.varData), (0, b""))

    def test_sizes(self) -> None:
        """LINEDEVCAPS and LINEADDRESSCAPS are as long as their version asks."""
        sizes = {
            TAPI_1_4: (240, 180),
            TAPI_2_0: (252, 228),
            TAPI_2_2: (268, 228),
            TAPI_3_0: (292, 228),
        }
        for version, (devCaps, addressCaps) in sizes.items():
            for size, message in (
                (
                    devCaps,
                    line.GetDevCaps(
                        hLineApp=self.app.hLineApp, dwTSPIVersion=version, lpLineDevCaps=devCaps
                    ),
                ),
                (
                    addressCaps,
                    line.GetAddressCaps(
                        hLineApp=self.app.hLineApp,
                        dwTSPIVersion=version,
                        lpAddressCaps=addressCaps,
                    ),
                ),
            ):
                octets = self.app.raw(encodeRequest(message))
                total, needed, used = unpack("<3I", octets[60:72])
                self.assertEqual((octets[:4], total, used), (bytes(4), size, size))
                self.assertGreater(needed, used)


class Opening(TestCase):
    """Open and Close."""

    def setUp(self) -> None:
        self.harness = makeHarness()
        self.app = self.harness.application().ready()

    def test_privileges(self) -> None:
        """NONE, MONITOR, OWNER and MONITOR with OWNER open a line, for many clients at once."""
        for dwPrivileges in (1, 2, 4, 6):
            self.assertTrue(self.app.open(dwPrivileges=dwPrivileges, dwMediaModes=4))
        self.assertTrue(self.harness.application().ready().open(dwPrivileges=4, dwMediaModes=4))
        self.assertEqual(self.harness.server.status()["lines"][0]["open"], 7)

    def test_proxy(self) -> None:
        """A remote proxy handler cannot be: LINEOPENOPTION_PROXY fails after its checks."""
        message = line.Open(
            hLineApp=self.app.hLineApp,
            dwNegotiatedVersion=TAPI_3_1,
            dwPrivileges=0x40000002,
            pCallParams=LINECALLPARAMS(),
        )
        self.assertEqual(self.app.result(message), LINEERR_OPERATIONUNAVAIL)

    def test_close(self) -> None:
        """Close takes the client from the list of who has the line open."""
        self.assertEqual(self.app.result(line.Close(hLine=self.app.hLine)), 0)
        self.assertEqual(self.harness.server.status()["lines"][0]["open"], 0)
