"""Rules of the packets that create and end a session for line devices."""

from tapiproxy.tapi.lineconstants import (
    LINECALLPRIVILEGE_MONITOR,
    LINECALLPRIVILEGE_NONE,
    LINECALLPRIVILEGE_OWNER,
    LINEMEDIAMODE_G3FAX,
    LINEMEDIAMODE_INTERACTIVEVOICE,
)
from tapiproxy.tapi.lineerr import (
    LINEERR_INCOMPATIBLEAPIVERSION,
    LINEERR_INCOMPATIBLEEXTVERSION,
    LINEERR_INVALMEDIAMODE,
    LINEERR_INVALPARAM,
    LINEERR_INVALPRIVSELECT,
    LINEERR_STRUCTURETOOSMALL,
)
from tapiproxy.tapi.versions import TAPI_1_4, TAPI_2_0, TAPI_2_1, TAPI_2_2, TAPI_3_0, TAPI_3_1
from tapiproxy.trp.requests import line
from tests.trp.rules.patterns import (
    atLeast,
    fits,
    given,
    noAddress,
    noApp,
    noDevice,
    noLine,
    removedDevice,
    strings,
    version,
)
from tests.trp.rules.rows import RuleTests, accepted, refused
from tests.trp.rules.scene import ACCEPTED, Scene


class Initialize(RuleTests):
    """2.2.4.1.1.1"""

    rows = (
        *strings("47.1", "47.2", "47.3", "dwFriendlyNameOffset", LINEERR_INVALPARAM),
        given("47.1", "dwFriendlyNameOffset", LINEERR_INVALPARAM),
        *strings("47.4", "47.5", "47.6", "dwModuleNameOffset", LINEERR_INVALPARAM),
        given("47.4", "dwModuleNameOffset", LINEERR_INVALPARAM),
    )

    def request(self, scene: Scene) -> line.Initialize:
        return line.Initialize(dwFriendlyNameOffset="Agent", dwModuleNameOffset="agent.exe")

    def test_rule_47_7__a_new_handle_that_can_be_used(self) -> None:
        """47.7: the handle is a new one, the lines are counted, and the next request may use it."""
        scene = Scene()
        reply = scene.app.request(self.request(scene))
        self.assertNotIn(reply.message.hLineApp, (0, scene.hLineApp, 0xFFFFFFFF))
        self.assertEqual(reply.message.dwNumDevs, 3)
        open_ = line.Open(
            hLineApp=reply.message.hLineApp,
            dwNegotiatedVersion=TAPI_3_1,
            dwPrivileges=LINECALLPRIVILEGE_MONITOR,
        )
        self.assertEqual(scene.ask(open_), ACCEPTED)
        (client,) = scene.harness.server.status()["clients"]
        self.assertEqual(client["apps"], 2)


class NegotiateAPIVersion(RuleTests):
    """2.2.4.1.1.2"""

    rows = (
        *fits("52.1", 16, LINEERR_STRUCTURETOOSMALL),
        *noDevice("52.2"),
        removedDevice(52),
        *noApp("52.3"),
        accepted("52.4", "both the same", dwVersion=TAPI_3_1),
        refused("52.4", "the wrong way round", LINEERR_INCOMPATIBLEAPIVERSION,
                dwVersion=TAPI_3_1, dwVersionCurrent=TAPI_2_0),
        accepted("52.5", "only 1.3", dwVersionCurrent=0x10003),
        refused("52.5", "all below 1.3", LINEERR_INCOMPATIBLEAPIVERSION,
                dwVersion=0, dwVersionCurrent=0x10002),
        refused("52.5", "between 2.2 and 3.0", LINEERR_INCOMPATIBLEAPIVERSION,
                dwVersion=0x20003, dwVersionCurrent=0x2FFFF),
        refused("52.5", "all above 3.1", LINEERR_INCOMPATIBLEAPIVERSION,
                dwVersion=0x30002, dwVersionCurrent=0x40000),
    )  # fmt: skip

    def request(self, scene: Scene) -> line.NegotiateAPIVersion:
        return line.NegotiateAPIVersion(
            hLineApp=scene.hLineApp, dwVersion=0x10003, dwVersionCurrent=TAPI_3_1, ExtensionID=16
        )


