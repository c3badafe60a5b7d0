"""Which form of the Vary digest this Django makes: ``django=``.

Distributions mend Django without a new number, so its own function is asked.
"""

from __future__ import annotations

import re
from hashlib import md5
from typing import Optional

import django
from django.http import HttpRequest
from django.utils import cache

# A header with a value, an empty one, and one that is absent.
_META = {"HTTP_A": "value", "HTTP_B": ""}
_LIST = ["HTTP_A", "HTTP_B", "HTTP_C"]
_URI = "http://example.com/"
# What is hashed of these headers, by the name of the form (page-cache/src/key/vary.rs).
_HASHED = {
    "raw": b"value",
    "raw-absent": b"value-,",
    "netstring": b"5:value,0:,0:,",
    "netstring-absent": b"5:value,0:,-,",
}


class _Request(HttpRequest):
    """A request whose host nobody checks."""

    def build_absolute_uri(self, location: Optional[str] = None) -> str:
        return _URI


def form() -> Optional[str]:
    """The form, or ``None`` if it is none that the module knows."""
    request = _Request()
    request.META.update(_META)
    key = cache._generate_cache_key(request, "GET", _LIST, "")  # type: ignore[attr-defined]
    uri = md5(_URI.encode()).hexdigest()
    for name, hashed in _HASHED.items():
        start = f"views.decorators.cache.cache_page..GET.{uri}.{md5(hashed).hexdigest()}"
        if str(key).startswith(start):
            return name
    return None


def form_of_release(release: tuple[int, int, int]) -> str:
    """The form of a release of the Django project (``VaryForm::for_version()``)."""
    if release < (5, 2, 19) or (6, 0, 0) <= release < (6, 0, 10):
        return "raw"
    if release < (6, 1, 0):
        return "raw-absent"
    return "netstring" if release < (6, 1, 3) else "netstring-absent"


def word() -> Optional[str]:
    """What stands behind ``django=``: the release if its form is what Django makes, else the
    form by name; ``None`` if the module does not know it."""
    found = form()
    release = django.get_version()
    plain = re.fullmatch(r"\d+\.\d+(\.\d+)?", release)
    major, minor, patch = django.VERSION[:3]
    if found and plain and form_of_release((major, minor, patch)) == found:
        return release
    return found
