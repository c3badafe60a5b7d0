"""The site some of whose cached views stand behind a guard."""

from .base import *  # noqa: F403
from .base import core_redis

CACHES = {"default": core_redis(11)}
ROOT_URLCONF = "e2esite.guarded_urls"
