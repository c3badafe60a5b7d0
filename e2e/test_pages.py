"""Kinds of pages, requests and Vary: nginx answers as Django's own hit does, or not at all."""

import pytest

STORED = [
    "text",
    "json",
    "template",
    "latin1",
    "headers",
    "framed",
    "large",
    "empty",
    "parts",
    "max-age",
    "aged",
    "expired",
    "rest-framework",
]


@pytest.fixture(params=["views", "whole_site"])
def side(request, served):
    """Pages are the same with the decorator and with the middleware."""
    return served[request.param]


@pytest.fixture
def root(side):
    return "/default/" if side.site.settings == "views" else "/"


@pytest.mark.parametrize("page", STORED)
def test_stored(side, root, page):
    side.stored(side.fresh(f"{root}{page}/"))


@pytest.mark.parametrize("page", ["missing", "redirect", "streaming", "private"])
def test_not_stored(side, root, page):
    side.not_stored(side.fresh(f"{root}{page}/"))


def test_public_only(views):
    """Stored are both; the one with `cache_control(public=True)` is served."""
    assert "public" in views.stored(views.fresh("/public-only/max-age/")).get("Cache-Control")
    target = views.fresh("/public-only/text/")
    views.misses(target)
    assert views.nginx(target).cache == "MISS private"


def test_max_age_zero(views, whole):
    """The time of cache_page() is more than a view's max-age, the middleware's is less."""
    views.stored(views.fresh("/default/max-age-zero/"))
    whole.not_stored(whole.fresh("/max-age-zero/"))


def test_age(side, root):
    """For every Django, though only those since 5.1 send it."""
    for page, age in (("aged", 200), ("expired", 400)):
        assert int(side.stored(side.fresh(f"{root}{page}/")).get("Age")) >= age


def test_vary_star(side, root):
    """Whether it is stored or not, it is not served."""
    target = side.fresh(f"{root}vary-star/")
    side.misses(target)
    assert side.nginx(target).cache in ("MISS absent", "MISS vary")


def test_a_page_that_sets_a_cookie(side, root):
    """Django replays the cookie to everybody; nginx leaves such a page to Django."""
    target = side.fresh(f"{root}sets-cookie/")
    side.misses(target)
    again = side.nginx(target)
    assert again.cache == "MISS set-cookie"
    assert again.get("Set-Cookie").startswith("taste=chocolate")


def test_a_personal_cookie(side, root):
    side.not_stored(side.fresh(f"{root}sets-personal-cookie/"))


@pytest.mark.parametrize("page", ["text", "large", "empty", "rest-framework"])
def test_head_after_get(side, root, page):
    target = side.fresh(f"{root}{page}/")
    got = side.stored(target)
    head = side.hits(target, method="HEAD")
    assert head.body == b""
    assert head.get("Content-Length") == str(len(got.body))
    assert head.get("ETag") == got.get("ETag")


@pytest.mark.parametrize("page", ["text", "by-cookie"])
def test_head_before_get(side, root, page):
    """Django stores the page of a HEAD for HEADs."""
    target = side.fresh(f"{root}{page}/")
    side.stored(target, method="HEAD")
    side.stored(target)
    side.hits(target, method="HEAD")


def test_post(side, root):
    """Goes to Django with its body, and leaves the stored page alone."""
    target = side.fresh(f"{root}form/")
    hit = side.stored(target)
    posted = side.nginx(target, method="POST", body=b"a=1")
    assert (posted.cache, posted.body) == ("BYPASS method", b"POST a=1")
    assert side.hits(target).body == hit.body


def test_rest_framework_post(side, root):
    target = side.fresh(f"{root}rest-framework/")
    side.stored(target)
    assert b'"method":"POST"' in side.nginx(target, method="POST", body=b"a=1").body


