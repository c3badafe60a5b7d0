"""manage.py check: cached views behind a guard, and none that are not."""

from __future__ import annotations

import asyncio
import pickle
from functools import partial, wraps
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.contrib.admin.sites import AdminSite
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth import decorators as auth
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required, permission_required, user_passes_test
from django.contrib.auth.mixins import (
    AccessMixin,
    LoginRequiredMixin,
    PermissionRequiredMixin,
    UserPassesTestMixin,
)
from django.core.checks import run_checks
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseForbidden
from django.test import Client, override_settings
from django.urls import include, path, re_path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control, cache_page, never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_cookie, vary_on_headers
from django.views.generic import TemplateView, View

from rust_page_cache.guards import NamedGuards
from rust_page_cache.guards.walk import paths_of

OUTSIDE, INSIDE = "rust_page_cache.W006", "rust_page_cache.W007"
PUBLIC, GUESSED = "rust_page_cache.W008", "rust_page_cache.W009"
KEYED, UNMARKED = "rust_page_cache.I001", "rust_page_cache.I002"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
LOGIN = "django.contrib.auth.middleware.LoginRequiredMiddleware"

cached = cache_page(60)
public = cache_control(public=True)


def messages(*views, middleware=(SESSIONS, AUTHENTICATION), patterns=None, **values) -> list:
    urls = patterns or [path(f"{at}/", view) for at, view in enumerate(views)]
    values = {"MIDDLEWARE": list(middleware), "ROOT_URLCONF": tuple(urls), **values}
    with override_settings(**values):
        found = run_checks(tags=["security"])
    return [message for message in found if str(message.id).startswith("rust_page_cache.")]


def ids(*views, **values) -> list[str]:
    return [message.id for message in messages(*views, **values)]


def view(request):
    return HttpResponse("page")


async def slow_view(request):
    await asyncio.sleep(0)
    return HttpResponse("page")


# Function decorators


@pytest.mark.parametrize(
    ("guard", "name"),
    [
        (login_required, "login_required"),
        (login_required(login_url="/in/"), "login_required"),
        (permission_required("shop.see"), "permission_required"),
        (permission_required("shop.see", raise_exception=True), "permission_required"),
        (staff_member_required, "staff_member_required"),
        (user_passes_test(lambda user: user.is_active), "user_passes_test"),
    ],
)
@pytest.mark.parametrize("inner", [view, slow_view])
def test_decorators(guard, name, inner) -> None:
    [message] = messages(guard(cached(inner)))
    assert message.id == OUTSIDE
    assert f"/0/ (test_guards.{inner.__name__}): cache_page() stands behind {name}." in message.msg
    assert "rust_page_cache_public_only on" in message.hint
    [message] = messages(cached(guard(inner)))
    assert message.id == INSIDE
    assert name in message.msg
    # With anything in between.
    assert ids(csrf_exempt(guard(require_safe(csrf_exempt(cached(inner)))))) == [OUTSIDE]
    assert ids(cached(inner), guard(inner), inner, require_safe(cached(inner))) == []


def test_what_it_warns_of(redis_client) -> None:
    """Django refuses strangers, and has stored the page without a word of the guard."""

    def log_in(get_response):
        def middleware(request):
            request.user = SimpleNamespace(is_authenticated="staff" in request.COOKIES)
            return get_response(request)

        return middleware

    guarded = login_required(cache_page(60, cache="redis")(view))
    values = {"ROOT_URLCONF": (path("0/", guarded),), "LOGIN_URL": "/in/"}
    globals()["log_in"] = log_in
    with override_settings(MIDDLEWARE=["test_guards.log_in"], **values):
        assert Client().get("/0/").status_code == 302
        client = Client()
        client.cookies["staff"] = "1"
        assert client.get("/0/").status_code == 200
        assert Client().get("/0/").status_code == 302
        keys = redis_client.keys("*cache_header*")
        assert [pickle.loads(redis_client.get(key)) for key in keys] == [[]]


