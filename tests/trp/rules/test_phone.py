"""
Rules of the requests about phones, of which there are none.

So a request about a device is never accepted: the nearest to it is one that breaks no rule but that
of the device, whose check stands last.
"""

from typing import Any

from tapiproxy.tapi.phoneconstants import PHONEPRIVILEGE_MONITOR, PHONEPRIVILEGE_OWNER
from tapiproxy.tapi.phoneerr import (
    PHONEERR_BADDEVICEID,
    PHONEERR_INCOMPATIBLEAPIVERSION,
    PHONEERR_INCOMPATIBLEEXTVERSION,
    PHONEERR_INVALAPPHANDLE,
    PHONEERR_INVALPARAM,
    PHONEERR_INVALPRIVILEGE,
    PHONEERR_STRUCTURETOOSMALL,
)
from tapiproxy.tapi.versions import TAPI_2_0, TAPI_3_1
from tapiproxy.trp.requests import phone
from tests.trp.rules.patterns import given, strings
from tests.trp.rules.rows import Row, RuleTests, refused
from tests.trp.rules.scene import ACCEPTED, NOBODYS, Change, Scene

#: What a request is answered that is right, but for the phone that there is not.
NO_PHONE = PHONEERR_BADDEVICEID


def right(rule: str, words: str, **changes: Any) -> Row:
    """Declare a change after which the request is still right."""
    return refused(rule, words, NO_PHONE, **changes)


def hPhoneApp(scene: Scene) -> int:
    reply = scene.app.request(
        phone.Initialize(dwFriendlyNameOffset="Agent", dwModuleNameOffset="agent.exe")
    )
    handle: int = reply.message.hPhoneApp
    return handle


def noPhoneApp(rule: str) -> tuple[Row, ...]:
    """hPhoneApp is an invalid handle."""
    return (
        refused(rule, "a handle of nobody", PHONEERR_INVALAPPHANDLE, hPhoneApp=NOBODYS),
        refused(rule, "an HLINEAPP for an HPHONEAPP", PHONEERR_INVALAPPHANDLE,
                hPhoneApp=lambda scene: scene.hLineApp),
    )  # fmt: skip


class Initialize(RuleTests):
    """2.2.4.1.4.1"""

    rows = (
        *strings("106.1", "106.2", "106.3", "dwFriendlyNameOffset", PHONEERR_INVALPARAM),
        given("106.1", "dwFriendlyNameOffset", PHONEERR_INVALPARAM),
        *strings("106.4", "106.5", "106.6", "dwModuleNameOffset", PHONEERR_INVALPARAM),
        given("106.4", "dwModuleNameOffset", PHONEERR_INVALPARAM),
    )

    def request(self, scene: Scene) -> phone.Initialize:
        return phone.Initialize(dwFriendlyNameOffset="Agent", dwModuleNameOffset="agent.exe")

    def test_rule_106_7__a_new_handle_that_can_be_used(self) -> None:
        """106.7: the handle is a new one, the phones are counted, the next request may use it."""
        scene = Scene()
        first = hPhoneApp(scene)
        reply = scene.app.request(self.request(scene))
        self.assertNotIn(reply.message.hPhoneApp, (0, first, scene.hLineApp, 0xFFFFFFFF))
        self.assertEqual(reply.message.dwNumDevs, 0)
        (client,) = scene.harness.server.status()["clients"]
        self.assertEqual(client["phoneApps"], 2)
        end = phone.ShutDown(hPhoneApp=reply.message.hPhoneApp)
        self.assertEqual(scene.ask(end), ACCEPTED)


class NegotiateAPIVersion(RuleTests):
    """2.2.4.1.4.2"""

    base = "PHONEERR_BADDEVICEID"
    rows = (
        right("108.1", "room for 16 octets", needed=60 + 16),
        refused("108.1", "room for 15 octets", PHONEERR_STRUCTURETOOSMALL, needed=60 + 15),
        refused("108.2", "there are none", NO_PHONE),
        *noPhoneApp("108.3"),
        right("108.4", "both the same", dwVersion=TAPI_3_1),
        refused("108.4", "the wrong way round", PHONEERR_INCOMPATIBLEAPIVERSION,
                dwVersion=TAPI_3_1, dwVersionCurrent=TAPI_2_0),
        right("108.5", "only 1.3", dwVersionCurrent=0x10003),
        refused("108.5", "all below 1.3", PHONEERR_INCOMPATIBLEAPIVERSION,
                dwVersion=0, dwVersionCurrent=0x10002),
        refused("108.5", "between 2.2 and 3.0", PHONEERR_INCOMPATIBLEAPIVERSION,
                dwVersion=0x20003, dwVersionCurrent=0x2FFFF),
        refused("108.5", "all above 3.1", PHONEERR_INCOMPATIBLEAPIVERSION,
                dwVersion=0x30002, dwVersionCurrent=0x40000),
    )  # fmt: skip

    def request(self, scene: Scene) -> phone.NegotiateAPIVersion:
        return phone.NegotiateAPIVersion(
            hPhoneApp=hPhoneApp(scene),
            dwVersion=0x10003,
            dwVersionCurrent=TAPI_3_1,
            ExtensionID=16,
        )


