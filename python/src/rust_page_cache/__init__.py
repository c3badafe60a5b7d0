"""The Django half of rust_page_cache: stores pages where nginx finds them, and deletes them.

Middlewares and decorators: :mod:`rust_page_cache.soyrex`, :mod:`rust_page_cache.djanginxed`,
:mod:`rust_page_cache.djanginxed_readme`, :mod:`rust_page_cache.nginx_redis_cache`.
"""

from __future__ import annotations

from .purge import purge_object, purge_path, purge_url
from .signals import purge_on_change, purges_pages

__all__ = ["purge_object", "purge_on_change", "purge_path", "purge_url", "purges_pages"]

__version__ = "0.1.0"
