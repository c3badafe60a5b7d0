"""Under which key a page is stored: one recipe per published package.

The formulas are those of the old packages as recorded from real runs; nginx computes the same key
from the request (``key=`` of the directive ``rust_page_cache``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

from django.http import HttpRequest
from django.utils.encoding import escape_uri_path, iri_to_uri, repercent_broken_unicode


@dataclass(frozen=True)
class Page:
    """What the keys of a page are made of.

    ``host`` is the Host header as the client sent it, empty if it is not known; ``full_path`` is
    what ``HttpRequest.get_full_path()`` returns. ``uri`` is ``HttpRequest.build_absolute_uri()``
    without the scheme, where there is a request: it differs from host and full path together for
    paths with dot segments.
    """

    host: str
    full_path: str
    uri: str = ""

    @property
    def path(self) -> str:
        """The full path without the query string."""
        return self.full_path.partition("?")[0]

    @classmethod
    def from_request(cls, request: HttpRequest) -> Page:
        """The page that a request asks for; raises ``DisallowedHost`` as ``get_host()`` does."""
        uri = request.build_absolute_uri().partition("://")[2]
        return cls(host=request.get_host(), full_path=request.get_full_path(), uri=uri)

    @classmethod
    def from_url(cls, url: str) -> Page:
        """The page of a URL or of a path with an optional query string.

        Makes of it what Django makes of the request that a browser sends for it, an IRI included.
        Raises ``ValueError`` for what is neither.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("", "http", "https") or (parts.scheme and not parts.netloc):
            raise ValueError(f"neither an http(s) URL nor a path: {url!r}")
        if not parts.netloc and not parts.path.startswith("/"):
            raise ValueError(f"a path starts with a slash: {url!r}")
        raw_path = unquote_to_bytes(parts.path or "/")
        path: str = escape_uri_path(repercent_broken_unicode(raw_path).decode())
        query = "?" + str(iri_to_uri(parts.query)) if parts.query else ""
        host = parts.netloc.rpartition("@")[2]
        return cls(host=host, full_path=path + query)


@dataclass(frozen=True)
class Recipe:
    """A way to make keys.

    ``holds_host`` tells whether pages of different hosts have different keys. ``any_method`` and
    ``any_status`` are what the old package stored; they matter only with ``CARELESS``.
    """

    name: str
    holds_host: bool
    any_method: bool
    any_status: bool
    make: Callable[[Page, str], str]

    def key(self, page: Page, prefix: str) -> str:
        """The key without what the cache backend puts in front of it (``:1:``)."""
        return self.make(page, prefix)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


SOYREX = Recipe(
    name="soyrex",
    holds_host=False,
    any_method=False,
    any_status=True,
    make=lambda page, prefix: f"{prefix}-{page.full_path}",
)
DJANGINXED = Recipe(
    name="djanginxed",
    holds_host=False,
    any_method=True,
    any_status=True,
    make=lambda page, prefix: prefix + _md5(page.full_path),
)
DJANGINXED_README = Recipe(
    name="djanginxed-readme",
    holds_host=False,
    any_method=True,
    any_status=True,
    make=lambda page, prefix: _md5(prefix + page.full_path),
)
# The package's key_prefix replaces the KEY_PREFIX of CACHES: it is no part of this.
NGINX_REDIS_CACHE = Recipe(
    name="nginx-redis-cache",
    holds_host=True,
    any_method=True,
    any_status=False,
    make=lambda page, prefix: _md5(page.uri or str(iri_to_uri(page.host + page.full_path))),
)

RECIPES = {
    recipe.name: recipe for recipe in (SOYREX, DJANGINXED, DJANGINXED_README, NGINX_REDIS_CACHE)
}
