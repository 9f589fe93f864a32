"""
What is expected of each test of the suite, and how what was seen differs from that.

A list names every test, one in a line: ``name: ok``, or ``name: reason`` for one that fails.
"""

from collections.abc import Iterator, Mapping

OK = "ok"


def parse(text: str) -> dict[str, str]:
    """
    Read a list; lines that begin with ``#`` are comments.

    :returns: ``ok`` or the reason, by the test's name.
    """
    expected = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, outcome = line.partition(":")
        assert colon, f"neither a test nor a comment: {line!r}"
        assert outcome.strip(), f"nothing is expected: {line!r}"
        assert name not in expected, f"listed twice: {name}"
        expected[name] = outcome.strip()
    return expected


def differences(expected: Mapping[str, str], seen: Mapping[str, str]) -> Iterator[str]:
    """
    Say what is not as expected.

    :param seen: ``ok`` or what was wrong, by the test's name.
    """
    for name in sorted({*expected, *seen}):
        if name not in seen:
            yield f"{name} is listed, and there is no such test"
        elif name not in expected:
            yield f"{name} is not listed: {seen[name]}"
        elif expected[name] == OK != seen[name]:
            yield f"{name} fails: {seen[name]}"
        elif expected[name] != OK == seen[name]:
            yield f"{name} passes, and is listed as failing: {expected[name]}"
