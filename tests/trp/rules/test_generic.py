"""Rules of the requests that are of neither lines nor phones."""

from tapiproxy.tapi.eventmasks import EM_ALL
from tapiproxy.tapi.lineerr import (
    LINEERR_INCOMPATIBLEAPIVERSION,
    LINEERR_INVALPARAM,
    LINEERR_STRUCTURETOOSMALL,
)
from tapiproxy.tapi.versions import TAPI_3_1
from tapiproxy.trp.requests import generic
from tests.trp.rules.patterns import fits, noApp, version
from tests.trp.rules.rows import RuleTests, accepted, refused
from tests.trp.rules.scene import NOBODYS, Scene, anothersLine


class GetAsyncEvents(RuleTests):
    """2.2.4.1.8.1"""

    rows = (
        *fits("0.1", 1024, LINEERR_INVALPARAM),
        accepted("0.1", "nothing for nothing", needed=60, dwTotalBufferSize=0),
        refused("0.1", "the highest number", LINEERR_INVALPARAM, dwTotalBufferSize=0xFFFFFFFF),
    )

    def request(self, scene: Scene) -> generic.GetAsyncEvents:
        return generic.GetAsyncEvents(dwTotalBufferSize=1024)


class NegotiateAPIVersionForAllDevices(RuleTests):
    """2.2.4.1.8.2"""

    rows = (
        *fits("130.1", 3 * 4 + 3 * 16, LINEERR_STRUCTURETOOSMALL),
        accepted("130.2", "two of three lines", dwNumLineDevices=2,
                 dwLineAPIVersionListSize=8, dwLineExtensionIDListSize=32),
        refused("130.2", "four lines of three", LINEERR_INVALPARAM, dwNumLineDevices=4,
                dwLineAPIVersionListSize=16, dwLineExtensionIDListSize=64),
        refused("130.2", "a phone of none", LINEERR_INVALPARAM, dwNumPhoneDevices=1,
                dwPhoneAPIVersionListSize=4, dwPhoneExtensionIDListSize=16),
        refused("130.3", "an octet less", LINEERR_INVALPARAM, dwLineAPIVersionListSize=11),
        refused("130.3", "a version less", LINEERR_INVALPARAM, dwLineAPIVersionListSize=8),
        refused("130.3", "a version more", LINEERR_INVALPARAM, dwLineAPIVersionListSize=16),
        refused("130.4", "a version more", LINEERR_INVALPARAM, dwPhoneAPIVersionListSize=4),
        refused("130.5", "an octet less", LINEERR_INVALPARAM, dwLineExtensionIDListSize=47),
        refused("130.5", "an entry less", LINEERR_INVALPARAM, dwLineExtensionIDListSize=32),
        refused("130.5", "an entry more", LINEERR_INVALPARAM, dwLineExtensionIDListSize=64),
        refused("130.6", "an entry more", LINEERR_INVALPARAM, dwPhoneExtensionIDListSize=16),
        *version("130.7", "dwAPIHighVersion", LINEERR_INCOMPATIBLEAPIVERSION),
        *noApp("130.hLineApp"),
    )  # fmt: skip

    def request(self, scene: Scene) -> generic.NegotiateAPIVersionForAllDevices:
        return generic.NegotiateAPIVersionForAllDevices(
            hLineApp=scene.hLineApp,
            dwNumLineDevices=3,
            dwAPIHighVersion=TAPI_3_1,
            dwLineAPIVersionListOffset=12,
            dwLineExtensionIDListOffset=48,
        )


def _lineApp(scene: Scene) -> int:
    return scene.hLineApp


class RSPSetEventFilterMasks(RuleTests):
    """2.2.4.1.8.3; dwObjType: 0 the client, 1 HLINEAPP, 2 HLINE, 3 HCALL, 4 HPHONEAPP, 5 HPHONE"""

    rows = (
        accepted("161.1", "the whole client", dwObjType=0, lObjectID=0),
        accepted("161.1", "an HLINEAPP", dwObjType=1, lObjectID=_lineApp),
        refused("161.1", "the first above", LINEERR_INVALPARAM, dwObjType=6),
        refused("161.1", "the highest number", LINEERR_INVALPARAM, dwObjType=0xFFFFFFFF),
        refused("161.2", "nobody's HLINE", LINEERR_INVALPARAM, lObjectID=NOBODYS),
        refused("161.2", "another client's HLINE", LINEERR_INVALPARAM, lObjectID=anothersLine),
        refused("161.2", "an HLINEAPP for an HLINE", LINEERR_INVALPARAM, lObjectID=_lineApp),
        refused("161.2", "an HLINE for an HLINEAPP", LINEERR_INVALPARAM, dwObjType=1),
        refused("161.2", "an HLINE for an HPHONEAPP", LINEERR_INVALPARAM, dwObjType=4),
        refused("161.2", "an HCALL, of which there are none", LINEERR_INVALPARAM, dwObjType=3),
        refused("161.2", "an HPHONE, of which there are none", LINEERR_INVALPARAM, dwObjType=5),
        accepted("161.fSubMask", "sub-types of one event", fSubMask=1, ulEventMasksLo=4),
        refused("161.fSubMask", "sub-types of two", LINEERR_INVALPARAM,
                fSubMask=1, ulEventMasksLo=6),
        refused("161.fSubMask", "sub-types of none", LINEERR_INVALPARAM,
                fSubMask=1, ulEventMasksLo=0),
    )  # fmt: skip

    def request(self, scene: Scene) -> generic.RSPSetEventFilterMasks:
        return generic.RSPSetEventFilterMasks(
            dwObjType=2, lObjectID=scene.hLine, ulEventMasksLo=EM_ALL
        )