class GetDevCaps(RuleTests):
    """2.2.4.1.4.3"""

    base = "PHONEERR_BADDEVICEID"
    rows = (
        right("95.1", "room for PHONECAPS of 3.1", needed=60 + 196),
        refused("95.1", "one octet less", PHONEERR_STRUCTURETOOSMALL, needed=60 + 195),
        right("95.1", "room for PHONECAPS of 2.0", needed=60 + 180, dwTSPIVersion=TAPI_2_0),
        refused("95.1", "one octet less of 2.0", PHONEERR_STRUCTURETOOSMALL,
                needed=60 + 179, dwTSPIVersion=TAPI_2_0),
        right("95.1", "room for PHONECAPS of 1.4", needed=60 + 144, dwTSPIVersion=0x10004),
        refused("95.1", "one octet less of 1.4", PHONEERR_STRUCTURETOOSMALL,
                needed=60 + 143, dwTSPIVersion=0x10004),
        refused("95.2", "any: there are none", PHONEERR_INCOMPATIBLEEXTVERSION, dwExtVersion=1),
        refused("95.3", "there are none", NO_PHONE),
        *noPhoneApp("95.hPhoneApp"),
    )  # fmt: skip

    def request(self, scene: Scene) -> phone.GetDevCaps:
        return phone.GetDevCaps(
            hPhoneApp=hPhoneApp(scene), dwTSPIVersion=TAPI_3_1, lpPhoneCaps=1024
        )


class Open(RuleTests):
    """2.2.4.1.4.4"""

    base = "PHONEERR_BADDEVICEID"
    rows = (
        *noPhoneApp("107.1"),
        right("107.2", "OWNER", dwPrivilege=PHONEPRIVILEGE_OWNER),
        refused("107.2", "none", PHONEERR_INVALPRIVILEGE, dwPrivilege=0),
        refused("107.2", "both", PHONEERR_INVALPRIVILEGE, dwPrivilege=3),
        refused("107.2", "another", PHONEERR_INVALPRIVILEGE, dwPrivilege=4),
        right("107.3", "1.3", dwNegotiatedVersion=0x10003),
        refused("107.3", "0", PHONEERR_INCOMPATIBLEAPIVERSION, dwNegotiatedVersion=0),
        refused("107.3", "2.3", PHONEERR_INCOMPATIBLEAPIVERSION, dwNegotiatedVersion=0x20003),
        refused("107.3", "3.2", PHONEERR_INCOMPATIBLEAPIVERSION, dwNegotiatedVersion=0x30002),
        refused("107.4", "any: there are none", PHONEERR_INCOMPATIBLEEXTVERSION, dwExtVersion=1),
        refused("107.dwDeviceID", "there are none", NO_PHONE),
    )  # fmt: skip

    def request(self, scene: Scene) -> phone.Open:
        return phone.Open(
            hPhoneApp=hPhoneApp(scene),
            dwNegotiatedVersion=TAPI_3_1,
            dwPrivilege=PHONEPRIVILEGE_MONITOR,
        )

    def test_rule_107_5__no_phone_is_opened(self) -> None:
        """107.5: a request that breaks no other rule makes no handle: the reply is its octets."""
        scene = Scene()
        octets, needed = scene.compose(self.request(scene), Change())
        answer = scene.app.raw(octets, needed)
        self.assertEqual(answer[:4], PHONEERR_BADDEVICEID.to_bytes(4, "little"))
        self.assertEqual(answer[4:], octets[4:])


class ShutDown(RuleTests):
    """2.2.4.1.5.2"""

    rows = noPhoneApp("119.1")

    def request(self, scene: Scene) -> phone.ShutDown:
        return phone.ShutDown(hPhoneApp=hPhoneApp(scene))

    def test_rule_119_2__the_handle_is_gone(self) -> None:
        """119.2: the handle is refused from now on."""
        scene = Scene()
        request = self.request(scene)
        self.assertEqual(scene.ask(request), ACCEPTED)
        self.assertEqual(scene.ask(request), "PHONEERR_INVALAPPHANDLE")
        (client,) = scene.harness.server.status()["clients"]
        self.assertEqual(client["phoneApps"], 0)
