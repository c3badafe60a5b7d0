"""The settings, old names and new, read and checked once.

Everything is one dictionary, ``RUST_PAGE_CACHE``. The settings of the old packages
(``CACHE_KEY_PREFIX``, ``CACHE_IGNORE_REGEXPS``, ``CACHE_MIDDLEWARE_KEY_PREFIX``,
``CACHE_MIDDLEWARE_ALIAS``, ``CACHE_MIDDLEWARE_SECONDS``) count where the dictionary says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Optional

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

SETTING = "RUST_PAGE_CACHE"
KEYS = (
    "CACHE",
    "CARELESS",
    "CONTENT_TYPES",
    "GUARDS",
    "HOSTS",
    "IGNORE",
    "IGNORE_VARY",
    "KEY_PREFIX",
    "MAX_SIZE",
    "PUBLIC_ONLY",
    "TIMEOUT",
    "VARIANTS",
)
# What nginx reads by default (rust_page_cache_max_size).
DEFAULT_MAX_SIZE = 8 * 1024 * 1024
DEFAULT_VARIANTS = 256
# A purge reads all of them in one round trip.
MOST_VARIANTS = 4096


@dataclass(frozen=True)
class Options:
    """What ``RUST_PAGE_CACHE`` says; ``None`` where the old setting decides."""

    cache: Optional[str]
    careless: bool
    content_types: frozenset[str]
    guards: tuple[str, ...]
    hosts: tuple[str, ...]
    ignore: tuple[re.Pattern[str], ...]
    ignore_vary: frozenset[str]
    key_prefix: Optional[str]
    max_size: int
    public_only: bool
    timeout: Optional[int]
    variants: int

    def ignores(self, full_path: str) -> bool:
        """Whether one of the ignore patterns matches the path from its start, as ``re.match``."""
        return any(pattern.match(full_path) for pattern in self.ignore)


@lru_cache(maxsize=1)
def get_options() -> Options:
    """The options in force. Raises ``ImproperlyConfigured`` naming the setting and the fix."""
    given = getattr(settings, SETTING, {})
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured(f"{SETTING} is {given!r}: write a dictionary.")
    unknown = sorted(str(key) for key in given if key not in KEYS)
    if unknown:
        raise ImproperlyConfigured(
            f"{SETTING} has the unknown key {unknown[0]!r}: write one of {', '.join(KEYS)}."
        )
    ignore_name = f'{SETTING}["IGNORE"]' if "IGNORE" in given else "CACHE_IGNORE_REGEXPS"
    ignore = given.get("IGNORE", getattr(settings, "CACHE_IGNORE_REGEXPS", ()))
    return Options(
        cache=_alias(given),
        careless=_boolean(given, "CARELESS", False),
        content_types=_words(given, "CONTENT_TYPES", ("text/html",)),
        guards=tuple(_strings(f'{SETTING}["GUARDS"]', given.get("GUARDS", ()))),
        hosts=tuple(_strings(f'{SETTING}["HOSTS"]', given.get("HOSTS", ()))),
        ignore=tuple(_pattern(ignore_name, item) for item in _items(ignore_name, ignore)),
        ignore_vary=_words(given, "IGNORE_VARY", ()),
        key_prefix=check_prefix(f'{SETTING}["KEY_PREFIX"]', given.get("KEY_PREFIX")),
        max_size=_integer(given, "MAX_SIZE", DEFAULT_MAX_SIZE, 1, 2**31),
        public_only=_boolean(given, "PUBLIC_ONLY", False),
        timeout=check_timeout(f'{SETTING}["TIMEOUT"]', given.get("TIMEOUT")),
        variants=_integer(given, "VARIANTS", DEFAULT_VARIANTS, 0, MOST_VARIANTS),
    )


def cache_alias(name: str, alias: object) -> str:
    """``alias`` if it is in ``CACHES``; ``name`` is the setting or argument it comes from."""
    if not isinstance(alias, str) or alias not in settings.CACHES:
        raise ImproperlyConfigured(
            f"{name} is {alias!r}, which is not in CACHES: write one of "
            f"{', '.join(sorted(settings.CACHES))}, or add it to CACHES."
        )
    return alias


def check_timeout(name: str, timeout: object) -> Optional[int]:
    """``timeout`` if it is a number of seconds from 0 up, or ``None``."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 <= timeout < 1e9:
        raise ImproperlyConfigured(f"{name} is {timeout!r}: write a number of seconds, 300 say.")
    return int(timeout)


