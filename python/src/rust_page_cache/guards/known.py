"""The layers that Django's own decorators put around a view, and those that a site has named."""

from __future__ import annotations

from collections.abc import Iterable
from types import CodeType, FunctionType
from typing import Any, Optional

from django.conf import settings
from django.middleware.cache import UpdateCacheMiddleware
from django.utils import decorators
from django.views.decorators import cache, vary

from .codes import cells_of, codes_of, loaded, names_in, wraps_of
from .layers import COOKIE, Cached, Fields, Guard, Layer, Marked, Varies

_AUTH = "django.contrib.auth.decorators"
_ADMIN = "django.contrib.admin.views.decorators"
_SITES = "django.contrib.admin.sites"
_OPTIONS = "django.contrib.admin.options"
# Decorators that user_passes_test() is known by.
_BY_TEST = (
    (_AUTH, "login_required"),
    (_AUTH, "permission_required"),
    (_ADMIN, "staff_member_required"),
)
# Who asks the user or the session asks the cookie.
_OF_SESSION = frozenset({"user", "auser", "session"})
_OF_REQUEST = frozenset({"META", "headers", "COOKIES", "get_signed_cookie", "auth"})

MIDDLEWARE = codes_of(decorators.make_middleware_decorator)
METHOD = codes_of(decorators._multi_decorate)  # type: ignore[attr-defined]
_CONTROL = codes_of(cache.cache_control)
_NEVER = codes_of(cache.never_cache)
_ON_COOKIE = codes_of(vary.vary_on_cookie)
_ON_HEADERS = codes_of(vary.vary_on_headers)


def fields_of(*codes: CodeType) -> Fields:
    """By which fields a guard of this code goes: the session's cookie, or it cannot be told."""
    names: frozenset[str] = frozenset().union(*(names_in(code) for code in codes))
    return COOKIE if names & _OF_SESSION and not names & _OF_REQUEST else None


class NamedGuards:
    """``RUST_PAGE_CACHE["GUARDS"]``, imported: decorators, mixins, permissions, middlewares."""

    def __init__(self, found: Iterable[Any] = ()) -> None:
        self.objects = tuple(found)
        self.classes = tuple(item for item in self.objects if isinstance(item, type))
        self._codes = {
            code: item
            for item in self.objects
            if isinstance(item, FunctionType)
            for code in codes_of(item)
        }

    def of_function(self, function: FunctionType) -> Optional[Guard]:
        """The guard whose wrapper this is."""
        item = self._codes.get(function.__code__)
        return None if item is None else Guard(item.__name__, fields_of(function.__code__))

    def is_named(self, cls: type) -> bool:
        """Whether a class is one of them, or a subclass."""
        return issubclass(cls, self.classes)


def layer_of(function: FunctionType) -> Optional[Layer]:
    """The layer that a wrapper of one of Django's decorators is."""
    code, cells = function.__code__, cells_of(function)
    if code in MIDDLEWARE:
        return _of_middleware(_middleware_in(cells))
    if code in wraps_of(_AUTH, "user_passes_test"):
        return Guard(_name_of_test(cells.get("test_func")), COOKIE)
    if code in wraps_of(_SITES, "AdminSite.admin_view", "AdminSite.get_urls"):
        return Guard("admin_view()", COOKIE)
    if code in wraps_of(_OPTIONS, "ModelAdmin.get_urls"):
        return Guard("admin_view()", COOKIE)
    if code in _CONTROL:
        return Marked(frozenset(_words(cells.get("kwargs"))))
    if code in _NEVER:
        return Marked(frozenset({"no-cache", "no-store", "private"}))
    # vary_on_cookie() is a decorator of its own in Django 4.2, and vary_on_headers("Cookie") now.
    if code in _ON_HEADERS:
        return Varies(frozenset(field.lower() for field in cells.get("headers", ())))
    return Varies(frozenset({"cookie"})) if code in _ON_COOKIE else None


def inside(function: FunctionType) -> Any:
    """What a wrapper of Django's calls. ``__wrapped__`` may lead further in: ``admin_view()`` sets
    it past its own wrappers."""
    cells = cells_of(function)
    for name in ("view_func", "viewfunc", "func", "view"):
        if callable(cells.get(name)):
            return cells[name]
    return getattr(function, "__wrapped__", None)


def is_djangos(function: FunctionType) -> bool:
    """Whether a function is the wrapper of something in Django that guards nothing."""
    return str(function.__globals__.get("__name__")).split(".")[0] == "django"


def called_in(function: FunctionType) -> list[Layer]:
    """The layers of decorators that a function applies itself, in each call."""
    found: list[Layer] = []
    known = {
        id(loaded(module, name)): name for module, name in (*_BY_TEST, (_AUTH, "user_passes_test"))
    }
    caches = False
    for name in sorted(names_in(function.__code__)):
        item = function.__globals__.get(name)
        if item is not None and id(item) in known:
            found.append(Guard(known[id(item)], COOKIE))
        caches = caches or item is cache.cache_page
    if caches:
        found.append(Cached(None, None))
    return found


def _name_of_test(test: Any) -> str:
    for module, name in _BY_TEST:
        if getattr(test, "__code__", None) in wraps_of(module, name):
            return name
    return "user_passes_test"


def _middleware_in(cells: dict[str, Any]) -> Any:
    """The middleware of a decorator that was made of it.

    From Django 5.0 on the wrapper has it in functions of its own.
    """
    if "middleware" in cells:
        return cells["middleware"]
    for value in cells.values():
        if isinstance(value, FunctionType) and value.__code__ in MIDDLEWARE:
            inner = cells_of(value)
            if "middleware" in inner:
                return inner["middleware"]
    return None


def _of_middleware(middleware: Any) -> Optional[Layer]:
    if isinstance(middleware, UpdateCacheMiddleware):
        timeout = getattr(middleware, "page_timeout", None)
        if timeout is None:
            timeout = middleware.cache_timeout
        # Nothing is stored for no time.
        return Cached(middleware.cache_alias, middleware.key_prefix) if timeout != 0 else None
    guard = loaded("django.contrib.auth.middleware", "LoginRequiredMiddleware")
    if guard is not None and isinstance(middleware, guard):
        return Guard(type(middleware).__name__, COOKIE)
    return None


def _words(arguments: Any) -> Iterable[str]:
    return (name.replace("_", "-").lower() for name, value in (arguments or {}).items() if value)


def site_alias() -> Cached:
    """The cache of the middleware for the whole site."""
    return Cached(
        settings.CACHE_MIDDLEWARE_ALIAS,
        settings.CACHE_MIDDLEWARE_KEY_PREFIX,
        "the cache middleware",
    )
