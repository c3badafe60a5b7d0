"""The middleware of the article "Django, Nginx and Memcached": every page of the site, under
``CACHE_KEY_PREFIX + "-" + request.get_full_path()``.

nginx: ``key=prefix prefix=CACHE_KEY_PREFIX``.
"""

from __future__ import annotations

from . import conf
from .keys import SOYREX
from .store import PageStore
from .writer import PageWriter, StorePagesMiddleware

__all__ = ["NginxMemCacheMiddleWare"]


class NginxMemCacheMiddleWare(StorePagesMiddleware):
    """Stores pages for the ``TIMEOUT`` of the cache, or ``RUST_PAGE_CACHE["TIMEOUT"]``.

    Settings: ``CACHE_KEY_PREFIX`` (or ``RUST_PAGE_CACHE["KEY_PREFIX"]``) and
    ``CACHE_IGNORE_REGEXPS`` (or ``RUST_PAGE_CACHE["IGNORE"]``).
    """

    @classmethod
    def writer_from_settings(cls) -> PageWriter:
        store = PageStore(SOYREX, conf.default_alias(), conf.soyrex_prefix())
        return PageWriter(store, timeout=conf.get_options().timeout)
