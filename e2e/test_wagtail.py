"""nginx-conf/wagtail.conf: a real Wagtail site, its pages stored by wagtail-cache."""

import itertools
import re

import pytest
from harness.browser import Browser

queries = itertools.count(1)


@pytest.fixture
def wagtail(application):
    return application("wagtail", "wagtail.conf")


def fresh(path):
    """wagtail-cache keeps one page for each query; Wagtail itself does not look at it."""
    return f"{path}?n={next(queries)}"


@pytest.fixture
def editor(wagtail):
    browser = Browser(wagtail)
    browser.send("/admin/login/", "/admin/login/", username="editor", password="editor")
    assert "sessionid" in browser.cookies
    return browser


def test_pages(wagtail):
    for path in ("/", "/about/"):
        hit = wagtail.stored(fresh(path))
        assert b"<h1>" in hit.body
        assert hit.get("X-Wagtail-Cache") == "hit"
        assert hit.get("X-Frame-Options") == "DENY"
        assert not hit.get("Vary")


def test_redirects_and_pages_that_are_not_there(wagtail):
    """wagtail-cache stores them too, for as long as pages."""
    for path, status in [("/old/", 301), ("/for-now/", 302), ("/about", 301)]:
        hit = wagtail.stored(fresh(path))
        assert hit.status == status
        assert hit.get("Location").startswith("/about/")
    hit = wagtail.stored(fresh("/nowhere/"))
    assert (hit.status, hit.get("X-Wagtail-Cache")) == (404, "hit")


def test_head(wagtail):
    target = fresh("/about/")
    hit = wagtail.stored(target)
    head = wagtail.nginx(target, "HEAD")
    assert (head.cache, head.body) == ("HIT", b"")
    assert head.get("Content-Length") == hit.get("Content-Length")


def test_foreign_cookies_play_no_part(wagtail):
    """Those of trackers and the like: wagtail-cache leaves them out of Vary."""
    target = fresh("/about/")
    wagtail.stored(target, headers=[("Cookie", "_ga=GA1.2.3; consent=1")])
    for cookies in ("_ga=GA1.2.4", "a=b; csrftoken=abc", "csrftoken=abc; csrftokens=1"):
        # Of its own hit for a visitor with a token Django says that it varies on cookies; it does
        # not.
        hit = wagtail.nginx(target, headers=[("Cookie", cookies)])
        assert hit.cache == "HIT", cookies
        assert hit.body == wagtail.django(target, headers=[("Cookie", cookies)]).body
    wagtail.hits(target)


def test_tokens(wagtail):
    """wagtail-cache keeps pages for each CSRF token where the first visitor had one."""
    target = fresh("/about/")
    ours, others = "a" * 32, "b" * 32
    for cookies in (f"csrftoken={ours}", f"_ga=1; csrftoken={others}; z=1"):
        assert wagtail.stored(target, headers=[("Cookie", cookies)]).get("Vary") == "Cookie"
    keys = set()
    for token in (ours, others):
        for cookies in ("csrftoken=%s", "csrftoken=%s; _ga=2", "x=csrftoken; csrftoken=%s"):
            hit = wagtail.hits(target, headers=[("Cookie", cookies % token)])
            keys.add(hit.get("X-Cache-Key"))
    assert len(keys) == 2
    for cookies in (f"csrftoken={ours}; csrftoken={others}", f"csrftoken={others}; csrftoken="):
        answer = wagtail.nginx(target, headers=[("Cookie", cookies)])
        assert answer.cache == "BYPASS bypass"
    # Then comes one who has none: from now on there is one page for all.
    wagtail.stored(target, headers=[("Cookie", "_ga=1")])
    for token in (ours, others):
        assert wagtail.nginx(target, headers=[("Cookie", f"csrftoken={token}")]).cache == "HIT"


