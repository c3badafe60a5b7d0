"""Which cached views stand behind a guard that nginx does not ask.

nginx looks a page up before Django is asked at all. What Django asks *before its own cache*, be it
a decorator outside of ``cache_page()``, a mixin, a permission class or a middleware, keeps a stored
page from nobody who comes through nginx.
"""

from __future__ import annotations

from .findings import Finding, Kind, find, views
from .known import NamedGuards

__all__ = ["Finding", "Kind", "NamedGuards", "find", "views"]
