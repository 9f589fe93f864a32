"""
Structs of line devices and addresses: capabilities and state.  [MS-TRP] 2.2.6
"""

from uuid import UUID

from tapiproxy.tapi.lineconstants import (
    LINEADDRCAPFLAGS,
    LINEADDRESSMODE,
    LINEADDRESSSHARING,
    LINEADDRESSSTATE,
    LINEADDRESSTYPE,
    LINEADDRFEATURE,
    LINEANSWERMODE,
    LINEBEARERMODE,
    LINEBUSYMODE,
    LINECALLCOMPLCOND,
    LINECALLCOMPLMODE,
    LINECALLFEATURE,
    LINECALLFEATURE2,
    LINECALLHUBTRACKING,
    LINECALLINFOSTATE,
    LINECALLPARTYID,
    LINECALLSTATE,
    LINECONNECTEDMODE,
    LINEDEVCAPFLAGS,
    LINEDEVSTATE,
    LINEDEVSTATUSFLAGS,
    LINEDIALTONEMODE,
    LINEDIGITMODE,
    LINEDISCONNECTMODE,
    LINEFEATURE,
    LINEFORWARDMODE,
    LINEMEDIAMODE,
    LINEOFFERINGMODE,
    LINEPARKMODE,
    LINEREMOVEFROMCONF,
    LINEROAMMODE,
    LINESPECIALINFO,
    LINETERMDEV,
    LINETERMMODE,
    LINETERMSHARING,
    LINETONEMODE,
    LINETRANSFERMODE,
    STRINGFORMAT,
)
from tapiproxy.tapi.versions import TAPI_2_0, TAPI_2_2, TAPI_3_0
from tapiproxy.wire.layout import (
    BYTES,
    TEXT,
    TEXTS,
    addressID,
    array,
    choice,
    deviceID,
    dword,
    flags,
    guid,
    nested,
    sized,
)
from tapiproxy.wire.structs import entry, structure

__all__ = [
    "LINEADDRESSCAPS",
    "LINEADDRESSSTATUS",
    "LINEAPPINFO",
    "LINECALLTREATMENTENTRY",
    "LINEDEVCAPS",
    "LINEDEVSTATUS",
    "LINEDIALPARAMS",
    "LINEFORWARD",
    "LINETERMCAPS",
    "VARSTRING",
]


@entry
class LINEDIALPARAMS:
    """How digits are dialled, in milliseconds.  [MS-TRP] 2.2.6.26"""

    dwDialPause: int = dword()
    dwDialSpeed: int = dword()
    dwDigitDuration: int = dword()
    dwWaitForDialtone: int = dword()


@entry
class LINETERMCAPS:
    """What a terminal of a line is.  [MS-TRP] 2.2.6.49"""

    dwTermDev: int = choice(LINETERMDEV)
    dwTermModes: int = flags(LINETERMMODE)
    dwTermSharing: int = choice(LINETERMSHARING)


