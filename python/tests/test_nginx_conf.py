"""manage.py nginx_conf: the lines for the settings. e2e/test_nginx_conf.py gives them to nginx."""

from __future__ import annotations

import io
import json
import pathlib
import re

import django
import pytest
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.middleware import RemoteUserMiddleware
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path
from django.utils import cache as django_cache
from django.views.decorators.cache import cache_control, cache_page
from django.views.decorators.vary import vary_on_headers
from django_redis.client import DefaultClient

from rust_page_cache.nginx import form, headers, locale
from rust_page_cache.nginx.store import store_of
from rust_page_cache.nginx.words import InexpressibleError, parameter, quoted, with_variables

ROOT = pathlib.Path(__file__).parents[2]
CORE_REDIS = "django.core.cache.backends.redis.RedisCache"
DJANGO_REDIS = "django_redis.cache.RedisCache"
PYMEMCACHE = "django.core.cache.backends.memcached.PyMemcacheCache"
UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
LOCALE = "django.middleware.locale.LocaleMiddleware"
FRAMES = "django.middleware.clickjacking.XFrameOptionsMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
REDIS = {"BACKEND": CORE_REDIS, "LOCATION": "redis://127.0.0.1:6379/1"}
# What startproject writes, behind TLS.
STOCK = {
    "ALLOWED_HOSTS": ["example.com"],
    "CACHES": {"default": REDIS},
    "LANGUAGE_CODE": "en-us",
    "MIDDLEWARE": [],
    "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
    "TIME_ZONE": "UTC",
}


def view(request):
    return HttpResponse("page")


cached = cache_page(60)
URLS = (path("page/", cached(view)),)


@pytest.fixture(autouse=True)
def _only_django(monkeypatch) -> None:
    """Decorated views of other tests are none of these sites."""
    monkeypatch.setattr("rust_page_cache.registry._registered", set())


def run(*arguments: str, urls=URLS, **values) -> str:
    out, errors = io.StringIO(), io.StringIO()
    with override_settings(**{**STOCK, "ROOT_URLCONF": urls, **values}):
        call_command("nginx_conf", *arguments, stdout=out, stderr=errors)
    run.errors = errors.getvalue()
    return out.getvalue()


def line(*arguments: str, **values) -> str:
    """The rust_page_cache line, without the release."""
    text = run(*arguments, "--part", "server", **values)
    found = re.search(r"^    rust_page_cache (.*?);$", text, re.MULTILINE | re.DOTALL)
    return re.sub(r"\n *", " ", re.sub(r"\s+django=[^;\s]+", "", found[1]))


def fails(**values) -> str:
    with pytest.raises(CommandError) as error:
        run(**values)
    return str(error.value)


def comments(text: str) -> str:
    """The comments on one line each."""
    return re.sub(r"\n *# ", " ", text)


def test_stock() -> None:
    assert (
        run("--part", "server", "--proxy-pass", "http://127.0.0.1:9000")
        == f"""\
# The server block names the site (server_name example.com;); another one, with default_server
# and return 444, takes requests for any other Host.
location / {{
    rust_page_cache redis://127.0.0.1:6379/1 django={form.word()};
    rust_page_cache_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    rust_page_cache_set_header X-Forwarded-Proto $scheme;
}}
location @django {{
    proxy_set_header Host $rust_page_cache_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_pass http://127.0.0.1:9000;
}}
"""
    )
    assert run.errors == ""
    assert run("--part", "http") == ""
    whole = run()
    assert whole.startswith(f"# For these settings and Django {django.get_version()}: ")
    assert "# In server {}:" in whole
    assert "# In http {}:" not in whole


# django=


def test_the_form_of_this_django() -> None:
    assert form.form() == form.form_of_release(django.VERSION[:3])
    assert form.word() == django.get_version()


