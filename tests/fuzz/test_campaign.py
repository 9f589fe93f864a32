"""The fuzzer itself: it finds what is planted, and names it so that it comes again."""

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from unittest.mock import patch

from twisted.logger import Logger
from twisted.trial.unittest import TestCase

from tests.fuzz import campaign
from tests.fuzz.campaign import Bound, Failed, case, corpus, give
from tests.fuzz.cost import Cost, costOf
from tests.fuzz.mutation import MUTATIONS, mutate, pieces
from tests.fuzz.target import Target

SEEDS = (bytes(range(40)), b"a shorter one")


def planted(feed) -> Target:
    """A target with a bug of our own."""
    return Target(name="planted", seeds=lambda: SEEDS, feed=feed)


class CampaignTests(TestCase):
    """`campaign.campaign` and `campaign.give`."""

    def test_findsAnException(self) -> None:
        """An exception that a mutant provokes ends the campaign; seed, case and input are told."""

        def feed(data: bytes) -> None:
            if len(data) > 40:
                raise IndexError("planted")

        failed = self.assertRaises(Failed, campaign.campaign, planted(feed), "s", Bound(cases=200))
        self.assertRegex(str(failed), r"^seed 's', case \d+: planted fails")
        self.assertIn("IndexError: planted", str(failed))
        number = int(str(failed).split("case ")[1].split(":")[0])
        self.assertIn(case(planted(feed), SEEDS, "s", number).hex(), str(failed))

    def test_findsALoggedFailure(self) -> None:
        """An exception that was caught and logged is a finding, too."""

        def feed(data: bytes) -> None:
            try:
                raise KeyError("planted")
            except KeyError:
                Logger().failure("caught")

        failed = self.assertRaises(Failed, give, planted(feed), b"x", measured=False)
        self.assertIn("KeyError: 'planted'", str(failed))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_findsMemory(self) -> None:
        """An allocation by a number in the input, not by its length, is a finding."""

        def feed(data: bytes) -> bytes:
            return bytes(10 * 1024 * 1024)

        failed = self.assertRaises(Failed, give, planted(feed), b"x", measured=True)
        self.assertIn("octets of memory", str(failed))

    def test_findsWork(self) -> None:
        """A loop by a number in the input, not by its length, is a finding."""

        def feed(data: bytes) -> None:
            for number in range(5000):
                len(str(number))

        failed = self.assertRaises(Failed, give, planted(feed), b"x", measured=True)
        self.assertIn("calls", str(failed))

    def test_passesWhatIsInProportion(self) -> None:
        """Work and memory that grow with the input are no finding."""

        def feed(data: bytes) -> list[int]:
            return [abs(octet) for octet in data]

        give(planted(feed), bytes(5000), measured=True)

    def test_countsCases(self) -> None:
        """A campaign without findings runs as many cases as it is bound to."""
        fed: list[bytes] = []
        self.assertEqual(campaign.campaign(planted(fed.append), "s", Bound(cases=7)), 7)
        self.assertEqual(len(fed), 7 + 2 * len(SEEDS))

    def test_sameSeedSameCases(self) -> None:
        """A seed gives the same cases every time, and another seed others."""
        target = planted(len)

        def inputs(seed: str) -> list[bytes]:
            return [case(target, SEEDS, seed, number) for number in range(50)]

        self.assertEqual(inputs("s"), inputs("s"))
        self.assertNotEqual(inputs("s"), inputs("t"))

    def test_corpus(self) -> None:
        """Inputs are kept as hexadecimal text, with lines that say what they are."""
        with TemporaryDirectory() as name, patch.object(campaign, "CORPUS", Path(name)):
            directory = Path(name) / "planted"
            directory.mkdir()
            (directory / "two.hex").write_text("# why\n0102\n03\n")
            self.assertEqual(corpus(planted(len)), [(directory / "two.hex", b"\x01\x02\x03")])


class MutationTests(TestCase):
    """`mutation`."""

    def test_everyMutationTakesEverything(self) -> None:
        """No mutation fails, whatever it is given, the empty input included."""
        for mutation in MUTATIONS:
            for parent in (b"", b"a", b"abc", bytes(100)):
                for seed in range(20):
                    mutation(bytearray(parent), SEEDS, Random(seed))
                    mutation(bytearray(parent), (), Random(seed))

    def test_mutantsDiffer(self) -> None:
        """Most mutants are not their parent."""
        mutants = [mutate(SEEDS[0], SEEDS, Random(seed)) for seed in range(100)]
        self.assertGreater(sum(mutant != SEEDS[0] for mutant in mutants), 90)

    def test_piecesAreTheWhole(self) -> None:
        """Pieces put together are the input, whatever its length."""
        for length in (0, 1, 17, 5000):
            data = Random(1).randbytes(length)
            for seed in range(20):
                found = pieces(data, Random(seed))
                self.assertEqual(b"".join(found), data)
                self.assertNotIn(b"", found)


class CostTests(TestCase):
    """`cost.costOf`."""

    def test_counts(self) -> None:
        """The peak of memory is seen although it is freed again, and each call counts."""
        cost = costOf(lambda: [len(bytes(100000)) for _ in range(10)])
        self.assertGreater(cost.memory, 100000)
        self.assertLess(cost.memory, 200000)
        self.assertGreaterEqual(cost.calls, 10)

    def test_isRepeatable(self) -> None:
        """The same work costs the same number of calls."""

        def work() -> None:
            sorted(range(100), key=lambda number: -number)

        self.assertEqual(costOf(work).calls, costOf(work).calls)
        self.assertIsInstance(costOf(work), Cost)
