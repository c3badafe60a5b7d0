"""What gunicorn serves: Django, and beside it what a test has to ask the process."""

import json
from urllib.parse import parse_qs

from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application

django = get_wsgi_application()


def rendered(arguments):
    """How many pages have been rendered."""
    from . import views

    return views.rendered


def clear(arguments):
    from django.core.cache import caches

    caches[arguments["cache"]].clear()
    return True


def delete(arguments):
    """Deletes a page by Django's own means; its key as the store sees it, or None."""
    from django.core.cache import caches
    from django.test import RequestFactory
    from django.utils.cache import get_cache_key

    extra = {"HTTP_HOST": arguments["host"], **json.loads(arguments.get("meta", "{}"))}
    request = RequestFactory().generic("GET", arguments["path"], **extra)
    if "language" in arguments:
        request.LANGUAGE_CODE = arguments["language"]
    cache = caches[arguments["cache"]]
    key = get_cache_key(request, arguments.get("key_prefix"), "GET", cache=cache)
    return cache.make_key(key) if key and cache.delete(key) else None


# What stands behind it is anything: no pattern of a URLconf would take it.
FULL_PATH = "/-/full-path/"


CONTROLS = {f"/-/{call.__name__}": call for call in (rendered, clear, delete)}


def application(environ, start_response):
    """Outside of Django, or its cache middleware would store these answers too."""
    if environ["PATH_INFO"].startswith(FULL_PATH):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [WSGIRequest(environ).get_full_path().encode()]
    control = CONTROLS.get(environ["PATH_INFO"])
    if not control:
        return django(environ, start_response)
    query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    answer = control({name: values[0] for name, values in query.items()})
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
