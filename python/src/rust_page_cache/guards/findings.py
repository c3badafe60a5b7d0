"""The URLconf: every cached view, and what its guards are worth in front of nginx."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Optional

from django.conf import settings
from django.urls import LocalePrefixPattern, URLPattern, URLResolver, get_resolver

from .known import NamedGuards
from .layers import Around, Guard, Path, caches_in
from .middleware import Stack, is_stored, stack, varies_on_authorization
from .walk import paths_of

# What nginx takes for a page that everybody may have (rust_page_cache_public_only).
PUBLIC = frozenset({"public", "s-maxage"})


class Kind(Enum):
    """What is the matter with a cached view."""

    # Django asks the guard before its cache.
    OUTSIDE = "outside"
    # Django's cache itself gives the page to everybody.
    INSIDE = "inside"
    # Guarded, and marked as public where it is stored.
    PUBLIC = "public"
    # Stored for each value of the fields that the guard goes by.
    KEYED = "keyed"
    # Marked as public where the mark is not stored.
    UNMARKED = "unmarked"


@dataclass(frozen=True)
class View:
    """A view of the URLconf with one of its caches."""

    name: str
    routes: tuple[str, ...]
    around: Around


@dataclass(frozen=True)
class Finding:
    """A cached view and what is the matter with it."""

    kind: Kind
    view: View
    guards: tuple[Guard, ...] = ()

    @property
    def guessed(self) -> bool:
        """Whether every guard only looks like one."""
        return bool(self.guards) and all(guard.guessed for guard in self.guards)


def views(named: NamedGuards) -> list[View]:
    """Every cached view of the URLconf, in its order, once for each cache around it."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    middlewares = stack(named)
    routes: dict[int, list[str]] = {}
    callbacks: dict[int, Any] = {}
    for route, callback in _patterns(get_resolver().url_patterns, "/"):
        routes.setdefault(id(callback), []).append(route)
        callbacks[id(callback)] = callback
    found = []
    for key, callback in callbacks.items():
        for around in _caches_of(callback, middlewares, named):
            found.append(View(_name(callback), tuple(dict.fromkeys(routes[key])), around))
    return found


def find(cached: Iterable[View]) -> list[Finding]:
    """What is the matter with these views: of each and cache the worst only, and a lost mark."""
    found: dict[tuple[str, tuple[str, ...], Any], Finding] = {}
    for view in cached:
        finding = _finding(view)
        if finding is None:
            continue
        key = (view.name, view.routes, view.around.cached)
        other = found.get(key)
        if other is None or _weight(finding) < _weight(other):
            found[key] = finding
    return list(found.values())


def _weight(finding: Finding) -> tuple[bool, int]:
    order = (Kind.PUBLIC, Kind.OUTSIDE, Kind.INSIDE, Kind.KEYED, Kind.UNMARKED)
    return (finding.guessed, order.index(finding.kind))


def _finding(view: View) -> Optional[Finding]:
    around = view.around
    words = around.words(around.inside)
    outside, inside = around.guards(around.outside), around.guards(around.inside)
    guards = outside or inside
    if guards and words & PUBLIC:
        return Finding(Kind.PUBLIC, view, guards)
    if outside:
        return Finding(Kind.KEYED if _covered(around, outside) else Kind.OUTSIDE, view, outside)
    if inside:
        return None if _covered(around, inside) else Finding(Kind.INSIDE, view, inside)
    if not words & PUBLIC and around.words(around.outside) & PUBLIC:
        return Finding(Kind.UNMARKED, view)
    return None


def _covered(around: Around, guards: tuple[Guard, ...]) -> bool:
    """Whether the stored page varies on every field that the guards go by."""
    varies = around.varies()
    if varies_on_authorization():
        varies |= {"authorization"}
    return all(guard.fields is not None and guard.fields <= varies for guard in guards)


def _caches_of(callback: Any, middlewares: Stack, named: NamedGuards) -> Iterator[Around]:
    for path in paths_of(callback, named):
        full: Path = (*middlewares.around(callback), *path)
        caches = caches_in(full)
        if middlewares.caches_site:
            caches += caches_in(middlewares.with_site_cache(callback, path))[:1]
        for around in caches:
            # never_cache() and cache_control(private=True) inside keep Django from storing.
            if is_stored(around.words(around.inside)):
                yield around


def _patterns(patterns: Iterable[Any], before: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        # i18n_patterns() shows the language that is active now.
        in_language = isinstance(pattern.pattern, LocalePrefixPattern)
        own = "<language>/" if in_language else re.sub(r"^\^", "", str(pattern.pattern))
        route = before + own
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route, pattern.callback


def _name(callback: Any) -> str:
    cls = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
    named = cls or callback
    if not hasattr(named, "__qualname__"):
        named = getattr(callback, "func", type(callback))
    return f"{getattr(named, '__module__', '?')}.{getattr(named, '__qualname__', '?')}"
