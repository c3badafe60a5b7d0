"""System checks: what would keep nginx from finding the pages, or show them to the wrong people."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from typing import Any, Optional

from django.conf import settings
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.memcached import BaseMemcachedCache
from django.core.checks import CheckMessage, Error, Warning
from django.utils.module_loading import import_string

from . import registry
from .conf import get_options
from .store import PageStore

_OUT_OF_REACH = (LocMemCache, FileBasedCache, DatabaseCache, DummyCache)
_BACKENDS = (
    "django.core.cache.backends.memcached.PyMemcacheCache, "
    "django.core.cache.backends.redis.RedisCache, or django_redis.cache.RedisCache with "
    '"CLIENT_CLASS": "rust_page_cache.clients.DefaultClient" in its OPTIONS'
)
_GZIP = "django.middleware.gzip.GZipMiddleware"
_SET_COOKIES = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.locale.LocaleMiddleware",
)
# What nginx inflates: pylibmc's and pymemcache's mark for zlib.
_ZLIB_FLAG = 8
# No compressor leaves this as it is for being short.
_BODY = b"<!doctype html><title>x</title>" + b"<p>page</p>" * 500


def check_caches(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Whether the caches of the stores in use store a body so that nginx can read it."""
    found: dict[str, PageStore] = {}
    for store in registry.stores():
        found.setdefault(store.alias, store)
    messages = []
    for alias, store in sorted(found.items()):
        message = _check_cache(alias, store.cache)
        if message:
            messages.append(message)
    return messages


def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Whether the settings make the pages unsafe, or keep them from being stored."""
    messages: list[CheckMessage] = []
    if get_options().careless:
        messages.append(
            Warning(
                "pages are stored whoever they are for: error pages, pages with cookies, private "
                "pages, answers to POST.",
                hint='Remove RUST_PAGE_CACHE["CARELESS"].',
                id="rust_page_cache.W002",
            )
        )
    messages.extend(_check_order(settings.MIDDLEWARE))
    return messages


def check_hosts(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Whether several hosts share pages (``check --deploy``)."""
    hosts = settings.ALLOWED_HOSTS
    several = len(hosts) > 1 or any(host.startswith((".", "*")) for host in hosts)
    names = sorted(
        {store.recipe.name for store in registry.stores() if not store.recipe.holds_host}
    )
    if not several or not names:
        return []
    return [
        Warning(
            f"ALLOWED_HOSTS allows several hosts, and the keys of {', '.join(names)} hold none: a "
            "page made for one host is served for all of them.",
            hint="Allow one host and redirect the others in nginx, or use "
            "rust_page_cache.nginx_redis_cache.",
            id="rust_page_cache.W004",
        )
    ]


def _check_order(middlewares: Sequence[str]) -> Iterable[CheckMessage]:
    from .writer import StorePagesMiddleware

    seen: list[str] = []
    for path in middlewares:
        middleware = import_string(path)
        if isinstance(middleware, type) and issubclass(middleware, StorePagesMiddleware):
            if any(name in seen for name in _SET_COOKIES):
                yield Warning(
                    f"{path} comes after a middleware that sets cookies and Vary.",
                    hint=f"Put {path} at the top of MIDDLEWARE; only GZipMiddleware belongs "
                    "before it.",
                    id="rust_page_cache.W003",
                )
            if _GZIP in middlewares[len(seen) :]:
                yield Warning(
                    f"{_GZIP} comes after {path}: most pages are compressed when they get there, "
                    "and are not stored.",
                    hint=f"Put {_GZIP} before {path}, or remove it and let nginx compress.",
                    id="rust_page_cache.W005",
                )
        seen.append(path)


def _check_cache(alias: str, cache: BaseCache) -> Optional[CheckMessage]:
    backend = settings.CACHES[alias]["BACKEND"]
    if isinstance(cache, _OUT_OF_REACH):
        return Error(
            f"nginx cannot read pages from CACHES[{alias!r}]: {backend} is no server.",
            hint=f"Use {_BACKENDS}.",
            id="rust_page_cache.E001",
        )
    stored = _stored_form(cache)
    if stored is None:
        return Warning(
            f"whether nginx can read what {backend} stores in CACHES[{alias!r}] is not known.",
            hint=f"Known to work are {_BACKENDS}.",
            id="rust_page_cache.W001",
        )
    if not stored:
        return Error(
            f"nginx cannot read what CACHES[{alias!r}] ({backend}) makes of a page.",
            hint=_fix(cache),
            id="rust_page_cache.E002",
        )
    return None


def _fix(cache: BaseCache) -> str:
    if isinstance(cache, BaseMemcachedCache):
        return 'Remove "serde" and "serializer" from its OPTIONS.'
    if hasattr(cache, "client"):
        return (
            'Write "CLIENT_CLASS": "rust_page_cache.clients.DefaultClient" into its OPTIONS, and '
            "remove SERIALIZER there."
        )
    return (
        'Write "serializer": "rust_page_cache.serializers.RawSerializer" into its OPTIONS, or '
        "remove serializer there."
    )


def _stored_form(cache: Any) -> Optional[bool]:
    """Whether a body arrives in the store as nginx reads it; ``None`` if that cannot be told.

    It encodes one, without asking the store.
    """
    try:
        if isinstance(cache, BaseMemcachedCache):
            return _memcached_form(cache)
        client = getattr(cache, "client", None)
        if client is not None and hasattr(client, "encode"):
            return _is_readable(client.encode(_BODY))
        serializer = getattr(getattr(cache, "_cache", None), "_serializer", None)
        if serializer is not None:
            return _is_readable(serializer.dumps(_BODY))
    except Exception:
        # A serializer that takes no bytes.
        return False
    return None


def _memcached_form(cache: Any) -> bool:
    serde = cache._options.get("serde")
    serializer = getattr(serde, "serialize", None) or cache._options.get("serializer")
    if serializer is None:
        return True
    value, flags = serializer("key", _BODY)
    return not flags & ~_ZLIB_FLAG and (bool(flags) or value == _BODY)


def _is_readable(value: Any) -> bool:
    if value == _BODY:
        return True
    return isinstance(value, bytes) and value.startswith(b"\x80") and pickle.loads(value) == _BODY
