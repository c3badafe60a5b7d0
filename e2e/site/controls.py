"""What gunicorn serves: Django, and beside it what a test has to ask the process."""

import json
import threading
from urllib.parse import parse_qs

lock = threading.Lock()
count = 0


def count_one():
    """The number of the page that is being rendered."""
    global count
    with lock:
        count += 1
        return count


def counting(get_response):
    """The innermost middleware: each rendering leaves its number in the page."""

    def middleware(request):
        number = count_one()
        response = get_response(request)
        response["X-Rendered"] = str(number)
        return response

    return middleware


def rendered(arguments):
    """How many pages have been rendered."""
    return count


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


def full_path(environ):
    """What Django makes of a target."""
    from django.core.handlers.wsgi import WSGIRequest

    return WSGIRequest(environ).get_full_path().encode()


# What stands behind it is anything: no pattern of a URLconf would take it.
FULL_PATH = "/-/full-path/"
CONTROLS = {f"/-/{call.__name__}": call for call in (rendered, clear, delete)}


def beside(django):
    """Outside of Django, or its cache middleware would store these answers too."""

    def application(environ, start_response):
        if environ["PATH_INFO"].startswith(FULL_PATH):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [full_path(environ)]
        control = CONTROLS.get(environ["PATH_INFO"])
        if not control:
            return django(environ, start_response)
        query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        answer = control({name: values[0] for name, values in query.items()})
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    return application
