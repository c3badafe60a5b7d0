"""manage.py nginx_conf: the lines that it prints for a site are those with which nginx finds the
site's pages."""

import contextlib
import functools
import re
import subprocess
from urllib.parse import quote

import pytest
from conftest import Side, sites_of
from harness import django, nginx, processes

WARNINGS = re.compile(r"\[warn\].*")


@pytest.fixture(scope="session")
def printed(line, about, stores, below):
    """A site behind the lines for its settings: printed(settings, *arguments, more=...)."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def serve(settings):
            return stack.enter_context(sites_of(line, [settings], stores, below))[settings].ready()

        @functools.cache
        def start(settings, *arguments, more=""):
            site = serve(settings)
            arguments = (*arguments, "--proxy-pass", f"http://{site.address}")
            http, server = (
                django.nginx_conf(line, settings, stores, "--part", part, *arguments)[0]
                for part in ("http", "server")
            )
            folder = below / f"printed-{settings}-{len(list(below.iterdir()))}"
            started, tls_port = nginx.printed(http, server, folder, more)
            stack.callback(started.stop)
            started.ready()
            # Neither nginx nor the module has anything to say of these lines.
            assert not WARNINGS.findall((folder / "error.log").read_text())
            side = Side(started, started.port, site, *about)
            side.printed, side.tls_port = server, tls_port
            return side

        yield start


def secure(side, target):
    """The answer over https."""
    return side.server.get(target, port=side.tls_port, tls=True)


@pytest.mark.parametrize(
    ("settings", "cache", "below_path"),
    [
        ("views", "default", "/default/"),
        ("views", "pymemcache", "/pymemcache/"),
        ("views", "compressed", "/compressed/"),
        ("views", "pylibmc", "/pylibmc/"),
        ("views", "prefixed", "/prefixed/"),
        ("views", "django-redis", "/django-redis/"),
        ("views", "django-redis-zstd", "/django-redis-zstd/"),
        ("whole_site", None, "/"),
        ("whole_site_abroad", None, "/"),
        ("whole_site_stock", None, "/"),
        ("zone_only", None, "/default/"),
        ("language_only", None, "/default/"),
        ("locale", None, "/"),
    ],
)
def test_pages(printed, line, settings, cache, below_path):
    """Django's own hit and nginx's are the same, with the headers of the middleware around."""
    if cache == "pylibmc" and "pylibmc" not in django.about(line)[1]:
        pytest.skip(f"no pylibmc for Django {line} on its Python")
    side = printed(settings, *(("--cache", cache) if cache else ()))
    for page in ("text", "template", "framed", "by-cookie", "by-encoding"):
        side.stored(side.fresh(f"{below_path}{page}/"))


def test_the_form_of_vary(printed):
    """A header that is absent, and one that is empty, are what they are for this Django."""
    side = printed("views", "--cache", "default")
    target = side.fresh("/default/by-cookie/")
    absent, empty = [], [("Cookie", "")]
    stored = side.stored(target, headers=absent)
    assert stored.get("Vary") == "Cookie"
    rendered = side.site.rendered
    ours = side.nginx(target, headers=empty)
    side.django(target, headers=empty)
    # Either this Django keeps them apart, and nginx missed with it, or both have found the page.
    assert (ours.cache == "HIT") == (side.site.rendered == rendered)
    side.hits(target, headers=absent)


def test_prefix_of_the_decorator(printed):
    side = printed("views", "--key-prefix", "decorator")
    side.stored(side.fresh("/key-prefix/text/"))


def test_languages(printed):
    side = printed("locale")
    for headers in (
        [],
        [("Accept-Language", "de")],
        [("Cookie", "django_language=fr")],
    ):
        hit = side.stored(side.fresh("/here/"), headers=headers)
        assert hit.get("Content-Language")
    side.stored(side.fresh("/de/here/"))
    unsure = side.nginx("/here/x/", headers=[("Accept-Language", "de;q=0.5,fr;q=0.9")])
    assert unsure.cache == "BYPASS bypass"


def test_fields_that_nginx_has_to_know(printed):
    """The line is written as the comment says it, then the page is found."""
    words = "rust_page_cache_set_header X-Beta"
    side = printed("views", "--cache", "default", more="# without")
    assert words in side.printed
    target = side.fresh("/default/by-headers/")
    side.misses(target)
    assert side.nginx(target).cache == "MISS vary"
    [error] = side.server.errors()
    assert words in error
    side.server.expected = [error]
    side = printed("views", "--cache", "default", more=f"{words} $http_x_beta;")
    side.stored(side.fresh("/default/by-headers/"), headers=[("X-Beta", "yes")])


def test_guarded_pages(printed):
    side = printed("guarded")
    assert "rust_page_cache_public_only on;" in side.printed
    for path in ("/guarded/", "/open/"):
        target = side.fresh(path)
        side.misses(target)
        assert side.nginx(target).cache == "MISS private"
    side.stored(side.fresh("/marked/"))


def test_schemes(printed):
    """Pages of https and http are apart where Django knows of it, and one where it does not."""
    side = printed("views", "--cache", "default")
    target = side.fresh("/default/text/")
    side.stored(target)
    assert secure(side, target).cache == "MISS absent"
    assert secure(side, target).cache == "HIT"
    side = printed("script_name")
    target = side.fresh("/app/default/text/")
    assert secure(side, target).cache == "MISS absent"
    hit = secure(side, target)
    assert hit.cache == "HIT"
    assert target.encode() in hit.body
    assert side.nginx(target).cache == "HIT"


def test_the_password(printed, line, stores):
    words = f"{stores['redis'].address}/13"
    secret = "p@ss:/ $;{}\"'#%&"
    port = str(stores["redis"].port)
    command = [
        "redis-cli",
        "-p",
        port,
        "ACL",
        "SETUSER",
        "e2e",
        "on",
        f">{secret}",
        "~*",
        "+@all",
    ]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"OK\n"
    text, said = django.nginx_conf(line, "with_password", stores)
    assert f"redis://e2e:PASSWORD@{words}" in text
    assert quote(secret, safe="") not in text + said
    side = printed("with_password", "--with-password")
    side.stored(side.fresh("/default/text/"))
    assert processes.listens(stores["redis"].port)
