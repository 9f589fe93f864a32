"""Which tests show a rule: by their names, over all modules of this folder."""

from collections import defaultdict
from importlib import import_module
from re import compile
from types import ModuleType
from unittest import TestCase

from tests.trp.rules.rows import mangled

__all__ = ["NAMED", "casesOf"]

#: By chapter, as the specification has them.
MODULES = (
    "clientrequest",
    "init",
    "callparams",
    "agent",
    "handler",
    "line",
    "phone",
    "generic",
)

_RULE = compile("test_rule_(?P<rule>[A-Za-z0-9_]+?)__")


def _collect(module: ModuleType) -> list[tuple[str, TestCase]]:
    found = []
    for cls in vars(module).values():
        if not isinstance(cls, type) or cls.__module__ != module.__name__:
            continue
        if issubclass(cls, TestCase):
            for name in dir(cls):
                if match := _RULE.match(name):
                    found.append((match["rule"], cls(name)))
    return found


#: The tests of each rule, by its identifier as in their names ("54_3").
NAMED: dict[str, list[TestCase]] = defaultdict(list)
for _module in MODULES:
    for _rule, _test in _collect(import_module(f"tests.trp.rules.test_{_module}")):
        NAMED[_rule].append(_test)


def casesOf(rule: str) -> list[TestCase]:
    """
    List the tests of a rule.

    :param rule: ``"54.3"``.
    """
    return NAMED[mangled(rule)]
