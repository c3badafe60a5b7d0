"""Every page is stored by the cache middleware, compressed for those who take it, in memcached."""

from .base import *  # noqa: F403
from .base import CACHES, MIDDLEWARE

MIDDLEWARE = [
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    *MIDDLEWARE,
    "django.middleware.cache.FetchFromCacheMiddleware",
]
CACHES = {"default": {**CACHES["memcached"], "KEY_PREFIX": "whole", "VERSION": 3}}
CACHE_MIDDLEWARE_KEY_PREFIX = "site"
USE_I18N = False
USE_TZ = False
