"""The old recipes, as their users have them now: nginx-conf/, python/ and today's Django."""

import hashlib
import json

import pytest
from harness import processes

# Targets and what Django takes them for; every one is a page of its own.
TARGETS = [
    ("/page/plain/", "/page/plain/"),
    ("/page/plain/?a=1&b=2", "/page/plain/?a=1&amp;b=2"),
    ("/page/plain/?b=2&a=1", "/page/plain/?b=2&amp;a=1"),
    ("/page/plain/?a=1&a=2&a=&a", "/page/plain/?a=1&amp;a=2&amp;a=&amp;a"),
    ("/page/plain/?q=a+b%20c%C3%A9", "/page/plain/?q=a+b%20c%C3%A9"),
    ("/page/caf%C3%A9/%E4%B8%96/", "/page/caf%C3%A9/%E4%B8%96/"),
    ("/page/a%20b/", "/page/a%20b/"),
    ("/page/a+b/", "/page/a+b/"),
    ("/page/100%25/", "/page/100%25/"),
    ("/page/a%3Fb%23c/", "/page/a%3Fb%23c/"),
    ("/page/a;b=c/", "/page/a%3Bb%3Dc/"),
    ("/page/a'b(c)~d/", "/page/a'b(c)~d/"),
    ("/page/%F0%9F%98%80/", "/page/%F0%9F%98%80/"),
]
# Other spellings of pages above.
SAME = [
    ("/page/plain/?", "/page/plain/"),
    ("/page/caf%c3%a9/%e4%b8%96/", "/page/caf%C3%A9/%E4%B8%96/"),
    ("/page/pl%61in/", "/page/plain/"),
    ("/page/a%3bb%3dc/", "/page/a;b=c/"),
]


def test_home(side):
    side.stored("/")


def test_targets(side):
    """Each is found under its own key, and Django sees the path that the client has sent."""
    bodies = {}
    for target, path in TARGETS:
        hit = side.stored(target)
        path = path.replace("&amp;", "&")
        assert f"<p>{path} http://example.com{path} (".encode() in hit.body
        bodies[target] = hit.body
    assert len(set(bodies.values())) == len(TARGETS)
    for target, other in SAME:
        assert side.hits(target).body == bodies[other], target


@pytest.mark.parametrize("target", ["/page/x/../plain/", "//page/plain/"])
def test_never_looked_up(side, target):
    """What servers take for more than one path always gets to Django."""
    for _ in range(2):
        assert side.django(target).cache == "BYPASS target"


@pytest.mark.parametrize("target", ["/page/cafÃ©/", "/page/plain/?q=cafÃ©"])
def test_raw_bytes(side, target):
    """No client should send them. gunicorn refuses such a request, uWSGI does not."""
    for _ in range(2):
        if side.recipe.protocol == "http":
            answer = side.get(target)
            assert answer.status == 400
        else:
            answer = side.django(target)
            assert answer.status == 200
        assert answer.cache == "BYPASS target"


def test_head(side):
    target = side.fresh()
    length = len(side.stored(target).body)
    answer = side.get(target, "HEAD")
    assert (answer.status, answer.cache, answer.body) == (200, "HIT", b"")
    assert answer.get("Content-Length") == str(length)


@pytest.mark.parametrize("length", [0, 5, 300_000])
def test_bodies(side, length):
    """Whatever is no plain GET gets to Django each time, with its body whole."""
    body = bytes(number % 251 for number in range(length))
    for method in ("POST", "PUT", "PATCH", "DELETE", "GET"):
        reason = "method"
        if method == "GET":
            if not body:
                continue
            reason = "body"
        for _ in range(2):
            answer = side.django("/form/?a=1", method, body=body)
            assert answer.cache == f"BYPASS {reason}"
            assert json.loads(answer.body) == {
                "method": method,
                "path": "/form/?a=1",
                "length": length,
                "sha256": hashlib.sha256(body).hexdigest(),
            }


def test_post_beside_a_stored_page(side):
    """It neither gets that page nor takes its place."""
    side.django("/article/posted/", "POST", body=b"one")
    hit = side.stored("/article/posted/")
    assert b"<p>one</p>" in hit.body
    answer = side.django("/form/", "POST", body=b"two")
    assert (answer.status, answer.cache) == (200, "BYPASS method")
    assert side.hits("/article/posted/").body == hit.body


def test_admin(side):
    """Django's own, with its form and cookie: never stored, for each visitor another."""
    reason = "BYPASS ignore" if side.recipe.conf == "soyrex.conf" else "MISS absent"
    pages = [side.django("/admin/login/?next=/admin/") for _ in range(3)]
    assert all(page.status == 200 and "csrftoken=" in page.get("Set-Cookie") for page in pages)
    assert {page.cache for page in pages} == {reason}
    assert len({page.body for page in pages}) == 3
    for _ in range(2):
        answer = side.django("/admin/")
        assert (answer.status, answer.cache) == (302, reason)
        assert answer.get("Location") == "/admin/login/?next=/admin/"
    answer = side.django("/admin/login/", "POST", body=b"username=a&password=b")
    assert (answer.status, answer.cache) == (403, "BYPASS method")


def test_saving_a_model(side):
    """Its page and the home page are new at once, and others are left alone."""
    for slug in ("first", "second"):
        side.django(f"/article/{slug}/", "POST", body=f"{slug} of all".encode())
    assert b"first of all" in side.stored("/").body
    for target in ("/article/first/", "/article/first/?page=2", "/article/second/"):
        side.stored(target)
    side.django("/article/first/", "POST", body="geändert".encode())
    assert "<p>geändert</p>".encode() in side.stored("/article/first/").body
    assert "<p>geändert</p>".encode() in side.stored("/article/first/?page=2").body
    home = side.stored("/").body
    assert "geändert".encode() in home
    assert b"second of all" in home
    side.hits("/article/second/")


def test_redirects(side):
    """Django builds them of the client's path, with an nginx before it as without one."""
    for target, status, location in [
        ("/article/first", 301, "/article/first/"),
        ("/article/first?x=1&y=%20", 301, "/article/first/?x=1&y=%20"),
        ("/form", 301, "/form/"),
        ("/admin", 301, "/admin/"),
        ("/away/", 302, "http://example.com/page/here/?a=1"),
    ]:
        for _ in range(2):
            answer = side.django(target)
            assert (answer.status, answer.get("Location")) == (status, location)
    assert side.django("/nowhere/").status == 404
    assert side.django("/nowhere/").status == 404


def test_other_hosts(side):
    served = side.served
    with pytest.raises(ConnectionError):
        side.get("/", host="example.org")
    assert side.served == served


def test_store_stops_and_starts(side):
    """Without it every page comes from Django; with it again they are stored again."""
    target = side.fresh()
    side.stored(target)
    side.server.expected = "rust_page_cache"
    side.store.stop()
    for _ in range(3):
        answer = side.django(target)
        assert answer.status == 200
        assert answer.cache.startswith("ERROR ")
    assert side.django("/article/stopped/", "POST", body=b"saved").status == 200
    assert b"<p>saved</p>" in side.django("/article/stopped/").body
    assert side.django("/article/stopped").get("Location") == "/article/stopped/"
    side.store.start()
    processes.wait_until(lambda: side.get(target).cache == "HIT", side.blog.process.tail)
    side.stored(side.fresh())
    side.django("/article/stopped/", "POST", body=b"saved again")
    assert b"<p>saved again</p>" in side.stored("/article/stopped/").body