@pytest.mark.parametrize(
    "around",
    [
        partial,
        lambda inner: SimpleNamespace(call=inner).call,
        lambda inner: wraps(inner)(lambda request: inner(request)),
        lambda inner: lambda request: inner(request),
        lambda inner: wraps(inner)(partial(inner)),
    ],
)
def test_wrappers_that_are_no_guards(around) -> None:
    assert ids(around(login_required(around(cached(around(view)))))) == [OUTSIDE]
    assert ids(around(cached(around(view)))) == []


def test_a_wrapper_as_a_class() -> None:
    class Timed:
        def __init__(self, inner):
            self.inner = inner

        def __call__(self, request):
            return self.inner(request)

    assert ids(login_required(Timed(cached(view)))) == [OUTSIDE]
    assert ids(Timed(cached(view))) == []


def test_cache_page_for_no_time_and_private_pages() -> None:
    assert ids(login_required(cache_page(0)(view))) == []
    assert ids(login_required(cached(never_cache(view)))) == []
    assert ids(login_required(cached(cache_control(private=True)(view)))) == []
    # What is outside is not what is stored.
    assert ids(login_required(never_cache(cached(view)))) == [OUTSIDE]
    assert ids(login_required(cached(cache_control(max_age=5)(view)))) == [OUTSIDE]


def test_decorators_applied_in_each_call() -> None:
    def cached_by_rank(inner):
        @wraps(inner)
        def wrapper(request):
            prefix = "in" if request.user.is_authenticated else "out"
            return cache_page(60, key_prefix=prefix)(inner)(request)

        return wrapper

    def for_members(inner):
        @wraps(inner)
        def wrapper(request):
            return login_required(inner)(request)

        return wrapper

    assert ids(cached_by_rank(view)) == []
    assert ids(for_members(cached_by_rank(view))) == [OUTSIDE]
    assert ids(for_members(cached(view))) == [OUTSIDE]
    assert ids(for_members(view)) == []


def test_pages_for_each_cookie() -> None:
    by_cookie = login_required(cached(vary_on_cookie(view)))
    [message] = messages(by_cookie)
    assert message.id == KEYED
    assert "though the session has ended" in message.msg
    assert ids(login_required(cached(vary_on_headers("Accept", "COOKIE")(view)))) == [KEYED]
    # That is what Django itself does.
    assert ids(cached(vary_on_cookie(login_required(view)))) == []
    assert ids(login_required(vary_on_cookie(cached(view)))) == [OUTSIDE]
    assert ids(login_required(cached(vary_on_headers("Accept")(view)))) == [OUTSIDE]


# The mark


def test_marked_as_public() -> None:
    for marked in (public, cache_control(s_maxage=60)):
        [message] = messages(login_required(cached(marked(view))))
        assert message.id == PUBLIC
        assert ids(cached(marked(login_required(view)))) == [PUBLIC]
        assert ids(cached(marked(view))) == []
    assert ids(login_required(cached(cache_control(public=False)(view)))) == [OUTSIDE]


def test_a_mark_that_is_not_stored() -> None:
    [message] = messages(public(cached(view)))
    assert message.id == UNMARKED
    assert "the mark as public is not stored" in message.msg
    assert ids(public(cached(public(view)))) == []
    assert ids(public(view)) == []


def test_public_only() -> None:
    """What nginx does not serve needs no warning; what Django itself serves does."""
    by_cookie = login_required(cached(vary_on_cookie(view)))
    values = {"RUST_PAGE_CACHE": {"PUBLIC_ONLY": True}}
    assert ids(login_required(cached(view)), by_cookie, **values) == []
    assert ids(login_required(cached(public(view))), **values) == [PUBLIC]
    assert ids(cached(login_required(view)), **values) == [INSIDE]
    assert ids(public(cached(view)), **values) == [UNMARKED]


# What a site has written itself


def staff_only(inner):
    @wraps(inner)
    def wrapper(request):
        if not request.user.is_staff:
            return HttpResponse(status=404)
        return inner(request)

    return wrapper


