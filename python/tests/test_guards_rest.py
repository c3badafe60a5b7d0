"""manage.py check: views of Django REST framework."""

from __future__ import annotations

import pytest
from django.contrib.auth.mixins import LoginRequiredMixin
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control, cache_page
from django.views.decorators.vary import vary_on_cookie, vary_on_headers

from test_guards import (
    AUTHENTICATION,
    FETCH,
    GUESSED,
    INSIDE,
    KEYED,
    LOGIN,
    OUTSIDE,
    PUBLIC,
    SESSIONS,
    UPDATE,
    ids,
    messages,
)

pytest.importorskip("rest_framework", reason="for this Django there is none yet")

from rest_framework import authentication, permissions, routers, viewsets
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.response import Response
from rest_framework.views import APIView

from rust_page_cache.guards.middleware import varies_on_authorization

cached = cache_page(60)


class IsOwnerOrReadOnly(permissions.BasePermission):
    """Of the framework's tutorial."""

    def has_object_permission(self, request, view, item):
        return request.method in permissions.SAFE_METHODS or item.owner == request.user


class IsInOffice(permissions.BasePermission):
    def has_permission(self, request, view):
        return request.META["REMOTE_ADDR"].startswith("10.")


class IsMember(permissions.BasePermission):
    def has_permission(self, request, view):
        return request.user.is_authenticated


class IsAnything(permissions.BasePermission):
    pass


CLOSED = [
    permissions.IsAuthenticated,
    permissions.IsAdminUser,
    permissions.DjangoModelPermissions,
    permissions.DjangoObjectPermissions,
    IsMember,
    IsInOffice,
    permissions.IsAuthenticated | permissions.IsAdminUser,
    permissions.AllowAny & permissions.IsAuthenticated,
    ~permissions.AllowAny,
]
OPEN = [
    permissions.AllowAny,
    permissions.IsAuthenticatedOrReadOnly,
    permissions.DjangoModelPermissionsOrAnonReadOnly,
    permissions.AllowAny & permissions.IsAuthenticatedOrReadOnly,
    permissions.AllowAny | permissions.IsAuthenticated,
    IsAnything,
]


def get(self, request):
    return Response({})


def views(permission, base=APIView, **attributes) -> list:
    """The view guarded outside of its cache, in each spelling, and inside of it."""

    def api(request):
        return Response({})

    given = [] if permission is None else [permission]
    members = {"permission_classes": given, "get": get, **attributes}

    class Things(viewsets.ViewSet):
        def list(self, request):
            return Response({})

    on_list = method_decorator(cached, name="list")(type("Things", (Things,), members))
    on_dispatch = method_decorator(cached, name="dispatch")(type("All", (base,), members))
    return [
        method_decorator(cached, name="get")(type("Api", (base,), members)).as_view(),
        on_list.as_view({"get": "list"}),
        api_view(["GET"])(permission_classes(given)(cached(api))),
        cached(type("Api", (base,), members).as_view()),
        on_dispatch.as_view(),
        cached(api_view(["GET"])(permission_classes(given)(api))),
    ]


@pytest.mark.parametrize("permission", CLOSED)
def test_permissions(permission) -> None:
    found = messages(*views(permission))
    assert [message.id for message in found] == [OUTSIDE] * 3 + [INSIDE] * 3
    for part in ("IsAuthenticated", "IsInOffice", "DjangoObjectPermissions"):
        if getattr(permission, "__name__", "") == part:
            assert f"permission {part}" in found[0].msg


@pytest.mark.parametrize("permission", [None, *OPEN])
def test_permissions_that_let_everybody_read(permission) -> None:
    assert ids(*views(permission)) == []


def test_a_permission_that_may_let_everybody_read() -> None:
    assert ids(*views(IsOwnerOrReadOnly)) == [GUESSED] * 6
    assert ids(*views(IsOwnerOrReadOnly & permissions.AllowAny)) == [GUESSED] * 6
    assert ids(*views(IsOwnerOrReadOnly | permissions.AllowAny)) == []
    assert (
        ids(*views(IsOwnerOrReadOnly & permissions.IsAuthenticated)) == [OUTSIDE] * 3 + [INSIDE] * 3
    )


def test_default_permissions(monkeypatch) -> None:
    """DEFAULT_PERMISSION_CLASSES, which APIView has read when it was imported."""

    @method_decorator(cached, name="get")
    class Api(APIView):
        get = get

    assert ids(Api.as_view()) == []
    monkeypatch.setattr(APIView, "permission_classes", [permissions.IsAuthenticated])
    assert ids(Api.as_view()) == [OUTSIDE]
    assert ids(*views(None)) == []
    assert ids(type("Uncached", (APIView,), {"get": get}).as_view()) == []


