"""
Lines from the configuration: what there is, who sees it, what it can do.  [MS-TRP] 3.1.1

The capabilities tell the truth of this release: a line is there for its agents, there are no calls,
so there are no call features.  Permanent identifiers are pure functions of the line's name.
"""

from hashlib import sha256
from uuid import UUID, uuid5

from attrs import frozen
from zope.interface import implementer

from tapiproxy.interfaces import IAddress, ILine, ILineProvider, IPrincipal
from tapiproxy.tapi.lineconstants import (
    LINEADDRESSMODE_ADDRESSID,
    LINEADDRESSMODE_DIALABLEADDR,
    LINEADDRESSSHARING_PRIVATE,
    LINEADDRESSTYPE_PHONENUMBER,
    LINEBEARERMODE_VOICE,
    LINEDEVSTATE_CLOSE,
    LINEDEVSTATE_OPEN,
    LINEDEVSTATE_REINIT,
    LINEDEVSTATUSFLAGS_CONNECTED,
    LINEDEVSTATUSFLAGS_INSERVICE,
    LINEMEDIAMODE_INTERACTIVEVOICE,
    STRINGFORMAT_UNICODE,
)
from tapiproxy.tapi.linestructs import (
    LINEADDRESSCAPS,
    LINEADDRESSSTATUS,
    LINEDEVCAPS,
    LINEDEVSTATUS,
)

__all__ = ["StaticAddress", "StaticLine", "StaticLines", "staticLine"]

#: What names of lines are hashed in for PermanentLineGuid: a namespace of this program's own.
_NAMESPACE = UUID("5d0e5d64-3f7c-4f3f-9a51-6f1f7a0b8a53")

_PROVIDER = "tapiproxy"

#: The one device class of a line: itself.
_DEVICE_CLASSES = ("tapi/line",)


@implementer(IAddress)
@frozen
class StaticAddress:
    """An address from the configuration."""

    dwAddressID: int
    address: str


@implementer(ILine)
@frozen
class StaticLine:
    """
    A line from the configuration.

    :ivar users: who may see it, as principals are spelled; with ``groups`` empty: everybody.
    :ivar groups: the same by group name or SID, in small letters.
    """

    name: str
    addresses: tuple[StaticAddress, ...]
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    @property
    def dwPermanentLineID(self) -> int:
        """The first 31 bits of the name's hash, never 0: equal on every start and node."""
        return int.from_bytes(sha256(self.name.encode()).digest()[:4], "big") >> 1 or 1

    @property
    def PermanentLineGuid(self) -> UUID:
        """A UUID made from the name."""
        return uuid5(_NAMESPACE, self.name)


def staticLine(
    name: str, addresses: tuple[str, ...], users: tuple[str, ...] = (), groups: tuple[str, ...] = ()
) -> StaticLine:
    """
    Make a line of what the configuration says.

    :param addresses: names or numbers, in the order of dwAddressID.
    :param users: ``DOMAIN\\user``, as principals are spelled.
    :param groups: names and SIDs; compared without regard to case.
    """
    return StaticLine(
        name,
        tuple(StaticAddress(number, address) for number, address in enumerate(addresses)),
        frozenset(users),
        frozenset(group.casefold() for group in groups),
    )


@implementer(ILineProvider)
class StaticLines:
    """
    The lines of one configuration.

    :param lines: in the order of their device identifiers.
    :raises ValueError: two have one name, or one permanent identifier.
    """

    def __init__(self, lines: tuple[StaticLine, ...]) -> None:
        byIdentifier: dict[int, StaticLine] = {}
        for line in lines:
            other = byIdentifier.setdefault(line.dwPermanentLineID, line)
            if other is not line:
                raise ValueError(
                    f"the lines {other.name!r} and {line.name!r} have one permanent identifier, "
                    f"{line.dwPermanentLineID}: rename one of them"
                )
        self._lines = lines

    def lines(self) -> tuple[StaticLine, ...]:
        """As `ILineProvider`."""
        return self._lines

    def visibleTo(self, line: StaticLine, principal: IPrincipal) -> bool:
        """As `ILineProvider`."""
        if not line.users and not line.groups:
            return True
        if principal.name in line.users:
            return True
        return not line.groups.isdisjoint(group.casefold() for group in principal.groups)

    def devCaps(self, line: StaticLine, version: int) -> LINEDEVCAPS:
        """As `ILineProvider`."""
        return LINEDEVCAPS(
            ProviderInfo=_PROVIDER,
            dwPermanentLineID=line.dwPermanentLineID,
            LineName=line.name,
            dwStringFormat=STRINGFORMAT_UNICODE,
            dwAddressModes=LINEADDRESSMODE_ADDRESSID | LINEADDRESSMODE_DIALABLEADDR,
            dwNumAddresses=len(line.addresses),
            dwBearerModes=LINEBEARERMODE_VOICE,
            dwMediaModes=LINEMEDIAMODE_INTERACTIVEVOICE,
            dwLineStates=LINEDEVSTATE_OPEN | LINEDEVSTATE_CLOSE | LINEDEVSTATE_REINIT,
            DeviceClasses=_DEVICE_CLASSES,
            PermanentLineGuid=line.PermanentLineGuid,
            dwAddressTypes=LINEADDRESSTYPE_PHONENUMBER,
        )

    def addressCaps(self, line: StaticLine, dwAddressID: int, version: int) -> LINEADDRESSCAPS:
        """As `ILineProvider`."""
        return LINEADDRESSCAPS(
            Address=line.addresses[dwAddressID].address,
            dwAddressSharing=LINEADDRESSSHARING_PRIVATE,
            DeviceClasses=_DEVICE_CLASSES,
            dwAvailableMediaModes=LINEMEDIAMODE_INTERACTIVEVOICE,
        )

    def addressStatus(self, line: StaticLine, dwAddressID: int) -> LINEADDRESSSTATUS:
        """As `ILineProvider`."""
        return LINEADDRESSSTATUS()

    def devStatus(self, line: StaticLine) -> LINEDEVSTATUS:
        """As `ILineProvider`."""
        return LINEDEVSTATUS(
            dwDevStatusFlags=LINEDEVSTATUSFLAGS_CONNECTED | LINEDEVSTATUSFLAGS_INSERVICE,
            dwAvailableMediaModes=LINEMEDIAMODE_INTERACTIVEVOICE,
        )
