"""The site that nginx-conf/cors.conf is written for."""

from .base import *  # noqa: F403
from .base import INSTALLED_APPS, MIDDLEWARE, core_redis

INSTALLED_APPS = [*INSTALLED_APPS, "corsheaders"]
CACHES = {"default": core_redis(1)}
MIDDLEWARE = [
    *MIDDLEWARE[:2],
    "corsheaders.middleware.CorsMiddleware",  # before CommonMiddleware
    *MIDDLEWARE[2:],
]
CORS_ALLOWED_ORIGINS = ["https://app.example.org", "https://www.example.org"]
CORS_ALLOWED_ORIGIN_REGEXES = [r"^https://[a-z0-9-]+\.example\.net$"]
CORS_EXPOSE_HEADERS = ["X-Rendered"]
