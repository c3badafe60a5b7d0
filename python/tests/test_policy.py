"""What is stored and what is not: tables of requests and answers, through the whole site.

Among them what the stock page cache got wrong in CVE-2026-6907 (Vary: *), -8404 (the case of
Cache-Control), -48587 (blanks in Vary), -35193 (Authorization), -48588 (unrelated cookies).
CVE-2026-113593 (a header that is absent, one that is empty) cannot come up: no key holds a header.
"""

from __future__ import annotations

import time

import pytest
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.test import Client, override_settings
from django.urls import path
from django.utils.http import http_date

from rust_page_cache import djanginxed
from testsite import views

KEY = ":1:/mysite-/page/"


def answer(body: object = "<p>page</p>", status: int = 200, **headers: str) -> HttpResponse:
    response = HttpResponse(body, status=status)
    for name, value in headers.items():
        response[name.replace("_", "-")] = value
    return response


def with_cookie(request):
    response = answer()
    response.set_cookie("theme", "dark")
    return response


def with_message(request):
    messages.info(request, "only for you")
    return answer()


def with_csrf(request):
    return answer(get_token(request))


def with_session(request):
    request.session.get("nothing")
    return answer()


def with_user(request):
    return answer(f"<p>{request.user.is_authenticated}</p>")


def with_nonce(request):
    request._csp_nonce = "abc"
    return answer()


REFUSED = {
    "status 404": lambda request: answer(status=404),
    "status 500": lambda request: answer(status=500),
    "status 203": lambda request: answer(status=203),
    "redirect": lambda request: answer(status=302, Location="/"),
    "cookie": with_cookie,
    "set-cookie header": lambda request: answer(Set_Cookie="a=b"),
    "private": lambda request: answer(Cache_Control="private"),
    "PRIVATE": lambda request: answer(Cache_Control="max-age=60, PRIVATE"),
    "private field": lambda request: answer(Cache_Control='Private="X-User"'),
    "no-store": lambda request: answer(Cache_Control="No-Store"),
    "no-store glued": lambda request: answer(Cache_Control="max-age=60;no-store"),
    "no-cache": lambda request: answer(Cache_Control=" no-cache\t"),
    "no-cache field": lambda request: answer(Cache_Control='no-cache="Set-Cookie"'),
    "pragma": lambda request: answer(Pragma="no-cache"),
    "max-age 0": lambda request: answer(Cache_Control="Max-Age=0"),
    "s-maxage 0": lambda request: answer(Cache_Control="max-age=60, s-maxage=0"),
    "max-age twice": lambda request: answer(Cache_Control="max-age=60, max-age=0"),
    "max-age negative": lambda request: answer(Cache_Control="max-age=-1"),
    "max-age no number": lambda request: answer(Cache_Control="max-age=1_0"),
    "max-age empty": lambda request: answer(Cache_Control="max-age"),
    "expired": lambda request: answer(Expires=http_date(time.time() - 5)),
    "expires 0": lambda request: answer(Expires="0"),
    "vary *": lambda request: answer(Vary="*"),
    "vary * in a list": lambda request: answer(Vary="Accept-Encoding , *"),
    "vary cookie": lambda request: answer(Vary="Cookie"),
    "vary blanks": lambda request: answer(Vary=" Accept-Encoding ,\tCookie "),
    "vary language": lambda request: answer(Vary="Accept-Language"),
    "vary host": lambda request: answer(Vary="Host"),
    "session": with_session,
    "user": with_user,
    "csrf": with_csrf,
    "message": with_message,
    "nonce": with_nonce,
    "csp nonce": lambda request: answer(Content_Security_Policy="script-src 'nonce-x'"),
    "gzip": lambda request: answer(b"\x1f\x8b", Content_Encoding="gzip"),
    "json": lambda request: JsonResponse({"a": 1}),
    "plain text": lambda request: answer(Content_Type="text/plain"),
    "latin-1": lambda request: answer(Content_Type="text/html; charset=iso-8859-1"),
    "download": lambda request: answer(Content_Disposition="attachment"),
    "x-accel-redirect": lambda request: answer(X_Accel_Redirect="/files/a"),
    "empty": lambda request: answer(""),
}
STORED = {
    "plain": lambda request: answer(),
    "public": lambda request: answer(Cache_Control="public, max-age=60"),
    "identity": lambda request: answer(Content_Encoding="Identity"),
    "vary encoding": lambda request: answer(Vary="accept-encoding"),
    "html upper case": lambda request: answer(Content_Type="Text/HTML;charset=UTF-8"),
    "no-transform": lambda request: answer(Cache_Control="no-transform"),
    "expires": lambda request: answer(Expires=http_date(time.time() + 100)),
    "bytes": lambda request: answer(b"\x80\x05page"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, memcached) -> None:
    views.answers["/page/"] = REFUSED[name]
    Client().get("/page/")
    assert views.renders["/page/"] == 1
    assert memcached.get(KEY) is None


@pytest.mark.parametrize("name", STORED)
def test_stored(name, memcached) -> None:
    views.answers["/page/"] = STORED[name]
    response = Client().get("/page/")
    assert memcached.get(KEY) == (0, response.content)


@pytest.mark.parametrize(
    "request_of",
    {
        "post": lambda client: client.post("/page/", {"a": "b"}),
        "head": lambda client: client.head("/page/"),
        "put": lambda client: client.put("/page/"),
        "body": lambda client: client.generic("GET", "/page/", b"body"),
        "chunked": lambda client: client.get("/page/", HTTP_TRANSFER_ENCODING="chunked"),
        "authorization": lambda client: client.get("/page/", HTTP_AUTHORIZATION="Basic eA=="),
        "remote user": lambda client: client.get("/page/", REMOTE_USER="ann"),
        "bad host": lambda client: client.get("/page/", HTTP_HOST="evil.example"),
    }.values(),
)
def test_requests_refused(request_of, memcached) -> None:
    request_of(Client())
    assert memcached.get(KEY) is None
    # What was refused, was refused for the request: the same page is stored for another one.
    Client().get("/page/")
    assert memcached.get(KEY)


@pytest.mark.parametrize(
    "target", ["/a/../b/", "/a/./b/", "/a/..", "//host/path/", "/page/?q=caf\u00c3\u00a9"]
)
def test_targets_refused(target, memcached) -> None:
    path_info, _, query = target.partition("?")
    environ = {"PATH_INFO": path_info, "QUERY_STRING": query}
    assert Client().get("/", **environ).status_code == 200
    assert sum(views.renders.values()) == 1
    assert memcached.pages() == set()


@pytest.mark.parametrize("directive", ["public", "s-maxage=60", "must-revalidate", "Public"])
def test_authorized_but_public(directive, memcached) -> None:
    views.answers["/page/"] = lambda request: answer(Cache_Control=directive)
    Client().get("/page/", HTTP_AUTHORIZATION="Basic eA==")
    assert memcached.get(KEY)


def test_cookies_that_the_view_does_not_use_do_not_matter(memcached) -> None:
    client = Client()
    client.cookies.load("analytics=1; theme=dark")
    client.get("/page/")
    assert memcached.get(KEY)


def test_streams_pass(memcached) -> None:
    response = Client().get("/stream/")
    assert b"".join(response.streaming_content) == b"<p>stream</p>"
    assert memcached.get(":1:/mysite-/stream/") is None


def test_a_page_for_somebody_who_is_logged_in(memcached) -> None:
    user, _ = User.objects.get_or_create(username="ann")
    client = Client()
    client.force_login(user)
    views.answers["/page/"] = with_user
    assert client.get("/page/").content == b"<p>True</p>"
    assert memcached.get(KEY) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("max-age=60", 60),
        ("MAX-AGE=60", 60),
        ('max-age="60"', 60),
        ("max-age=60, s-maxage=30", 30),
        ("max-age=60, max-age=40", 40),
        ("public", 300),
        ("max-age=" + "9" * 50, 365 * 24 * 3600),
    ],
)
def test_time_to_live(header, seconds, memcached) -> None:
    views.answers["/page/"] = lambda request: answer(Cache_Control=header)
    Client().get("/page/")
    assert seconds - 2 <= memcached.ttl(KEY) <= seconds + 1


