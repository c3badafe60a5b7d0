"""Pages that show for whom they were made: what they vary on, and nothing else of the request.

The path says what kind of page it is and what it varies on:
/WAY/KIND/NAME,NAME/ANYTHING
"""

import functools
import itertools
import os

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.utils import timezone, translation
from django.views.decorators.cache import cache_control, cache_page
from django.views.decorators.gzip import gzip_page
from django.views.decorators.vary import vary_on_headers

#: Locations of nginx whose pages lie in memcached, with their `key_prefix`.
IN_MEMCACHED = {"memcached": "decorator", "fixed": "decorator"}
NUMBERS = itertools.count()


def ready(request):
    response = HttpResponse("yes")
    response["Cache-Control"] = "private"
    return response


def serve(request, way, kind, names, rest):
    return view(way, kind, names)(request)


@functools.cache
def view(way, kind, names):
    """The view of such pages, decorated as a site would do it."""
    names = [] if names == "-" else names.split(",")
    made = KINDS[kind](varying(names))
    if "django.middleware.cache.UpdateCacheMiddleware" not in settings.MIDDLEWARE:
        prefix = IN_MEMCACHED.get(way)
        made = cache_page(3600, cache="memcached" if prefix else "default", key_prefix=prefix)(made)
    return login_required(made) if kind == "guarded" else made


def varying(names):
    made = functools.partial(page, names=names)
    return vary_on_headers(*names)(made) if names else made


def page(request, names):
    lines = [request.build_absolute_uri()]
    for name in names:
        value = request.META.get("HTTP_" + name.upper().replace("-", "_"))
        lines.append(f"{name}: " + ("is absent" if value is None else ascii(value)))
    lines += [f"language {translation.get_language()}", f"zone {timezone.get_current_timezone()}"]
    # Compressed if GZipMiddleware is asked to: it leaves what is under 200 bytes.
    lines += ["." * 200, ""]
    response = HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")
    # Two pages that look alike are told apart, and one that was made anew from one that was stored.
    response["X-Serial"] = f"{os.getpid()}-{next(NUMBERS)}"
    return response


def with_cookie(made):
    def setting(request):
        response = made(request)
        response.set_cookie("visited", "yes")
        return response

    return setting


def with_session(made):
    """SessionMiddleware adds Vary: Cookie to what has looked into the session."""

    def looking(request):
        request.session.get("user")
        return made(request)

    return looking


def fickle(made):
    """What it varies on depends on what is asked: pages of one URL store different lists."""

    def changing(request):
        if "HTTP_HX_REQUEST" in request.META:
            return varying(["HX-Request", "User-Agent"])(request)
        return made(request)

    return changing


KINDS = {
    "page": lambda made: made,
    "fickle": fickle,
    "guarded": lambda made: made,
    "zipped": gzip_page,
    "private": cache_control(private=True),
    "public": cache_control(public=True),
    "no-store": cache_control(no_store=True),
    "cookie": with_cookie,
    "session": with_session,
}
