"""The keys and values of the old packages, as real runs recorded them (t/fixtures)."""

from __future__ import annotations

import base64
import io
import pickle
from urllib.parse import unquote_to_bytes

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test import override_settings

from conftest import records
from rust_page_cache import djanginxed, djanginxed_readme, nginx_redis_cache, soyrex
from rust_page_cache.keys import Page

RECIPES = ("soyrex-prefix", "djanginxed-md5", "djanginxed-readme-md5", "nginx-redis-cache")
ALL = [(recipe, *record) for recipe in RECIPES for record in records(recipe)]
STORED = [entry for entry in ALL if entry[2]["stored"]]
# Targets that Django 1.6, before the escape_uri_path() of 1.8, knows by another path, and what
# today's build_absolute_uri() makes of dot segments.
OLD_DJANGO = (
    "/dot-seg#",
    "/dotdot#",
    "/double-slash-lead#",
    "/double-slash-host#",
    "/pct-hash#",
    "/newline-path#",
    "/pct-question#",
    "/pct-semicolon#",
    "/query-utf8-raw#",
    "/raw-utf8-path#",
    "/semicolon-path#",
    "/space-path#",
)
SAME_PATH = [
    entry
    for entry in STORED
    if not (entry[2]["django"].startswith("1.") and any(name in entry[1] for name in OLD_DJANGO))
]
URLS = [
    entry
    for entry in STORED
    if entry[2]["request"]["target"].isascii()
    and entry[2]["request"]["target"].startswith("/")
    and not entry[2]["request"]["target"].startswith("//")
]
# Redis takes long keys; Django warns that memcached would not.
pytestmark = pytest.mark.filterwarnings("ignore:Cache key will cause errors")


def environ_of(record: dict) -> dict:
    """What gunicorn makes of the request as it was on the wire."""
    request = record["request"]
    target = request["target"].partition("#")[0]
    if not target.startswith("/"):
        target = "/" + target.split("://", 1)[-1].partition("/")[2]
    path, _, query = target.partition("?")
    environ = {
        "REQUEST_METHOD": request["method"],
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "wsgi.url_scheme": request["scheme"],
        "wsgi.input": io.BytesIO(),
    }
    for name, value in request["headers"]:
        key = name.upper().replace("-", "_")
        known = key in ("CONTENT_LENGTH", "CONTENT_TYPE")
        environ[key if known else f"HTTP_{key}"] = value.strip(" \t")
    return environ


def answer_of(record: dict) -> HttpResponse:
    first = record["django_first"]
    body = record["expect"].get("response", first) if record["stored"] else first
    response = HttpResponse(base64.b64decode(body["body_b64"]), status=first["status"])
    for name, value in first["headers"]:
        if name.lower() == "set-cookie":
            response.cookies.load(value)
        else:
            response[name] = value
    return response


def run(recipe: str, record: dict, careless: bool) -> None:
    """Let the package answer the recorded request with the recorded answer."""
    given = record["settings"]
    cache = dict(settings.CACHES["redis" if record["backend"]["kind"] == "redis" else "default"])
    cache.update(KEY_PREFIX=given["CACHES.KEY_PREFIX"], VERSION=given["CACHES.VERSION"])
    values = {
        "ALLOWED_HOSTS": ["*"],
        "CACHES": {"default": cache},
        "CACHE_MIDDLEWARE_SECONDS": 600,
        "CACHE_MIDDLEWARE_KEY_PREFIX": given.get("CACHE_MIDDLEWARE_KEY_PREFIX", ""),
        "CACHE_KEY_PREFIX": given.get("CACHE_KEY_PREFIX", ""),
        "CACHE_IGNORE_REGEXPS": given.get("CACHE_IGNORE_REGEXPS", ()),
        "RUST_PAGE_CACHE": {"CARELESS": careless},
    }
    arguments = given.get("ARGS", {})

    def view(request: WSGIRequest) -> HttpResponse:
        return answer_of(record)

    with override_settings(**values):
        if recipe == "soyrex-prefix":
            handler = soyrex.NginxMemCacheMiddleWare(view)
        elif recipe == "djanginxed-md5":
            handler = djanginxed.cache_page(600, **arguments)(view)
        elif recipe == "djanginxed-readme-md5":
            handler = djanginxed_readme.cache_page(600, **arguments)(view)
        elif "MIDDLEWARE_CLASSES" in given:
            handler = nginx_redis_cache.CacheMiddleware(view)
        else:
            handler = nginx_redis_cache.cache_page(600, **arguments)(view)
        handler(WSGIRequest(environ_of(record)))


def stored_body(record: dict, memcached, redis_client) -> bytes | None:
    """What nginx finds under the recorded key."""
    key = base64.b64decode(record["expect"]["key_b64"])
    if record["backend"]["kind"] == "redis":
        value = redis_client.get(key)
        return None if value is None else pickle.loads(value)
    found = memcached.get(key.decode("latin-1"))
    if found is None:
        return None
    assert found[0] == 0
    return found[1]


def test_there_are_enough_records() -> None:
    for recipe in RECIPES:
        count = sum(entry[0] == recipe for entry in STORED)
        assert count >= 10, recipe


@pytest.mark.parametrize(
    ("recipe", "record"),
    [(entry[0], entry[2]) for entry in SAME_PATH],
    ids=[e[1] for e in SAME_PATH],
)
def test_careless_key_and_value(recipe, record, memcached, redis_client) -> None:
    body = base64.b64decode(record["expect"].get("response", record["django_first"])["body_b64"])
    run(recipe, record, careless=True)
    assert stored_body(record, memcached, redis_client) == (body or None)


@pytest.mark.parametrize(
    ("recipe", "record"), [(entry[0], entry[2]) for entry in STORED], ids=[e[1] for e in STORED]
)
def test_careful_stores_only_what_may_be_shared(recipe, record, memcached, redis_client) -> None:
    run(recipe, record, careless=False)
    stored = stored_body(record, memcached, redis_client) is not None
    first = record["django_first"]
    headers = {name.lower(): value for name, value in first["headers"]}
    target = record["request"]["target"]
    problems = [
        record["request"]["method"] != "GET",
        first["status"] != 200,
        not first["body_len"],
        "set-cookie" in headers,
        headers.get("vary", "accept-encoding").lower() != "accept-encoding",
        headers.get("content-encoding", "identity") != "identity",
        not headers.get("content-type", "").startswith("text/html"),
        any(
            word in headers.get("cache-control", "").lower()
            for word in ("private", "no-store", "no-cache", "max-age=0")
        ),
        any(name.lower() == "authorization" for name, _ in record["request"]["headers"]),
        target.startswith("//") or "/./" in target or "/../" in target,
        not target.isascii() and "?" in target,
    ]
    if any(problems):
        assert not stored
    elif not record["django"].startswith("1."):
        assert stored


@pytest.mark.parametrize("record", [e[2] for e in URLS], ids=[e[1] for e in URLS])
def test_a_url_is_the_page_that_its_request_asks_for(record) -> None:
    request = record["request"]
    with override_settings(ALLOWED_HOSTS=["*"]):
        asked = Page.from_request(WSGIRequest(environ_of(record)))
    host = next(value for name, value in request["headers"] if name.lower() == "host")
    page = Page.from_url(f"{request['scheme']}://{host}{request['target']}")
    assert (page.host, page.full_path) == (asked.host, asked.full_path)
