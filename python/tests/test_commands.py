"""manage.py purge_pages and page_key."""

from __future__ import annotations

import io

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client, override_settings


def run(*arguments: str, **options) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=out, **options)
    return out.getvalue()


def visit(*targets: str) -> None:
    for target in targets:
        Client().get(target)


def test_purge_a_path(memcached) -> None:
    visit("/blog/", "/blog/?page=2", "/")
    assert run("purge_pages", "/blog/", "/none/") == "/blog/: 2 deleted\n/none/: 0 deleted\n"
    assert memcached.pages() == {":1:/mysite-/"}


def test_purge_a_url(memcached) -> None:
    visit("/blog/", "/blog/?page=2", "/blog/?page=3")
    assert run("purge_pages", "/blog/?page=2") == "/blog/?page=2: 1 deleted\n"
    assert "1 deleted" in run("purge_pages", "https://example.com/blog/")
    assert memcached.pages() == {":1:/mysite-/blog/?page=3"}
    assert "1 deleted" in run("purge_pages", "--all-variants", "https://example.com/blog/")
    assert memcached.pages() == set()


def test_purge_what_is_no_url() -> None:
    with pytest.raises(CommandError, match="a path starts with a slash"):
        run("purge_pages", "blog/")


def test_purge_without_a_cache(memcached) -> None:
    memcached.stop()
    with pytest.raises(CommandError, match="the cache failed"):
        run("purge_pages", "/blog/")


def test_the_key_of_the_recipe_in_use(memcached) -> None:
    expected = "nginx  key=prefix prefix=/mysite namespace=:1:"
    with override_settings(MIDDLEWARE=settings.MIDDLEWARE[:1]):
        before = run("page_key", "/caf\u00e9/?q=1", recipe="soyrex")
        assert "key    :1:/mysite-/caf%C3%A9/?q=1\n" in before
        assert "stored no" in before
        assert expected in before
        visit("/caf%C3%A9/?q=1")
        assert "stored yes" in run("page_key", "/caf\u00e9/?q=1", recipe="soyrex")


def test_every_key(memcached) -> None:
    caches = {"default": {**settings.CACHES["default"], "KEY_PREFIX": "kp", "VERSION": 3}}
    with override_settings(CACHES={**settings.CACHES, **caches}):
        found = run("page_key", "http://example.com/plain/", key_prefix="site1", all=True)
    lines = [line.split(None, 1)[1] for line in found.splitlines() if line.startswith("  nginx")]
    assert lines == [
        "key=md5 namespace=kp:3:site1",
        "key=md5 prefix=site1 namespace=kp:3:",
        "key=md5 uri=$rust_page_cache_host$rust_page_cache_full_path namespace=site1:3:",
        "key=prefix prefix=site1 namespace=kp:3:",
    ]
    for key in (
        "kp:3:site1aef54bd1571bd42cab83daffa8d001c2",
        "kp:3:80b2ed0aa470d2e5f2d70ea6a554bf0e",
        "site1:3:d8935cc0b29e8ade5cf373be087761e9",
        "kp:3:site1-/plain/",
    ):
        assert f"key    {key}\n" in found


def test_a_recipe_that_needs_the_host() -> None:
    assert "needs the host" in run("page_key", "/plain/", recipe="nginx-redis-cache")


def test_a_key_that_memcached_does_not_take() -> None:
    assert "never" in run("page_key", "/" + "a" * 300, recipe="soyrex")


def test_a_key_without_a_cache(memcached) -> None:
    memcached.stop()
    assert "unknown: " in run("page_key", "/", recipe="soyrex")


def test_what_is_no_url() -> None:
    with pytest.raises(CommandError, match="neither an http"):
        run("page_key", "ftp://example.com/")
