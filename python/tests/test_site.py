"""Whole requests through a site, for every recipe, and what nginx finds afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import pickle

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings

from rust_page_cache import djanginxed, djanginxed_readme, nginx_redis_cache, soyrex
from testsite import views


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def test_soyrex(memcached) -> None:
    response = Client().get("/caf%c3%a9/?q=%c3%a9&b")
    assert memcached.get(":1:/mysite-/caf%C3%A9/?q=%c3%a9&b") == (0, response.content)
    assert 298 <= memcached.ttl(":1:/mysite-/caf%C3%A9/?q=%c3%a9&b") <= 300


def test_soyrex_ignores(memcached) -> None:
    Client().get("/admin/login/")
    Client().get("/blog/admin/")
    assert memcached.pages() == {":1:/mysite-/blog/admin/"}


def test_every_request_renders(memcached) -> None:
    first = Client().get("/page/")
    second = Client().get("/page/")
    assert first.content != second.content
    assert memcached.get(":1:/mysite-/page/") == (0, second.content)


def test_templates_are_stored_rendered(memcached) -> None:
    response = Client().get("/template/")
    assert memcached.get(":1:/mysite-/template/") == (0, response.content)
    with override_settings(MIDDLEWARE=settings.INNER_MIDDLEWARE):
        response = Client().get("/decorated/template/")
        key = ":1:site1" + md5("/decorated/template/")
        assert memcached.get(key) == (0, response.content)
        Client().get("/decorated/form/")
        assert len(memcached.pages()) == 2


def test_decorators(memcached, redis_client) -> None:
    with override_settings(MIDDLEWARE=settings.INNER_MIDDLEWARE):
        for name, key in {
            "code/?a=b": ":1:site1" + md5("/decorated/code/?a=b"),
            "readme/": ":1:" + md5("site2/decorated/readme/"),
            "generator/?key=k7": ":1:gen-k7",
        }.items():
            response = Client().get(f"/decorated/{name}")
            assert memcached.get(key) == (0, response.content)
            assert 58 <= memcached.ttl(key) <= 60
        for name, key in {
            "host/": ":1:" + md5("example.com/decorated/host/"),
            "host-prefix/": "dec:1:" + md5("example.com/decorated/host-prefix/"),
        }.items():
            response = Client().get(f"/decorated/{name}", HTTP_HOST="example.com")
            assert pickle.loads(redis_client.get(key)) == response.content
            assert 58 <= redis_client.ttl(key) <= 60


@pytest.mark.parametrize(
    "middlewares",
    [
        ["CacheMiddleware"],
        ["UpdateCacheMiddleware", "FetchFromCacheMiddleware"],
    ],
)
def test_nginx_redis_cache_middleware(middlewares, redis_client) -> None:
    paths = [f"rust_page_cache.nginx_redis_cache.{name}" for name in middlewares]
    values = {
        "MIDDLEWARE": [*paths, *settings.INNER_MIDDLEWARE],
        "CACHE_MIDDLEWARE_ALIAS": "redis",
        "CACHE_MIDDLEWARE_KEY_PREFIX": "mwp",
        "CACHE_MIDDLEWARE_SECONDS": 45,
    }
    with override_settings(**values):
        response = Client().get("/page/?a", HTTP_HOST="www.example.com")
        key = "mwp:1:" + md5("www.example.com/page/?a")
        assert pickle.loads(redis_client.get(key)) == response.content
        assert 43 <= redis_client.ttl(key) <= 45
        Client().get("/page/?a", HTTP_HOST="example.com")
        assert redis_client.get("mwp:1:" + md5("example.com/page/?a"))


def test_new_names_win(redis_client) -> None:
    options = {"CACHE": "redis", "KEY_PREFIX": "/new", "TIMEOUT": 20, "IGNORE": ["/private"]}
    with override_settings(RUST_PAGE_CACHE=options):
        Client().get("/admin/")
        Client().get("/private/")
        pages = [key for key in redis_client.scan_iter() if b"rust_page_cache." not in key]
        assert pages == [b":1:/new-/admin/"]
        assert 18 <= redis_client.ttl(":1:/new-/admin/") <= 20


def test_async_site(memcached) -> None:
    async def ask() -> HttpResponse:
        return await AsyncClient().get("/async/")

    response = asyncio.run(ask())
    assert memcached.get(":1:/mysite-/async/") == (0, response.content)


def test_async_decorated(memcached) -> None:
    async def ask() -> HttpResponse:
        return await AsyncClient().get("/decorated/async/")

    with override_settings(MIDDLEWARE=settings.INNER_MIDDLEWARE):
        response = asyncio.run(ask())
    assert memcached.get(":1:site1" + md5("/decorated/async/")) == (0, response.content)


def test_get_cache_key_as_in_djanginxed() -> None:
    request = RequestFactory().get("/a/?b")
    assert djanginxed.get_cache_key(request, "p") == "p" + md5("/a/?b")
    assert djanginxed.get_cache_key(request) == "site1" + md5("/a/?b")
    assert djanginxed.get_cache_key(request, "p", lambda request: "k") == "pk"
    assert djanginxed_readme.get_cache_key(request, "p") == md5("p/a/?b")


@pytest.mark.parametrize(
    "cache_page",
    [djanginxed.cache_page, djanginxed_readme.cache_page, nginx_redis_cache.cache_page],
)
def test_decorators_say_how_they_are_written(cache_page) -> None:
    with pytest.raises(TypeError, match="write @cache_page"):
        cache_page(views.page)
    with pytest.raises(TypeError, match="number of seconds"):
        cache_page("60")


def test_the_middleware_works_without_a_site() -> None:
    middleware = soyrex.NginxMemCacheMiddleWare(lambda request: HttpResponse("<p>x</p>"))
    assert middleware(RequestFactory().get("/x/")).content == b"<p>x</p>"