@structure()
class LINEDEVCAPS:
    """
    What a line device can do.  [MS-TRP] 2.2.6.23

    240 octets, 252 since TAPI 2.0, 268 since 2.2, 292 since 3.0.
    """

    ProviderInfo: str | None = sized(TEXT)
    SwitchInfo: str | None = sized(TEXT)
    dwPermanentLineID: int = dword()
    LineName: str | None = sized(TEXT)
    dwStringFormat: int = choice(STRINGFORMAT)
    dwAddressModes: int = flags(LINEADDRESSMODE)
    dwNumAddresses: int = dword()
    dwBearerModes: int = flags(LINEBEARERMODE)
    dwMaxRate: int = dword()
    dwMediaModes: int = flags(LINEMEDIAMODE)
    dwGenerateToneModes: int = flags(LINETONEMODE)
    dwGenerateToneMaxFreq: int = dword()
    dwGenerateDigitModes: int = flags(LINEDIGITMODE)
    dwMonitorToneMaxNumFreq: int = dword()
    dwMonitorToneMaxNumEntries: int = dword()
    dwMonitorDigitModes: int = flags(LINEDIGITMODE)
    dwGatherDigitsMinTimeout: int = dword()
    dwGatherDigitsMaxTimeout: int = dword()
    dwMedCtlDigitMaxListSize: int = dword()
    dwMedCtlMediaMaxListSize: int = dword()
    dwMedCtlToneMaxListSize: int = dword()
    dwMedCtlCallStateMaxListSize: int = dword()
    dwDevCapFlags: int = flags(LINEDEVCAPFLAGS)
    dwMaxNumActiveCalls: int = dword()
    dwAnswerMode: int = flags(LINEANSWERMODE)
    dwRingModes: int = dword()
    dwLineStates: int = flags(LINEDEVSTATE)
    dwUUIAcceptSize: int = dword()
    dwUUIAnswerSize: int = dword()
    dwUUIMakeCallSize: int = dword()
    dwUUIDropSize: int = dword()
    dwUUISendUserUserInfoSize: int = dword()
    dwUUICallInfoSize: int = dword()
    MinDialParams: LINEDIALPARAMS = nested(LINEDIALPARAMS)
    MaxDialParams: LINEDIALPARAMS = nested(LINEDIALPARAMS)
    DefaultDialParams: LINEDIALPARAMS = nested(LINEDIALPARAMS)
    TerminalCaps: tuple[LINETERMCAPS, ...] = array(LINETERMCAPS, count="dwNumTerminals")
    dwTerminalTextEntrySize: int = dword()
    TerminalText: bytes = sized(BYTES)
    DevSpecific: bytes = sized(BYTES)
    dwLineFeatures: int = flags(LINEFEATURE)
    dwSettableDevStatus: int = flags(LINEDEVSTATUSFLAGS, since=TAPI_2_0)
    DeviceClasses: tuple[str, ...] = sized(TEXTS, since=TAPI_2_0)
    PermanentLineGuid: UUID = guid(since=TAPI_2_2)
    dwAddressTypes: int = flags(LINEADDRESSTYPE, since=TAPI_3_0)
    ProtocolGuid: UUID = guid(since=TAPI_3_0)
    dwAvailableTracking: int = flags(LINECALLHUBTRACKING, since=TAPI_3_0)


@entry
class LINEAPPINFO:
    """An application that has a line open.  [MS-TRP] 2.2.6.25"""

    MachineName: str | None = sized(TEXT)
    UserName: str | None = sized(TEXT)
    ModuleFilename: str | None = sized(TEXT)
    FriendlyName: str | None = sized(TEXT)
    dwMediaModes: int = flags(LINEMEDIAMODE)
    dwAddressID: int = addressID()


@structure()
class LINEDEVSTATUS:
    """
    The state of a line device.  [MS-TRP] 2.2.6.24

    76 octets, 88 since TAPI 2.0.  TerminalModes is an array of DWORDs, one for each terminal.
    """

    dwNumOpens: int = dword()
    dwOpenMediaModes: int = flags(LINEMEDIAMODE)
    dwNumActiveCalls: int = dword()
    dwNumOnHoldCalls: int = dword()
    dwNumOnHoldPendCalls: int = dword()
    dwLineFeatures: int = flags(LINEFEATURE)
    dwNumCallCompletions: int = dword()
    dwRingMode: int = dword()
    dwSignalLevel: int = dword()
    dwBatteryLevel: int = dword()
    dwRoamMode: int = choice(LINEROAMMODE)
    dwDevStatusFlags: int = flags(LINEDEVSTATUSFLAGS)
    TerminalModes: bytes = sized(BYTES)
    DevSpecific: bytes = sized(BYTES)
    dwAvailableMediaModes: int = flags(LINEMEDIAMODE, since=TAPI_2_0)
    AppInfo: tuple[LINEAPPINFO, ...] = sized(LINEAPPINFO, since=TAPI_2_0)


@entry
class LINECALLTREATMENTENTRY:
    """What a caller hears while he waits.  [MS-TRP] 2.2.6.22"""

    dwCallTreatmentID: int = dword()
    CallTreatmentName: str | None = sized(TEXT)


