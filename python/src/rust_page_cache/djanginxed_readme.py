"""djanginxed as its README described it: single views, under ``md5(prefix + full path)``.

nginx: ``key=md5 prefix=PREFIX``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from django.http import HttpRequest

from . import conf
from .djanginxed import _decorator
from .keys import DJANGINXED_README, Page
from .writer import View

__all__ = ["cache_page", "get_cache_key"]


def cache_page(
    timeout: Optional[float], key_prefix: str = "", *, cache: Optional[str] = None
) -> Callable[[View], View]:
    """Store the pages of a view for ``timeout`` seconds, unless an answer says its own max-age.

    ``key_prefix`` is by default ``CACHE_MIDDLEWARE_KEY_PREFIX``, ``cache`` an alias of ``CACHES``.
    """
    return _decorator(DJANGINXED_README, timeout, key_prefix, None, cache)


def get_cache_key(request: HttpRequest, key_prefix: str = "") -> str:
    """The key of a request, without what the cache backend puts in front of it."""
    prefix = key_prefix or conf.middleware_prefix()
    return DJANGINXED_README.key(Page(host="", full_path=request.get_full_path()), prefix)