def office_only(inner):
    def wrapper(request):
        if not request.META["REMOTE_ADDR"].startswith("10."):
            raise PermissionDenied
        return inner(request)

    return wrapper


def test_what_looks_like_a_guard() -> None:
    for guard in (staff_only, office_only):
        [message] = messages(guard(cached(view)))
        assert message.id == GUESSED
        assert "test_guards" in message.msg
        assert ids(cached(guard(view))) == [GUESSED]
        assert ids(guard(view), cached(view)) == []
    assert ids(staff_only(cached(vary_on_cookie(view)))) == [GUESSED]
    # What is known beats what is guessed.
    assert ids(staff_only(login_required(cached(view)))) == [OUTSIDE]


def test_a_wrapper_that_caches_for_some() -> None:
    """Visitors without a login get stored pages, the others their own."""

    def cached_for_strangers(inner):
        stored = cached(inner)

        @wraps(inner)
        def wrapper(request):
            return inner(request) if request.user.is_authenticated else stored(request)

        return wrapper

    assert ids(cached_for_strangers(view)) == []
    assert ids(cached_for_strangers(login_required(view))) == [INSIDE]
    assert ids(login_required(cached_for_strangers(view))) == [OUTSIDE]


class OfficeOnly:
    """A decorator that is a class."""

    def __init__(self, inner):
        self.inner = inner

    def __call__(self, request):
        return self.inner(request)


def silent_guard(inner):
    """Nobody could guess it."""

    @wraps(inner)
    def wrapper(request):
        return inner(request) if request.path < "/a" else HttpResponse(status=404)

    return wrapper


class SilentMixin:
    def dispatch(self, request, *args, **kwargs):
        if request.path > "/a":
            return HttpResponse(status=404)
        return super().dispatch(request, *args, **kwargs)


class SilentMarker:
    """A mixin without a dispatch()."""


class SilentMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)


class LateMiddleware(SilentMiddleware):
    def process_view(self, request, view, args, kwargs):
        return None if request.user.is_active else HttpResponseForbidden()


def silent_middleware(get_response):
    return lambda request: get_response(request)


def named(*names: str) -> dict:
    return {"RUST_PAGE_CACHE": {"GUARDS": [f"test_guards.{name}" for name in names]}}


def test_named_decorators() -> None:
    assert ids(silent_guard(cached(view)), OfficeOnly(cached(view))) == []
    values = named("silent_guard", "OfficeOnly")
    assert ids(silent_guard(cached(view)), **values) == [OUTSIDE]
    assert ids(OfficeOnly(cached(view)), **values) == [OUTSIDE]
    assert ids(cached(silent_guard(view)), **values) == [INSIDE]
    assert ids(staff_only(cached(view)), **named("staff_only")) == [OUTSIDE]
    assert ids(staff_only(cached(vary_on_cookie(view))), **named("staff_only")) == [KEYED]
    assert ids(silent_guard(cached(vary_on_cookie(view))), **values) == [OUTSIDE]
    assert ids(cached(view), silent_guard(view), **values) == []


def test_named_mixins() -> None:
    for mixin in (SilentMixin, SilentMarker):
        guarded = method_decorator(cached, name="get")(type("Page", (mixin, Page), {}))
        assert ids(guarded.as_view()) == []
        assert ids(guarded.as_view(), **named(mixin.__name__)) == [OUTSIDE]
        assert ids(CachedPage.as_view(), **named(mixin.__name__)) == []


def test_names_that_cannot_be_imported() -> None:
    [message] = messages(view, **named("nobody"))
    assert message.id == "rust_page_cache.E003"
    assert "nobody" in message.msg


# Class-based views


class Page(View):
    def get(self, request):
        return HttpResponse("page")


class SlowPage(View):
    async def get(self, request):
        return HttpResponse("page")


@method_decorator(cached, name="dispatch")
class CachedPage(Page):
    pass


class AnswersCached(Page):
    @method_decorator(cached)
    def get(self, request):
        return super().get(request)


class SuperCached(View):
    """A mixin of many sites."""

    def dispatch(self, *args, **kwargs):
        return cache_page(60)(super().dispatch)(*args, **kwargs)


