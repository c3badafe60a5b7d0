"""djanginxed: single views, under ``prefix + md5(request.get_full_path())``, as its code did it.

nginx: ``key=md5 namespace=:1:PREFIX``. What its README described, the md5 of prefix and path
together, is :mod:`rust_page_cache.djanginxed_readme`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from django.http import HttpRequest

from . import conf
from .keys import DJANGINXED, Page, Recipe
from .store import PageStore
from .writer import KeyGenerator, PageWriter, View, check_decorator_timeout, store_pages_of

__all__ = ["cache_page", "get_cache_key"]


def cache_page(
    timeout: Optional[float],
    key_prefix: str = "",
    key_generator: Optional[KeyGenerator] = None,
    *,
    cache: Optional[str] = None,
) -> Callable[[View], View]:
    """Store the pages of a view for ``timeout`` seconds, unless an answer says its own max-age.

    ``key_prefix`` is by default ``CACHE_MIDDLEWARE_KEY_PREFIX``. ``key_generator`` takes the
    request and returns the key in place of the md5. ``cache`` is an alias of ``CACHES``.
    """
    return _decorator(DJANGINXED, timeout, key_prefix, key_generator, cache)


def get_cache_key(
    request: HttpRequest, key_prefix: str = "", key_generator: Optional[KeyGenerator] = None
) -> str:
    """The key of a request, without what the cache backend puts in front of it."""
    prefix = key_prefix or conf.middleware_prefix()
    if key_generator:
        return prefix + key_generator(request)
    return DJANGINXED.key(Page(host="", full_path=request.get_full_path()), prefix)


def _decorator(
    recipe: Recipe,
    timeout: Optional[float],
    key_prefix: str,
    key_generator: Optional[KeyGenerator],
    cache: Optional[str],
) -> Callable[[View], View]:
    seconds = check_decorator_timeout(timeout)
    prefix = conf.check_prefix("key_prefix of cache_page", key_prefix) or conf.middleware_prefix()
    alias = conf.default_alias() if cache is None else conf.cache_alias("cache_page(cache=)", cache)
    writer = PageWriter(PageStore(recipe, alias, prefix), seconds, key_generator)
    return lambda view: store_pages_of(view, writer)
