"""Which stores this site writes to, for those who delete pages."""

from __future__ import annotations

import threading

from django.conf import settings
from django.urls import get_resolver
from django.utils.module_loading import import_string

from .store import PageStore

_lock = threading.Lock()
_registered: set[PageStore] = set()


def register(store: PageStore) -> None:
    """Make the store of a decorated view known."""
    with _lock:
        _registered.add(store)


def stores() -> list[PageStore]:
    """The stores of the middlewares in ``MIDDLEWARE`` and of the decorated views of the URLconf.

    Commands and background workers have loaded neither: both are loaded here.
    """
    from .writer import StorePagesMiddleware

    found = set()
    for path in settings.MIDDLEWARE:
        middleware = import_string(path)
        if isinstance(middleware, type) and issubclass(middleware, StorePagesMiddleware):
            found.add(middleware.writer_from_settings().store)
    if getattr(settings, "ROOT_URLCONF", None):
        # Importing the views is what registers them.
        _ = get_resolver().url_patterns
    with _lock:
        found |= _registered
    return sorted(found, key=_order)


def _order(store: PageStore) -> tuple[str, str, str, str]:
    return (store.recipe.name, store.alias, store.prefix, store.key_prefix or "")
