"""What may be shared. A refusal is one word, for the log; ``None`` means that nothing speaks
against storing.

What is stored is a body without its headers and goes to everybody who asks for the URL. So a page
is stored only if RFC 9111, section 3, lets a shared cache store it, if it does not depend on
anything but the URL, and if it loses nothing that matters with its headers.
"""

from __future__ import annotations

import re
import time
from typing import Optional

from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import parse_http_date_safe
from django.utils.translation import get_language_from_path

from .conf import Options
from .keys import Recipe

# Stores do not take any number; nobody keeps a page for longer.
MOST_SECONDS = 365 * 24 * 3600
# As django.middleware.cache does: anywhere in the header, so no spelling slips through.
_NOT_SHARED = ("private", "no-store", "no-cache")
# RFC 9111, section 3.5.
_SHARED_THOUGH_AUTHORIZED = frozenset(("public", "s-maxage", "must-revalidate"))
# The body is not the page, or must not be shown as one.
_NOT_A_PAGE = (
    "Content-Disposition",
    "Content-Range",
    "X-Accel-Redirect",
    "X-Sendfile",
    "X-LiteSpeed-Location",
)
_DOT_SEGMENT = re.compile(r"/\.\.?(?:/|$)")


def request_refusal(request: HttpRequest) -> Optional[str]:
    """Why the answer to this request is not stored, whatever it may be.

    nginx looks up none of these either.
    """
    if request.method != "GET":
        return "method"
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length != "0" or "HTTP_TRANSFER_ENCODING" in request.META:
        # A view may read the body of a GET: whoever sends one would choose what others see.
        return "body"
    path = request.path
    if path.startswith("//") or _DOT_SEGMENT.search(path):
        # build_absolute_uri() resolves dot segments, the URL resolver does not: the page of one
        # path would be stored under the key of another.
        return "target"
    if not request.META.get("QUERY_STRING", "").isascii():
        # get_full_path() takes these bytes for latin-1, request.GET for UTF-8: two queries that
        # the view tells apart would have one key.
        return "target"
    return None


def response_refusal(
    request: HttpRequest, response: HttpResponseBase, recipe: Recipe, options: Options
) -> Optional[str]:
    """Why this answer is not stored."""
    if response.status_code != 200:
        return "status"
    if response.cookies or response.has_header("Set-Cookie"):
        return "set-cookie"
    return (
        _cache_control_refusal(request, response)
        or _vary_refusal(request, response, recipe, options)
        or _visitor_refusal(request, response)
        or _form_refusal(response, options)
    )


def lifetime(response: HttpResponseBase, given: Optional[int]) -> Optional[int]:
    """For how many seconds to store an answer: what it says itself (RFC 9111, section 4.2.1), else
    what is given. ``None`` is for ever, 0 is not at all.
    """
    directives = cache_control(response)
    for name in ("s-maxage", "max-age"):
        if name in directives:
            # RFC 9111, section 4.2.1: what cannot be understood counts as stale.
            seconds = [_seconds(value) for value in directives[name]]
            return min(*seconds, MOST_SECONDS)
    if response.has_header("Expires"):
        expires = parse_http_date_safe(response["Expires"])
        return 0 if expires is None else min(max(0, int(expires - time.time())), MOST_SECONDS)
    return None if given is None else min(given, MOST_SECONDS)


def cache_control(response: HttpResponseBase) -> dict[str, list[str]]:
    """The directives of Cache-Control: names in lower case, each with all its values."""
    directives: dict[str, list[str]] = {}
    for part in response.get("Cache-Control", "").split(","):
        name, _, value = part.partition("=")
        directives.setdefault(name.strip().lower(), []).append(value.strip().strip('"').strip())
    return directives


def _seconds(value: str) -> int:
    # int() takes signs, underscores and digits of other scripts. Leading zeros are harmless.
    if not re.fullmatch(r"[0-9]+", value):
        return 0
    return int(value) if len(value) <= 12 else MOST_SECONDS


def _cache_control_refusal(request: HttpRequest, response: HttpResponseBase) -> Optional[str]:
    header = response.get("Cache-Control", "").lower()
    if any(word in header for word in _NOT_SHARED):
        return "cache-control"
    if "no-cache" in response.get("Pragma", "").lower():
        return "cache-control"
    authorized = request.META.get("HTTP_AUTHORIZATION") or request.META.get("REMOTE_USER")
    if authorized and _SHARED_THOUGH_AUTHORIZED.isdisjoint(cache_control(response)):
        return "authorization"
    return None


def _vary_refusal(
    request: HttpRequest, response: HttpResponseBase, recipe: Recipe, options: Options
) -> Optional[str]:
    held = set(options.ignore_vary)
    # A body that is not encoded suits everybody; an encoded one is refused below.
    held.add("accept-encoding")
    if recipe.holds_host:
        held.add("host")
    names = {name.strip().lower() for name in response.get("Vary", "").split(",")}
    if not names <= held | {""}:
        return "vary"
    if "accept-language" not in held and _language_was_chosen(request):
        return "vary"
    return None


def _language_was_chosen(request: HttpRequest) -> bool:
    """Whether LocaleMiddleware took the language from a cookie or header.

    It says so in Vary, but only after a decorator has had its turn.
    """
    if not settings.USE_I18N or not hasattr(request, "LANGUAGE_CODE"):
        return False
    urlconf = getattr(request, "urlconf", settings.ROOT_URLCONF)
    if not is_language_prefix_patterns_used(urlconf)[0]:
        return True
    return get_language_from_path(request.path_info) is None


def _visitor_refusal(request: HttpRequest, response: HttpResponseBase) -> Optional[str]:
    """Whether the page was made with something that belongs to one visitor."""
    session = getattr(request, "session", None)
    if getattr(session, "accessed", False) or getattr(session, "modified", False):
        return "session"
    if request.META.get("CSRF_COOKIE_NEEDS_UPDATE"):
        # The page holds a token; the cookie that goes with it is set after the decorators' turn.
        return "csrf"
    messages = getattr(request, "_messages", None)
    if getattr(messages, "_loaded_data", None) or getattr(messages, "_queued_messages", None):
        return "messages"
    policies = response.get("Content-Security-Policy", "") + response.get(
        "Content-Security-Policy-Report-Only", ""
    )
    if "'nonce-" in policies or getattr(request, "_csp_nonce", None):
        return "nonce"
    return None


def _form_refusal(response: HttpResponseBase, options: Options) -> Optional[str]:
    """Whether the body alone would be something else than the answer was."""
    if response.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
        return "content-encoding"
    media_type, _, parameters = response.get("Content-Type", "").lower().partition(";")
    if media_type.strip() not in options.content_types:
        return "content-type"
    charset = re.search(r'charset\s*=\s*"?([^\s";]+)', parameters)
    if charset and charset[1] not in (settings.DEFAULT_CHARSET.lower(), "us-ascii"):
        return "charset"
    if any(response.has_header(name) for name in _NOT_A_PAGE):
        return "header"
    return None
