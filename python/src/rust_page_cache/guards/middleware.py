"""MIDDLEWARE: what guards every view, and whether the whole site is cached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.cache.backends.dummy import DummyCache
from django.http import HttpRequest, HttpResponse
from django.middleware.cache import FetchFromCacheMiddleware, UpdateCacheMiddleware
from django.utils.module_loading import import_string

from .codes import loaded
from .known import NamedGuards, fields_of, site_alias
from .layers import COOKIE, Fields, Guard, Path, Varies


@dataclass(frozen=True)
class Stack:
    """What the middlewares of a site are to its views."""

    # Guards of all views, and those that ask what a view is before.
    guards: tuple[Guard, ...]
    login: tuple[Guard, ...]
    # Those guards of all views that Django asks before its cache for the whole site.
    before_cache: tuple[Guard, ...]
    caches_site: bool
    # The fields of the Vary that middlewares inside that cache add for who asks the session.
    varies: frozenset[str]

    def around(self, view: Any) -> tuple[Guard, ...]:
        """The guards of one view of the URLconf."""
        needs_login = getattr(view, "login_required", True)
        return self.guards + (self.login if needs_login else ())

    def with_site_cache(self, view: Any, path: Path) -> Path:
        """A path inside the cache for the whole site."""
        inner = tuple(guard for guard in self.around(view) if guard not in self.before_cache)
        return (*self.before_cache, site_alias(), Varies(self.varies), *inner, *path)


def stack(named: NamedGuards) -> Stack:
    """Reads ``MIDDLEWARE``."""
    update = fetch = sessions = None
    guards: list[tuple[int, Guard, bool]] = []
    login: list[Guard] = []
    for at, path in enumerate(settings.MIDDLEWARE):
        item = import_string(path)
        if _is(item, UpdateCacheMiddleware) and update is None:
            update = at
        if _is(item, FetchFromCacheMiddleware):
            fetch = at
        if _is(item, SessionMiddleware):
            sessions = at
        if item in named.objects or (isinstance(item, type) and named.is_named(item)):
            guards.append((at, Guard(path, _fields(item)), _asks_early(item)))
        elif _is(item, loaded("django.contrib.auth.middleware", "LoginRequiredMiddleware")):
            login.append(Guard(path, COOKIE))
    varies: frozenset[str] = frozenset()
    # The response passes the last of MIDDLEWARE first.
    if update is not None and sessions is not None and sessions > update:
        varies = frozenset({"cookie"})
    return Stack(
        guards=tuple(guard for _, guard, _ in guards),
        login=tuple(login),
        before_cache=tuple(guard for at, guard, early in guards if early and at < (fetch or 0)),
        caches_site=update is not None and fetch is not None,
        varies=varies,
    )


def _is(item: Any, cls: Optional[Any]) -> bool:
    return isinstance(item, type) and isinstance(cls, type) and issubclass(item, cls)


def _fields(item: Any) -> Fields:
    names = ("__call__", "process_request", "process_view")
    methods = [item] if not isinstance(item, type) else [vars(item).get(name) for name in names]
    codes = [getattr(method, "__code__", None) for method in methods]
    found = [code for code in codes if code is not None]
    return fields_of(*found) if found else None


def _asks_early(item: Any) -> bool:
    """Whether a middleware asks when the request comes in, not when the view is known: that is
    after FetchFromCacheMiddleware has looked."""
    if not isinstance(item, type):
        return True
    return "process_request" in dir(item) or "process_view" not in dir(item)


class _Unstored(UpdateCacheMiddleware):
    """Says what it would do with a response, and stores nothing."""

    cache = DummyCache("", {})

    def _should_update_cache(self, request: HttpRequest, response: HttpResponse) -> bool:
        return True

    def answer(self, cache_control: str, **fields: str) -> HttpResponse:
        """A response as it would be stored, if for a time; ``fields`` are those of the request."""
        # For no time no key is made, and the host of the request does not matter.
        self.page_timeout = 0
        request, response = HttpRequest(), HttpResponse()
        request.method = "GET"
        request.META.update({f"HTTP_{name.upper()}": value for name, value in fields.items()})
        if cache_control:
            response["Cache-Control"] = cache_control
        self.process_response(request, response)
        return response


def varies_on_authorization() -> bool:
    """Whether this Django stores answers to requests with Authorization with that in Vary."""
    answer = _unstored().answer("", authorization="Basic eDp5")
    return "authorization" in answer.get("Vary", "").lower()


def is_stored(words: frozenset[str]) -> bool:
    """Whether this Django stores an answer with these words in Cache-Control."""
    held = sorted(words & {"no-cache", "no-store", "private"})
    return not held or "Expires" in _unstored().answer(", ".join(held))


def _unstored() -> _Unstored:
    return _Unstored(lambda request: HttpResponse())
