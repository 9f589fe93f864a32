"""
Processing rules as rows: a request that is accepted, the one thing changed, the rule's answer.

A test case per packet, in the order of the specification: its docstring has the section, `request`
makes a request that is accepted, and each of its `rows` is a test of its own whose name carries the
rule's identifier: rule 54.3 is shown by every ``test_rule_54_3__...``.  Each such test first sends
the request as it is and sees it accepted, then sends it with the change: octets into tapsrv's
ClientRequest, octets out of it.

What a row expects is read off the packet's table of return values in [MS-TRP] by decision 4, and
never off the code.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar

from attrs import frozen
from twisted.trial.unittest import TestCase

from tapiproxy.trp.templates import Request
from tests.trp.rules.scene import ACCEPTED, Change, Scene, nameOf


@frozen
class Row:
    """
    A changed request and its answer.

    :ivar rule: ``"54.3"``.
    :ivar words: what was changed, in words.
    :ivar answer: the name of an error, or `ACCEPTED`.
    """

    rule: str
    words: str
    answer: str
    change: Change

    @property
    def testName(self) -> str:
        """The name of its test."""
        return nameOfTest(self.rule, self.words)


_OWN = frozenset({"members", "entry", "moved", "tail", "needed", "before"})


def _row(rule: str, words: str, answer: str, changes: dict[str, Any]) -> Row:
    own = {name: value for name, value in changes.items() if name in _OWN}
    slots = {name: value for name, value in changes.items() if name not in _OWN}
    return Row(rule, words, answer, Change(words=slots, **own))


def refused(rule: str, words: str, code: int, **changes: Any) -> Row:
    """
    Declare a change for which the request is refused.

    :param changes: parameters by name, and what `Change` has.
    """
    return _row(rule, words, nameOf(code), changes)


def accepted(rule: str, words: str, **changes: Any) -> Row:
    """Declare a change that is just inside of what the rule allows."""
    return _row(rule, words, ACCEPTED, changes)


def nameOfTest(rule: str, words: str) -> str:
    """Make the name of a test."""
    return f"test_rule_{mangled(rule)}__{re.sub('[^A-Za-z0-9]+', '_', words).strip('_')}"


def mangled(rule: str) -> str:
    """Spell a rule's identifier as in the names of its tests."""
    return rule.replace(".", "_").replace(" ", "_")


class RuleTests(TestCase):
    """
    The rules of one packet.

    :cvar rows: from each of which a test is made.
    :cvar base: the answer to the unchanged request: `ACCEPTED` wherever that can be.
    """

    rows: ClassVar[tuple[Row, ...]] = ()
    base: ClassVar[str] = ACCEPTED

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for row in cls.rows:
            if row.testName in cls.__dict__:
                raise TypeError(f"{cls.__name__} has two tests {row.testName}")
            setattr(cls, row.testName, _test(row))

    def request(self, scene: Scene) -> Request:
        """Make a request that is accepted."""
        raise TypeError(f"{type(self).__name__} has rows but no request")


def _test(row: Row) -> Callable[[RuleTests], None]:
    def test(self: RuleTests) -> None:
        scene = Scene()
        self.assertEqual(scene.ask(self.request(scene)), self.base)
        self.assertEqual(scene.ask(self.request(scene), row.change), row.answer)

    test.__name__ = row.testName
    test.__doc__ = f"{row.rule}: {row.words}: {row.answer}."
    return test
