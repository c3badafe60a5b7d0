"""The cache middleware as Django's manual has it, with the settings of django-stock.conf."""

from .base import *  # noqa: F403
from .whole_site import CACHE_MIDDLEWARE_SECONDS, MIDDLEWARE, ROOT_URLCONF  # noqa: F401
