"""Pages of other classes than HttpResponse, and pages that carry more than themselves."""

import collections
import datetime
import decimal
import enum
import functools
import uuid
import zoneinfo

from django import http
from django.contrib.auth.models import AnonymousUser, User
from django.core.cache import caches
from django.template.response import TemplateResponse
from django.utils.cache import learn_cache_key, patch_response_headers
from django.utils.translation import gettext_lazy


class Page(http.HttpResponse):
    """Its status is in its state where it is said."""


class Teapot(http.HttpResponse):
    status_code = 418


class Late(http.HttpResponse):
    """Makes its content when it is asked for."""

    @property
    def content(self):
        return b"late"

    @content.setter
    def content(self, value):
        self._container = []

    def __iter__(self):
        return iter([self.content])


class Holder:
    def __init__(self, held):
        self.held = held


class Color(enum.Enum):
    RED = "red"


Point = collections.namedtuple("Point", "x y")


def kept(view):
    """Stores an answer of any status, as wagtail-cache does; Django's middleware finds it."""

    @functools.wraps(view)
    def wrapper(request, rest):
        response = view(request, rest)
        patch_response_headers(response, 300)
        cache = caches["default"]
        key = learn_cache_key(request, response, 300, "", cache=cache)
        cache.set(key, response, 300)
        return response

    return wrapper


def things():
    """Of all that a site may put on a page."""
    moment = datetime.datetime(2026, 11, 25, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    many = {"colors": {Color.RED}, "counts": collections.Counter("abba"), 5: frozenset([b"\xff"])}
    many["itself"] = many
    user = User(id=1, username="ann", date_joined=moment)
    return [user, User, many, Point(1, moment), decimal.Decimal("1.5"), uuid.UUID(int=1), 2**99]


def seen(request):
    """A request as it can be pickled: a server puts its sockets into META."""
    made = http.HttpRequest()
    made.path, made.user, made.GET = request.path, request.user, request.GET
    made.META = {"HTTP_HOST": request.get_host()}
    return made


def with_things(request, rest):
    response = http.HttpResponse("with things")
    response.things, response.request = things(), seen(request)
    response.context = {"user": AnonymousUser(), "title": gettext_lazy("Yes")}
    return response


def template_with_things(request, rest):
    context = {"title": "é", "text": Color.RED, "things": things()}
    response = TemplateResponse(request, "page.html", context)
    response.things, response.seen_by = things(), request.user
    return response


def own(request, rest):
    return Page("own é", status=200)


def own_without_status(request, rest):
    return Page("own")


def own_late(request, rest):
    return Late(status=200)


def held(request, rest):
    """An object that Python makes anew, and might change the page then."""
    response = http.HttpResponse("held")
    response.holder = Holder(response)
    return response


def by_gap(request, rest):
    who = request.COOKIES.get("who", "nobody")
    return http.HttpResponse(f"cookie {who}", headers={"Vary": ", Cookie,"})


PAGES = {
    "with-things": with_things,
    "template-with-things": template_with_things,
    "own": own,
    "own-without-status": own_without_status,
    "own-late": own_late,
    "held": held,
    "by-gap": by_gap,
}
KEPT = {
    "moved": lambda request, rest: http.HttpResponsePermanentRedirect("/élsewhere/"),
    "found": lambda request, rest: http.HttpResponseRedirect("/elsewhere/"),
    "bad-request": lambda request, rest: http.HttpResponseBadRequest("bad"),
    "forbidden": lambda request, rest: http.HttpResponseForbidden("no"),
    "not-found": lambda request, rest: http.HttpResponseNotFound("not here"),
    "gone": lambda request, rest: http.HttpResponseGone("gone", reason="Long Gone"),
    "server-error": lambda request, rest: http.HttpResponseServerError("oh"),
    "unavailable": lambda request, rest: http.HttpResponse("later", status=503),
    "own-teapot": lambda request, rest: Teapot("short", status=418),
    "own-teapot-without-status": lambda request, rest: Teapot("short"),
}
PAGES.update((name, kept(view)) for name, view in KEPT.items())
