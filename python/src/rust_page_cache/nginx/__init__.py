"""The lines of nginx's configuration for the settings of a site (``manage.py nginx_conf``)."""

from __future__ import annotations

from .site import Parts, Wishes, parts
from .words import InexpressibleError

__all__ = ["InexpressibleError", "Parts", "Wishes", "parts"]
