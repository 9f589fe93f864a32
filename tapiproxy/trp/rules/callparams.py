"""
The rules of LINECALLPARAMS, for the packets that carry one.  [MS-TRP] 3.1.4.2, after SetUpTransfer

Sizes and offsets (.1 and .5 to .7) are checked by the codec while it reads the struct, the modes
here.
"""

from typing import Any

from tapiproxy.tapi.lineconstants import (
    LINEADDRESSMODE,
    LINEADDRESSTYPE,
    LINEBEARERMODE,
    LINECALLPARAMFLAGS,
    LINECALLSTATE,
    LINEMEDIAMODE,
)
from tapiproxy.tapi.lineerr import (
    LINEERR_INVALBEARERMODE,
    LINEERR_INVALCALLPARAMS,
    LINEERR_STRUCTURETOOSMALL,
)
from tapiproxy.tapi.versions import TAPI_2_0
from tapiproxy.trp.rules.rule import Predicate, Rule
from tapiproxy.wire.errors import BEYOND, MISALIGNED, OUTSIDE, TOOSMALL

__all__ = ["OF_OPEN"]

#: 2.2.3.1.15: the upper half of a bearer mode is free for extensions of a device.
_DEVICE_SPECIFIC = 0xFFFF0000


def unknownBearerMode(message: Any, client: Any, room: int) -> bool:
    """A bearer mode is set that does not exist."""
    params = message.pCallParams
    return params is not None and params.dwBearerMode & ~_DEVICE_SPECIFIC not in LINEBEARERMODE


def manyBearerModes(message: Any, client: Any, room: int) -> bool:
    """More than one bearer mode is set, for a version that knows only one."""
    params = message.pCallParams
    if params is None or message.dwNegotiatedVersion > TAPI_2_0:
        return False
    return bool(params.dwBearerMode & (params.dwBearerMode - 1))


def unknownModes(message: Any, client: Any, room: int) -> bool:
    """Another of the modes has a value that does not exist; 0 is the default of each."""
    params = message.pCallParams
    return params is not None and not (
        params.dwMediaMode in LINEMEDIAMODE
        and params.dwCallParamFlags in LINECALLPARAMFLAGS
        and (params.dwAddressMode == 0 or LINEADDRESSMODE.single(params.dwAddressMode))
        and params.dwPredictiveAutoTransferStates in LINECALLSTATE
        and (params.dwAddressType == 0 or LINEADDRESSTYPE.single(params.dwAddressType))
    )


_SINCE_2_0 = ("DisplayableAddress", "CalledParty", "Comment")
_ALWAYS = (
    "OrigAddress",
    "UserUserInfo",
    "HighLevelComp",
    "LowLevelComp",
    "DevSpecific",
    "TargetAddress",
    "SendingFlowspec",
    "ReceivingFlowspec",
    "DeviceClass",
    "DeviceConfig",
    "CallData",
    "CallingPartyID",
)


def _paths(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"LINECALLPARAMS.{name}" for name in names)


def _mode(number: int, code: int, violated: Predicate) -> Any:
    return lambda Req_Func, packet: Rule(
        id=f"LINECALLPARAMS.{number}", code=code, violated=violated
    )


def _layout(number: int, code: int, fields: tuple[str, ...], *problems: str) -> Any:
    return lambda Req_Func, packet: Rule(
        id=f"LINECALLPARAMS.{number}", code=code, fields=fields, problems=problems
    )


#: The seven, for Open, the one packet that is served and carries a LINECALLPARAMS.
OF_OPEN = (
    _layout(1, LINEERR_STRUCTURETOOSMALL, ("LINECALLPARAMS",), TOOSMALL),
    _mode(2, LINEERR_INVALBEARERMODE, unknownBearerMode),
    _mode(3, LINEERR_INVALBEARERMODE, manyBearerModes),
    _mode(4, LINEERR_INVALCALLPARAMS, unknownModes),
    _layout(5, LINEERR_INVALCALLPARAMS, _paths(_ALWAYS + _SINCE_2_0), MISALIGNED, OUTSIDE),
    _layout(6, LINEERR_INVALCALLPARAMS, _paths(_ALWAYS), BEYOND),
    _layout(7, LINEERR_INVALCALLPARAMS, _paths(_SINCE_2_0), BEYOND),
)
