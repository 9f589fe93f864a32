"""
Structs of calls: what a client says of a call that it wants.  [MS-TRP] 2.2.6.20, 3.1.4.2

Of the rules of LINECALLPARAMS the codec checks .1 and .5 to .7, sizes and offsets; .2 to .4, the
modes, are rules of the session layer.
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

__all__ = ["LINECALLPARAMS"]

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
