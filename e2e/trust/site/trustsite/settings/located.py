"""Views under `cache_page()`, in the language and the time zone of the visitor.

As nginx-conf/django-locale.conf and nginx-conf/django-timezone.conf want it.
"""

from .base import *  # noqa: F403
from .base import MIDDLEWARE

MIDDLEWARE = [
    MIDDLEWARE[0],
    "django.middleware.locale.LocaleMiddleware",
    *MIDDLEWARE[1:],
    "trustsite.visitors.zone_by_cookie",
]
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français")]
