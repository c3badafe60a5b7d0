"""Views under `cache_page()`."""

from .base import *  # noqa: F403
