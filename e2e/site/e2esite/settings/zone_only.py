"""Views with `cache_page()`, without translations."""

from .base import *  # noqa: F403
from .base import core_redis

CACHES = {"default": core_redis(9)}
USE_I18N = False
TIME_ZONE = "Asia/Kolkata"
