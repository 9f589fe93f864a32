"""
Rows that many packets have: of handles, devices, versions, strings, blocks, rooms.

Each function takes the rule's identifier, so that a search for it finds the packet's table.
"""

from typing import Any

from tapiproxy.tapi import lineerr
from tapiproxy.wire.layout import TAPI_NO_DATA
from tests.trp.rules.rows import Row, accepted, refused
from tests.trp.rules.scene import (
    BARE,
    BEYOND_DEVICES,
    END,
    NOBODYS,
    SUPPORT,
    TAIL,
    Value,
    anothersApp,
    anothersLine,
    bareLine,
    behind,
    closedLine,
    supportRemoved,
    withdrawn,
)


def noLine(rule: str) -> tuple[Row, ...]:
    """hLine is an invalid handle."""
    code = lineerr.LINEERR_INVALLINEHANDLE
    return (
        refused(rule, "a handle of nobody", code, hLine=NOBODYS),
        refused(rule, "a handle of another client", code, hLine=anothersLine),
        refused(rule, "a handle that was closed", code, hLine=closedLine),
        refused(rule, "an HLINEAPP for an HLINE", code, hLine=lambda scene: scene.hLineApp),
    )


def noApp(rule: str, code: int = lineerr.LINEERR_INVALAPPHANDLE) -> tuple[Row, ...]:
    """hLineApp is an invalid handle."""
    return (
        refused(rule, "a handle of nobody", code, hLineApp=NOBODYS),
        refused(rule, "a handle of another client", code, hLineApp=anothersApp),
        refused(rule, "an HLINE for an HLINEAPP", code, hLineApp=lambda scene: scene.hLine),
    )


def handler(first: str, second: str) -> tuple[Row, ...]:
    """Say that there is no handler for the line, and that it does not handle the request."""
    code = lineerr.LINEERR_OPERATIONUNAVAIL
    return (
        refused(first, "a line without a handler", code, hLine=bareLine),
        refused(second, "the handler has withdrawn it", code, before=withdrawn),
    )


def noDevice(rule: str, code: int = lineerr.LINEERR_BADDEVICEID) -> tuple[Row, ...]:
    """dwDeviceID is invalid."""
    return (
        accepted(rule, "the last device", dwDeviceID=BARE),
        refused(rule, "the first beyond", code, dwDeviceID=BEYOND_DEVICES),
        refused(rule, "the highest number", code, dwDeviceID=0xFFFFFFFF),
    )


def removedDevice(Req_Func: int, code: int = lineerr.LINEERR_NODEVICE) -> Row:
    """The device was removed after Initialize (decision 14)."""
    return refused(
        f"{Req_Func}.dwDeviceID removed",
        "its line is gone",
        code,
        dwDeviceID=SUPPORT,
        before=supportRemoved,
    )


def noAddress(
    rule: str, code: int = lineerr.LINEERR_INVALADDRESSID, field: str = "dwAddressID"
) -> tuple[Row, ...]:
    """The line, which has two, has no such address."""
    return (
        accepted(rule, "the last address", **{field: 1}),
        refused(rule, "the first beyond", code, **{field: 2}),
    )


def version(
    rule: str, field: str, code: int, *, since2_0: bool = False, **others: Value
) -> tuple[Row, ...]:
    """Every version that there is, and some between; *others* is what a low version needs."""
    valid = (0x10003, 0x10004, 0x20000, 0x20001, 0x20002, 0x30000, 0x30001)
    if since2_0:
        valid = valid[2:]
    wrong = (0, 0x10002, 0x10005, 0x1FFFF, 0x20003, 0x2FFFF, 0x30002, 0xFFFFFFFF)
    if since2_0:
        wrong += (0x10003, 0x10004)
    return (
        *(accepted(rule, f"{each:#x}", **{field: each}, **others) for each in valid),
        *(refused(rule, f"{each:#x}", code, **{field: each}, **others) for each in wrong),
    )


def strings(first: str, second: str, third: str, field: str, code: int) -> tuple[Row, ...]:
    """Say that a string is not aligned, lies outside VarData, has no null."""
    loneSurrogate = b"\x00\xd8\0\0"
    return (
        refused(first, f"{field} is odd", code, **{field: 1}),
        accepted(second, f"{field} is the last WCHAR", tail=b"\0\0", **{field: TAIL}),
        refused(second, f"{field} is the end of VarData", code, **{field: END}),
        refused(second, f"{field} is far outside", code, **{field: 0xFFFFFFFE}),
        accepted(third, f"the null of {field} is the last WCHAR", tail=b"A\0\0\0", **{field: TAIL}),
        refused(third, f"{field} has no null", code, **{field: TAIL}),
        refused(
            third, f"{field} has zeros across two WCHARs", code, tail=b"A\0\0\1", **{field: TAIL}
        ),
        refused(
            third,
            f"{field} is longer than any",
            code,
            tail=b"A\0" * 4097 + b"\0\0",
            **{field: TAIL},
        ),
        refused(third, f"{field} is not UTF-16", code, tail=loneSurrogate, **{field: TAIL}),
    )


def given(rule: str, field: str, code: int) -> Row:
    """Say that a string must be there."""
    return refused(rule, f"{field} is TAPI_NO_DATA", code, **{field: TAPI_NO_DATA})


def blocks(
    first: str, second: str, field: str, size: str, content: bytes, code: int
) -> tuple[Row, ...]:
    """Say that a block is not aligned, lies outside VarData, ends beyond it."""

    def moved(octets: int) -> dict[str, Any]:
        return {"tail": bytes(octets) + content, field: behind(octets)}

    return (
        refused(first, f"{field} is aligned to 1", code, **moved(1)),
        refused(first, f"{field} is aligned to 2", code, **moved(2)),
        accepted(first, f"{field} is aligned to 4", **moved(4)),
        refused(first, f"{field} is the end of VarData", code, **{field: END}),
        refused(first, f"{field} is far outside", code, **{field: 0xFFFFFFFC}),
        accepted(second, f"{size} is up to the end", tail=content, **{field: TAIL}),
        refused(second, f"{size} is one octet more", code, tail=content[:-1], **{field: TAIL}),
        refused(second, f"{size} is the highest number", code, **{size: 0xFFFFFFFF}),
    )


def atMost(rule: str, field: str, code: int) -> tuple[Row, ...]:
    """Say that the room for an answer is greater than 0x40000."""
    return (
        accepted(rule, "0x40000", **{field: 0x40000}),
        refused(rule, "0x40001", code, **{field: 0x40001}),
        refused(rule, "the highest number", code, **{field: 0xFFFFFFFF}),
    )


def atLeast(rule: str, field: str, size: int, code: int, **others: Value) -> tuple[Row, ...]:
    """Say that the room for an answer is less than a struct's fixed part; *others*: its version."""
    words = "".join(
        f" with {name} {value.__name__ if callable(value) else hex(value)}"
        for name, value in others.items()
    )
    return (
        accepted(rule, f"{size} octets{words}", **{field: size}, **others),
        refused(rule, f"{size - 1} octets{words}", code, **{field: size - 1}, **others),
        refused(rule, f"no octets{words}", code, **{field: 0}, **others),
    )


def fits(rule: str, octets: int, code: int) -> tuple[Row, ...]:
    """Say that VarData of the answer, lNeededSize less 60, has fewer octets."""
    return (
        accepted(rule, f"room for {octets} octets", needed=60 + octets),
        refused(rule, f"room for {octets - 1} octets", code, needed=60 + octets - 1),
    )
