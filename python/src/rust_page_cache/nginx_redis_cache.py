"""nginx-redis-cache: the whole site or single views, under the md5 of host and full path.

nginx: ``key=md5 uri=$rust_page_cache_host$rust_page_cache_full_path``. A key prefix stands in
place of the ``KEY_PREFIX`` of ``CACHES``: ``namespace=PREFIX:1:``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

from . import conf
from .keys import NGINX_REDIS_CACHE
from .store import PageStore
from .writer import (
    PageWriter,
    StorePagesMiddleware,
    View,
    check_decorator_timeout,
    store_pages_of,
)

__all__ = ["CacheMiddleware", "FetchFromCacheMiddleware", "UpdateCacheMiddleware", "cache_page"]


class UpdateCacheMiddleware(StorePagesMiddleware):
    """Stores pages for their max-age, else for ``CACHE_MIDDLEWARE_SECONDS``.

    Settings: ``CACHE_MIDDLEWARE_ALIAS``, ``CACHE_MIDDLEWARE_KEY_PREFIX`` and
    ``CACHE_MIDDLEWARE_SECONDS``, or ``RUST_PAGE_CACHE``. An empty key prefix, too, stands in place
    of the ``KEY_PREFIX`` of ``CACHES``, as it always did.
    """

    @classmethod
    def writer_from_settings(cls) -> PageWriter:
        prefix = conf.middleware_prefix()
        store = PageStore(NGINX_REDIS_CACHE, conf.middleware_alias(), "", key_prefix=prefix)
        return PageWriter(store, timeout=conf.middleware_timeout())


class CacheMiddleware(UpdateCacheMiddleware):
    """The same: nothing is fetched in Django, nginx does that."""


class FetchFromCacheMiddleware:
    """Does nothing, so that a list of middlewares needs no other change than that of the module."""

    sync_capable = True
    async_capable = True

    def __new__(cls, get_response: Callable[..., Any]) -> Any:
        return get_response


def cache_page(
    timeout: Optional[float], *, cache: Optional[str] = None, key_prefix: Optional[str] = None
) -> Callable[[View], View]:
    """Store the pages of a view for their max-age, else for ``timeout`` seconds.

    ``key_prefix`` stands in place of the ``KEY_PREFIX`` of ``CACHES`` if it is given. ``cache`` is
    an alias of ``CACHES``.
    """
    seconds = check_decorator_timeout(timeout)
    prefix = conf.check_prefix("key_prefix of cache_page", key_prefix)
    alias = conf.default_alias() if cache is None else conf.cache_alias("cache_page(cache=)", cache)
    writer = PageWriter(PageStore(NGINX_REDIS_CACHE, alias, "", prefix), seconds)
    return lambda view: store_pages_of(view, writer)
