"""manage.py check: what nginx could not read, and what it had better not."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.cache.backends.base import BaseCache
from django.core.checks import run_checks
from django.test import override_settings
from pymemcache.serde import compressed_serde

PYMEMCACHE = settings.CACHES["default"]
DJANGO_REDIS = settings.CACHES["django-redis"]
CORE_REDIS = settings.CACHES["redis"]


def messages_of(cache: dict | None = None, deploy: bool = False, **values) -> dict[str, str]:
    if cache:
        values["CACHES"] = {**settings.CACHES, "default": cache}
    with override_settings(**values):
        found = run_checks(include_deployment_checks=deploy)
    ours = (message for message in found if str(message.id).startswith("rust_page_cache."))
    return {message.id: f"{message.msg} {message.hint}" for message in ours}


def test_a_good_site() -> None:
    assert messages_of() == {}


@pytest.mark.parametrize(
    "alias", [alias for alias in settings.CACHES if alias not in ("default", "locmem")]
)
def test_good_caches(alias) -> None:
    assert messages_of(settings.CACHES[alias]) == {}


@pytest.mark.parametrize(
    ("backend", "location"),
    [
        ("locmem.LocMemCache", ""),
        ("filebased.FileBasedCache", "/nonexistent"),
        ("db.DatabaseCache", "cache_table"),
        ("dummy.DummyCache", ""),
    ],
)
def test_backends_that_are_no_servers(backend, location) -> None:
    cache = {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": location}
    found = messages_of(cache)
    assert list(found) == ["rust_page_cache.E001"]
    assert backend in found["rust_page_cache.E001"]
    assert "rust_page_cache.clients.DefaultClient" in found["rust_page_cache.E001"]


class Json:
    """A serializer for the core RedisCache and for pymemcache that takes no bytes."""

    def dumps(self, value):
        return str(value).encode()

    def serialize(self, key, value):
        return str(value).encode(), 16


@pytest.mark.parametrize(
    ("cache", "options", "fix"),
    [
        (
            DJANGO_REDIS,
            {"SERIALIZER": "django_redis.serializers.json.JSONSerializer"},
            "rust_page_cache.clients.DefaultClient",
        ),
        (
            DJANGO_REDIS,
            {"COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"},
            "rust_page_cache.clients.DefaultClient",
        ),
        (CORE_REDIS, {"serializer": Json}, "rust_page_cache.serializers.RawSerializer"),
        (PYMEMCACHE, {"serde": Json()}, "serde"),
    ],
)
def test_serializers_that_nginx_does_not_read(cache, options, fix) -> None:
    found = messages_of({**cache, "OPTIONS": options})
    assert list(found) == ["rust_page_cache.E002"]
    assert fix in found["rust_page_cache.E002"]


def test_compressed_values_of_pymemcache_are_read() -> None:
    assert messages_of({**PYMEMCACHE, "OPTIONS": {"serde": compressed_serde}}) == {}


def test_unknown_backends() -> None:
    found = messages_of({"BACKEND": "test_checks.Unknown"})
    assert list(found) == ["rust_page_cache.W001"]


def test_careless() -> None:
    assert list(messages_of(RUST_PAGE_CACHE={"CARELESS": True})) == ["rust_page_cache.W002"]


def test_order_of_middlewares() -> None:
    ours = settings.MIDDLEWARE[0]
    gzip = "django.middleware.gzip.GZipMiddleware"
    inner = settings.INNER_MIDDLEWARE
    assert list(messages_of(MIDDLEWARE=[*inner, ours])) == ["rust_page_cache.W003"]
    assert list(messages_of(MIDDLEWARE=[ours, gzip, *inner])) == ["rust_page_cache.W005"]
    assert messages_of(MIDDLEWARE=[gzip, ours, *inner]) == {}


def test_hosts_that_share_pages() -> None:
    assert "rust_page_cache.W004" in messages_of(deploy=True)
    assert "rust_page_cache.W004" in messages_of(deploy=True, ALLOWED_HOSTS=["*"])
    assert "rust_page_cache.W004" in messages_of(deploy=True, ALLOWED_HOSTS=[".example.com"])
    assert "rust_page_cache.W004" not in messages_of(deploy=True, ALLOWED_HOSTS=["example.com"])


class Unknown(BaseCache):
    """Somebody's own."""

    def __init__(self, location, params):
        super().__init__(params)
