"""Stores finished pages where nginx looks for them, without Django's own cache_page().

Two ways that Django sites have done it: a middleware that stores every page below a path, and a
decorator for single views. Both use nothing but Django's low-level cache API, and both store the
bare body under a key that nginx can compute from the request.
"""

import functools
import hashlib
import logging

import pymemcache
import redis
from django.core.cache import caches

logger = logging.getLogger(__name__)

SECONDS = 300


def memcached_key(request):
    """nginx: key=prefix prefix=/demo namespace=:1: (Django itself puts ":1:" in front)."""
    return "/demo-" + request.get_full_path()


def redis_key(request):
    """nginx: key=md5 uri=$rust_page_cache_host$rust_page_cache_full_path namespace=:1:"""
    uri = request.build_absolute_uri()
    return hashlib.md5(uri.removeprefix(f"{request.scheme}://").encode()).hexdigest()


def update(alias, key, request, response):
    """Stores the page of a GET; forgets it when another method may have changed it."""
    try:
        if request.method == "GET" and is_for_everyone(response):
            caches[alias].set(key, response.content, SECONDS)
        elif request.method not in ("GET", "HEAD"):
            caches[alias].delete(key)
    except (OSError, pymemcache.MemcacheError, redis.RedisError) as error:
        # A store that is down costs a stored page, never the page itself.
        logger.warning("%s: %s", alias, error)


def is_for_everyone(response):
    """Whether the next visitor may get the same bytes."""
    return (
        response.status_code == 200
        and not response.streaming
        and not response.cookies
        and not response.has_header("Vary")
        and not {"private", "no-store", "no-cache"}
        & {word.strip() for word in response.get("Cache-Control", "").lower().split(",")}
    )


class StorePages:
    """Middleware: every page below /memcached/ goes to memcached."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if request.path.startswith("/memcached/"):
            update("memcached", memcached_key(request), request, response)
        return response


def stored_in_redis(view):
    """Decorator: the pages of this view go to Redis, as RedisCache writes them: pickled bytes."""

    @functools.wraps(view)
    def wrapper(request, *args, **kwargs):
        response = view(request, *args, **kwargs)
        update("default", redis_key(request), request, response)
        return response

    return wrapper
