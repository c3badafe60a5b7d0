"""What stands around a view, from the outside in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union

# Fields of a request by which a guard tells visitors apart; None: that cannot be told.
Fields = Optional[frozenset[str]]

COOKIE: Fields = frozenset({"cookie"})
AUTHORIZATION: Fields = frozenset({"authorization"})


@dataclass(frozen=True)
class Cached:
    """``cache_page()``, or the cache middleware; ``None`` where it cannot be told."""

    alias: Optional[str]
    key_prefix: Optional[str]
    name: str = "cache_page()"


@dataclass(frozen=True)
class Guard:
    """Something that turns visitors away."""

    name: str
    fields: Fields
    # It only looks like one.
    guessed: bool = False


@dataclass(frozen=True)
class Marked:
    """``cache_control()``: the words that it writes, lower case with hyphens."""

    words: frozenset[str]


@dataclass(frozen=True)
class Varies:
    """``vary_on_headers()``: the fields, lower case."""

    fields: frozenset[str]


Layer = Union[Cached, Guard, Marked, Varies]
# From the outside in.
Path = tuple[Layer, ...]


@dataclass(frozen=True)
class Around:
    """A cache of a view, and what stands outside and inside of it."""

    cached: Cached
    outside: Path
    inside: Path

    def guards(self, path: Path) -> tuple[Guard, ...]:
        """The guards of one side."""
        return tuple(layer for layer in path if isinstance(layer, Guard))

    def words(self, path: Path) -> frozenset[str]:
        """The words for Cache-Control of one side."""
        words: frozenset[str] = frozenset()
        for layer in path:
            if isinstance(layer, Marked):
                words |= layer.words
        return words

    def varies(self) -> frozenset[str]:
        """The fields of the stored Vary, as far as decorators set them."""
        fields: frozenset[str] = frozenset()
        for layer in self.inside:
            if isinstance(layer, Varies):
                fields |= layer.fields
        return fields


def caches_in(path: Path) -> list[Around]:
    """Every cache of a path with its two sides."""
    return [
        Around(layer, path[:at], path[at + 1 :])
        for at, layer in enumerate(path)
        if isinstance(layer, Cached)
    ]
