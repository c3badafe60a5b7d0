"""The cache middleware around the site that nginx-conf/cors.conf is written for."""

from .cors import *  # noqa: F403
from .cors import MIDDLEWARE

MIDDLEWARE = [
    "django.middleware.cache.UpdateCacheMiddleware",
    *MIDDLEWARE,
    "django.middleware.cache.FetchFromCacheMiddleware",
]
CACHE_MIDDLEWARE_SECONDS = 300
ROOT_URLCONF = "e2esite.bare_urls"
