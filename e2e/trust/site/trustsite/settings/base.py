"""What the sites of this test share: stores, and nothing that would guess at the visitor."""

import os

SECRET_KEY = "only for tests on loopback"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "trustsite.urls"
WSGI_APPLICATION = "trustsite.wsgi.application"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
]
DATABASES = {}
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
# Not what clients here send: outside of Django's cache, and so on its hits too, SessionMiddleware
# deletes the cookie of a session that is none.
SESSION_COOKIE_NAME = "session_of_this_site"
LOGIN_URL = "/login/"

# What `startproject` writes, as far as it does not need a database.
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "trustsite.visitors.by_cookie",
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"redis://{os.environ['TRUST_REDIS']}/1",
    },
    "memcached": {
        "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
        "LOCATION": os.environ["TRUST_MEMCACHED"],
        "KEY_PREFIX": "trust",
        "VERSION": 2,
    },
}
CACHE_MIDDLEWARE_SECONDS = 3600

# An error of the site itself is seen in gunicorn's log.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django.request": {"handlers": ["console"], "level": "ERROR"}},
}
