"""The site that nginx-conf/django-locale.conf is written for."""

from .base import *  # noqa: F403
from .base import MIDDLEWARE, core_redis

CACHES = {"default": core_redis(1)}
MIDDLEWARE = [
    *MIDDLEWARE[:2],
    "django.middleware.locale.LocaleMiddleware",  # after sessions, before CommonMiddleware
    *MIDDLEWARE[2:],
]
ROOT_URLCONF = "e2esite.locale_urls"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français")]
