"""The pages. All of them count how often they are rendered."""

import functools
import time
from importlib.util import find_spec

from controls import count_one
from django.conf import settings
from django.http import (
    HttpResponse,
    HttpResponseNotFound,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.utils import timezone, translation
from django.utils.http import http_date
from django.views.decorators.cache import cache_control
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.vary import vary_on_cookie, vary_on_headers

from . import values


def counted(view):
    """Each rendering leaves its number in the page."""

    @functools.wraps(view)
    def wrapper(request, *args, **kwargs):
        number = count_one()
        response = view(request, *args, **kwargs)
        response["X-Rendered"] = str(number)
        return response

    return wrapper


def text(request, rest):
    return HttpResponse(f"<p>{request.get_full_path()}</p>\n" * 20)


def json(request, rest):
    return JsonResponse({"path": request.path, "ß": ["ü", None, 1.5]})


def template(request, rest):
    return TemplateResponse(request, "page.html", {"title": rest, "text": "<&> äöü " * 50})


def latin1(request, rest):
    return HttpResponse("Grüße", content_type="text/plain; charset=iso-8859-1")


def headers(request, rest):
    response = HttpResponse("headers", content_type="application/x.test", reason="Quite fine")
    response["Last-Modified"] = "Wed, 01 Jan 2020 00:00:00 GMT"
    response["ETag"] = '"of-django"'
    response["Link"] = "</style.css>; rel=preload"
    response["X-Accel-Buffering"] = "no"
    return response


@xframe_options_sameorigin
def framed(request, rest):
    return HttpResponse("framed", headers={"Referrer-Policy": "no-referrer"})


def accel(request, rest):
    """nginx is to go on with another page."""
    target = f"/default/text/{rest}?b=2&utm_medium=accel"
    return HttpResponse(headers={"X-Accel-Redirect": target})


def large(request, rest):
    return HttpResponse(bytes(range(256)) * 1200, content_type="application/octet-stream")


def empty(request, rest):
    return HttpResponse("")


def parts(request, rest):
    response = HttpResponse("one ")
    response.write("two ")
    response.write(b"three\n")
    return response


@vary_on_cookie
def by_cookie(request, rest):
    return HttpResponse("cookie " + request.COOKIES.get("who", "nobody"))


@vary_on_headers("Accept-Encoding")
def by_encoding(request, rest):
    return HttpResponse("encoding " + request.headers.get("Accept-Encoding", "none"))


@vary_on_headers("X-Beta", "Cookie", "User-Agent")
def by_headers(request, rest):
    return HttpResponse("beta " + request.headers.get("X-Beta", "none"))


def by_switch(request, rest):
    """A page that comes to vary on another header."""
    vary = "X-Beta" if "X-Switch" in request.headers else "Cookie"
    return HttpResponse(f"varies on {vary}", headers={"Vary": vary})


@vary_on_headers("Accept-Language")
def by_language(request, rest):
    return HttpResponse("language " + request.headers.get("Accept-Language", "none"))


def vary_star(request, rest):
    return HttpResponse("never twice the same", headers={"Vary": "*"})


def missing(request, rest):
    return HttpResponseNotFound("not here")


def redirect(request, rest):
    return HttpResponseRedirect("/elsewhere/")


def sets_cookie(request, rest):
    response = HttpResponse("a cookie for you")
    response.set_cookie("taste", "chocolate")
    return response


@vary_on_cookie
def sets_personal_cookie(request, rest):
    return sets_cookie(request, rest)


@cache_control(private=True)
def private(request, rest):
    return HttpResponse("private")


@cache_control(max_age=0)
def max_age_zero(request, rest):
    return HttpResponse("max-age=0")


@cache_control(max_age=30, public=True)
def max_age(request, rest):
    return HttpResponse("max-age=30")


def aged(request, rest):
    """As if it had been stored some minutes ago."""
    return HttpResponse("aged", headers={"Expires": http_date(time.time() + 100)})


def expired(request, rest):
    """The time to live in the store decides, for Django and for nginx."""
    return HttpResponse("expired", headers={"Expires": http_date(time.time() - 100)})


def streaming(request, rest):
    return StreamingHttpResponse(iter([b"one ", b"two"]))


@csrf_exempt
def form(request, rest):
    return HttpResponse(f"{request.method} {request.body.decode()}")


def here(request, rest):
    """Where and when the visitor is, as Django sees it."""
    zone = timezone.get_current_timezone_name() if settings.USE_TZ else "-"
    return HttpResponse(f"{translation.get_language()} {zone}")


PAGES = {
    name: counted(view)
    for name, view in [
        ("text", text),
        ("json", json),
        ("template", template),
        ("latin1", latin1),
        ("headers", headers),
        ("framed", framed),
        ("accel", accel),
        ("large", large),
        ("empty", empty),
        ("parts", parts),
        ("by-cookie", by_cookie),
        ("by-encoding", by_encoding),
        ("by-headers", by_headers),
        ("by-switch", by_switch),
        ("by-language", by_language),
        ("vary-star", vary_star),
        ("missing", missing),
        ("redirect", redirect),
        ("sets-cookie", sets_cookie),
        ("sets-personal-cookie", sets_personal_cookie),
        ("private", private),
        ("max-age-zero", max_age_zero),
        ("max-age", max_age),
        ("aged", aged),
        ("expired", expired),
        ("streaming", streaming),
        ("form", form),
        ("here", here),
    ]
}

PAGES.update((name, counted(view)) for name, view in values.PAGES.items())

if find_spec("rest_framework"):
    from rest_framework.decorators import api_view, renderer_classes
    from rest_framework.renderers import TemplateHTMLRenderer
    from rest_framework.response import Response

    @api_view(["GET", "POST"])
    def rest_framework(request, rest):
        return Response({"path": rest, "numbers": [1, 2, 3], "method": request.method})

    @api_view(["GET"])
    @renderer_classes([TemplateHTMLRenderer])
    def rest_template(request, rest):
        """Its data, which is stored with it, holds what a template may be given."""
        data = {"title": rest, "text": values.Color.RED, "things": values.things()}
        return Response(data, template_name="page.html")

    PAGES["rest-framework"] = counted(rest_framework)
    PAGES["rest-framework-template"] = counted(rest_template)
