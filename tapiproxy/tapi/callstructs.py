"""
Structs of calls: what a client says of a call that it wants.  [MS-TRP] 2.2.6.20, 3.1.4.2
"""

from tapiproxy.tapi.lineconstants import (
    LINEADDRESSMODE,
    LINEADDRESSTYPE,
    LINEBEARERMODE,
    LINECALLPARAMFLAGS,
    LINECALLSTATE,
    LINEMEDIAMODE,
)
from tapiproxy.tapi.linestructs import LINEDIALPARAMS
from tapiproxy.tapi.versions import TAPI_2_0, TAPI_3_0
from tapiproxy.wire.errors import BADVALUE, DecodeError
from tapiproxy.wire.layout import (
    BYTES,
    TEXT,
    addressID,
    choice,
    dword,
    flags,
    nested,
    sized,
)
from tapiproxy.wire.structs import structure

__all__ = ["LINECALLPARAMS", "checkCallParams"]

#: 2.2.3.1.15: the upper half of a bearer mode is free for extensions of a device.
_DEVICE_SPECIFIC = 0xFFFF0000


@structure(
    header=("dwTotalSize",),
    # Rule LINECALLPARAMS.5.
    aligned=4,
    # Rule LINECALLPARAMS.7.
    unboundedBefore={
        "DisplayableAddress": TAPI_2_0,
        "CalledParty": TAPI_2_0,
        "Comment": TAPI_2_0,
    },
)
class LINECALLPARAMS:
    """
    What a client asks of a call, or of a line that it opens.  [MS-TRP] 2.2.6.20

    112 octets, 168 since TAPI 2.0, 180 since 3.0.  Zero in a mode is the default.
    """

    dwBearerMode: int = flags(LINEBEARERMODE)
    dwMinRate: int = dword()
    dwMaxRate: int = dword()
    dwMediaMode: int = flags(LINEMEDIAMODE)
    dwCallParamFlags: int = flags(LINECALLPARAMFLAGS)
    dwAddressMode: int = choice(LINEADDRESSMODE)
    dwAddressID: int = addressID()
    DialParams: LINEDIALPARAMS = nested(LINEDIALPARAMS)
    OrigAddress: str | None = sized(TEXT)
    DisplayableAddress: str | None = sized(TEXT)
    CalledParty: str | None = sized(TEXT)
    Comment: str | None = sized(TEXT)
    UserUserInfo: bytes = sized(BYTES)
    HighLevelComp: bytes = sized(BYTES)
    LowLevelComp: bytes = sized(BYTES)
    DevSpecific: bytes = sized(BYTES)
    dwPredictiveAutoTransferStates: int = flags(LINECALLSTATE, since=TAPI_2_0)
    TargetAddress: str | None = sized(TEXT, since=TAPI_2_0)
    SendingFlowspec: bytes = sized(BYTES, since=TAPI_2_0)
    ReceivingFlowspec: bytes = sized(BYTES, since=TAPI_2_0)
    DeviceClass: str | None = sized(TEXT, since=TAPI_2_0)
    DeviceConfig: bytes = sized(BYTES, since=TAPI_2_0)
    CallData: bytes = sized(BYTES, since=TAPI_2_0)
    dwNoAnswerTimeout: int = dword(since=TAPI_2_0)
    CallingPartyID: str | None = sized(TEXT, since=TAPI_3_0)
    dwAddressType: int = choice(LINEADDRESSTYPE, since=TAPI_3_0)


def checkCallParams(params: LINECALLPARAMS, version: int) -> None:
    """
    Check the modes of call parameters: rules LINECALLPARAMS.2 to .4 of 3.1.4.2.

    Sizes and offsets, rules .1 and .5 to .7, are checked where they are read.

    :param version: the API version of the line that they are for.
    :raises DecodeError: BADVALUE.
    """
    bearer = params.dwBearerMode
    if bearer & ~_DEVICE_SPECIFIC not in LINEBEARERMODE:
        raise _bad("dwBearerMode", "flags", bearer)
    if bearer & (bearer - 1) and version <= TAPI_2_0:
        raise _bad("dwBearerMode", "flags", bearer)
    if params.dwMediaMode not in LINEMEDIAMODE:
        raise _bad("dwMediaMode", "flags", params.dwMediaMode)
    if params.dwCallParamFlags not in LINECALLPARAMFLAGS:
        raise _bad("dwCallParamFlags", "flags", params.dwCallParamFlags)
    if params.dwAddressMode and not LINEADDRESSMODE.single(params.dwAddressMode):
        raise _bad("dwAddressMode", "choice", params.dwAddressMode)
    if params.dwPredictiveAutoTransferStates not in LINECALLSTATE:
        states = params.dwPredictiveAutoTransferStates
        raise _bad("dwPredictiveAutoTransferStates", "flags", states)
    if params.dwAddressType and not LINEADDRESSTYPE.single(params.dwAddressType):
        raise _bad("dwAddressType", "choice", params.dwAddressType)


def _bad(field: str, kind: str, value: int) -> DecodeError:
    return DecodeError(BADVALUE, f"LINECALLPARAMS.{field}", kind, f"0x{value:X}")
