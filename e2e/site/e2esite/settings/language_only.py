"""Views with `cache_page()`, without time zones."""

from .base import *  # noqa: F403
from .base import core_redis

CACHES = {"default": core_redis(10)}
LANGUAGE_CODE = "pt-br"
USE_TZ = False
