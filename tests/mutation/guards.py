"""
The checks of the codec, so that each can be switched off alone.

Every ``raise DecodeError(PROBLEM, field, ...)`` of the codec is a check.  Here the functions that
hold them are compiled once more with a question in front of each raise, and that code is put in
their place while a mutant lives: whoever has the function already has the mutant too.
"""

import ast
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from inspect import getsource
from textwrap import dedent
from types import CodeType, FunctionType
from typing import Any

from tapiproxy.wire import cursor, structs
from tapiproxy.wire.layout import Field

__all__ = ["Switch", "without"]

#: A field's path and a problem of `tapiproxy.wire.errors`.
Switch = tuple[str, str]

_QUESTION = "_isKept"  # the name of the function below

_FUNCTIONS: tuple[FunctionType, ...] = (
    cursor.wideString,
    cursor.blockStart,
    cursor.block,
    cursor._blockText,
    cursor.within,
    structs.unpack,
    structs._Reader.place,
    structs._readText,
    structs._readArray,
)  # type: ignore[assignment]  # they are functions, whatever their signatures


class _Guarding(ast.NodeTransformer):
    """Ask before each raise of a DecodeError."""

    def __init__(self) -> None:
        self.guarded = 0

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        call = node.exc
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            return node
        if call.func.id not in ("DecodeError", "_error"):
            return node
        self.guarded += 1
        question = ast.Call(ast.Name(_QUESTION, ast.Load()), call.args[:2], [])
        return ast.copy_location(ast.If(question, [node], []), node)


def _guarded(function: FunctionType) -> CodeType:
    tree = ast.parse(dedent(getsource(function)))
    guarding = _Guarding()
    tree = ast.fix_missing_locations(guarding.visit(tree))
    assert guarding.guarded, f"{function.__qualname__} has no check"
    namespace: dict[str, Any] = {}
    exec(compile(tree, function.__code__.co_filename, "exec"), function.__globals__, namespace)
    made: FunctionType = namespace[function.__name__]
    return made.__code__


_CODES = {function: _guarded(function) for function in _FUNCTIONS}


# What is switched off now.
_off: list[Collection[Switch]] = []


def _isKept(problem: str, field: str | Field) -> bool:
    path = field.path if isinstance(field, Field) else field
    return not any((path, problem) in switches for switches in _off)


@contextmanager
def without(switches: Collection[Switch]) -> Iterator[None]:
    """Switch checks off, each for one field; more can be switched off meanwhile."""
    originals = {function: function.__code__ for function in _CODES}
    _off.append(switches)
    for function, code in _CODES.items():
        function.__globals__[_QUESTION] = _isKept
        function.__code__ = code
    try:
        yield
    finally:
        for function, original in originals.items():
            function.__code__ = original
        _off.remove(switches)