class GetDevCaps(RuleTests):
    """2.2.4.1.1.3"""

    rows = (
        *fits("34.1", 1024, LINEERR_INVALPARAM),
        *atLeast("34.2", "lpLineDevCaps", 292, LINEERR_STRUCTURETOOSMALL),
        *atLeast("34.2", "lpLineDevCaps", 292, LINEERR_STRUCTURETOOSMALL, dwTSPIVersion=TAPI_3_0),
        *atLeast("34.2", "lpLineDevCaps", 268, LINEERR_STRUCTURETOOSMALL, dwTSPIVersion=TAPI_2_2),
        *atLeast("34.2", "lpLineDevCaps", 252, LINEERR_STRUCTURETOOSMALL, dwTSPIVersion=TAPI_2_1),
        *atLeast("34.2", "lpLineDevCaps", 252, LINEERR_STRUCTURETOOSMALL, dwTSPIVersion=TAPI_2_0),
        *atLeast("34.2", "lpLineDevCaps", 240, LINEERR_STRUCTURETOOSMALL, dwTSPIVersion=TAPI_1_4),
        *noDevice("34.3"),
        removedDevice(34),
        *version("34.4", "dwTSPIVersion", LINEERR_INCOMPATIBLEAPIVERSION),
        refused("34.5", "any: there are none", LINEERR_INCOMPATIBLEEXTVERSION, dwExtVersion=1),
        *noApp("34.6"),
    )

    def request(self, scene: Scene) -> line.GetDevCaps:
        return line.GetDevCaps(hLineApp=scene.hLineApp, dwTSPIVersion=TAPI_3_1, lpLineDevCaps=1024)


class GetAddressCaps(RuleTests):
    """2.2.4.1.1.4"""

    rows = (
        *noApp("21.1"),
        *fits("21.2", 1024, LINEERR_INVALPARAM),
        *atLeast("21.3", "lpAddressCaps", 228, LINEERR_STRUCTURETOOSMALL),
        *atLeast("21.3", "lpAddressCaps", 228, LINEERR_STRUCTURETOOSMALL, dwTSPIVersion=TAPI_2_0),
        *atLeast("21.3", "lpAddressCaps", 180, LINEERR_STRUCTURETOOSMALL, dwTSPIVersion=TAPI_1_4),
        accepted("21.4", "room for 228 octets", needed=60 + 228, lpAddressCaps=228),
        # 227 octets for 1024 break rule 21.2 too, which alone would say LINEERR_INVALPARAM.
        refused("21.4", "room for 227 octets", LINEERR_STRUCTURETOOSMALL, needed=60 + 227),
        *noDevice("21.5"),
        removedDevice(21),
        *noAddress("21.dwAddressID"),
        *version("21.6", "dwTSPIVersion", LINEERR_INCOMPATIBLEAPIVERSION),
        refused("21.7", "any: there are none", LINEERR_INCOMPATIBLEEXTVERSION, dwExtVersion=1),
    )

    def request(self, scene: Scene) -> line.GetAddressCaps:
        return line.GetAddressCaps(
            hLineApp=scene.hLineApp, dwTSPIVersion=TAPI_3_1, lpAddressCaps=1024
        )


_BOTH = LINECALLPRIVILEGE_MONITOR | LINECALLPRIVILEGE_OWNER