def test_routes_of_a_router() -> None:
    class Things(viewsets.ViewSet):
        permission_classes = (permissions.AllowAny,)

        @method_decorator(cached)
        def list(self, request):
            return Response([])

        @method_decorator(cached)
        @action(detail=False, permission_classes=[permissions.IsAdminUser])
        def secrets(self, request):
            return Response([])

        @action(detail=False, permission_classes=[permissions.IsAdminUser])
        def others(self, request):
            return Response([])

    router = routers.SimpleRouter()
    router.register("things", Things, basename="thing")
    [message] = messages(patterns=router.urls)
    assert message.id == OUTSIDE
    assert "/things/secrets/$" in message.msg
    assert "permission IsAdminUser" in message.msg


def test_get_permissions() -> None:
    class Things(viewsets.ViewSet):
        permission_classes = (permissions.IsAuthenticated,)

        def get_permissions(self):
            if self.action == "list":
                return [permissions.AllowAny()]
            return super().get_permissions()

        @method_decorator(cached)
        def list(self, request):
            return Response([])

        @method_decorator(cached)
        def retrieve(self, request, pk):
            return Response([])

    class ByRequest(Things):
        def get_permissions(self):
            if self.request.method in permissions.SAFE_METHODS:
                return [permissions.AllowAny()]
            return super().get_permissions()

    assert ids(Things.as_view({"get": "list"})) == []
    assert ids(Things.as_view({"get": "retrieve"})) == [OUTSIDE]
    assert ids(Things.as_view({"post": "list"})) == []
    assert ids(ByRequest.as_view({"get": "list"})) == [GUESSED]


def test_by_what_users_are_known() -> None:
    """vary_on_cookie() is enough where users are known by the session alone."""
    by_session = [authentication.SessionAuthentication]
    by_token = [authentication.TokenAuthentication]
    by_proxy = [authentication.RemoteUserAuthentication]
    both = by_session + by_token
    all_of_them = APIView.authentication_classes

    def kinds(authenticated, *decorators, permission=permissions.IsAuthenticated):
        members = {"get": get, "permission_classes": [permission]}
        members["authentication_classes"] = authenticated
        decorated = method_decorator([cached, *decorators], name="get")
        return ids(decorated(type("Api", (APIView,), members)).as_view())

    with_token = vary_on_headers("Authorization")
    assert kinds(by_session, vary_on_cookie) == [KEYED]
    assert kinds(by_token, with_token) == [KEYED]
    assert kinds(both, vary_on_cookie, with_token) == [KEYED]
    assert kinds(all_of_them, vary_on_headers("Cookie", "Authorization")) == [KEYED]
    assert kinds(by_session, with_token) == [OUTSIDE]
    assert kinds(both, with_token) == [OUTSIDE]
    assert kinds(by_proxy, vary_on_cookie, with_token) == [OUTSIDE]
    assert kinds(by_session, vary_on_cookie, permission=IsInOffice) == [OUTSIDE]
    # Newer Djangos store it in Vary themselves.
    themselves = varies_on_authorization()
    assert kinds(by_token) == ([KEYED] if themselves else [OUTSIDE])
    assert kinds(both, vary_on_cookie) == ([KEYED] if themselves else [OUTSIDE])
    assert kinds(by_session, cache_control(public=True)) == [PUBLIC]


def test_the_cache_for_the_whole_site() -> None:
    stack = [UPDATE, SESSIONS, AUTHENTICATION, FETCH]

    def kinds(authenticated):
        members = {"get": get, "permission_classes": [permissions.IsAuthenticated]}
        members["authentication_classes"] = authenticated
        return ids(type("Api", (APIView,), members).as_view(), middleware=stack)

    by_session, by_token = authentication.SessionAuthentication, authentication.TokenAuthentication
    assert kinds([by_session]) == []
    assert kinds([by_token]) == ([] if varies_on_authorization() else [INSIDE])
    assert kinds([authentication.RemoteUserAuthentication]) == [INSIDE]


def test_guards_of_django_around_views_of_the_framework() -> None:
    open_api = views(permissions.AllowAny, type("Guarded", (LoginRequiredMixin, APIView), {}))
    assert ids(open_api[0], open_api[3], open_api[4]) == [OUTSIDE, INSIDE, INSIDE]


def test_login_required_middleware() -> None:
    """The framework exempts its views: they have permissions."""
    pytest.importorskip("django", minversion="5.1")
    assert ids(*views(permissions.AllowAny), middleware=[SESSIONS, LOGIN]) == []
