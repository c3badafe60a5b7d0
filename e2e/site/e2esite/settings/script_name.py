"""The site below a path of its host, which nginx takes off, and which knows of no https."""

from .base import *  # noqa: F403
from .base import core_redis

CACHES = {"default": core_redis(12)}
FORCE_SCRIPT_NAME = "/app"
SECURE_PROXY_SSL_HEADER = None
