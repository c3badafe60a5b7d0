"""Headers of nginx's two sides: what Django gets, and what it would have added to a page.

``cache_page()`` stores a page before the middlewares around it add headers to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from .words import quoted, with_variables

# Middlewares of Django's that add headers to every page, whatever it is.
_ADD = ("SecurityMiddleware", "XFrameOptionsMiddleware", "ContentSecurityPolicyMiddleware")
_LOCALE = "LocaleMiddleware"
# What they have in common for all pages; others are the site's own.
_SILENT = (
    "AuthenticationMiddleware",
    "BrokenLinkEmailsMiddleware",
    "CommonMiddleware",
    "ConditionalGetMiddleware",
    "CsrfViewMiddleware",
    "CurrentSiteMiddleware",
    "FlatpageFallbackMiddleware",
    "GZipMiddleware",
    "LoginRequiredMiddleware",
    "MessageMiddleware",
    "PersistentRemoteUserMiddleware",
    "RedirectFallbackMiddleware",
    "RemoteUserMiddleware",
    "SessionMiddleware",
    "UpdateCacheMiddleware",
    "FetchFromCacheMiddleware",
)


@dataclass(frozen=True)
class Added:
    """A header that a middleware adds: to every page, or to those over https."""

    name: str
    value: str
    middleware: str
    only_https: bool = False

    @property
    def variable(self) -> str:
        """The variable of its map."""
        return "$add_" + self.name.lower().replace("-", "_")

    def map(self) -> list[str]:
        """Its map: to pages from the store that have none, as the middleware does it."""
        sent = f"$sent_http_{self.name.lower().replace('-', '_')}"
        source, key = f"$rust_page_cache_status:{sent}", "HIT:"
        if self.only_https:
            source, key = f"$rust_page_cache_status:$scheme:{sent}", "HIT:https:"
        return [
            f"    map {source} {self.variable} {{",
            f"        {key} {quoted(self.value)};",
            "    }",
        ]


def added() -> list[Added]:
    """What the middlewares of the site add to a page, in Django's order: they are asked."""
    found: dict[str, Added] = {}
    for path in reversed(settings.MIDDLEWARE):
        item = import_string(path)
        if not isinstance(item, type) or not _is_one_of(item, _ADD):
            continue
        plain, secure = (_answer(item, https) for https in (False, True))
        for name, value in secure.items():
            found.setdefault(name, Added(name, value, path, name not in plain))
    return list(found.values())


def within_locale(header: Added) -> bool:
    """Whether a middleware adds it before LocaleMiddleware does its own."""
    paths = list(settings.MIDDLEWARE)
    places = [at for at, path in enumerate(paths) if _is_one_of(import_string(path), (_LOCALE,))]
    return bool(places) and paths.index(header.middleware) > places[0]


def strangers() -> list[str]:
    """Middlewares whose headers nobody here knows."""
    known = (*_ADD, *_SILENT, _LOCALE)
    items = ((path, import_string(path)) for path in settings.MIDDLEWARE)
    return [path for path, item in items if not _is_one_of(item, known)]


def has_middleware(name: str) -> bool:
    """Whether a middleware of Django's, by the name of its class, or a subclass is in use."""
    return any(_is_one_of(import_string(path), (name,)) for path in settings.MIDDLEWARE)


def remote_user_fields() -> list[str]:
    """The fields by which RemoteUserMiddleware knows users, as ``X-Remote-User``."""
    found = []
    for path in settings.MIDDLEWARE:
        item = import_string(path)
        header = getattr(item, "header", "")
        if _is_one_of(item, ("RemoteUserMiddleware",)) and header.startswith("HTTP_"):
            found.append(field_of(header))
    return found


def field_of(wsgi: str) -> str:
    """The name of a field, of its name in WSGI's environment."""
    return wsgi.removeprefix("HTTP_").replace("_", "-").title()


def for_django() -> list[tuple[str, str]]:
    """The fields that nginx sends to Django, with what of the settings they follow, but Host."""
    fields = [("X-Forwarded-For", "$proxy_add_x_forwarded_for")]
    secure = settings.SECURE_PROXY_SSL_HEADER
    if secure:
        fields.append((field_of(secure[0]), scheme_variable()))
    elif settings.SECURE_SSL_REDIRECT:
        fields.append(("X-Forwarded-Proto", "$scheme"))
    if settings.USE_X_FORWARDED_HOST:
        fields.append(("X-Forwarded-Host", "$rust_page_cache_host"))
    if settings.USE_X_FORWARDED_PORT:
        fields.append(("X-Forwarded-Port", "$server_port"))
    return fields


def scheme_variable() -> str:
    """The variable with the value of ``SECURE_PROXY_SSL_HEADER``."""
    value = settings.SECURE_PROXY_SSL_HEADER[1]
    return {"https": "$scheme", "on": "$https"}.get(value, "$scheme_for_django")


def scheme_map() -> list[str]:
    """The map for a value of ``SECURE_PROXY_SSL_HEADER`` that nginx has no variable for."""
    secure = settings.SECURE_PROXY_SSL_HEADER
    if not secure or scheme_variable() != "$scheme_for_django":
        return []
    return [
        "    map $scheme $scheme_for_django {",
        f"        https {quoted(secure[1])};",
        "    }",
    ]


# The client's own: page-cache/src/key/field.rs.
_OWN = re.compile(
    r"(?:accept|accept-charset|accept-encoding|accept-language|cookie|dnt|origin|prefer|priority"
    r"|referer|save-data|upgrade-insecure-requests|user-agent|viewport-width|width|device-memory"
    r"|dpr|downlink|ect|rtt|x-requested-with|turbo-frame|x-turbo-request-id|x-csrftoken|rsc"
    r"|(?:sec-|x-pjax|hx-|x-inertia|x-up-|x-alpine-|next-).*)",
    re.IGNORECASE | re.ASCII,
)


def is_clients_own(field: str) -> bool:
    """Whether the module takes a field from the client unasked."""
    return _OWN.fullmatch(field) is not None


def proxy_lines(fields: Iterable[tuple[str, str]]) -> list[str]:
    """``proxy_set_header`` lines."""
    return [f"    proxy_set_header {name} {with_variables(value)};" for name, value in fields]


def _answer(middleware: type, https: bool) -> dict[str, str]:
    request = HttpRequest()
    request.method, request.path = "GET", "/"
    request.META.update({"SERVER_NAME": "localhost", "SERVER_PORT": "443" if https else "80"})
    request.is_secure = lambda: https  # type: ignore[method-assign]
    request._get_scheme = lambda: "https" if https else "http"  # type: ignore[attr-defined]
    before = set(HttpResponse().headers)
    instance = middleware(lambda request: HttpResponse())
    # process_request() might redirect to https.
    response = instance.process_response(request, HttpResponse())
    return {name: value for name, value in response.items() if name not in before}


def _is_one_of(item: object, names: tuple[str, ...]) -> bool:
    mro = item.__mro__ if isinstance(item, type) else ()
    return any(cls.__name__ in names and cls.__module__.startswith("django.") for cls in mro)
