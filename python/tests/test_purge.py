"""Deleting pages: all variants of a path, one URL, races with requests that are under way."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.cache import caches
from django.http import HttpResponse
from django.test import Client, override_settings

from rust_page_cache import purge_object, purge_path, purge_url
from rust_page_cache.conf import DEFAULT_VARIANTS
from rust_page_cache.keys import NGINX_REDIS_CACHE, SOYREX, Page
from rust_page_cache.store import PageStore
from testsite import views
from testsite.models import Article

HOST_MIDDLEWARE = {
    "MIDDLEWARE": ["rust_page_cache.nginx_redis_cache.CacheMiddleware"],
    "CACHE_MIDDLEWARE_ALIAS": "default",
    "CACHE_MIDDLEWARE_KEY_PREFIX": "",
}


def visit(*targets: str) -> None:
    for target in targets:
        Client().get(target, HTTP_HOST="example.com")


def test_a_path_stands_for_all_its_query_strings(memcached) -> None:
    visit("/blog/", "/blog/?page=2", "/blog/?page=%C3%A9", "/blog/1/", "/")
    assert purge_path("/blog/") == 3
    assert memcached.pages() == {":1:/mysite-/blog/1/", ":1:/mysite-/"}


def test_a_url_stands_for_itself(memcached) -> None:
    visit("/blog/", "/blog/?page=2")
    assert purge_url("/blog/?page=2") == 1
    assert memcached.pages() == {":1:/mysite-/blog/"}
    assert purge_url("https://example.com/blog/") == 1
    assert memcached.pages() == set()
    assert purge_url("/blog/") == 0


def test_paths_are_taken_as_browsers_send_them(memcached) -> None:
    visit("/caf%C3%A9/")
    assert purge_path("/caf\u00e9/") == 1
    visit("/caf%c3%a9/")
    assert purge_path("/caf%c3%a9/") == 1
    assert memcached.pages() == set()


@pytest.mark.parametrize("url", ["blog/", "ftp://example.com/", "mailto:x@example.com", "", "?a"])
def test_what_is_no_url(url) -> None:
    with pytest.raises(ValueError, match="path"):
        purge_url(url)


def test_all_hosts_of_a_path(memcached) -> None:
    with override_settings(**HOST_MIDDLEWARE):
        for host in ("example.com", "www.example.com", "example.com:8080"):
            Client().get("/blog/?a", HTTP_HOST=host)
            Client().get("/blog/", HTTP_HOST=host)
        assert len(memcached.pages()) == 6
        assert purge_url("http://www.example.com/blog/") == 1
        assert purge_url("/blog/") == 2
        assert purge_path("/blog/") == 3
        assert memcached.pages() == set()


def test_pages_that_the_index_has_lost(memcached) -> None:
    with override_settings(**HOST_MIDDLEWARE):
        visit("/blog/")
        for key in memcached.keys() - memcached.pages():
            assert caches["default"]._cache.delete(key)
        assert purge_path("/blog/") == 1
    visit("/blog/")
    for key in memcached.keys() - memcached.pages():
        assert caches["default"]._cache.delete(key)
    assert purge_path("/blog/") == 1


def test_hosts_setting(memcached) -> None:
    options = {"VARIANTS": 0, "HOSTS": ["other.example"]}
    with override_settings(**HOST_MIDDLEWARE, ALLOWED_HOSTS=[".example"], RUST_PAGE_CACHE=options):
        Client().get("/blog/", HTTP_HOST="other.example")
        Client().get("/blog/", HTTP_HOST="third.example")
        assert len(memcached.keys()) == 2
        assert purge_path("/blog/") == 1
        assert purge_path("http://third.example/blog/") == 1


def test_decorated_views(memcached) -> None:
    with override_settings(MIDDLEWARE=settings.INNER_MIDDLEWARE):
        visit("/decorated/code/", "/decorated/readme/?a", "/decorated/generator/?key=7")
        assert len(memcached.pages()) == 3
        assert purge_path("/decorated/code/") == 1
        assert purge_path("/decorated/readme/") == 1
        assert purge_path("/decorated/generator/") == 1


def test_an_object(memcached) -> None:
    visit("/article/a/", "/article/a/?print")
    assert purge_object(Article(slug="a")) == 2


def test_the_index_is_bounded_and_complete(memcached) -> None:
    with override_settings(RUST_PAGE_CACHE={"VARIANTS": 16}):
        visit(*(f"/blog/?page={number}" for number in range(100)))
        pages = memcached.pages()
        assert 8 <= len(pages) <= 16
        # The slots, and the flag that they are not only the first ones.
        assert len(memcached.keys() - pages) <= 17
        # The last one is always there, it has put another one out.
        assert ":1:/mysite-/blog/?page=99" in pages
        assert purge_path("/blog/") == len(pages)
        assert memcached.pages() == set()


def test_no_page_goes_out_while_there_is_room(memcached) -> None:
    visit(*(f"/blog/?page={number}" for number in range(100)))
    assert len(memcached.pages()) >= 98


def test_the_same_page_keeps_its_slot(memcached) -> None:
    visit("/blog/", "/blog/", "/blog/")
    assert len(memcached.keys()) == 2


def test_what_is_rendered_during_a_purge_is_not_stored(memcached) -> None:
    def answer(request):
        purge_path("/blog/")
        return HttpResponse("<p>old</p>")

    views.answers["/blog/"] = answer
    visit("/blog/")
    assert memcached.pages() == set()
    views.answers.clear()
    visit("/blog/")
    assert len(memcached.pages()) == 1


def test_a_purge_between_the_last_look_and_the_store(memcached, monkeypatch) -> None:
    take_slot = PageStore._take_slot

    def slow(self, *args):
        take_slot(self, *args)
        purge_path("/blog/")

    monkeypatch.setattr(PageStore, "_take_slot", slow)
    visit("/blog/")
    assert memcached.pages() == set()


def test_another_process_takes_the_free_slot_first(memcached, monkeypatch) -> None:
    cache = caches["default"]
    page = Page(host="", full_path="/blog/")
    pages = PageStore(SOYREX, "default", "/mysite")
    ticket = pages.begin(page, pages.key(page))
    names = pages._slot_keys(ticket)
    other = b'["/mysite-/blog/?other", "", "/blog/?other"]'
    add = cache.add

    def slow_add(name, *args):
        if name == names[0]:
            cache.set(name, other)
        return add(name, *args)

    monkeypatch.setattr(cache, "add", slow_add)
    assert pages.put(ticket, b"<p>page</p>", 60)
    assert cache.get(names[0]) == other
    assert b"/mysite-/blog/" in cache.get(names[1])


@pytest.mark.parametrize(
    "junk", [b"", b"junk", b"[" * 100_000, b"{}", b"[1,2,3]", b'["a"]', "text", 7, {"a": 1}]
)
def test_an_index_of_junk(junk, memcached) -> None:
    pages = PageStore(SOYREX, "default", "/mysite")
    cache = caches["default"]
    for number in range(DEFAULT_VARIANTS):
        cache.set(pages._slot_key("/blog/", number), junk)
    visit("/blog/")
    assert memcached.get(":1:/mysite-/blog/")
    assert purge_path("/blog/") == 1


def test_prefixes_have_an_index_of_their_own(memcached) -> None:
    first = PageStore(NGINX_REDIS_CACHE, "default", "", key_prefix="a")
    second = PageStore(NGINX_REDIS_CACHE, "default", "", key_prefix="b")
    page = Page(host="example.com", full_path="/blog/?x")
    for pages in (first, second):
        ticket = pages.begin(page, pages.key(page))
        assert pages.put(ticket, b"<p>page</p>", 60)
    assert first.purge("/blog/") == 1
    assert len(memcached.pages()) == 1
    assert second.purge("/blog/") == 1


def test_what_is_outdated_is_not_stored_for_a_moment_either(memcached, monkeypatch) -> None:
    cache = caches["default"]
    pages = PageStore(SOYREX, "default", "/mysite")
    page = Page(host="", full_path="/blog/")
    ticket = pages.begin(page, pages.key(page))
    pages.purge("/blog/")
    monkeypatch.setattr(cache, "set", lambda *args: pytest.fail(f"stored {args[0]}"))
    assert not pages.put(ticket, b"<p>old</p>", 60)


def test_a_purge_does_not_touch_what_is_rendered_for_other_paths(memcached) -> None:
    def answer(request):
        purge_path("/news/")
        return HttpResponse("<p>blog</p>")

    views.answers["/blog/"] = answer
    visit("/blog/")
    assert memcached.pages() == {":1:/mysite-/blog/"}
