"""Every backend that works: what it makes of a page, and that pages come and go."""

from __future__ import annotations

import pickle
import zlib

import pytest
from django.conf import settings
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings

from rust_page_cache import purge_path
from rust_page_cache.clients import DefaultClient
from rust_page_cache.serializers import RawSerializer

MEMCACHED = [alias for alias in ("default", "pylibmc") if alias in settings.CACHES]
BARE = [
    "redis-raw",
    "django-redis-raw",
    "django-redis-client",
    "django-redis-herd",
    "django-redis-shard",
]
PICKLED = ["redis", "django-redis"]
KEY = ":1:/mysite-/page/"
# Bodies that could be mistaken for something else.
TRICKY = [
    b"123",
    b" 7\n",
    b"\x80\x05K\x01.",
    b"\x80",
    b"x\x9c",
    b"\x1f\x8b\x08",
    b"a",
    b"ab",
    b"abc",
]


@pytest.mark.parametrize("alias", MEMCACHED)
def test_memcached_has_bytes_without_flags(alias, memcached) -> None:
    with override_settings(RUST_PAGE_CACHE={"CACHE": alias}):
        response = Client().get("/page/")
        assert memcached.get(KEY) == (0, response.content)
        assert purge_path("/page/") == 1
        assert memcached.get(KEY) is None


@pytest.mark.parametrize("alias", BARE)
def test_redis_bare(alias, redis_client) -> None:
    with override_settings(RUST_PAGE_CACHE={"CACHE": alias}):
        response = Client().get("/page/")
        assert redis_client.get(KEY) == response.content
        Client().get("/page/?a")
        assert purge_path("/page/") == 2
        assert redis_client.get(KEY) is None


@pytest.mark.parametrize("alias", PICKLED)
def test_redis_pickled(alias, redis_client) -> None:
    with override_settings(RUST_PAGE_CACHE={"CACHE": alias}):
        response = Client().get("/page/")
        assert pickle.loads(redis_client.get(KEY)) == response.content
        Client().get("/page/?a")
        assert purge_path("/page/") == 2


@pytest.mark.parametrize("alias", BARE)
@pytest.mark.parametrize(
    "value",
    [*TRICKY, b"<p>page</p>", b"", 7, -1, 0, True, None, "text", "7", 1.5, ["a"], {"a": b"b"}, ()],
)
def test_what_goes_in_comes_out(alias, value) -> None:
    cache = caches[alias]
    cache.set("value", value, 60)
    found = cache.get("value", "nothing")
    assert found == value
    assert type(found) is type(value)
    if value is not None:
        # To django-redis's ShardClient None is no value.
        assert cache.get_many(["value"]) == {"value": value}


@pytest.mark.parametrize("alias", BARE)
@pytest.mark.parametrize("value", TRICKY)
def test_tricky_bytes_are_bare_or_a_pickle_of_bytes(alias, value, redis_client) -> None:
    caches[alias].set("value", value, 60)
    stored = redis_client.get(":1:value")
    assert stored == value or pickle.loads(stored) == value


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("bare bytes were unpickled",))


@pytest.mark.parametrize("alias", BARE)
def test_bytes_that_are_a_pickle_are_never_run(alias) -> None:
    cache = caches[alias]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        page = pickle.dumps(Bomb(), protocol)
        cache.set("value", page, 60)
        assert cache.get("value") == page


def test_compressed_pickles_are_never_run() -> None:
    cache = caches["django-redis-client"]
    page = zlib.compress(pickle.dumps(Bomb()))
    cache.set("value", page, 60)
    assert cache.get("value") == page


def test_incr_works() -> None:
    # django-redis's HerdClient has none.
    for alias in set(BARE) - {"django-redis-herd"}:
        cache = caches[alias]
        cache.set("number", 1)
        assert cache.incr("number") == 2
        assert cache.get("number") == 2


def test_old_pickles_are_refused() -> None:
    with pytest.raises(ValueError, match="protocol 1"):
        RawSerializer(protocol=1)


def test_client_needs_the_pickle_serializer() -> None:
    params = {"OPTIONS": {"SERIALIZER": "django_redis.serializers.json.JSONSerializer"}}
    with pytest.raises(ImproperlyConfigured, match="JSONSerializer: remove SERIALIZER"):
        DefaultClient(settings.CACHES["redis"]["LOCATION"], params, None)
