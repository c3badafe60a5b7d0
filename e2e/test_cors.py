"""nginx-conf/cors.conf: the headers of django-cors-headers, added to stored pages by nginx."""

import pytest

APP = "https://app.example.org"
# What a browser, or somebody else, sends as Origin, and whether a script from there may read.
ORIGINS = [
    (APP, True),
    ("https://www.example.org", True),
    ("https://a-1.example.net", True),
    ("https://app.example.org.evil.test", False),
    ("https://evil.test/https://app.example.org", False),
    ("https://app.example.org:8443", False),
    ("http://app.example.org", False),
    ("https://APP.example.org", False),
    ("https://appXexample.org", False),
    ("https://a.b.example.net", False),
    ("null", False),
    ("", False),
]


@pytest.fixture
def cors(shipped):
    return shipped("cors.conf", "cors")


def test_origins(cors):
    """A hit carries what CorsMiddleware, outside of cache_page(), adds for this visitor."""
    target = cors.fresh("/default/text/")
    hit = cors.stored(target)
    assert hit.get("Vary") == "origin"
    assert not hit.get("Access-Control-Allow-Origin")
    for origin, allowed in ORIGINS:
        hit = cors.hits(target, headers=[("Origin", origin)])
        assert hit.get("Access-Control-Allow-Origin") == (origin if allowed else ""), origin
        assert hit.get("Access-Control-Expose-Headers") == ("X-Rendered" if allowed else "")


def test_one_page_for_all_origins(cors):
    """Whoever it was stored for; and Django's own answers get nothing twice."""
    target = cors.fresh("/default/by-cookie/")
    first = cors.misses(target, headers=[("Origin", APP), ("Cookie", "who=me")])
    assert first.get("Access-Control-Allow-Origin") == APP
    assert sorted(first.get("Vary").split(", ")) == ["Cookie", "origin"]
    hit = cors.hits(target, headers=[("Origin", "https://evil.test"), ("Cookie", "who=me")])
    assert not hit.get("Access-Control-Allow-Origin")
    assert sorted(hit.get("Vary").split(", ")) == ["Cookie", "origin"]
    assert cors.hits(target, headers=[("Origin", APP), ("Cookie", "who=me")]).body == b"cookie me"
    cors.misses(target, headers=[("Origin", APP), ("Cookie", "who=you")])


def test_not_modified(cors):
    """A script's conditional request for a stored page."""
    target = cors.fresh("/default/text/")
    etag = cors.stored(target, headers=[("Origin", APP)]).get("ETag")
    answer = cors.nginx(target, headers=[("Origin", APP), ("If-None-Match", etag)])
    assert (answer.status, answer.cache) == (304, "HIT")
    assert answer.get("Access-Control-Allow-Origin") == APP


def test_preflight(cors):
    """Django answers, also for a page that is stored."""
    target = cors.fresh("/default/text/")
    cors.stored(target)
    headers = [("Origin", APP), ("Access-Control-Request-Method", "GET")]
    answer = cors.nginx(target, method="OPTIONS", headers=headers)
    assert (answer.status, answer.cache) == (200, "BYPASS method")
    assert answer.get("Access-Control-Allow-Origin") == APP
    assert "GET" in answer.get("Access-Control-Allow-Methods")


def test_stored_by_the_cache_middleware(shipped):
    """The cache middleware stores the headers too, one page for each origin: none twice."""
    side = shipped("cors.conf", "cors_whole_site")
    target = side.fresh("/text/")
    for origin, allowed in [(APP, True), ("https://evil.test", False), ("null", False)]:
        hit = side.stored(target, headers=[("Origin", origin)])
        assert hit.get("Access-Control-Allow-Origin") == (origin if allowed else "")
        assert hit.get("Vary") == "origin"
