"""The site that nginx-conf/django-timezone.conf is written for."""

from .base import *  # noqa: F403
from .base import MIDDLEWARE, core_redis

CACHES = {"default": core_redis(1)}
MIDDLEWARE = [*MIDDLEWARE, "e2esite.timezones.by_cookie"]