class ViewCached(Page):
    @classmethod
    def as_view(cls, **initkwargs):
        return cached(super().as_view(**initkwargs))


CACHED = [
    CachedPage.as_view(),
    AnswersCached.as_view(),
    ViewCached.as_view(),
    type("A", (SuperCached, Page), {}).as_view(),
    method_decorator([require_safe, cached, csrf_exempt], name="get")(
        type("B", (Page,), {})
    ).as_view(),
    cached(Page.as_view()),
    cached(TemplateView.as_view(template_name="page.html")),
    cached(SlowPage.as_view()),
]


class MixinOfThisSite(AccessMixin):
    def dispatch(self, request, *args, **kwargs):
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        return super().dispatch(request, *args, **kwargs)


class ByRank(UserPassesTestMixin):
    def test_func(self):
        return self.request.user.is_staff


MIXINS = [LoginRequiredMixin, PermissionRequiredMixin, ByRank, MixinOfThisSite]


def test_cached_classes_without_a_guard() -> None:
    assert ids(*CACHED) == []
    assert ids(*(type("Guarded", (mixin, Page), {}).as_view() for mixin in MIXINS)) == []


@pytest.mark.parametrize("guarded", CACHED)
def test_a_decorator_around_a_class(guarded) -> None:
    assert ids(login_required(guarded)) == [OUTSIDE]


@pytest.mark.parametrize("mixin", MIXINS)
def test_mixins(mixin) -> None:
    name = "UserPassesTestMixin" if mixin is ByRank else mixin.__name__
    kinds = {}
    for base in (CachedPage, AnswersCached, SuperCached):
        bases = (mixin, base) if issubclass(base, Page) else (mixin, base, Page)
        found = messages(type("Guarded", bases, {}).as_view())
        assert name in found[0].msg
        kinds[base] = [message.id for message in found]
    assert list(kinds.values()) == [[OUTSIDE]] * 3
    # dispatch() of the mixin inside.
    inside = type("Guarded", (mixin, Page), {})
    decorated = method_decorator(cached, name="dispatch")(type("Guarded", (inside,), {}))
    assert ids(decorated.as_view()) == [INSIDE]
    assert ids(cached(inside.as_view())) == [INSIDE]
    assert ids(type("A", (SuperCached, mixin, Page), {}).as_view()) == [INSIDE]


def test_method_decorators_that_guard() -> None:
    @method_decorator(login_required, name="dispatch")
    class Above(AnswersCached):
        pass

    @method_decorator([login_required, cached], name="dispatch")
    class Both(Page):
        pass

    @method_decorator([cached, login_required], name="dispatch")
    class Reversed(Page):
        pass

    class Posts(AnswersCached):
        """Guards another method."""

        @method_decorator(login_required)
        def post(self, request):
            return HttpResponse("posted")

    assert ids(Above.as_view(), Both.as_view()) == [OUTSIDE, OUTSIDE]
    assert ids(Reversed.as_view()) == [INSIDE]
    assert ids(Posts.as_view()) == []
    assert ids(login_required(Posts.as_view())) == [OUTSIDE]


def test_vary_and_marks_of_classes() -> None:
    @method_decorator([login_required, cached, vary_on_cookie, public], name="dispatch")
    class Marked(Page):
        pass

    @method_decorator([login_required, cached, vary_on_cookie], name="dispatch")
    class ForEach(Page):
        pass

    @method_decorator([public, cached], name="get")
    class Lost(Page):
        pass

    assert ids(Marked.as_view(), ForEach.as_view(), Lost.as_view()) == [PUBLIC, KEYED, UNMARKED]


def test_a_dispatch_that_looks_like_a_guard() -> None:
    class Own(AnswersCached):
        def dispatch(self, request, *args, **kwargs):
            if not request.user.has_perm("shop.see"):
                raise PermissionDenied
            return super().dispatch(request, *args, **kwargs)

    class Harmless(AnswersCached):
        def dispatch(self, request, *args, **kwargs):
            return super().dispatch(request, *args, **kwargs)

    assert ids(Own.as_view()) == [GUESSED]
    assert ids(Harmless.as_view()) == []


