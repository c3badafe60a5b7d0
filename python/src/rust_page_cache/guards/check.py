"""The system check: names every cached view that stands behind a guard."""

from __future__ import annotations

from typing import Any, Optional

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage, Error, Info, Warning
from django.utils.module_loading import import_string

from ..conf import SETTING, get_options
from .findings import Finding, Kind, find, views
from .known import NamedGuards

_OUT_OF_REACH = (DatabaseCache, DummyCache, FileBasedCache, LocMemCache)
_ROUTES_SHOWN = 3
_KEEP_OUT = (
    "Do not cache it; or keep nginx from it, with a location that has no rust_page_cache; or write "
    '"rust_page_cache_public_only on;" there and '
    f'{SETTING}["PUBLIC_ONLY"] = True here: then nginx serves only pages that are marked with '
    "cache_control(public=True) inside of the cache."
)


def check_guards(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The cached views that nginx, or Django's cache itself, would show to the wrong people."""
    try:
        named = named_guards()
    except ImportError as error:
        return [
            Error(
                f'{SETTING}["GUARDS"]: {error}',
                hint="Write the dotted names of decorators, mixins, permission classes or "
                "middlewares.",
                id="rust_page_cache.E003",
            )
        ]
    messages = (_message(finding) for finding in find(views(named)) if _in_reach(finding))
    return [message for message in messages if message]


def named_guards() -> NamedGuards:
    """The guards that the site has named. Raises ``ImportError``."""
    return NamedGuards(import_string(name) for name in get_options().guards)


def _in_reach(finding: Finding) -> bool:
    """Whether nginx can read that cache. Where it can read none, these are the settings of a
    developer: then every cache counts."""
    reached = {alias for alias in settings.CACHES if not isinstance(caches[alias], _OUT_OF_REACH)}
    alias = finding.view.around.cached.alias
    return finding.kind is Kind.INSIDE or not reached or alias is None or alias in reached


def _message(finding: Finding) -> Optional[CheckMessage]:
    public_only = get_options().public_only
    cache = finding.view.around.cached.name
    guards = ", ".join(dict.fromkeys(guard.name for guard in finding.guards))
    about = f"{_where(finding)}: {cache}"
    if finding.kind is Kind.PUBLIC:
        return Warning(
            f"{about} stands with {guards}, and its pages are marked as public: nginx sends them "
            "to everybody, with rust_page_cache_public_only too.",
            hint="Remove public and s_maxage from its cache_control(), or the guard.",
            id="rust_page_cache.W008",
        )
    if finding.kind is Kind.INSIDE and not finding.guessed:
        return Warning(
            f"{about} stands around {guards}: a page that one visitor may see is stored without "
            "a word of it, and Django itself sends it to everybody who asks next.",
            hint=f"Put the guard above the cache, which helps in Django only. For nginx: {_low()}",
            id="rust_page_cache.W007",
        )
    if finding.kind is Kind.UNMARKED:
        return Info(
            f"{about} stands inside of cache_control(): the mark as public is not stored, and "
            "with rust_page_cache_public_only nginx does not serve the page.",
            hint="Put cache_control() below cache_page().",
            id="rust_page_cache.I002",
        )
    if public_only:
        # nginx serves what is marked, and this is not.
        return None
    if finding.guessed:
        return Warning(
            f"{about} stands with {guards}, which looks like a guard. nginx asks no guard before "
            "it sends a stored page.",
            hint=f"If it turns nobody away, silence this. If it does: {_low()}",
            id="rust_page_cache.W009",
        )
    if finding.kind is Kind.KEYED:
        fields = sorted(frozenset().union(*(guard.fields or () for guard in finding.guards)))
        return Info(
            f"{about} stands behind {guards}. Its pages are stored for each value of "
            f"{' and '.join(field.title() for field in fields)}: nginx sends a page to who sends "
            "that again, though the session has ended or the permission is gone.",
            hint=_KEEP_OUT,
            id="rust_page_cache.I001",
        )
    return Warning(
        f"{about} stands behind {guards}. Django asks the guard before its cache; nginx does not, "
        "and sends the stored page to everybody.",
        hint=_KEEP_OUT,
        id="rust_page_cache.W006",
    )


def _low() -> str:
    return _KEEP_OUT[0].lower() + _KEEP_OUT[1:]


def _where(finding: Finding) -> str:
    routes = finding.view.routes
    shown = ", ".join(routes[:_ROUTES_SHOWN])
    more = f" and {len(routes) - _ROUTES_SHOWN} more" if len(routes) > _ROUTES_SHOWN else ""
    return f"{shown}{more} ({finding.view.name})"


def advises_public_only(finding: Finding) -> bool:
    """Whether nginx had better serve nothing that is not marked."""
    return finding.kind in (Kind.OUTSIDE, Kind.INSIDE, Kind.KEYED) and _in_reach(finding)
