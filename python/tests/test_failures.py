"""The cache is down: the visitor sees nothing of it, the log not too much."""

from __future__ import annotations

import logging
import time

import pytest
from django.test import Client, override_settings

from rust_page_cache import failures, purge_path, purge_url
from testsite import views


def test_the_answer_comes_without_a_cache(memcached, caplog) -> None:
    memcached.stop()
    for _ in range(5):
        assert Client().get("/page/").status_code == 200
    lines = [record for record in caplog.records if record.name == "rust_page_cache"]
    assert [line.levelno for line in lines] == [logging.WARNING]
    assert "cache 'default': a page will not be stored" in lines[0].getMessage()


def test_pages_are_stored_again_when_it_is_back(memcached) -> None:
    Client().get("/page/")
    memcached.stop()
    Client().get("/page/")
    memcached.start()
    Client().get("/page/")
    assert memcached.get(":1:/mysite-/page/")


def test_it_goes_down_while_the_view_runs(memcached, caplog) -> None:
    def answer(request):
        memcached.stop()
        return views.HttpResponse("<p>x</p>")

    views.answers["/page/"] = answer
    assert Client().get("/page/").content == b"<p>x</p>"
    assert "a page was not stored" in caplog.text


def test_a_page_that_memcached_does_not_take(memcached, caplog) -> None:
    views.answers["/page/"] = lambda request: views.HttpResponse("x" * 2_000_000)
    assert len(Client().get("/page/").content) == 2_000_000
    assert memcached.get(":1:/mysite-/page/") is None
    assert "too large" in caplog.text


def test_one_line_a_minute_and_cache(caplog, monkeypatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for _ in range(10):
        failures.report("default", "x", OSError("refused"))
    failures.report("other", "x", OSError("refused"))
    assert len(caplog.records) == 2
    now[0] += 61
    failures.report("default", "x", OSError("refused"))
    assert "9 more" in caplog.records[2].getMessage()


def test_purging_without_a_cache(memcached, caplog) -> None:
    memcached.stop()
    assert purge_path("/page/") == 0
    assert "/page/ was not purged" in caplog.text
    with pytest.raises(Exception, match=r".+"):
        purge_url("/page/", fail_silently=False)


def test_one_dead_cache_does_not_keep_the_others_from_being_purged(memcached, redis_client) -> None:
    paths = [
        "rust_page_cache.soyrex.NginxMemCacheMiddleWare",
        "rust_page_cache.nginx_redis_cache.CacheMiddleware",
    ]
    with override_settings(MIDDLEWARE=paths, CACHE_MIDDLEWARE_ALIAS="redis"):
        Client().get("/page/")
        memcached.stop()
        assert purge_path("/page/") == 1
        assert all(b"rust_page_cache." in key for key in redis_client.scan_iter())
