"""
Device identifiers: which lines an HLINEAPP sees, and under which numbers.  [MS-TRP] 2.2.4.1.1.1

A principal sees the lines that the provider lets him see; the numbers are frozen when Initialize
gives the HLINEAPP, so that a reload of the configuration renumbers nothing: a new line goes to the
end, a removed one leaves a hole.
"""

from attrs import field, frozen

from tapiproxy.interfaces import ILine, ILineProvider, IPrincipal

__all__ = ["Changes", "Devices"]


@frozen
class Changes:
    """
    What a reload did to the devices of one HLINEAPP.

    :ivar created: identifiers of new lines.
    :ivar removed: identifiers that are holes now.
    """

    created: tuple[int, ...] = field(default=())
    removed: tuple[int, ...] = field(default=())


class Devices:
    """
    The lines of one HLINEAPP by dwDeviceID.

    :param provider: where lines come from.
    :param principal: whose they are.
    """

    __slots__ = ("_lines", "_principal")

    def __init__(self, provider: ILineProvider, principal: IPrincipal) -> None:
        self._principal = principal
        self._lines: list[ILine | None] = list(self._visible(provider))

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, dwDeviceID: int) -> ILine | None:
        """Find the line of an identifier; None for a hole, or beyond the end."""
        if dwDeviceID < len(self._lines):
            return self._lines[dwDeviceID]
        return None

    def removed(self, dwDeviceID: int) -> bool:
        """Tell whether an identifier belonged to a line that was removed."""
        return dwDeviceID < len(self._lines) and self._lines[dwDeviceID] is None

    def find(self, line: ILine) -> int | None:
        """Tell the identifier of a line; None if it is not among them (any more)."""
        for dwDeviceID, mine in enumerate(self._lines):
            if mine is not None and mine.name == line.name:
                return dwDeviceID
        return None

    def follow(self, provider: ILineProvider) -> Changes:
        """
        Take over the lines of a new provider.

        A line is the same if its name is.

        :returns: what is to be told as LINE_CREATE and LINE_REMOVE.
        """
        visible = {line.name: line for line in self._visible(provider)}
        removed = []
        for dwDeviceID, line in enumerate(self._lines):
            if line is not None:
                self._lines[dwDeviceID] = visible.pop(line.name, None)
                if self._lines[dwDeviceID] is None:
                    removed.append(dwDeviceID)
        first = len(self._lines)
        self._lines.extend(visible.values())
        return Changes(tuple(range(first, len(self._lines))), tuple(removed))

    def _visible(self, provider: ILineProvider) -> list[ILine]:
        return [line for line in provider.lines() if provider.visibleTo(line, self._principal)]