def test_tests_that_do_not_go_by_the_user() -> None:
    class ByAddress(UserPassesTestMixin):
        def test_func(self):
            return self.request.META["REMOTE_ADDR"] == "10.0.0.1"

    decorated = method_decorator([cached, vary_on_cookie], name="get")
    assert ids(decorated(type("A", (ByRank, Page), {})).as_view()) == [KEYED]
    assert ids(decorated(type("B", (ByAddress, Page), {})).as_view()) == [OUTSIDE]


def test_views_of_the_admin() -> None:
    site = AdminSite()
    assert ids(site.admin_view(cached(view), cacheable=True)) == [OUTSIDE]
    assert ids(site.admin_view(cached(view))) == [OUTSIDE]
    assert ids(site.admin_view(view), cached(view)) == []


# Middleware


@pytest.mark.skipif(not hasattr(auth, "login_not_required"), reason="came with Django 5.1")
def test_login_required_middleware() -> None:
    stack = [SESSIONS, AUTHENTICATION, LOGIN]

    def open_view(inner):
        # It writes on the view itself.
        return auth.login_not_required(wraps(inner)(lambda request: inner(request)))

    [message] = messages(cached(view), middleware=stack)
    assert message.id == OUTSIDE
    assert LOGIN in message.msg
    assert ids(view, open_view(cached(view)), cached(open_view(view)), middleware=stack) == []
    assert ids(CachedPage.as_view(), middleware=stack) == [OUTSIDE]
    exempt = method_decorator(open_view, name="dispatch")(type("Open", (CachedPage,), {}))
    assert ids(exempt.as_view(), middleware=stack) == []
    assert ids(cached(vary_on_cookie(view)), middleware=stack) == [KEYED]


def test_named_middlewares() -> None:
    for name in ("SilentMiddleware", "LateMiddleware", "silent_middleware"):
        stack = [SESSIONS, AUTHENTICATION, f"test_guards.{name}"]
        assert ids(cached(view), middleware=stack) == []
        assert ids(cached(view), middleware=stack, **named(name)) == [OUTSIDE]
        assert ids(view, middleware=stack, **named(name)) == []


def test_the_cache_for_the_whole_site() -> None:
    """Outside of SessionMiddleware it stores that a guarded page varies on the cookie."""
    right = [UPDATE, SESSIONS, AUTHENTICATION, FETCH]
    wrong = [SESSIONS, UPDATE, AUTHENTICATION, FETCH]
    guarded = [
        login_required(view),
        staff_member_required(view),
        type("A", (LoginRequiredMixin, Page), {}).as_view(),
    ]
    assert ids(*guarded, view, middleware=right) == []
    [*others, message] = messages(view, *guarded, middleware=wrong)
    assert [other.id for other in others] == [INSIDE, INSIDE]
    assert message.id == INSIDE
    assert "the cache middleware stands around LoginRequiredMixin" in message.msg
    assert ids(view, never_cache(login_required(view)), middleware=wrong) == []
    # Only both of them are a cache.
    assert ids(*guarded, middleware=wrong[:3]) == []
    # A page of cache_page() in it.
    assert ids(login_required(cached(view)), middleware=right) == [OUTSIDE]


@pytest.mark.parametrize(
    ("middleware", "varies"),
    [
        ([UPDATE, SESSIONS, AUTHENTICATION, FETCH], [b"HTTP_COOKIE"]),
        ([SESSIONS, UPDATE, AUTHENTICATION, FETCH], []),
    ],
)
def test_what_the_cache_for_the_whole_site_stores(redis_client, middleware, varies) -> None:
    """Real Django: with whom it shares the page of a user who is logged in."""
    user, _ = get_user_model().objects.get_or_create(username="alice")
    client, stranger = Client(), Client()
    client.force_login(user)
    values = {
        "CACHE_MIDDLEWARE_ALIAS": "redis",
        "LOGIN_URL": "/in/",
        "MIDDLEWARE": middleware,
        "ROOT_URLCONF": (path("0/", login_required(view)),),
    }
    with override_settings(**values):
        assert client.get("/0/").status_code == 200
        assert stranger.get("/0/").status_code == (302 if varies else 200)
        [key] = redis_client.keys("*cache_header*")
        assert [name.encode() for name in pickle.loads(redis_client.get(key))] == varies
        expected = [] if varies else [INSIDE]
        found = run_checks(tags=["security"])
        assert [message.id for message in found if "rust" in str(message.id)] == expected


