"""Wrong bytes at every codec give the codec's own error at a cost in proportion, nothing else."""

from twisted.trial.unittest import TestCase

from tests.fuzz.associations import ASSOCIATIONS
from tests.fuzz.campaign import (
    boundFromEnvironment,
    campaign,
    corpus,
    give,
    seedFromEnvironment,
)
from tests.fuzz.codecs import CODECS
from tests.fuzz.targets import TARGETS


class CodecTests(TestCase):
    """Mutants of right PDUs, stubs, packets and structs."""

    def feed(self, family: str) -> None:
        """Feed all targets of a family."""
        targets = [
            target for target in (*CODECS, *ASSOCIATIONS) if target.name.partition(".")[0] == family
        ]
        self.assertTrue(targets)
        for target in targets:
            campaign(target, seedFromEnvironment(), boundFromEnvironment(target))

    def test_pdu(self) -> None:
        """A PDU decodes, and then encodes to what means the same, or it is a PDUError."""
        self.feed("pdu")

    def test_ndr(self) -> None:
        """A stub of the six methods decodes or is a Fault, in each byte order and syntax."""
        self.feed("ndr")

    def test_pipe(self) -> None:
        """What smbd says of a client, and its messages, are read or refused by their own errors."""
        self.feed("pipe")

    def test_struct(self) -> None:
        """A struct unpacks, and then packs to what unpacks to the same, or it is a DecodeError."""
        self.feed("struct")

    def test_request(self) -> None:
        """A request decodes, and then encodes to what decodes to the same, or is a DecodeError."""
        self.feed("request")

    def test_reply(self) -> None:
        """What a server answers decodes or is a DecodeError."""
        self.feed("reply")

    def test_events(self) -> None:
        """A list of events and completions decodes or is a DecodeError, whatever they are of."""
        self.feed("events")

    def test_association(self) -> None:
        """An association answers with PDUs, the same however the bytes are cut, and forgets all."""
        self.feed("association")

    def test_corpus(self) -> None:
        """What once went wrong does not any more."""
        for target in TARGETS:
            for _, data in corpus(target):
                give(target, data, measured=True)