def check_prefix(name: str, prefix: object) -> Optional[str]:
    """``prefix`` if memcached takes it as a part of a key, or ``None``."""
    if prefix is None:
        return None
    if not isinstance(prefix, str):
        raise ImproperlyConfigured(f'{name} is {prefix!r}: write a string, "site1" say.')
    if any(ord(character) <= 0x20 or ord(character) == 0x7F for character in prefix):
        raise ImproperlyConfigured(
            f"{name} is {prefix!r}: leave out blanks and control characters, memcached takes none."
        )
    if len(prefix) > 200:
        raise ImproperlyConfigured(
            f"{name} has {len(prefix)} characters: write at most 200, memcached takes keys of 250."
        )
    return prefix


def soyrex_prefix() -> str:
    """The prefix of the soyrex middleware's keys."""
    prefix = get_options().key_prefix
    if prefix is None:
        prefix = check_prefix("CACHE_KEY_PREFIX", getattr(settings, "CACHE_KEY_PREFIX", None))
    if prefix is None:
        raise ImproperlyConfigured(
            f'CACHE_KEY_PREFIX is not set: set it, or {SETTING}["KEY_PREFIX"], to what the nginx '
            'configuration has as prefix=, "/your-site-name" say; "" if it has none.'
        )
    return prefix


def middleware_prefix() -> str:
    """The key prefix of djanginxed and nginx-redis-cache where their argument is not given."""
    prefix = get_options().key_prefix
    if prefix is None:
        name = "CACHE_MIDDLEWARE_KEY_PREFIX"
        prefix = check_prefix(name, settings.CACHE_MIDDLEWARE_KEY_PREFIX)
    return prefix or ""


def middleware_alias() -> str:
    """The cache of the nginx-redis-cache middleware."""
    alias = get_options().cache
    if alias is None:
        alias = cache_alias("CACHE_MIDDLEWARE_ALIAS", settings.CACHE_MIDDLEWARE_ALIAS)
    return alias


def middleware_timeout() -> int:
    """The time to live that the nginx-redis-cache middleware gives, in seconds."""
    timeout = get_options().timeout
    if timeout is None:
        name = "CACHE_MIDDLEWARE_SECONDS"
        timeout = check_timeout(name, settings.CACHE_MIDDLEWARE_SECONDS)
    if timeout is None:
        raise ImproperlyConfigured(f"{name} is None: write a number of seconds, 600 say.")
    return timeout


def default_alias() -> str:
    """The cache of the packages that knew only the default one."""
    alias = get_options().cache
    return cache_alias("the cache", "default") if alias is None else alias


def _alias(given: Mapping[str, Any]) -> Optional[str]:
    alias = given.get("CACHE")
    return None if alias is None else cache_alias(f'{SETTING}["CACHE"]', alias)


def _boolean(given: Mapping[str, Any], key: str, default: bool) -> bool:
    value = given.get(key, default)
    if not isinstance(value, bool):
        raise ImproperlyConfigured(f'{SETTING}["{key}"] is {value!r}: write True or False.')
    return value


def _integer(given: Mapping[str, Any], key: str, default: int, least: int, most: int) -> int:
    value = given.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ImproperlyConfigured(
            f'{SETTING}["{key}"] is {value!r}: write a whole number from {least} to {most}.'
        )
    return value


def _items(name: str, value: object) -> Iterable[Any]:
    # ("/admin.*") is a string, not a tuple: its characters would be taken for patterns.
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ImproperlyConfigured(
            f"{name} is {value!r}: write a list or a tuple; of one item, ({value!r},)."
        )
    return value


def _strings(name: str, value: object) -> list[str]:
    items = list(_items(name, value))
    for item in items:
        if not isinstance(item, str) or not item.strip():
            raise ImproperlyConfigured(f"{name} has the item {item!r}: write strings only.")
    return items


def _words(given: Mapping[str, Any], key: str, default: tuple[str, ...]) -> frozenset[str]:
    items = _strings(f'{SETTING}["{key}"]', given.get(key, default))
    return frozenset(item.strip().lower() for item in items)


def _pattern(name: str, item: object) -> re.Pattern[str]:
    try:
        pattern = re.compile(item)  # type: ignore[call-overload]
    except (re.error, TypeError) as error:
        raise ImproperlyConfigured(
            f"{name} has the item {item!r}, which is no regular expression ({error}): "
            'write what re.match() takes, "/admin" say.'
        ) from error
    if not isinstance(pattern.pattern, str):
        raise ImproperlyConfigured(f"{name} has the item {item!r}: write a string, not bytes.")
    return pattern  # type: ignore[no-any-return]


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting in (SETTING, "CACHES", "CACHE_IGNORE_REGEXPS"):
        get_options.cache_clear()


# Django's test tools change settings while the process runs.
setting_changed.connect(_forget, dispatch_uid="rust_page_cache.conf")
