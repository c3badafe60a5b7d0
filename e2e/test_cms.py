"""nginx-conf/django-cms.conf: a real django CMS site, with cache_page() behind an apphook."""

import itertools

import pytest
from harness.browser import Browser

ENGLISH = [("Cookie", "django_language=en")]
GERMAN = [("Cookie", "django_language=de")]
queries = itertools.count(1)


@pytest.fixture
def cms(application):
    return application("cms", "django-cms.conf")


@pytest.fixture
def whole(application):
    """The cache middleware around the same site."""
    return application("cms", "django-cms.conf", "whole_site")


@pytest.fixture
def editor(cms):
    browser = Browser(cms)
    login = "/en/admin/login/"
    browser.send(login, f"{login}?next=/en/", username="editor", password="editor")
    assert "sessionid" in browser.cookies
    return browser


def test_pages_of_the_apphook(cms):
    """One for each language, which is in the address, and for all cookies."""
    news = cms.fresh("news/")
    for language, headers in [("en", ENGLISH), ("de", GERMAN)]:
        target = f"/{language}/{news}"
        hit = cms.stored(target, headers=headers)
        assert f"<h1>{language} ".encode() in hit.body
        assert hit.get("Content-Language") == language
        assert hit.get("Vary") == "Cookie"
        for cookies in (f"a=b; django_language={language}", f"django_language={language}; _ga=1"):
            assert cms.hits(target, headers=[("Cookie", cookies)]).body == hit.body


def test_the_cookie_of_the_language(cms):
    """Whoever has another one, or none, gets it, from Django and from nginx."""
    target = "/de/" + cms.fresh("news/")
    first = cms.misses(target)
    assert first.get("Set-Cookie").startswith("django_language=de;")
    for cookies in ([], ENGLISH, [("Cookie", "django_language=d")]):
        hit = cms.nginx(target, headers=cookies)
        assert hit.cache == "HIT"
        assert hit.get("Set-Cookie") == "django_language=de; Max-Age=31536000; Path=/"
    assert not cms.hits(target, headers=GERMAN).get("Set-Cookie")


def test_no_language_in_the_address(cms):
    for target in ("/", "/news/x/", "/fr/news/x/", "/english/news/x/"):
        for _ in range(2):
            answer = cms.nginx(target, headers=GERMAN)
            assert answer.cache == "BYPASS bypass", target
            assert answer.status in (302, 404)


def test_editors_pass_by(cms, editor):
    """They get their toolbar; visitors never do, whoever comes first."""
    target = "/en/" + cms.fresh("news/")
    for _ in range(2):
        answer = editor.ask(target)
        assert answer.cache == "BYPASS bypass"
        assert b"cms-toolbar" in answer.body
    page = cms.stored(target, headers=ENGLISH)
    assert b"cms-toolbar" not in page.body
    assert b"cms-toolbar" in editor.ask(target).body
    assert cms.hits(target, headers=ENGLISH).body == page.body
    # An editor who has hidden his toolbar is an editor still.
    assert b"cms-toolbar" not in editor.ask(f"{target}?toolbar_off").body
    other = "/en/" + cms.fresh("news/")
    assert editor.ask(other).cache == "BYPASS bypass"
    cms.misses(other, headers=ENGLISH)
    editor.ask(f"{target}?toolbar_on")


def test_the_toolbar_of_visitors(cms):
    """It has a form to log in, with a token: it is stored for nobody."""
    target = "/en/" + cms.fresh("news/")
    cms.stored(target, headers=ENGLISH)
    for query in ("toolbar_on", "a=b&toolbar_on=1", "toolbar_off", "persist=&toolbar_on"):
        for _ in range(2):
            answer = cms.nginx(f"{target}?{query}", headers=ENGLISH)
            assert answer.cache == "BYPASS bypass", query
            assert (b"csrfmiddlewaretoken" in answer.body) == ("toolbar_on" in query), query
    cms.stored(f"{target}?xtoolbar_on", headers=ENGLISH)


def test_drafts(cms, editor):
    """The endpoints of editors are theirs."""
    target = "/en/admin/cms/pagecontent/"
    answer = editor.ask(target)
    assert (answer.status, answer.cache) == (200, "BYPASS bypass")
    for _ in range(2):
        answer = cms.nginx(target)
        assert (answer.status, answer.cache) == (302, "BYPASS ignore")


def test_pages_of_the_cms_itself(cms):
    """In a form of its own: nginx does not find it, and the CMS does."""
    target = f"/en/about/?n={next(queries)}"
    first = cms.nginx(target, headers=ENGLISH)
    assert b"<h1>About</h1>" in first.body
    again = cms.nginx(target, headers=ENGLISH)
    assert (first.cache, again.cache) == ("MISS absent", "MISS absent")
    assert again.body == first.body


def test_the_cache_middleware(whole):
    """It stores pages of the CMS, and nginx serves them to visitors with the same cookies."""
    for path in ("/en/about/", "/en/", "/en/news/"):
        target = f"{path}?n={next(queries)}"
        hit = whole.stored(target, headers=ENGLISH)
        # The first name is empty: so the CMS makes it.
        assert hit.get("Vary") == ", Cookie"
        assert hit.get("Content-Language") == "en"
        whole.misses(target, headers=[("Cookie", "django_language=en; a=b")])
        whole.hits(target, headers=ENGLISH)
    # To a visitor without cookies the CMS gives one: that is not stored, or not served.
    for _ in range(2):
        assert whole.nginx(target).cache in ("MISS absent", "MISS set-cookie")


def test_editors_of_the_whole_site(whole):
    browser = Browser(whole)
    login = "/en/admin/login/"
    browser.send(login, f"{login}?next=/en/", username="editor", password="editor")
    target = f"/en/about/?n={next(queries)}"
    for _ in range(2):
        answer = browser.ask(target)
        assert answer.cache == "BYPASS bypass"
        assert b"cms-toolbar" in answer.body
    assert b"cms-toolbar" not in whole.stored(target, headers=ENGLISH).body