@pytest.mark.parametrize("name", ["raw", "raw-absent", "netstring", "netstring-absent"])
def test_forms_of_distributions(monkeypatch, name) -> None:
    """Theirs need not be those of the release."""

    absent = {"raw": "", "netstring": "0:,"}.get(name, "-,")
    framed = "{}" if name.startswith("raw") else "{1}:{0},"

    def key(request, method, headerlist, key_prefix):
        values = [request.META.get(header) for header in headerlist]
        hashed = "".join(
            absent if value is None else framed.format(value, len(value)) for value in values
        )
        uri = django_cache.md5(request.build_absolute_uri().encode()).hexdigest()
        digest = django_cache.md5(hashed.encode()).hexdigest()
        return f"views.decorators.cache.cache_page.{key_prefix}.{method}.{uri}.{digest}.en-us.UTC"

    monkeypatch.setattr(django_cache, "_generate_cache_key", key)
    if name == form.form_of_release(django.VERSION[:3]):
        name = django.get_version()
    assert form.word() == name
    assert f" django={name};" in run()


def test_a_form_that_nobody_knows(monkeypatch) -> None:
    monkeypatch.setattr(django_cache, "_generate_cache_key", lambda *arguments: "key")
    text = run()
    assert "django=" not in text
    assert "in a way that rust_page_cache does not know" in comments(text)


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ((3, 2, 25), "raw"),
        ((4, 2, 30), "raw"),
        ((5, 2, 18), "raw"),
        ((5, 2, 19), "raw-absent"),
        ((6, 0, 0), "raw"),
        ((6, 0, 9), "raw"),
        ((6, 0, 10), "raw-absent"),
        ((6, 1, 0), "netstring"),
        ((6, 1, 2), "netstring"),
        ((6, 1, 3), "netstring-absent"),
        ((7, 0, 0), "netstring-absent"),
    ],
)
def test_forms_of_releases(release, name) -> None:
    """As the module has them: page-cache/src/key/vary.rs."""
    assert form.form_of_release(release) == name


# Keys


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, ""),
        ({"USE_I18N": False}, " lang="),
        ({"LANGUAGE_CODE": "de"}, " lang=de"),
        ({"USE_TZ": False}, " timezone="),
        ({"TIME_ZONE": "Europe/Berlin"}, " timezone=Europe/Berlin"),
        # Django names it so.
        ({"TIME_ZONE": "Etc/GMT+3"}, " timezone=-03"),
        ({"LANGUAGE_CODE": "de", "USE_I18N": False, "TIME_ZONE": "Asia/Kolkata"},
         " lang= timezone=Asia/Kolkata"),
        # Only of the middleware.
        ({"CACHE_MIDDLEWARE_KEY_PREFIX": "site"}, ""),
    ],
)  # fmt: skip
def test_suffixes(values, words) -> None:
    assert (
        line(**{"CACHE_MIDDLEWARE_KEY_PREFIX": "", **values}) == f"redis://127.0.0.1:6379/1{words}"
    )


def prefix_only(key, key_prefix, version):
    return f"own-{key_prefix}-{key}"


def hashing(key, key_prefix, version):
    return f"{key_prefix}:{hash(key)}"


def hashing_long_keys(key, key_prefix, version):
    return f"{key_prefix}:{version}:{key}" if len(key) < 100 else f"{key_prefix}:{hash(key)}"


@pytest.mark.parametrize(
    ("cache", "words"),
    [
        ({"KEY_PREFIX": "shop"}, " namespace=shop:1:"),
        ({"VERSION": 7}, " namespace=:7:"),
        ({"KEY_PREFIX": "my site"}, ' "namespace=my site:1:"'),
        ({"KEY_PREFIX": 'a"\\b;{'}, ' "namespace=a\\"\\\\b;{:1:"'),
        ({"KEY_FUNCTION": prefix_only, "KEY_PREFIX": "a"}, " namespace=own-a-"),
    ],
)
def test_namespaces(cache, words) -> None:
    assert line(CACHES={"default": {**REDIS, **cache}}) == f"redis://127.0.0.1:6379/1{words}"


def test_keys_that_nginx_cannot_make() -> None:
    for function in (hashing, hashing_long_keys):
        message = fails(CACHES={"default": {**REDIS, "KEY_FUNCTION": function}})
        assert "KEY_FUNCTION does more than to put something in front" in message
    assert "takes for a variable" in fails(CACHES={"default": {**REDIS, "KEY_PREFIX": "$a"}})


# Stores


