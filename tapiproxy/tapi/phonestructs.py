"""
Structs of phone devices.  [MS-TRP] 2.2.6.42
"""

from uuid import UUID

from tapiproxy.tapi.lineconstants import STRINGFORMAT
from tapiproxy.tapi.phoneconstants import (
    PHONEFEATURE,
    PHONEHOOKSWITCHDEV,
    PHONEHOOKSWITCHMODE,
    PHONESTATE,
)
from tapiproxy.tapi.versions import TAPI_2_0, TAPI_2_2
from tapiproxy.wire.layout import BYTES, TEXT, TEXTS, array, choice, dword, flags, guid, sized
from tapiproxy.wire.structs import structure

__all__ = ["PHONECAPS"]


@structure()
class PHONECAPS:
    """
    What a phone device can do.  [MS-TRP] 2.2.6.42

    ButtonModes, ButtonFunctions and LampModes are arrays of DWORDs, one for each button; SetData
    and GetData hold the size of each data area.
    """

    ProviderInfo: str | None = sized(TEXT)
    PhoneInfo: str | None = sized(TEXT)
    dwPermanentPhoneID: int = dword()
    PhoneName: str | None = sized(TEXT)
    dwStringFormat: int = choice(STRINGFORMAT)
    dwPhoneStates: int = flags(PHONESTATE)
    dwHookSwitchDevs: int = flags(PHONEHOOKSWITCHDEV)
    dwHandsetHookSwitchModes: int = flags(PHONEHOOKSWITCHMODE)
    dwSpeakerHookSwitchModes: int = flags(PHONEHOOKSWITCHMODE)
    dwHeadsetHookSwitchModes: int = flags(PHONEHOOKSWITCHMODE)
    dwVolumeFlags: int = flags(PHONEHOOKSWITCHDEV)
    dwGainFlags: int = flags(PHONEHOOKSWITCHDEV)
    dwDisplayNumRows: int = dword()
    dwDisplayNumColumns: int = dword()
    dwNumRingModes: int = dword()
    dwNumButtonLamps: int = dword()
    ButtonModes: bytes = sized(BYTES)
    ButtonFunctions: bytes = sized(BYTES)
    LampModes: bytes = sized(BYTES)
    SetData: tuple[int, ...] = array(None, count="dwNumSetData")
    GetData: tuple[int, ...] = array(None, count="dwNumGetData")
    DevSpecific: bytes = sized(BYTES)
    DeviceClasses: tuple[str, ...] = sized(TEXTS, since=TAPI_2_0)
    dwPhoneFeatures: int = flags(PHONEFEATURE, since=TAPI_2_0)
    dwSettableHandsetHookSwitchModes: int = flags(PHONEHOOKSWITCHMODE, since=TAPI_2_0)
    dwSettableSpeakerHookSwitchModes: int = flags(PHONEHOOKSWITCHMODE, since=TAPI_2_0)
    dwSettableHeadsetHookSwitchModes: int = flags(PHONEHOOKSWITCHMODE, since=TAPI_2_0)
    dwMonitoredHandsetHookSwitchModes: int = flags(PHONEHOOKSWITCHMODE, since=TAPI_2_0)
    dwMonitoredSpeakerHookSwitchModes: int = flags(PHONEHOOKSWITCHMODE, since=TAPI_2_0)
    dwMonitoredHeadsetHookSwitchModes: int = flags(PHONEHOOKSWITCHMODE, since=TAPI_2_0)
    PermanentPhoneGuid: UUID = guid(since=TAPI_2_2)
