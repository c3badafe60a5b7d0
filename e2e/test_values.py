"""Pages of other classes than HttpResponse, and all that a page may carry: as Django, or not."""

import time

import pytest

PATIENCE = 10  # seconds
THINGS = ["with-things", "template-with-things", "rest-framework-template", "own"]


def logged(side, target, text):
    """Asks until the error log has a line with this text: there is one a second at most."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        side.nginx(target)
        if any(text in line for line in side.server.lines()):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("cache", ["default", "pymemcache", "django-redis", "django-redis-pickle2"])
@pytest.mark.parametrize("page", THINGS)
def test_stored(views, cache, page):
    views.stored(views.fresh(f"/{cache}/{page}/"))


@pytest.mark.parametrize("page", THINGS)
def test_stored_by_the_middleware(whole, page):
    whole.stored(whole.fresh(f"/{page}/"))


@pytest.mark.parametrize(
    "page",
    [
        "moved",
        "found",
        "bad-request",
        "forbidden",
        "not-found",
        "gone",
        "server-error",
        "unavailable",
        "own-teapot",
    ],
)
def test_kept(views, page):
    """What a cache stores that stores more than 200."""
    views.stored(views.fresh(f"/default/{page}/"))


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("own-without-status", "class e2esite.values.Page: its state has no status_code"),
        ("own-late", "class e2esite.values.Late: its state has no content"),
        ("own-teapot-without-status", "class e2esite.values.Teapot: its state has no status_code"),
        ("held", "an object in it holds a part of it"),
    ],
)
def test_not_read(views, page, name):
    """Django has it in its cache; nginx leaves it there, and says why."""
    views.server.announce("cannot be decoded")
    target = views.fresh(f"/default/{page}/")
    views.misses(target)
    rendered = views.site.rendered
    direct = views.django(target)
    again = views.nginx(target)
    assert again.cache == "ERROR undecodable"
    assert (again.status, again.body) == (direct.status, direct.body)
    assert views.site.rendered == rendered
    assert logged(views, target, name)


@pytest.mark.parametrize("cache", ["default", "django-redis-pickle2"])
def test_vary_with_empty_members(views, cache):
    target = views.fresh(f"/{cache}/by-gap/")
    views.stored(target)
    views.stored(target, headers=[("Cookie", "who=ann")])
    views.hits(target)


@pytest.mark.parametrize("page", ["text", "large", "empty", "json", "latin1", "rest-framework"])
def test_protocol_2(views, page):
    views.stored(views.fresh(f"/django-redis-pickle2/{page}/"))
