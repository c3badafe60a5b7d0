"""Deleting pages: by URL, by path, of an object."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Optional

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from . import registry
from .conf import get_options
from .keys import Page
from .store import PageStore

__all__ = ["purge_object", "purge_path", "purge_url"]

logger = logging.getLogger("rust_page_cache")


def purge_url(url: str, *, fail_silently: bool = True) -> int:
    """Delete the page of exactly this URL, its query string included, of all recipes in use.

    A URL without a host means all hosts. Returns how many pages were deleted. A cache that fails
    is logged at ``error``, or raises with ``fail_silently=False``: the page may then be served
    until its time is over. Raises ``ValueError`` for what is no URL.
    """
    page = Page.from_url(url)
    hosts = known_hosts()
    return _purge(url, lambda store: store.purge(page.path, page, hosts), fail_silently)


def purge_path(path: str, *, fail_silently: bool = True) -> int:
    """Delete the pages of a path for all hosts and all query strings that were stored.

    ``path`` may be a URL: its host and query string do not matter. Otherwise as
    :func:`purge_url`.
    """
    page = Page.from_url(path)
    hosts = known_hosts() + ((page.host,) if page.host else ())
    return _purge(path, lambda store: store.purge(page.path, None, hosts), fail_silently)


def purge_object(instance: Any, *, fail_silently: bool = True) -> int:
    """Delete the pages of an object's ``get_absolute_url()``, as :func:`purge_path`."""
    return purge_path(str(instance.get_absolute_url()), fail_silently=fail_silently)


def known_hosts() -> tuple[str, ...]:
    """``RUST_PAGE_CACHE["HOSTS"]`` and what is no pattern in ``ALLOWED_HOSTS``.

    Their pages are found even where the index has lost them.
    """
    plain = (host for host in settings.ALLOWED_HOSTS if not host.startswith((".", "*")))
    return (*get_options().hosts, *plain)


def _purge(what: str, purge: Callable[[PageStore], int], fail_silently: bool) -> int:
    deleted = 0
    failure: Optional[Exception] = None
    for store in registry.stores():
        try:
            deleted += purge(store)
        except ImproperlyConfigured:
            raise
        except Exception as error:
            # The other stores may be in another cache: they still have their turn.
            failure = error
            logger.error(
                "cache %r: %s was not purged and may be served until its time is over: %s: %s",
                store.alias,
                what,
                type(error).__name__,
                error,
            )
    if failure and not fail_silently:
        raise failure
    logger.debug("purged %s: %d pages", what, deleted)
    return deleted