def test_time_to_live_of_expires(memcached) -> None:
    views.answers["/page/"] = lambda request: answer(Expires=http_date(time.time() + 100))
    Client().get("/page/")
    assert 95 <= memcached.ttl(KEY) <= 100


def test_settings_widen_what_is_stored(memcached) -> None:
    views.answers["/page/"] = lambda request: answer(
        Vary="accept-language", Content_Type="application/xhtml+xml"
    )
    options = {"IGNORE_VARY": ["Accept-Language"], "CONTENT_TYPES": ["application/xhtml+xml"]}
    with override_settings(RUST_PAGE_CACHE=options):
        Client().get("/page/")
    assert memcached.get(KEY)


def test_max_size(memcached) -> None:
    views.answers["/page/"] = lambda request: answer("x" * 100)
    with override_settings(RUST_PAGE_CACHE={"MAX_SIZE": 99}):
        Client().get("/page/")
        assert memcached.get(KEY) is None
    with override_settings(RUST_PAGE_CACHE={"MAX_SIZE": 100}):
        Client().get("/page/")
        assert memcached.get(KEY)


def test_careless_is_as_careless_as_the_old_middleware(memcached) -> None:
    views.answers["/page/"] = lambda request: answer(
        status=404, Set_Cookie="a=b", Cache_Control="private, max-age=0", Content_Type="image/png"
    )
    with override_settings(RUST_PAGE_CACHE={"CARELESS": True}):
        Client().get("/page/")
        assert memcached.get(KEY)
        memcached.clear()
        Client().post("/page/")
        assert memcached.get(KEY) is None


class DecoratedUrls:
    """A decorated view sees the answer before the middlewares do: it must know by itself."""

    def __init__(self, view):
        self.urlpatterns = [path("page/", djanginxed.cache_page(60)(view))]


@pytest.mark.parametrize("name", ["csrf", "message", "session", "user", "nonce"])
def test_decorators_know_what_middlewares_will_add(name, memcached) -> None:
    plain = list(settings.INNER_MIDDLEWARE)
    with override_settings(ROOT_URLCONF=DecoratedUrls(REFUSED[name]), MIDDLEWARE=plain):
        assert Client().get("/page/").status_code == 200
        assert memcached.pages() == set()


def test_decorators_do_store_the_others(memcached) -> None:
    plain = list(settings.INNER_MIDDLEWARE)
    with override_settings(ROOT_URLCONF=DecoratedUrls(STORED["plain"]), MIDDLEWARE=plain):
        Client().get("/page/")
        assert len(memcached.pages()) == 1


@pytest.mark.parametrize("with_locale", [True, False])
def test_decorators_know_that_the_language_was_chosen(with_locale, memcached) -> None:
    plain = list(settings.INNER_MIDDLEWARE)
    if with_locale:
        plain.insert(1, "django.middleware.locale.LocaleMiddleware")
    with override_settings(MIDDLEWARE=plain):
        Client().get("/decorated/code/", HTTP_ACCEPT_LANGUAGE="de")
    assert len(memcached.pages()) == (0 if with_locale else 1)