def word_of(with_password=True, **cache) -> str:
    with override_settings(CACHES={"default": cache}):
        return store_of("default", with_password).word


@pytest.mark.parametrize("backend", [CORE_REDIS, DJANGO_REDIS])
@pytest.mark.parametrize(
    ("location", "word"),
    [
        ("redis://cache", "redis://cache:6379/0"),
        ("redis://cache:7000/3", "redis://cache:7000/3"),
        ("redis://cache?db=4", "redis://cache:6379/4"),
        ("redis://[::1]:6379/2", "redis://[::1]:6379/2"),
        ("redis://:secret@cache/1", "redis://:secret@cache:6379/1"),
        ("redis://me:p%40ss%2F%24@cache/1", "redis://me:p%40ss%2F%24@cache:6379/1"),
        ("unix:///run/redis.sock?db=2", "redis://unix:/run/redis.sock:/2"),
        ("unix://me:pw@/run/redis.sock", "redis://me:pw@unix:/run/redis.sock:/0"),
        (["redis://cache/1"], "redis://cache:6379/1"),
        (["redis://first/1", "redis://second/1"], "redis://first:6379/1"),
    ],
)
def test_locations_of_redis(backend, location, word) -> None:
    assert word_of(BACKEND=backend, LOCATION=location) == word
    without = word_of(False, BACKEND=backend, LOCATION=location)
    assert without == re.sub(r":[^:@/]+@", ":PASSWORD@", word)


def test_options_of_redis() -> None:
    options = {"db": 5, "username": "me", "password": "p w"}
    assert word_of(BACKEND=CORE_REDIS, LOCATION="redis://cache", OPTIONS=options) == (
        "redis://me:p%20w@cache:6379/5"
    )
    options = {"PASSWORD": "pw", "CONNECTION_POOL_KWARGS": {"db": 6}}
    assert word_of(BACKEND=DJANGO_REDIS, LOCATION="redis://me@cache", OPTIONS=options) == (
        "redis://me:pw@cache:6379/6"
    )


def test_the_password() -> None:
    caches = {"default": {**REDIS, "LOCATION": "redis://:hunter2@127.0.0.1:6379/1"}}
    text = run(CACHES=caches)
    assert "redis://:PASSWORD@127.0.0.1:6379/1" in text
    assert "hunter2" not in text + run.errors
    assert "Write it, percent-encoded, for PASSWORD" in run.errors
    text = run("--with-password", CACHES=caches)
    assert "redis://:hunter2@127.0.0.1:6379/1" in text
    assert "must be read by root only" in run.errors


@pytest.mark.parametrize(
    ("location", "word"),
    [
        ("127.0.0.1:11211", "memcached://127.0.0.1:11211"),
        ("cache", "memcached://cache"),
        (["127.0.0.1:11211"], "memcached://127.0.0.1:11211"),
        ("[::1]:11211", "memcached://[::1]:11211"),
        ("unix:/run/memcached.sock", "memcached://unix:/run/memcached.sock"),
        ("/run/memcached.sock", "memcached://unix:/run/memcached.sock"),
        ([("127.0.0.1", 11211)], "memcached://127.0.0.1:11211"),
        ([("::1", 11211)], "memcached://[::1]:11211"),
    ],
)
def test_locations_of_memcached(location, word) -> None:
    assert word_of(BACKEND=PYMEMCACHE, LOCATION=location) == word


@pytest.mark.skipif("pylibmc" not in settings.CACHES, reason="no pylibmc for this Python")
def test_locations_of_pylibmc() -> None:
    backend = "django.core.cache.backends.memcached.PyLibMCCache"
    assert word_of(BACKEND=backend, LOCATION="127.0.0.1:11211") == "memcached://127.0.0.1:11211"
    # Django takes "unix:" off for this client.
    for location in ("unix:/run/m.sock", "/run/m.sock"):
        assert word_of(BACKEND=backend, LOCATION=location) == "memcached://unix:/run/m.sock"


def test_prefixes_of_pymemcache() -> None:
    for prefix in ("app:", b"app:"):
        cache = {"BACKEND": PYMEMCACHE, "LOCATION": "m", "OPTIONS": {"key_prefix": prefix}}
        assert line(CACHES={"default": cache}) == "memcached://m namespace=app::1:"