class Open(RuleTests):
    """2.2.4.1.1.5; with a LINECALLPARAMS in `test_callparams`"""

    rows = (
        *noApp("54.1"),
        *noDevice("54.dwDeviceID"),
        removedDevice(54),
        *version("54.2", "dwNegotiatedVersion", LINEERR_INCOMPATIBLEAPIVERSION),
        accepted("54.3", "NONE alone", dwPrivileges=LINECALLPRIVILEGE_NONE),
        accepted("54.3", "OWNER", dwPrivileges=LINECALLPRIVILEGE_OWNER),
        accepted("54.3", "MONITOR and OWNER", dwPrivileges=_BOTH),
        refused("54.3", "no privilege", LINEERR_INVALPRIVSELECT, dwPrivileges=0),
        refused("54.3", "NONE and MONITOR", LINEERR_INVALPRIVSELECT, dwPrivileges=3),
        refused("54.3", "NONE and OWNER", LINEERR_INVALPRIVSELECT, dwPrivileges=5),
        refused("54.3", "all three", LINEERR_INVALPRIVSELECT, dwPrivileges=7),
        refused("54.4", "the first bit above", LINEERR_INVALPRIVSELECT, dwPrivileges=2 | 8),
        refused("54.4", "the last bit below", LINEERR_INVALPRIVSELECT, dwPrivileges=2 | 1 << 29),
        accepted("54.7", "a monitor names none", dwMediaModes=0),
        accepted("54.7", "an owner names the line's", dwPrivileges=_BOTH),
        refused("54.7", "an owner names none", LINEERR_INVALMEDIAMODE,
                dwPrivileges=_BOTH, dwMediaModes=0),
        refused("54.7", "an owner names another", LINEERR_INVALMEDIAMODE,
                dwPrivileges=_BOTH, dwMediaModes=LINEMEDIAMODE_G3FAX),
        refused("54.7", "an owner names one too many", LINEERR_INVALMEDIAMODE,
                dwPrivileges=_BOTH,
                dwMediaModes=LINEMEDIAMODE_INTERACTIVEVOICE | LINEMEDIAMODE_G3FAX),
        refused("54.8", "any: there are none", LINEERR_INCOMPATIBLEEXTVERSION, dwExtVersion=1),
    )  # fmt: skip

    def request(self, scene: Scene) -> line.Open:
        return line.Open(
            hLineApp=scene.hLineApp,
            dwNegotiatedVersion=TAPI_3_1,
            dwPrivileges=LINECALLPRIVILEGE_MONITOR,
            dwMediaModes=LINEMEDIAMODE_INTERACTIVEVOICE,
        )

    def test_rule_54_11__a_new_handle_that_can_be_used(self) -> None:
        """54.11: the handle is a new one, the line is listed, events and the handler know of it."""
        scene = Scene()
        reply = scene.app.request(self.request(scene))
        hLine = reply.message.hLine
        self.assertNotIn(hLine, (0, scene.hLine, scene.hLineApp, 0xFFFFFFFF))
        self.assertEqual(scene.ask(line.GetNumAddressIDs(hLine=hLine)), ACCEPTED)
        (client,) = scene.harness.server.status()["clients"]
        self.assertEqual(client["lines"], ["Sales", "Sales"])
        self.assertEqual([name for _, name in scene.harness.handler.opened], ["Sales", "Sales"])
        scene.app.events()
        scene.harness.host.setAvailable(())
        self.assertEqual({event.hDevice for event in scene.app.events()}, {scene.hLine, hLine})


class Close(RuleTests):
    """2.2.4.1.2.1"""

    rows = noLine("9.1")

    def request(self, scene: Scene) -> line.Close:
        return line.Close(hLine=scene.app.open())

    def test_rule_9_2__the_handle_is_gone(self) -> None:
        """9.2: the handle is refused from now on, the line is not listed, no event names it."""
        scene = Scene()
        request = line.Close(hLine=scene.hLine)
        self.assertEqual(scene.ask(request), ACCEPTED)
        self.assertEqual(scene.ask(request), "LINEERR_INVALLINEHANDLE")
        (client,) = scene.harness.server.status()["clients"]
        self.assertEqual(client["lines"], [])
        self.assertEqual([reason for _, reason in scene.harness.handler.closed], ["close"])
        scene.app.events()
        scene.harness.host.setAvailable(())
        self.assertEqual(scene.app.events(), [])


class ShutDown(RuleTests):
    """2.2.4.1.2.2"""

    rows = noApp("86.1")

    def request(self, scene: Scene) -> line.ShutDown:
        return line.ShutDown(hLineApp=scene.app.initialize())

    def test_rule_86_2__the_handle_is_gone(self) -> None:
        """86.2: the handle is refused from now on, and so are those of its lines."""
        scene = Scene()
        hLine = scene.hLine
        request = line.ShutDown(hLineApp=scene.hLineApp)
        self.assertEqual(scene.ask(request), ACCEPTED)
        self.assertEqual(scene.ask(request), "LINEERR_INVALAPPHANDLE")
        self.assertEqual(scene.ask(line.Close(hLine=hLine)), "LINEERR_INVALLINEHANDLE")
        (client,) = scene.harness.server.status()["clients"]
        self.assertEqual((client["apps"], client["lines"]), (0, []))