@pytest.mark.parametrize(
    ("page", "variants"),
    [
        (
            "by-cookie",
            [[], [("Cookie", "who=ann")], [("Cookie", "who=bob; x=1")], [("Cookie", "")]],
        ),
        (
            "by-encoding",
            [[], [("Accept-Encoding", "gzip")], [("Accept-Encoding", "gzip, deflate, br")]],
        ),
        (
            "by-headers",
            [
                [],
                [("X-Beta", "on")],
                [("Cookie", "on")],
                [("User-Agent", "on")],
                [("X-Beta", "on"), ("Cookie", "a=b"), ("User-Agent", "Mozilla/5.0 (X; \xe4\xff)")],
            ],
        ),
        ("rest-framework", [[], [("Accept", "application/json")], [("Cookie", "a=b")]]),
    ],
)
def test_vary(side, root, page, variants):
    """Every variant is a page of its own; asked for in turn, each is found again."""
    target = side.fresh(f"{root}{page}/")
    bodies = {}
    for number, headers in enumerate(variants):
        first = side.nginx(target, headers=headers)
        # Until Django 5.2.19 a header that is not there counts as an empty one, and equal ones
        # of different names count as equal.
        assert first.cache in ("MISS absent", "HIT")
        bodies[number] = first.body
    for number, headers in enumerate(variants):
        assert side.hits(target, headers=headers).body == bodies[number]


def test_another_vary(views):
    """nginx remembers what a page varies on, and follows at once when that changes."""
    target = views.fresh("/default/by-switch/")
    ann, beta, switch = ("Cookie", "who=ann"), ("X-Beta", "on"), ("X-Switch", "on")
    views.stored(target, headers=[ann, beta])
    views.hits(target, headers=[ann])
    assert views.site.delete(target, "default", meta='{"HTTP_COOKIE": "who=ann"}')
    # Django alone stores it anew.
    views.django(target, headers=[ann, beta, switch])
    assert views.hits(target, headers=[beta]).body == b"varies on X-Beta"
    views.hits(target, headers=[ann, beta])
    views.misses(target, headers=[ann])


def test_vary_on_language_is_in_the_key(views, zone_only):
    """Django drops Accept-Language from the list where it translates, and keeps it elsewhere."""
    german, french = [("Accept-Language", "de")], [("Accept-Language", "fr")]
    target = views.fresh("/default/by-language/")
    views.stored(target, headers=german)
    views.hits(target, headers=french)
    target = zone_only.fresh("/default/by-language/")
    zone_only.stored(target, headers=german)
    zone_only.stored(target, headers=french)


@pytest.mark.parametrize(
    "rest",
    [
        "plain",
        "a/b/c",
        "caf%C3%A9",
        "caf%c3%a9",
        "%E6%97%A5%E6%9C%AC/%F0%9F%90%8D",
        "a%2Fb",
        "a%2fb",
        "semi;colon=1,2",
        "space%20and+plus",
        "%41%42",
        "percent%25",
        "sub!$&'()*,:@~._-",
        "quote%22%3C%3E%5B%5D",
        "double//slash",
    ],
)
def test_paths(views, rest):
    views.stored(views.fresh("/default/text/") + rest)


@pytest.mark.parametrize(
    "query",
    ["a=1", "a=1&b=2&a=3", "q=%c3%a4", "q=%C3%A4", "q=a+b%20c", "x=[1]&y={2}", "a=?&b=/", "=", "&"],
)
def test_queries(views, query):
    target = views.fresh("/default/text/")
    views.stored(target)
    views.stored(f"{target}?{query}")


def test_a_bare_question_mark(views):
    target = views.fresh("/default/text/")
    views.stored(target)
    views.hits(f"{target}?")


@pytest.mark.parametrize("rest", ["raw-\xe4", "not%FFutf8", "a/../b", "a/./b"])
def test_targets_for_django_alone(views, rest):
    answer = views.nginx(views.fresh("/default/text/") + rest)
    assert answer.cache == "BYPASS target"


def test_other_hosts_are_other_pages(views):
    target = views.fresh("/default/text/")
    views.stored(target)
    views.stored(target, host="example.com:8443")
    views.stored(target, host="EXAMPLE.com")
    views.hits(target)


def test_conditional_requests(views):
    """nginx makes an ETag where Django has none, and answers with it."""
    target = views.fresh("/default/text/")
    tag = views.stored(target).get("ETag")
    assert views.nginx(target, headers=[("If-None-Match", tag)]).status == 304
    part = views.nginx(target, headers=[("Range", "bytes=3-9")])
    assert (part.status, part.get("Content-Range").split("/")[0]) == (206, "bytes 3-9")
