"""The site whose pages are all stored by the cache middleware, compressed, in memcached."""

from .base import *  # noqa: F403
from .base import MIDDLEWARE, memcached

MIDDLEWARE = [
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    *MIDDLEWARE,
    "django.middleware.cache.FetchFromCacheMiddleware",
]
CACHES = {"default": memcached("PyMemcacheCache", KEY_PREFIX="whole", VERSION=3)}
CACHE_MIDDLEWARE_KEY_PREFIX = "site"
CACHE_MIDDLEWARE_SECONDS = 300
ROOT_URLCONF = "e2esite.bare_urls"
USE_I18N = False
USE_TZ = False
