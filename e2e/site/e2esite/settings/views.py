"""The site whose views carry `cache_page()`."""

from .base import *  # noqa: F403
