"""Misconfigured: the message names the setting and says what to write."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from rust_page_cache import conf, djanginxed, nginx_redis_cache, soyrex


def view(request):
    raise NotImplementedError


def start_up() -> None:
    apps.get_app_config("rust_page_cache").ready()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"RUST_PAGE_CACHE": []}, r"RUST_PAGE_CACHE is \[\]: write a dictionary"),
        ({"RUST_PAGE_CACHE": {"PREFIX": "a"}}, "unknown key 'PREFIX': write one of .*KEY_PREFIX"),
        ({"RUST_PAGE_CACHE": {"CACHE": "pages"}}, r'\["CACHE"\] is \'pages\'.*CACHES: write one'),
        ({"RUST_PAGE_CACHE": {"CARELESS": 1}}, r'\["CARELESS"\] is 1: write True or False'),
        ({"RUST_PAGE_CACHE": {"CONTENT_TYPES": "text/html"}}, r"CONTENT_TYPES.*list or a tuple"),
        ({"RUST_PAGE_CACHE": {"GUARDS": "shop.guards"}}, r"GUARDS.*list or a tuple"),
        ({"RUST_PAGE_CACHE": {"PUBLIC_ONLY": 1}}, r'\["PUBLIC_ONLY"\] is 1: write True or False'),
        ({"RUST_PAGE_CACHE": {"HOSTS": [7]}}, r'\["HOSTS"\] has the item 7: write strings'),
        ({"RUST_PAGE_CACHE": {"IGNORE": ["("]}}, r'\["IGNORE"\] has the item .*regular expression'),
        ({"RUST_PAGE_CACHE": {"IGNORE": [b"/a"]}}, "write a string, not bytes"),
        ({"RUST_PAGE_CACHE": {"KEY_PREFIX": "a b"}}, r'\["KEY_PREFIX"\] is .*leave out blanks'),
        ({"RUST_PAGE_CACHE": {"KEY_PREFIX": 7}}, "KEY_PREFIX.*write a string"),
        ({"RUST_PAGE_CACHE": {"KEY_PREFIX": "a" * 201}}, "201 characters: write at most 200"),
        ({"RUST_PAGE_CACHE": {"MAX_SIZE": 0}}, r'\["MAX_SIZE"\] is 0: write a whole number from 1'),
        ({"RUST_PAGE_CACHE": {"TIMEOUT": -1}}, r'\["TIMEOUT"\] is -1: write a number of seconds'),
        ({"RUST_PAGE_CACHE": {"TIMEOUT": "60"}}, "TIMEOUT.*write a number of seconds"),
        ({"RUST_PAGE_CACHE": {"VARIANTS": 5000}}, "VARIANTS.*from 0 to 4096"),
        # The comma that makes a tuple of it is missing.
        ({"CACHE_IGNORE_REGEXPS": (r"/admin.*")}, "CACHE_IGNORE_REGEXPS.*of one item, "),
        ({"CACHE_IGNORE_REGEXPS": [None]}, "CACHE_IGNORE_REGEXPS has the item None"),
        ({"CACHE_KEY_PREFIX": "a\n"}, "CACHE_KEY_PREFIX.*leave out blanks"),
        ({"CACHE_KEY_PREFIX": None}, "CACHE_KEY_PREFIX is not set: set it, or RUST_PAGE_CACHE"),
    ],
)
def test_start_up_says_what_to_write(values, message) -> None:
    with override_settings(**values), pytest.raises(ImproperlyConfigured, match=message):
        start_up()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"CACHE_MIDDLEWARE_ALIAS": "pages"}, "CACHE_MIDDLEWARE_ALIAS is 'pages'.*write one of"),
        ({"CACHE_MIDDLEWARE_KEY_PREFIX": "a b"}, "CACHE_MIDDLEWARE_KEY_PREFIX.*leave out blanks"),
        ({"CACHE_MIDDLEWARE_SECONDS": "x"}, "CACHE_MIDDLEWARE_SECONDS is 'x': write a number"),
        ({"CACHE_MIDDLEWARE_SECONDS": None}, "CACHE_MIDDLEWARE_SECONDS is None: write a number"),
    ],
)
def test_settings_of_nginx_redis_cache(values, message) -> None:
    middleware = ["rust_page_cache.nginx_redis_cache.UpdateCacheMiddleware"]
    changed = override_settings(MIDDLEWARE=middleware, **values)
    with changed, pytest.raises(ImproperlyConfigured, match=message):
        start_up()


def test_middlewares_say_it_too() -> None:
    changed = override_settings(CACHE_KEY_PREFIX=None)
    with changed, pytest.raises(ImproperlyConfigured, match="CACHE_KEY_PREFIX"):
        soyrex.NginxMemCacheMiddleWare(view)


def test_decorators_say_it_too() -> None:
    with pytest.raises(ImproperlyConfigured, match="seconds from 0 up"):
        djanginxed.cache_page(-1)
    with pytest.raises(ImproperlyConfigured, match="'pages', which is not in CACHES"):
        nginx_redis_cache.cache_page(60, cache="pages")
    with pytest.raises(ImproperlyConfigured, match="key_prefix of cache_page"):
        djanginxed.cache_page(60, key_prefix="a b")


def test_good_settings_start() -> None:
    start_up()
    assert conf.get_options().ignores("/admin/")
    assert not conf.get_options().ignores("/blog/admin/")
    assert conf.soyrex_prefix() == settings.CACHE_KEY_PREFIX
    with override_settings(RUST_PAGE_CACHE={"KEY_PREFIX": ""}):
        start_up()
        assert conf.soyrex_prefix() == ""