@structure()
class LINEADDRESSCAPS:
    """
    What an address can do.  [MS-TRP] 2.2.6.6

    180 octets, 228 since TAPI 2.0.
    """

    dwLineDeviceID: int = deviceID()
    Address: str | None = sized(TEXT)
    DevSpecific: bytes = sized(BYTES)
    dwAddressSharing: int = choice(LINEADDRESSSHARING)
    dwAddressStates: int = flags(LINEADDRESSSTATE)
    dwCallInfoStates: int = flags(LINECALLINFOSTATE)
    dwCallerIDFlags: int = flags(LINECALLPARTYID)
    dwCalledIDFlags: int = flags(LINECALLPARTYID)
    dwConnectedIDFlags: int = flags(LINECALLPARTYID)
    dwRedirectionIDFlags: int = flags(LINECALLPARTYID)
    dwRedirectingIDFlags: int = flags(LINECALLPARTYID)
    dwCallStates: int = flags(LINECALLSTATE)
    dwDialToneModes: int = flags(LINEDIALTONEMODE)
    dwBusyModes: int = flags(LINEBUSYMODE)
    dwSpecialInfo: int = flags(LINESPECIALINFO)
    dwDisconnectModes: int = flags(LINEDISCONNECTMODE)
    dwMaxNumActiveCalls: int = dword()
    dwMaxNumOnHoldCalls: int = dword()
    dwMaxNumOnHoldPendingCalls: int = dword()
    dwMaxNumConference: int = dword()
    dwMaxNumTransConf: int = dword()
    dwAddrCapFlags: int = flags(LINEADDRCAPFLAGS)
    dwCallFeatures: int = flags(LINECALLFEATURE)
    dwRemoveFromConfCaps: int = choice(LINEREMOVEFROMCONF)
    dwRemoveFromConfState: int = flags(LINECALLSTATE)
    dwTransferModes: int = flags(LINETRANSFERMODE)
    dwParkModes: int = flags(LINEPARKMODE)
    dwForwardModes: int = flags(LINEFORWARDMODE)
    dwMaxForwardEntries: int = dword()
    dwMaxSpecificEntries: int = dword()
    dwMinFwdNumRings: int = dword()
    dwMaxFwdNumRings: int = dword()
    dwMaxCallCompletions: int = dword()
    dwCallCompletionConds: int = flags(LINECALLCOMPLCOND)
    dwCallCompletionModes: int = flags(LINECALLCOMPLMODE)
    dwNumCompletionMessages: int = dword()
    dwCompletionMsgTextEntrySize: int = dword()
    CompletionMsgText: bytes = sized(BYTES)
    dwAddressFeatures: int = flags(LINEADDRFEATURE)
    dwPredictiveAutoTransferStates: int = flags(LINECALLSTATE, since=TAPI_2_0)
    CallTreatmentList: tuple[LINECALLTREATMENTENTRY, ...] = array(
        LINECALLTREATMENTENTRY, count="dwNumCallTreatments", since=TAPI_2_0
    )
    DeviceClasses: tuple[str, ...] = sized(TEXTS, since=TAPI_2_0)
    dwMaxCallDataSize: int = dword(since=TAPI_2_0)
    dwCallFeatures2: int = flags(LINECALLFEATURE2, since=TAPI_2_0)
    dwMaxNoAnswerTimeout: int = dword(since=TAPI_2_0)
    dwConnectedModes: int = flags(LINECONNECTEDMODE, since=TAPI_2_0)
    dwOfferingModes: int = flags(LINEOFFERINGMODE, since=TAPI_2_0)
    dwAvailableMediaModes: int = flags(LINEMEDIAMODE, since=TAPI_2_0)


@entry
class LINEFORWARD:
    """Where calls of a kind are forwarded to.  [MS-TRP] 2.2.6.30"""

    dwForwardMode: int = choice(LINEFORWARDMODE)
    CallerAddress: str | None = sized(TEXT)
    dwDestCountryCode: int = dword()
    DestAddress: str | None = sized(TEXT)
    dwCallerAddressType: int = choice(LINEADDRESSTYPE)
    dwDestAddressType: int = choice(LINEADDRESSTYPE)


@structure()
class LINEADDRESSSTATUS:
    """
    The state of an address.  [MS-TRP] 2.2.6.7

    TerminalModes is an array of DWORDs, one for each terminal.
    """

    dwNumInUse: int = dword()
    dwNumActiveCalls: int = dword()
    dwNumOnHoldCalls: int = dword()
    dwNumOnHoldPendCalls: int = dword()
    dwAddressFeatures: int = flags(LINEADDRFEATURE)
    dwNumRingsNoAnswer: int = dword()
    Forward: tuple[LINEFORWARD, ...] = array(LINEFORWARD, count="dwForwardNumEntries")
    TerminalModes: bytes = sized(BYTES)
    DevSpecific: bytes = sized(BYTES)


@structure()
class VARSTRING:
    """
    A string, or any octets.  [MS-TRP] 2.2.6.46

    GetID gives a device identifier in it: STRINGFORMAT_BINARY and a DWORD.
    """

    dwStringFormat: int = choice(STRINGFORMAT)
    String: bytes = sized(BYTES)