class Json:
    def __init__(self, options=None):
        pass

    def dumps(self, value):
        return json.dumps(value).encode()

    def loads(self, value):
        return json.loads(value)

    def serialize(self, key, value):
        return str(value).encode(), 16


class Sealed(Json):
    def dumps(self, value):
        return b"sealed" + bytes(40)


class OwnClient(DefaultClient):
    pass


@pytest.mark.parametrize(
    ("cache", "message"),
    [
        ({"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}, "What works is django.core"),
        ({"BACKEND": "django.core.cache.backends.dummy.DummyCache"}, "cannot read pages from"),
        ({"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "t"}, "cannot"),
        ({"BACKEND": "nobody.Cache"}, "nobody"),
        ({"BACKEND": CORE_REDIS, "LOCATION": "rediss://cache"}, "speaks TLS"),
        ({"BACKEND": DJANGO_REDIS, "LOCATION": "rediss://cache"}, "speaks TLS"),
        ({**REDIS, "OPTIONS": {"serializer": Json}}, "its serializer makes of a page"),
        ({**REDIS, "OPTIONS": {"serializer": Sealed()}}, "its serializer makes of a page"),
        (
            {**REDIS, "BACKEND": DJANGO_REDIS, "OPTIONS": {"SERIALIZER": "test_nginx_conf.Json"}},
            "its serializer makes of a page",
        ),
        (
            {
                **REDIS,
                "BACKEND": DJANGO_REDIS,
                "OPTIONS": {"CLIENT_CLASS": "django_redis.client.ShardClient"},
            },
            "ShardClient chooses one of its servers",
        ),
        ({"BACKEND": PYMEMCACHE, "LOCATION": ["a", "b"]}, "has 2 servers"),
        ({"BACKEND": PYMEMCACHE, "LOCATION": "a,b;c"}, "has 3 servers"),
        ({"BACKEND": PYMEMCACHE, "LOCATION": "::1"}, r"write \[ \] around the IPv6 address"),
        ({"BACKEND": PYMEMCACHE, "LOCATION": "a", "OPTIONS": {"serde": Json()}}, '"serde" makes'),
        ({"BACKEND": PYMEMCACHE, "LOCATION": "a", "OPTIONS": {"tls_context": 1}}, "TLS"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*sharded client")
def test_what_nginx_cannot_read(cache, message) -> None:
    assert re.search(message, fails(CACHES={"default": cache}))


@pytest.mark.parametrize("name", ["zlib.Zlib", "gzip.Gzip", "lzma.Lzma"])
def test_what_nginx_can_read(name) -> None:
    options = {
        "CLIENT_CLASS": "test_nginx_conf.OwnClient",
        "COMPRESSOR": f"django_redis.compressors.{name}Compressor",
        "PICKLE_VERSION": 2,
    }
    assert line(CACHES={"default": {**REDIS, "BACKEND": DJANGO_REDIS, "OPTIONS": options}})
    from pymemcache.serde import compressed_serde

    options = {"serde": compressed_serde}
    assert line(CACHES={"default": {"BACKEND": PYMEMCACHE, "LOCATION": "a", "OPTIONS": options}})


def test_replicas() -> None:
    location = ["redis://first/1", "redis://second/1"]
    text = run(CACHES={"default": {**REDIS, "LOCATION": location}})
    assert "rust_page_cache redis://first:6379/1" in text
    assert "has 2 servers: Django writes to the first one" in comments(text)


# Which pages


def test_the_cache_for_the_whole_site() -> None:
    values = {
        "MIDDLEWARE": [UPDATE, FRAMES, FETCH],
        "CACHES": {"default": REDIS, "pages": {**REDIS, "LOCATION": "redis://pages/2"}},
        "CACHE_MIDDLEWARE_ALIAS": "pages",
        "CACHE_MIDDLEWARE_KEY_PREFIX": "site",
    }
    text = run(urls=(path("a/", view),), **values)
    assert re.search(r"rust_page_cache redis://pages:6379/2 django=\S+ prefix=site;", text)
    # It has stored all headers.
    assert "add_header" not in text
    text = comments(run(**values))
    assert "A location of their own is needed for the pages of cache_page() in CACHES" in text
    assert "in CACHES['default']: /page/ rust_page_cache redis://127.0.0.1:6379/1" in text


def test_several_kinds_of_pages() -> None:
    urls = (
        path("a/", cache_page(60, cache="other", key_prefix="x")(view)),
        path("b/", cached(view)),
        path("c/", cache_page(60)(lambda request: view(request))),
        path("d/", cache_page(60, cache="locmem")(view)),
    )
    caches = {
        "default": REDIS,
        "other": {**REDIS, "LOCATION": "redis://other/2"},
        "locmem": settings.CACHES["locmem"],
    }
    values = {"urls": urls, "CACHES": caches}
    assert line(**values) == "redis://127.0.0.1:6379/1"
    text = comments(run(**values))
    assert "CACHES['other'] and the key prefix 'x': /a/ rust_page_cache redis://other:" in text
    assert "CACHES['locmem']: /d/ CACHES['locmem']: nginx cannot read pages from" in text
    assert line("--cache", "other", **values) == "redis://other:6379/2 prefix=x"
    assert line("--key-prefix", "x", **values) == "redis://other:6379/2 prefix=x"
    assert line("--key-prefix", "y", **values) == "redis://127.0.0.1:6379/1 prefix=y"
    assert "cannot read" in str(fails_with("--cache", "locmem", **values))
    assert "write one of default, other, locmem" in fails_with("--cache", "none", **values)


def fails_with(*arguments: str, **values) -> str:
    with pytest.raises(CommandError) as error:
        run(*arguments, **values)
    return str(error.value)


def test_no_cached_pages() -> None:
    text = comments(run(urls=(path("a/", view),)))
    assert "No cache middleware, no cache_page() and no recipe" in text
    assert "rust_page_cache redis://127.0.0.1:6379/1" in text


def test_recipes() -> None:
    soyrex = ["rust_page_cache.soyrex.NginxMemCacheMiddleWare"]
    text = run(urls=(path("a/", view),), MIDDLEWARE=soyrex)
    assert (
        "rust_page_cache redis://127.0.0.1:6379/1 key=prefix prefix=/mysite namespace=:1:;" in text
    )
    assert "default_type text/html;\n    charset utf-8;\n}" in text
    assert "django=" not in text
    by_host = ["rust_page_cache.nginx_redis_cache.UpdateCacheMiddleware"]
    text = run("--public-only", urls=(path("a/", view),), MIDDLEWARE=by_host)
    assert "uri=$rust_page_cache_host$rust_page_cache_full_path" in text
    # nginx refuses it for bodies, which have no mark.
    assert "public_only" not in text
    text = comments(run(MIDDLEWARE=soyrex))
    assert "needed for the pages of the recipe soyrex" in text


# What the application sees


def test_schemes() -> None:
    over_http = " uri=http://$rust_page_cache_host$rust_page_cache_full_path"
    assert line(SECURE_PROXY_SSL_HEADER=None).endswith(over_http)
    text = run(SECURE_PROXY_SSL_HEADER=None)
    assert "Forwarded-Proto" not in text
    assert "Django takes every request for http" in comments(text)
    text = run(SECURE_PROXY_SSL_HEADER=None, SECURE_SSL_REDIRECT=True)
    assert "uri=" not in text
    assert "proxy_set_header X-Forwarded-Proto $scheme;" in text
    text = run(SECURE_PROXY_SSL_HEADER=("HTTP_X_SSL", "on"))
    assert "proxy_set_header X-Ssl $https;" in text
    text = run(SECURE_PROXY_SSL_HEADER=("HTTP_X_SSL", "yes"))
    assert "map $scheme $scheme_for_django {\n    https yes;\n}" in text
    assert "rust_page_cache_set_header X-Ssl $scheme_for_django;" in text


def test_forwarded_fields() -> None:
    text = run(USE_X_FORWARDED_HOST=True, USE_X_FORWARDED_PORT=True)
    for words in ("X-Forwarded-Host $rust_page_cache_host", "X-Forwarded-Port $server_port"):
        assert f"    proxy_set_header {words};" in text
        assert f"    rust_page_cache_set_header {words};" in text


def test_the_name_of_a_script() -> None:
    """A named location could not take it off."""
    text = run("--part", "server", FORCE_SCRIPT_NAME="/app")
    assert "location /app/ {" in text
    assert "@django" not in text
    assert text.endswith("    proxy_pass http://127.0.0.1:8000/;\n}\n")


class ByHeader(RemoteUserMiddleware):
    header = "HTTP_X_REMOTE_USER"


def test_fields_that_nginx_may_set() -> None:
    middleware = ["django.middleware.gzip.GZipMiddleware", "test_nginx_conf.ByHeader"]
    urls = (
        path("a/", cached(vary_on_headers("X-Country", "Cookie", "HX-Request")(view))),
        path("b/", cached(vary_on_headers("x-country", "X-Forwarded-Proto")(view))),
        path("c/", vary_on_headers("X-Outside")(cached(view))),
    )
    text = comments(run(urls=urls, MIDDLEWARE=middleware))
    assert 'rust_page_cache_set_header Accept-Encoding "";' in text
    assert "rust_page_cache_set_header X-Remote-User $user;" in text
    assert "Pages vary on X-Country (/a/, /b/)" in text
    assert "with $http_x_country if it is the client's own word" in text
    for other in ("Cookie (", "Hx-Request (", "X-Forwarded-Proto (", "X-Outside"):
        assert other not in text


def test_the_clients_own_fields() -> None:
    """The same as the module's: page-cache/src/key/field.rs."""
    for name in ("Accept", "cookie", "Sec-Ch-Ua", "HX-Target", "X-PJAX", "RSC", "Next-Url"):
        assert headers.is_clients_own(name)
    for name in ("Authorization", "Host", "Range", "If-None-Match", "X-Country", "Sec"):
        assert not headers.is_clients_own(name)


def test_public_only() -> None:
    guarded = (path("a/", login_required(cached(view))), path("b/", cached(view)))
    text = run(urls=guarded)
    assert "    rust_page_cache_public_only on;\n" in text
    assert "behind a guard that nginx does not ask (manage.py check): /a/." in comments(text)
    assert "public_only" not in run()
    assert "rust_page_cache_public_only on;" in run("--public-only")
    assert "public_only on;" in run(RUST_PAGE_CACHE={"PUBLIC_ONLY": True})
    # It would be served all the same.
    marked = (path("a/", login_required(cached(cache_control(public=True)(view)))),)
    assert "public_only" not in run(urls=marked)


# What middlewares add


def silent(get_response):
    return get_response


def test_headers_of_middlewares() -> None:
    values = {
        "MIDDLEWARE": [SECURITY, "test_nginx_conf.silent", FRAMES],
        "SECURE_HSTS_SECONDS": 60,
        "SECURE_HSTS_PRELOAD": True,
        "SECURE_SSL_REDIRECT": True,
        "X_FRAME_OPTIONS": "sameorigin",
    }
    text = run(**values)
    assert "{\n    HIT: SAMEORIGIN;\n}" in text
    assert '{\n    HIT:https: "max-age=60; preload";\n}' in text
    added = re.findall(r"add_header (\S+)", text)
    assert added == [
        "X-Frame-Options",
        "Strict-Transport-Security",
        "X-Content-Type-Options",
        "Referrer-Policy",
        "Cross-Origin-Opener-Policy",
    ]
    assert "If these add headers, nginx has to do so too: test_nginx_conf.silent." in comments(text)
    values["SECURE_CONTENT_TYPE_NOSNIFF"] = False
    assert "X-Content-Type-Options" not in run(**values)


@pytest.mark.skipif(django.VERSION < (6,), reason="came with Django 6.0")
def test_content_security_policy() -> None:
    from django.utils.csp import CSP

    policy = {"default-src": [CSP.SELF], "script-src": [CSP.SELF, CSP.NONCE]}
    middleware = ["django.middleware.csp.ContentSecurityPolicyMiddleware"]
    text = run(MIDDLEWARE=middleware, SECURE_CSP=policy)
    # As on a hit of Django's, where no template has asked for the nonce.
    assert "HIT: \"default-src 'self'; script-src 'self'\";" in text
    assert "add_header Content-Security-Policy $add_content_security_policy always;" in text


# Languages


def maps(text: str) -> dict[str, list[str]]:
    """The maps of a configuration by their variables, without comments."""
    found = re.findall(r"map \S+ (\$\w+) \{\n(.*?)^\s*\}", text, re.MULTILINE | re.DOTALL)
    lines = {name: [line.strip() for line in body.splitlines()] for name, body in found}
    return {
        name: [re.sub(r"(?<=;) #.*", "", line) for line in body if line]
        for name, body in lines.items()
    }


THREE = {
    "LANGUAGE_CODE": "en",
    "LANGUAGES": [("en", "English"), ("de", "Deutsch"), ("fr", "Francais")],
    "MIDDLEWARE": [LOCALE],
}


def test_languages(monkeypatch) -> None:
    """For the site of nginx-conf/django-locale.conf the maps are those of that file."""
    monkeypatch.setattr(locale, "is_language_prefix_patterns_used", lambda urlconf: (True, True))
    text = run(**THREE)
    file = maps((ROOT / "nginx-conf" / "django-locale.conf").read_text())
    ours = maps(text)
    assert {name: file[name] for name in ours} == ours
    assert set(ours) >= {"$language", "$language_of_field", "$accept_language_falls", "$add_vary"}
    assert " lang=$language;" in text
    assert "    rust_page_cache_bypass $language_is_unsure;\n" in text
    assert "    add_header Vary $add_vary always;\n" in text


def test_languages_that_no_url_names(monkeypatch) -> None:
    assert maps(run(**THREE))["$language"] == ["default $language_of_visitor;"]
    monkeypatch.setattr(locale, "is_language_prefix_patterns_used", lambda urlconf: (True, False))
    assert maps(run(**THREE))["$language"][0] == "default en;"


def test_languages_with_a_region(monkeypatch) -> None:
    monkeypatch.setattr(locale, "is_language_prefix_patterns_used", lambda urlconf: (True, True))
    languages = [("pt-br", "Portugues"), ("pt", "Portugues"), ("tlh", "not Django's")]
    found = run(**{**THREE, "LANGUAGES": languages, "LANGUAGE_CODE": "pt-BR"})
    assert "LANGUAGES has languages with a region" in comments(found)
    ours = maps(found)
    assert ours["$language_of_field"] == ["default unsure;", '"" pt-BR;']
    cookie = "~^(?!(?i:.*django_language){2})(?:.*;)? *django_language="
    assert ours["$language_of_visitor"][4:] == [
        rf'"{cookie}pt\-br *(?:;|$)" pt-br;',
        rf'"{cookie}pt *(?:;|$)" pt;',
    ]
    assert ours["$language"][1:3] == ['"~^/pt-br(?:/|$)" pt-br;', '"~^/pt(?:/|$)" pt;']
    assert ours["$language"][3].endswith(" unsure;")


def test_default_languages_and_cookies() -> None:
    # Django takes the nearest that there is.
    ours = maps(run(**{**THREE, "LANGUAGE_CODE": "en-us"}))
    assert ours["$language_of_field"][0] == "default en;"
    assert "? *lang=de *(?:;|$)" in run(**THREE, LANGUAGE_COOKIE_NAME="lang")
    text = run(**THREE, LANGUAGE_COOKIE_NAME="my-lang")
    assert "map $http_cookie $language_of_visitor {" in text
    assert "which is no plain word" in comments(text)
    assert "LocaleMiddleware" not in run(**{**THREE, "USE_I18N": False})
    assert " lang=;" in run(**{**THREE, "USE_I18N": False})


def test_words() -> None:
    assert parameter("lang", "de") == "lang=de"
    assert parameter("a", "b c") == '"a=b c"'
    assert with_variables("") == '""'
    with pytest.raises(InexpressibleError):
        quoted("a$b")


def test_guards_that_are_not_there() -> None:
    assert "nobody" in fails(RUST_PAGE_CACHE={"GUARDS": ["nobody.guard"]})
