"""STORE and ``namespace=`` of a cache: what its client asks, and how it writes a page."""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional
from urllib.parse import quote

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.memcached import BaseMemcachedCache
from django.core.cache.backends.redis import RedisCache
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse

from .words import InexpressibleError

_WORKING = (
    "django.core.cache.backends.redis.RedisCache, django_redis.cache.RedisCache, "
    "django.core.cache.backends.memcached.PyMemcacheCache or PyLibMCCache"
)
# Keys as Django makes them, a short and a long one.
_KEYS = (
    f"views.decorators.cache.cache_header.a.{'0' * 32}.en-us.UTC",
    f"views.decorators.cache.cache_page.{'a' * 60}.GET.{'0' * 32}.{'f' * 32}.en-us.UTC",
)
_PICKLE, _ZLIB = 1, 8
# zstd and lz4, which not every Python can read.
_OTHER_COMPRESSORS = (b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")


@dataclass(frozen=True)
class Store:
    """What a cache is in the words of ``rust_page_cache``."""

    word: str
    namespace: str
    # Whether `word` has a password, or PASSWORD in its place.
    has_password: bool = False
    notes: tuple[str, ...] = ()


def store_of(alias: str, with_password: bool) -> Store:
    """The store behind an alias of ``CACHES``. Raises :class:`InexpressibleError`."""
    about = f"CACHES[{alias!r}]"
    if alias not in settings.CACHES:
        raise InexpressibleError(
            f"{about} is not there: write one of {', '.join(settings.CACHES)}."
        )
    backend = settings.CACHES[alias]["BACKEND"]
    try:
        cache: Any = caches[alias]
        if isinstance(cache, BaseMemcachedCache):
            return _memcached(cache, about, backend)
        if isinstance(cache, RedisCache):
            client = cache._cache.get_client(None, write=True)
            pool = getattr(client, "connection_pool", None)
            servers = cache._servers  # type: ignore[attr-defined]
            return _redis(cache, pool, servers, about, with_password)
        if hasattr(cache, "client") and hasattr(cache.client, "connection_factory"):
            return _django_redis(cache, about, with_password)
    except (ImportError, ImproperlyConfigured) as error:
        raise InexpressibleError(f"{about}: {error}") from error
    raise InexpressibleError(
        f"{about}: nginx cannot read pages from {backend}. What works is {_WORKING}."
    )


def _memcached(cache: Any, about: str, backend: str) -> Store:
    servers = list(cache.client_servers)
    if len(servers) != 1:
        raise InexpressibleError(
            f"{about} has {len(servers)} servers. Django's client chooses one for each key in a "
            'way that no balancer of nginx knows, "hash ... consistent" neither: most pages would '
            "be looked for on the wrong one. Let both ask one memcached, or a proxy in front of "
            "all of them (mcrouter, twemproxy)."
        )
    options: Mapping[str, Any] = cache._options or {}
    if options.get("username") or options.get("tls_context"):
        raise InexpressibleError(
            f"{about} has a user or TLS; rust_page_cache has neither for memcached: let nginx "
            "reach that server by loopback, a unix socket or a private network."
        )
    if not _reads_memcached(options.get("serde")):
        raise InexpressibleError(
            f'{about}: nginx cannot read what its "serde" makes of a page. Remove it from its '
            "OPTIONS; pymemcache.serde.pickle_serde and compressed_serde are read."
        )
    prefix = options.get("key_prefix") or ""
    if isinstance(prefix, bytes):
        prefix = prefix.decode("latin-1")
    return Store(_memcached_word(servers[0], about), prefix + _namespace(cache, about))


def _memcached_word(server: Any, about: str) -> str:
    """``memcached://...`` of one server, in any of the forms that the clients take."""
    if isinstance(server, (tuple, list)):
        host, port = server
        text = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    else:
        text = str(server)
    if text.startswith(("/", "unix:")):
        return f"memcached://unix:{text[5:] if text.startswith('unix:') else text}"
    if text.count(":") > 1 and not text.startswith("["):
        raise InexpressibleError(f"{about}: write [ ] around the IPv6 address in {text!r}.")
    return f"memcached://{text}"


def _django_redis(cache: Any, about: str, with_password: bool) -> Store:
    client = cache.client
    names = {cls.__name__ for cls in type(client).__mro__}
    if "ShardClient" in names:
        raise InexpressibleError(
            f"{about}: ShardClient chooses one of its servers for each key in a way that no "
            "balancer of nginx knows. Let both ask one Redis, or a proxy in front of all of them."
        )
    servers, factory = list(client._server), client.connection_factory
    # A pool of its own: the client's may be that of another alias with the same URL.
    pool = factory.get_connection_pool(factory.make_connection_params(servers[0]))
    return _redis(cache, pool, servers, about, with_password)


def _redis(cache: Any, pool: Any, servers: Any, about: str, with_password: bool) -> Store:
    """``pool``: the client's connections to the server that it writes to; none is open yet."""
    kinds = {cls.__name__ for cls in getattr(pool, "connection_class", object).__mro__}
    arguments: Mapping[str, Any] = getattr(pool, "connection_kwargs", {})
    if "SSLConnection" in kinds:
        raise InexpressibleError(
            f"{about} speaks TLS (rediss://), which rust_page_cache does not yet: let nginx reach "
            "that Redis by loopback, a unix socket or a tunnel such as stunnel."
        )
    if "SentinelManagedConnection" in kinds or not kinds & {"Connection", "AbstractConnection"}:
        raise InexpressibleError(
            f"{about}: rust_page_cache asks no Sentinel and no cluster. Let nginx ask the master "
            "by a name or an address that follows it."
        )
    if not _reads_redis(cache):
        raise InexpressibleError(
            f"{about}: nginx cannot read what its serializer makes of a page, only pickles. "
            "Remove SERIALIZER (RedisCache: serializer) from its OPTIONS."
        )
    if arguments.get("credential_provider") is not None:
        raise InexpressibleError(f"{about}: nginx cannot ask its credential_provider.")
    notes = []
    if len(servers) > 1:
        notes.append(
            f"{about} has {len(servers)} servers: Django writes to the first one, and nginx asks "
            "that. Its replicas may stand with it in an upstream block, where their lag does not "
            "matter: redis://NAME/DB."
        )
    secret = _credentials(arguments, with_password)
    namespace = _namespace(cache, about)
    word = f"redis://{secret}{_redis_address(arguments)}"
    return Store(word, namespace, bool(secret), tuple(notes))


def _credentials(arguments: Mapping[str, Any], with_password: bool) -> str:
    user, password = arguments.get("username") or "", arguments.get("password") or ""
    if not user and not password:
        return ""
    shown = quote(str(password), safe="") if with_password else "PASSWORD"
    return f"{quote(str(user), safe='')}:{shown}@"


def _redis_address(arguments: Mapping[str, Any]) -> str:
    db = int(arguments.get("db") or 0)
    path = arguments.get("path")
    if path:
        return f"unix:{path}:/{db}"
    host, port = str(arguments.get("host") or "localhost"), arguments.get("port") or 6379
    return f"[{host}]:{port}/{db}" if ":" in host else f"{host}:{port}/{db}"


def _namespace(cache: Any, about: str) -> str:
    """What the cache puts in front of every key."""
    namespace = str(cache.make_key(""))
    if any(str(cache.make_key(key)) != namespace + key for key in _KEYS):
        raise InexpressibleError(
            f"{about}: its KEY_FUNCTION does more than to put something in front of a key, which "
            "is all that namespace= can do. Give the pages an alias of CACHES without "
            "KEY_FUNCTION."
        )
    return namespace


def _page() -> HttpResponse:
    # No compressor leaves this as it is for being short.
    return HttpResponse(b"<p>page</p>" * 500)


def _reads_redis(cache: Any) -> bool:
    client = getattr(cache, "client", None)
    try:
        if client is not None:
            return _is_pickle(client.encode(_page()))
        return _is_pickle(cache._cache._serializer.dumps(_page()))
    except Exception:
        # A serializer that takes no objects, JSON say.
        return False


def _reads_memcached(serde: Any) -> bool:
    if serde is None:
        return True
    try:
        value, flags = serde.serialize("key", _page())
    except Exception:
        return False
    return not flags & ~(_PICKLE | _ZLIB) and bool(flags & _PICKLE) and _is_pickle(value)


def _is_pickle(value: Any) -> bool:
    """A pickle of protocol 2 to 5, perhaps compressed in a way that the module knows."""
    if not isinstance(value, bytes):
        return False
    inflated = _inflated(value)
    return inflated is None or (inflated[:1] == b"\x80" and inflated[1:2] in b"\x02\x03\x04\x05")


def _inflated(value: bytes) -> Optional[bytes]:
    """``None``: it is compressed, and what is inside is not looked at."""
    if value.startswith(_OTHER_COMPRESSORS):
        return None
    for inflate, error in (
        (zlib.decompress, zlib.error),
        (gzip.decompress, OSError),
        (lzma.decompress, lzma.LZMAError),
    ):
        try:
            return inflate(value)
        except (error, EOFError):
            continue
    return value
