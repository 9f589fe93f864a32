"""The rules of the specification, those of the registry and those that tests name are the same."""

from collections import Counter

from twisted.python.reflect import namedAny
from twisted.trial.unittest import TestCase

from tapiproxy.trp.rules.registry import PACKETS, RULES
from tests.spec.extracted import rules
from tests.spec.ruledocs import document, path
from tests.trp.rules.index import NAMED
from tests.trp.rules.rows import mangled

#: What the specification says of a field and forgot in its list of rules, or what decisions of the
#: project ask for.
OWN = frozenset(
    {
        "6.dwAddressID",
        "6.dwSize",
        "21.dwAddressID",
        "21.dwDeviceID removed",
        "23.dwAddressID",
        "25.dwAddressID",
        "25.dwDeviceID",
        "25.dwDeviceID removed",
        "25.lpAgentCapsSize",
        "34.dwDeviceID removed",
        "37.dwAddressID",
        "37.hCall",
        "52.dwDeviceID removed",
        "53.dwDeviceID removed",
        "54.dwDeviceID",
        "54.dwDeviceID removed",
        "66.dwAddressID",
        "67.dwAddressID",
        "67.lpAgentGroupList",
        "68.dwAddressID",
        "95.hPhoneApp",
        "107.dwDeviceID",
        "130.hLineApp",
        "153.cbGUID",
        "153.lpQueueList",
        "158.dwDeviceID removed",
        "158.hLineApp",
        "161.fSubMask",
    }
)


class Completeness(TestCase):
    """Nothing is missing and nothing is too much."""

    def setUp(self) -> None:
        served = {str(Req_Func) for Req_Func in PACKETS} | {"ClientRequest", "LINECALLPARAMS"}
        self.printed = {rule.id for rule in rules() if rule.id.rpartition(".")[0] in served}

    def test_count(self) -> None:
        """The 44 packets have 230 rules, ClientRequest 4, LINECALLPARAMS 7."""
        self.assertEqual(len(PACKETS), 44)
        self.assertEqual(len(self.printed), 230 + 4 + 7)

    def test_registry(self) -> None:
        """The registry has each rule of the specification, and its own by name."""
        self.assertEqual(set(RULES) - self.printed, OWN)
        self.assertEqual(self.printed - set(RULES), set())

    def test_named(self) -> None:
        """Each rule is named by a test, and no test names another."""
        self.assertEqual(set(NAMED), {mangled(rule) for rule in RULES})

    def test_successes(self) -> None:
        """A rule has the kind that the specification gives it: only a check has a result code."""
        for rule in rules():
            if rule.id in self.printed and rule.kind == "success":
                self.assertEqual(RULES[rule.id].code, 0, rule.id)
                self.assertTrue(RULES[rule.id].carriedOutBy, rule.id)

    def test_places(self) -> None:
        """What the registry says to carry out a rule exists."""
        for rule in RULES.values():
            if rule.carriedOutBy.startswith("tapiproxy."):
                self.assertTrue(callable(namedAny(rule.carriedOutBy)), rule.id)

    def test_oneRuleForEachProblem(self) -> None:
        """What the codec finds wrong is one rule's."""
        for packet in PACKETS.values():
            claimed = Counter(
                (field, problem)
                for rule in packet.rules
                for field in rule.fields
                for problem in rule.problems
            )
            self.assertEqual([each for each, count in claimed.items() if count > 1], [])

    def test_document(self) -> None:
        """docs/rules.md is what the registry prints."""
        self.assertEqual(path().read_text(), document(), "python -m tests.spec.ruledocs writes it")
