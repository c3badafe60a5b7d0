"""Where pages are stored and deleted: one recipe in one cache.

Beside the pages the cache holds, for every path, an index of the URLs that were stored, so that
deleting a path deletes every query string and host of it. The index is a table of ``VARIANTS``
slots, one entry of the cache each. A URL may stand in six of them, by its digest: two of the first
few, which are all that most paths ever need, and four of the whole table; once one of these was
used, a flag says so. A URL that finds all six taken takes the place of another one, whose page is
deleted. So a page is never stored without its slot, writers take different free slots, and the
index is bounded. What the store itself drops for want of memory, it may drop from the index first.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import Any, Optional, Union

from django.conf import settings
from django.core.cache import CacheHandler, caches
from django.core.cache.backends.base import BaseCache, InvalidCacheKey
from django.core.cache.backends.memcached import BaseMemcachedCache
from django.core.signals import request_finished, setting_changed

from . import failures
from .conf import get_options
from .keys import Page, Recipe

# Longer than any view runs: a page whose rendering began before a purge is not stored after it.
PURGE_REMEMBERED = 300
# A slot outlives its page, so that a page always has one.
SLOT_MARGIN = 60
# The slots that every purge reads, and how many of them, and of all, may hold a URL.
_NARROW = 8
_NARROW_WAYS = 2
_WIDE_WAYS = 4


class _PrefixedCaches:
    """Caches of ``CACHES`` with another ``KEY_PREFIX``, one per thread as Django's own."""

    def __init__(self) -> None:
        self._handlers: dict[tuple[str, str], CacheHandler] = {}

    def get(self, alias: str, key_prefix: str) -> BaseCache:
        handler = self._handlers.get((alias, key_prefix))
        if handler is None:
            params = {**settings.CACHES[alias], "KEY_PREFIX": key_prefix}
            handler = CacheHandler({alias: params})
            handler = self._handlers.setdefault((alias, key_prefix), handler)
        return handler[alias]

    def close(self, **kwargs: object) -> None:
        for handler in list(self._handlers.values()):
            handler.close_all()

    def forget(self, *, setting: str, **kwargs: object) -> None:
        if setting == "CACHES":
            self.close()
            self._handlers = {}


_prefixed = _PrefixedCaches()
request_finished.connect(_prefixed.close, dispatch_uid="rust_page_cache.store.close")
setting_changed.connect(_prefixed.forget, dispatch_uid="rust_page_cache.store.forget")


@dataclass(frozen=True)
class Ticket:
    """What a request that may be stored holds from its beginning to its answer.

    ``generation`` is the mark of the last purge of the path; another one at the end means that
    the page was made of what is outdated.
    """

    page: Page
    key: str
    generation: Optional[str]


