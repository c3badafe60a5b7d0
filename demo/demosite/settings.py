"""Settings of a site small enough to read in a minute: no database, no sessions, two stores."""

import os
import secrets
from pathlib import Path

SECRET_KEY = secrets.token_urlsafe()
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "demosite.urls"
WSGI_APPLICATION = "demosite.wsgi.application"
USE_TZ = True
TIME_ZONE = "UTC"

# No CsrfViewMiddleware: a page that carries a visitor's token must not be stored for everyone.
MIDDLEWARE = [
    "django.middleware.common.CommonMiddleware",
    "demosite.pages.StorePages",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
    }
]

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"redis://{os.environ['REDIS']}/1",
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    },
    "memcached": {
        "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
        "LOCATION": os.environ["MEMCACHED"],
        # A memcached that comes back is used again after a second, not after pymemcache's minute.
        "OPTIONS": {"connect_timeout": 0.5, "timeout": 0.5, "retry_attempts": 0, "dead_timeout": 1},
    },
}
