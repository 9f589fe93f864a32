"""
Sets of named wire values: the constants of [MS-TRP] 2.2.3 with their mask and their names.

The constants themselves are module-level ints; a set only gathers those of one prefix for checks
and for log text.  No enum: ``IntFlag`` keeps every unknown value that it was ever asked about,
which a remote client could drive.
"""

from collections.abc import Iterator, Mapping


def _constants(name: str, namespace: Mapping[str, object]) -> dict[str, int]:
    prefix = name + "_"
    found = {
        key.removeprefix(prefix): value
        for key, value in namespace.items()
        if key.startswith(prefix) and isinstance(value, int)
    }
    if not found:
        raise ValueError(f"no constant is named {prefix}...")
    return found


class FlagSet:
    """
    A set of bit flags: a value may hold any sum of them.

    :ivar name: the prefix that the constants share, ``LINEAGENTSTATE``.
    :ivar mask: all flags together.
    """

    __slots__ = ("_values", "mask", "name")

    def __init__(self, name: str, namespace: Mapping[str, object]) -> None:
        self.name = name
        self._values = _constants(name, namespace)
        self.mask = 0
        for value in self._values.values():
            self.mask |= value

    def __contains__(self, value: int) -> bool:
        """Tell whether a value holds no bit but those of the set (so 0 is in every set)."""
        return not value & ~self.mask

    def __iter__(self) -> Iterator[int]:
        return iter(self._values.values())

    def single(self, value: int) -> bool:
        """Tell whether a value is exactly one of the constants."""
        return value in self._values.values()

    def names(self, value: int) -> str:
        """
        Name a value for people.

        :returns: ``"NOTREADY|READY"``; bits that the set does not know are in hexadecimal, a
            value without any bit is the name of the constant 0, or ``"0"``.
        """
        words = [name for name, bit in self._values.items() if bit & value]
        unknown = value & ~self.mask
        if unknown:
            words.append(f"0x{unknown:X}")
        if words:
            return "|".join(words)
        return next((name for name, bit in self._values.items() if bit == 0), "0")

    def __repr__(self) -> str:
        return f"<FlagSet {self.name}>"


class ChoiceSet:
    """
    A set of values of which one holds at a time.

    :ivar name: the prefix that the constants share, ``LINEPROXYREQUEST``.
    """

    __slots__ = ("_names", "name")

    def __init__(self, name: str, namespace: Mapping[str, object]) -> None:
        self.name = name
        self._names = {value: word for word, value in _constants(name, namespace).items()}

    def __contains__(self, value: int) -> bool:
        return value in self._names

    def __iter__(self) -> Iterator[int]:
        return iter(self._names)

    def single(self, value: int) -> bool:
        """Tell whether a value is one of the constants; of a choice nothing else can be."""
        return value in self._names

    def names(self, value: int) -> str:
        """
        Name a value for people.

        :returns: ``"CREATEAGENT"``; hexadecimal for a value that is none of the constants.
        """
        return self._names.get(value) or f"0x{value:X}"

    def __repr__(self) -> str:
        return f"<ChoiceSet {self.name}>"


ConstantSet = FlagSet | ChoiceSet
