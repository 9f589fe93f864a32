"""What a fuzzing target is."""

from collections.abc import Callable, Sequence

import attrs

from tests.fuzz.cost import Cost

__all__ = ["Target"]

#: Some ten times what the codecs need for the largest of their right inputs.
BASE, PER_OCTET = Cost(memory=65536, calls=1000), Cost(memory=100, calls=5)


@attrs.frozen(kw_only=True)
class Target:
    """
    Something that takes bytes from a peer.

    It swallows the answers that its part of the server gives to wrong input (a DecodeError, a
    Fault, a PDUError); whatever else comes out of it is a failure.

    :ivar seeds: makes the right inputs that mutants descend from.
    :ivar feed: handles one input; what it does depends on nothing but the input.
    :ivar base: what any input may cost.
    :ivar perOctet: what each of its octets may cost beside.
    :ivar cases: mutants in the test suite.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    feed: Callable[[bytes], object]
    base: Cost = BASE
    perOctet: Cost = PER_OCTET
    cases: int = 500
