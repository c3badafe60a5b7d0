"""The same with the cache middleware around it."""

from .settings import *  # noqa: F403
from .settings import MIDDLEWARE

MIDDLEWARE = [
    "django.middleware.cache.UpdateCacheMiddleware",
    *MIDDLEWARE,
    "django.middleware.cache.FetchFromCacheMiddleware",
    "controls.counting",
]
CACHE_MIDDLEWARE_SECONDS = 300
