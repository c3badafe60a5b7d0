"""The site whose Redis wants a user and a password; see test_nginx_conf.py."""

from urllib.parse import quote

from .base import *  # noqa: F403
from .base import REDIS

PASSWORD = "p@ss:/ $;{}\"'#%&"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"redis://e2e:{quote(PASSWORD, safe='')}@{REDIS}/13",
        "KEY_PREFIX": 'my "site"',
    }
}