asked = []


class Asked(SilentMiddleware):
    """Guards that say when Django asks them."""

    def __call__(self, request):
        asked.append("call")
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        asked.append("process_view")


def test_when_django_asks_middlewares() -> None:
    """Before its cache for the whole site, or after it: a hit skips process_view()."""
    values = {
        "CACHE_MIDDLEWARE_ALIAS": "redis",
        "MIDDLEWARE": [UPDATE, "test_guards.Asked", FETCH],
        "ROOT_URLCONF": (path("0/", view),),
    }
    asked.clear()
    with override_settings(**values):
        for _ in range(2):
            assert Client().get("/0/").status_code == 200
    assert asked == ["call", "process_view", "call"]


def test_guards_that_do_not_ask_the_session() -> None:
    right = [UPDATE, SESSIONS, AUTHENTICATION, FETCH]
    assert ids(office_only(view), middleware=right) == [GUESSED]
    assert ids(staff_only(view), view, middleware=right) == []
    assert ids(silent_guard(view), middleware=right, **named("silent_guard")) == [INSIDE]


def test_middlewares_in_the_cache_for_the_whole_site() -> None:
    """Django asks what comes with the request before its cache, and process_view() after it."""
    for name in ("SilentMiddleware", "silent_middleware"):
        stack = [UPDATE, SESSIONS, AUTHENTICATION, f"test_guards.{name}", FETCH]
        assert ids(view, middleware=stack, **named(name)) == [OUTSIDE]
        assert ids(view, middleware=stack) == []
    late = [UPDATE, SESSIONS, AUTHENTICATION, "test_guards.LateMiddleware", FETCH]
    assert ids(view, middleware=late, **named("LateMiddleware")) == []
    unsafe = [SESSIONS, UPDATE, AUTHENTICATION, "test_guards.LateMiddleware", FETCH]
    assert ids(view, middleware=unsafe, **named("LateMiddleware")) == [INSIDE]


# The URLconf


def test_routes() -> None:
    guarded = login_required(cached(view))
    patterns = [
        path("a/", include([path("<int:id>/", guarded), re_path("^b/$", guarded)])),
        path("c/", guarded),
        path("d/", guarded),
        path("open/", cached(view)),
    ]
    [message] = messages(patterns=patterns)
    assert message.msg.startswith("/a/<int:id>/, /a/b/$, /c/ and 1 more (test_guards.view): ")
    [message] = messages(patterns=i18n_patterns(path("a/", guarded)))
    assert message.msg.startswith("/<language>/a/ (")


def test_caches_out_of_reach() -> None:
    """Nobody reads the memory of Django; but a developer's settings may have nothing else."""
    guarded = login_required(cache_page(60, cache="locmem")(view))
    assert ids(guarded) == []
    assert ids(cache_page(60, cache="locmem")(login_required(view))) == [INSIDE]
    local = {"default": settings.CACHES["locmem"], "locmem": settings.CACHES["locmem"]}
    assert ids(guarded, CACHES=local) == [OUTSIDE]


def test_no_urlconf() -> None:
    with override_settings():
        del settings.ROOT_URLCONF
        assert run_checks(tags=["security"]) == []


def test_loops_end() -> None:
    def loop(request):
        return again(request)

    again = loop
    loop.__wrapped__ = again
    assert ids(loop, cached(loop)) == []
    deep = cached(view)
    for _ in range(3000):
        deep = wraps(view)(partial(deep))
    assert paths_of(deep, NamedGuards()) == [()]