def test_forms(wagtail):
    """A page with a token in it sets a cookie: it comes from Django, which stores it."""
    target = fresh("/contact/")
    visitor = Browser(wagtail)
    first = visitor.ask(target)
    assert (first.cache, first.get("X-Wagtail-Cache")) == ("MISS absent", "skip")
    assert b"csrfmiddlewaretoken" in first.body
    for _ in range(3):
        answer = visitor.ask(target)
        assert answer.cache in ("MISS absent", "MISS set-cookie")
    assert answer.get("X-Wagtail-Cache") == "hit"
    # Nobody else gets that token.
    other = Browser(wagtail)
    assert other.ask(target).cache == "MISS absent"
    assert other.cookies["csrftoken"] != visitor.cookies["csrftoken"]


def test_editors_pass_by(wagtail, editor):
    """They see Wagtail's own answer, with the bar; what they see is stored for nobody."""
    target = fresh("/about/")
    for _ in range(2):
        answer = editor.ask(target)
        assert (answer.cache, answer.get("X-Wagtail-Cache")) == ("BYPASS bypass", "skip")
        assert b"wagtail-userbar" in answer.body
    page = wagtail.stored(target)
    assert b"wagtail-userbar" not in page.body
    assert b"wagtail-userbar" in editor.ask(target).body
    assert wagtail.hits(target).body == page.body


def test_previews(wagtail, editor):
    """Drafts are seen by editors only."""
    pages = editor.ask("/admin/pages/")
    edit = re.search(rb"/admin/pages/\d+/edit/", pages.body)[0].decode()
    draft = edit.replace("edit", "view_draft")
    answer = editor.ask(draft)
    assert (answer.status, answer.cache) == (200, "BYPASS bypass")
    for _ in range(2):
        stranger = wagtail.nginx(draft)
        assert (stranger.status, stranger.cache) == (302, "BYPASS ignore")
        assert "/admin/login/" in stranger.get("Location")


def test_documents(wagtail):
    """Not looked up: wagtail-cache stores nothing of them but what answers a condition."""
    for _ in range(2):
        answer = wagtail.nginx("/documents/1/missing.pdf")
        assert (answer.status, answer.cache) == (404, "BYPASS ignore")


def test_published(wagtail, editor):
    """An editor clears the cache: nginx misses at once."""
    target = fresh("/about/")
    wagtail.stored(target)
    assert editor.ask("/admin/cache/clearcache").status in (200, 302)
    wagtail.stored(target)


def test_private_pages(wagtail):
    """Neither they nor what leads to them is stored."""
    for _ in range(2):
        answer = wagtail.misses("/secret/")
        assert b"csrfmiddlewaretoken" in answer.body
        assert "no-store" in answer.get("Cache-Control")
        answer = wagtail.misses("/members/")
        assert (answer.status, answer.get("Location")) == (302, "/_util/login/?next=/members/")
    visitor = Browser(wagtail)
    form = re.search(rb'action="([^"]+)"', visitor.ask("/secret/").body)[1].decode()
    visitor.send("/secret/", form, password="sesame", return_url="/secret/")
    for _ in range(2):
        answer = visitor.ask("/secret/")
        assert b"Only for some: secret" in answer.body
        # The password is remembered in a session: he passes by, though he has not logged in.
        assert answer.cache == "BYPASS bypass"
        assert b"Only for some: secret" not in wagtail.misses("/secret/").body


@pytest.mark.parametrize("query", ["b&a=1", "a=%20", "a=1&&b=2", "b=2&utm_source=mail", "q=%c3%a9"])
def test_queries_that_wagtail_cache_writes_anew(wagtail, query):
    """It stores them in urlencode()'s form: nginx finds that one, Django all others."""
    target = f"{fresh('/about/')}&{query}"
    first = wagtail.misses(target)
    rendered = wagtail.site.rendered
    answer = wagtail.nginx(target)
    assert (answer.cache, answer.get("X-Wagtail-Cache")) == ("MISS absent", "hit")
    assert answer.body == first.body
    assert wagtail.site.rendered == rendered