@dataclass(frozen=True)
class PageStore:
    """One recipe in one cache.

    ``prefix`` is a part of the key, ``key_prefix`` stands in place of the ``KEY_PREFIX`` of
    ``CACHES`` unless it is ``None``.
    """

    recipe: Recipe
    alias: str
    prefix: str
    key_prefix: Optional[str] = None

    @property
    def cache(self) -> BaseCache:
        """The cache of this thread."""
        if self.key_prefix is None:
            return caches[self.alias]
        return _prefixed.get(self.alias, self.key_prefix)

    def key(self, page: Page) -> str:
        """The key of a page as it is given to the cache."""
        return self.recipe.key(page, self.prefix)

    def full_key(self, key: str) -> str:
        """The key as it is in the store, and as nginx asks for it."""
        return str(self.cache.make_key(key))

    def takes(self, key: str) -> bool:
        """Whether the store takes such a key: memcached does not take every one."""
        cache = self.cache
        if not isinstance(cache, BaseMemcachedCache):
            # Their validate_key() only warns that memcached would not take it.
            return True
        try:
            cache.validate_key(cache.make_key(key))
        except InvalidCacheKey:
            return False
        return True

    def begin(self, page: Page, key: str) -> Optional[Ticket]:
        """A ticket for a request; ``None`` if the store refuses the key or does not answer."""
        try:
            if not self.takes(key):
                return None
            generation = _text(self.cache.get(self._generation_key(page.path)))
        except Exception as error:
            failures.report(self.alias, "a page will not be stored", error)
            return None
        return Ticket(page=page, key=key, generation=generation)

    def put(self, ticket: Ticket, body: bytes, timeout: Optional[int]) -> bool:
        """Store a page for ``timeout`` seconds, ``None`` is for ever. Never raises."""
        try:
            return self._put(ticket, body, timeout)
        except Exception as error:
            failures.report(self.alias, "a page was not stored", error)
            return False

    def purge(self, path: str, only: Optional[Page] = None, hosts: tuple[str, ...] = ()) -> int:
        """Delete the pages of a path, or of ``only`` that URL of it; returns how many there were.

        ``hosts`` are hosts whose pages are deleted whether the index knows them or not. Raises
        what the cache raises.
        """
        cache = self.cache
        # First of all: what is rendered now must not be stored after this.
        mark = uuid.uuid4().hex.encode()
        cache.set(self._generation_key(path), mark, PURGE_REMEMBERED)
        keys = set()
        slots = []
        for name, value in self._index(cache, path).items():
            entry = _entry(value)
            if entry and (only is None or self._is_same(only, entry[1], entry[2])):
                keys.add(entry[0])
                slots.append(name)
        keys.update(self._certain_keys(path, only, hosts))
        there = sum(bool(cache.delete(key)) for key in sorted(keys))
        if slots:
            cache.delete_many(slots)
        return there

    def _put(self, ticket: Ticket, body: bytes, timeout: Optional[int]) -> bool:
        cache = self.cache
        path = ticket.page.path
        generation_key = self._generation_key(path)
        names = self._slot_keys(ticket)
        found = cache.get_many([generation_key, self._slot_key(path, "wide"), *names])
        if _text(found.get(generation_key)) != ticket.generation:
            return False
        if names:
            self._take_slot(ticket, names, found, timeout)
        cache.set(ticket.key, body, timeout)
        if _text(cache.get(generation_key)) != ticket.generation:
            # A purge came in between; it may have looked before the page was there.
            cache.delete(ticket.key)
            return False
        return True

    def _take_slot(
        self, ticket: Ticket, names: list[str], found: dict[str, Any], timeout: Optional[int]
    ) -> None:
        cache = self.cache
        page = ticket.page
        value = json.dumps([ticket.key, page.host, page.full_path]).encode()
        keep = None if timeout is None else timeout + SLOT_MARGIN
        for name in names:
            entry = _entry(found.get(name))
            if entry and entry[0] == ticket.key:
                cache.set(name, value, keep)
                return
        for way, name in enumerate(names):
            if name in found:
                continue
            if way >= _NARROW_WAYS:
                self._widen(page.path, found)
            # add() leaves a slot alone that another process has just taken.
            if cache.add(name, value, keep):
                return
        evicted = _entry(found.get(names[0]))
        if evicted:
            cache.delete(evicted[0])
        cache.set(names[0], value, keep)

    def _widen(self, path: str, found: dict[str, Any]) -> None:
        name = self._slot_key(path, "wide")
        if name not in found:
            self.cache.set(name, b"wide", None)

    def _index(self, cache: BaseCache, path: str) -> dict[str, Any]:
        """All slots of a path that are taken."""
        slots = get_options().variants
        if not slots:
            return {}
        wide = self._slot_key(path, "wide")
        narrow = [self._slot_key(path, number) for number in range(min(slots, _NARROW))]
        found: dict[str, Any] = cache.get_many([wide, *narrow])
        if found.pop(wide, None) is not None and slots > _NARROW:
            rest = [self._slot_key(path, number) for number in range(_NARROW, slots)]
            found.update(cache.get_many(rest))
        return found

    def _certain_keys(self, path: str, only: Optional[Page], hosts: tuple[str, ...]) -> set[str]:
        full_path = only.full_path if only else path
        if not self.recipe.holds_host:
            candidates = {self.key(Page(host="", full_path=full_path))}
        else:
            known = {only.host} if only and only.host else set(hosts)
            candidates = {self.key(Page(host=host, full_path=full_path)) for host in known}
        return {key for key in candidates if self.takes(key)}

    def _is_same(self, only: Page, host: str, full_path: str) -> bool:
        if only.full_path != full_path:
            return False
        if not self.recipe.holds_host or not only.host:
            return True
        return only.host.lower() == host.lower()

    def _digest(self, path: str) -> str:
        text = "\0".join((self.recipe.name, self.prefix, path))
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    def _generation_key(self, path: str) -> str:
        return f"rust_page_cache.{self._digest(path)}.purged"

    def _slot_key(self, path: str, number: Union[int, str]) -> str:
        return f"rust_page_cache.{self._digest(path)}.{number}"

    def _slot_keys(self, ticket: Ticket) -> list[str]:
        slots = get_options().variants
        if not slots:
            return []
        digest = hashlib.sha256(ticket.key.encode()).digest()
        draws = (int.from_bytes(digest[at : at + 4], "big") for at in range(0, 32, 4))
        sizes = [min(slots, _NARROW)] * _NARROW_WAYS + [slots] * _WIDE_WAYS
        return [self._slot_key(ticket.page.path, draw % size) for size, draw in zip(sizes, draws)]


def _text(value: object) -> Optional[str]:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else None


def _entry(value: object) -> Optional[tuple[str, str, str]]:
    """Key, host and full path of a slot; ``None`` if it holds anything else."""
    if not isinstance(value, bytes):
        return None
    try:
        entry = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, list) or len(entry) != 3:
        return None
    key, host, full_path = entry
    if not (isinstance(key, str) and isinstance(host, str) and isinstance(full_path, str)):
        return None
    return key, host, full_path
