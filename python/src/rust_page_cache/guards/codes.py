"""Which function a function is: by its code, which no name or ``wraps()`` changes.

A decorator's wrapper is compiled as a constant of the decorator, whatever it wraps later and
whatever Django's release calls it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, Optional


@lru_cache(maxsize=256)
def codes_of(function: Any) -> frozenset[CodeType]:
    """The code of a function and of all functions that are written in it."""
    code = getattr(function, "__code__", None)
    return frozenset(_with_constants(code)) if isinstance(code, CodeType) else frozenset()


@lru_cache(maxsize=1024)
def names_in(code: CodeType) -> frozenset[str]:
    """The globals and attributes that a code and the functions written in it name."""
    return frozenset(name for inner in _with_constants(code) for name in inner.co_names)


def place_of(function: FunctionType) -> str:
    """Where a wrapper was written, since it bears the name of what it wraps."""
    code = function.__code__
    names = getattr(code, "co_qualname", "").split(".<locals>")
    module = function.__globals__.get("__name__", code.co_filename)
    # Python 3.11 and later know the decorator.
    return f"{module}.{names[0]}" if len(names) > 1 else f"{module}, line {code.co_firstlineno}"


def cells_of(function: FunctionType) -> dict[str, Any]:
    """The variables that a function has from where it was made."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            # Not assigned yet.
            continue
    return found


def loaded(module: str, name: str) -> Optional[Any]:
    """What a module has under a dotted name, if it is loaded: else nothing can be made of it."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def wraps_of(module: str, *names: str) -> frozenset[CodeType]:
    """The codes of the named functions of a module and of what is written in them."""
    found: frozenset[CodeType] = frozenset()
    for name in names:
        found |= codes_of(loaded(module, name))
    return found


def _with_constants(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_constants(constant)
