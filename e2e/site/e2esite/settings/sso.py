"""The site that nginx-conf/sso.conf is written for."""

from .base import *  # noqa: F403
from .base import core_redis

CACHES = {"default": core_redis(1)}
ROOT_URLCONF = "e2esite.sso_urls"
SITE = "sso"
