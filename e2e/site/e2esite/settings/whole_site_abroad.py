"""As whole_site, in Redis, with another language and time zone than Django's defaults."""

from .base import *  # noqa: F403
from .base import core_redis
from .whole_site import MIDDLEWARE, ROOT_URLCONF  # noqa: F401

CACHES = {"default": core_redis(8)}
CACHE_MIDDLEWARE_SECONDS = 300
LANGUAGE_CODE = "de"
TIME_ZONE = "Europe/Berlin"
