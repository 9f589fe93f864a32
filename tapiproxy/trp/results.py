"""
Which result code a broken rule gives: docs/decisions, number 4, as one table.

The specification says when a request fails but seldom with which code.  The code is the specific
one of the field's kind (LINEERR_INVALLINEHANDLE for an HLINE ...) when the packet's table of return
values lists it, is headed "Common return values", or is absent.  Where the table is exhaustive
("one of the following") and lacks the code, it is LINEERR_INVALPARAM if that is listed, else
LINEERR_INVALPOINTER for a bad size or offset, else LINEERR_OPERATIONFAILED.
[MS-TRP] 2.2.4.1, "Return Values" of each packet
"""

from tapiproxy.tapi.lineerr import (
    LINEERR_BADDEVICEID,
    LINEERR_INCOMPATIBLEAPIVERSION,
    LINEERR_INIFILECORRUPT,
    LINEERR_INVALADDRESSID,
    LINEERR_INVALADDRESSSTATE,
    LINEERR_INVALAGENTACTIVITY,
    LINEERR_INVALAGENTGROUP,
    LINEERR_INVALAGENTID,
    LINEERR_INVALAGENTSTATE,
    LINEERR_INVALAPPHANDLE,
    LINEERR_INVALAPPNAME,
    LINEERR_INVALLINEHANDLE,
    LINEERR_INVALPARAM,
    LINEERR_INVALPASSWORD,
    LINEERR_INVALPOINTER,
    LINEERR_NODEVICE,
    LINEERR_NODRIVER,
    LINEERR_NOMEM,
    LINEERR_OPERATIONFAILED,
    LINEERR_OPERATIONUNAVAIL,
    LINEERR_REINIT,
    LINEERR_RESOURCEUNAVAIL,
    LINEERR_STRUCTURETOOSMALL,
    LINEERR_UNINITIALIZED,
)

__all__ = ["EXHAUSTIVE", "resultCode"]


def resultCode(Req_Func: int, specific: int, *, size: bool = False) -> int:
    """
    Choose the code of a broken rule.

    :param Req_Func: the packet.
    :param specific: the code of the field's kind.
    :param size: the rule is about a size or an offset.
    :returns: a code that the packet's table allows.
    """
    listed = EXHAUSTIVE.get(Req_Func)
    if listed is None or specific in listed:
        return specific
    if LINEERR_INVALPARAM in listed:
        return LINEERR_INVALPARAM
    if size and LINEERR_INVALPOINTER in listed:
        return LINEERR_INVALPOINTER
    return LINEERR_OPERATIONFAILED


# In every exhaustive table of an agent request.
_ALWAYS = frozenset(
    {
        LINEERR_NOMEM,
        LINEERR_OPERATIONFAILED,
        LINEERR_OPERATIONUNAVAIL,
        LINEERR_RESOURCEUNAVAIL,
        LINEERR_UNINITIALIZED,
    }
)

# The twelve requests of TAPI 2.2 share one table.
_CALLCENTER = _ALWAYS | {LINEERR_INVALLINEHANDLE, LINEERR_INVALPARAM}

# The lists of TAPI 2.0.
_LISTS = _ALWAYS | {
    LINEERR_INVALADDRESSID,
    LINEERR_INVALAGENTID,
    LINEERR_INVALLINEHANDLE,
    LINEERR_INVALPOINTER,
    LINEERR_STRUCTURETOOSMALL,
}

# By Req_Func: the packets whose table of return values is exhaustive.
EXHAUSTIVE: dict[int, frozenset[int]] = {
    # Initialize
    47: frozenset(
        {
            LINEERR_INIFILECORRUPT,
            LINEERR_INVALAPPNAME,
            LINEERR_INVALPARAM,
            LINEERR_INVALPOINTER,
            LINEERR_NOMEM,
            LINEERR_OPERATIONFAILED,
            LINEERR_REINIT,
        }
    ),
    # GetAgentActivityList, GetAgentGroupList, GetAgentStatus
    24: _LISTS,
    26: _LISTS,
    27: _LISTS - {LINEERR_INVALAGENTID},
    # GetAgentCaps
    25: _ALWAYS
    | {
        LINEERR_BADDEVICEID,
        LINEERR_INCOMPATIBLEAPIVERSION,
        LINEERR_INVALADDRESSID,
        LINEERR_INVALAPPHANDLE,
        LINEERR_INVALPOINTER,
        LINEERR_NODEVICE,
        LINEERR_NODRIVER,
        LINEERR_STRUCTURETOOSMALL,
    },
    # SetAgentActivity
    66: _ALWAYS
    | {
        LINEERR_INVALADDRESSID,
        LINEERR_INVALADDRESSSTATE,
        LINEERR_INVALAGENTACTIVITY,
        LINEERR_INVALLINEHANDLE,
        LINEERR_INVALPOINTER,
    },
    # SetAgentGroup
    67: _ALWAYS
    | {
        LINEERR_INVALADDRESSID,
        LINEERR_INVALADDRESSSTATE,
        LINEERR_INVALAGENTGROUP,
        LINEERR_INVALAGENTID,
        LINEERR_INVALLINEHANDLE,
        LINEERR_INVALPARAM,
        LINEERR_INVALPASSWORD,
        LINEERR_INVALPOINTER,
    },
    # SetAgentState
    68: _ALWAYS
    | {
        LINEERR_INVALADDRESSID,
        LINEERR_INVALADDRESSSTATE,
        LINEERR_INVALAGENTSTATE,
        LINEERR_INVALLINEHANDLE,
        LINEERR_INVALPARAM,
    },
    # CreateAgent, CreateAgentSession, GetAgentInfo, GetAgentSessionInfo, GetAgentSessionList,
    # GetQueueInfo, GetGroupList, GetQueueList, SetAgentMeasurementPeriod, SetQueueMeasurementPeriod
    **dict.fromkeys((146, 147, 148, 149, 150, 151, 152, 153, 154, 156), _CALLCENTER),
    # SetAgentSessionState, SetAgentStateEx
    **dict.fromkeys((155, 157), _CALLCENTER | {LINEERR_INVALAGENTSTATE}),
    # GetProxyStatus
    158: _ALWAYS | {LINEERR_BADDEVICEID, LINEERR_INCOMPATIBLEAPIVERSION, LINEERR_INVALPARAM},
}
