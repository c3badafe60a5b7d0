"""All the lines for a site, for ``http {}`` and for its ``server {}``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Optional

from django.conf import settings

from ..conf import get_options
from ..guards.check import advises_public_only, named_guards
from ..guards.findings import Finding, View, find, views
from . import headers, locale, pages
from .pages import Line, Pages, line_of, pages_of
from .words import InexpressibleError

_WIDTH = 96
_OVER_HTTP = "http://$rust_page_cache_host$rust_page_cache_full_path"


@dataclass(frozen=True)
class Wishes:
    """What the settings cannot say."""

    proxy_pass: str = "http://127.0.0.1:8000"
    # Of several kinds of pages, those of this alias, and of this key prefix.
    alias: Optional[str] = None
    key_prefix: Optional[str] = None
    public_only: bool = False
    with_password: bool = False


@dataclass
class Parts:
    """The lines of both parts, and what to say of them beside."""

    http: list[str] = field(default_factory=list)
    server: list[str] = field(default_factory=list)
    has_password: bool = False


def parts(wishes: Wishes) -> Parts:
    """The lines for the settings in force. Raises :class:`InexpressibleError`, and
    ``ImportError`` for a guard that is named and not there."""
    named = named_guards()
    cached = views(named)
    every = pages_of(cached)
    chosen = _chosen(every, wishes)
    found = Parts()
    site = _Site(chosen, wishes, found)
    site.about(any(pages is chosen for pages in every))
    site.location([finding for finding in find(cached) if advises_public_only(finding)], cached)
    site.others([pages for pages in every if pages is not chosen])
    return found


def _chosen(every: list[Pages], wishes: Wishes) -> Pages:
    fitting = [
        pages
        for pages in every
        if wishes.alias in (None, pages.alias) and wishes.key_prefix in (None, pages.key_prefix)
    ]
    return fitting[0] if fitting else Pages(wishes.alias or "default", wishes.key_prefix or "")


class _Site:
    """Writes the lines for the chosen pages."""

    def __init__(self, chosen: Pages, wishes: Wishes, found: Parts) -> None:
        self.chosen, self.wishes, self.found = chosen, wishes, found
        self.fields = headers.for_django()
        self.languages: Optional[locale.Languages] = None
        if chosen.is_djangos and settings.USE_I18N and headers.has_middleware("LocaleMiddleware"):
            self.languages = locale.languages()

    def about(self, in_use: bool) -> None:
        """What stands above the location."""
        names = [host for host in settings.ALLOWED_HOSTS if host != "*"]
        self._say(
            f"The server block names the site (server_name {' '.join(names) or '...'};); another "
            "one, with default_server and return 444, takes requests for any other Host."
        )
        if not in_use:
            self._say(
                "No cache middleware, no cache_page() and no recipe of this package was found: "
                f"these lines are for a cache_page() in CACHES[{self.chosen.alias!r}]."
            )
        note = pages.check_form() if self.chosen.is_djangos else None
        if note:
            self._say(note[0].upper() + note[1:])

    def location(self, guarded: list[Finding], cached: Iterable[View]) -> None:
        """The location, and ``@django``."""
        line = self._line(self.chosen)
        self.found.has_password = line.store.has_password
        for note in line.store.notes:
            self._say(note)
        script_name = (settings.FORCE_SCRIPT_NAME or "").strip("/")
        self.found.server.append(f"location /{script_name}{'/' if script_name else ''} {{")
        self._out(line.text)
        if self.chosen.is_djangos:
            self._djangos(guarded, cached)
        else:
            self._out("default_type text/html;")
            self._out(f"charset {settings.DEFAULT_CHARSET};")
        # A named location cannot take the name of the script off the path.
        url = self.wishes.proxy_pass.rstrip("/")
        if script_name:
            self._passes([f"    proxy_pass {url}/;"])
        else:
            self.found.server += ["}", "location @django {"]
            self._passes([f"    proxy_pass {url};"])
        self.found.server.append("}")

    def others(self, others: list[Pages]) -> None:
        """The lines for pages that want a location of their own."""
        for other in others:
            try:
                text = self._line(other).text
            except InexpressibleError as error:
                text = str(error)
            self.found.server.append("")
            self._say(f"A location of their own is needed for the {other.about()}")
            self._say(f"    {text}")

    def _line(self, which: Pages) -> Line:
        lang = self.languages.lang if self.languages and which.is_djangos else None
        uri = "" if settings.SECURE_PROXY_SSL_HEADER or settings.SECURE_SSL_REDIRECT else _OVER_HTTP
        return line_of(which, lang, uri, self.wishes.with_password)

    def _djangos(self, guarded: list[Finding], cached: Iterable[View]) -> None:
        if self.languages:
            self._out(f"rust_page_cache_bypass {self.languages.bypass};")
            for note in self.languages.notes:
                self._say(note, "    ")
        self._scheme()
        self._public_only(guarded)
        self._set_headers(cached)
        self._add_headers()

    def _scheme(self) -> None:
        if settings.SECURE_PROXY_SSL_HEADER:
            return
        if settings.SECURE_SSL_REDIRECT:
            self._say(
                "SECURE_PROXY_SSL_HEADER is not set. Django learns of https from the server that "
                "runs it (gunicorn: X-Forwarded-Proto), or redirects for ever.",
                "    ",
            )
            return
        self._say(
            "SECURE_PROXY_SSL_HEADER is not set: Django takes every request for http, and stores "
            "its page under http://. If the site is on https, set it and run this again. (If the "
            "server that runs Django learns of https otherwise, remove uri=.)",
            "    ",
        )

    def _public_only(self, guarded: list[Finding]) -> None:
        if not (guarded or self.wishes.public_only or get_options().public_only):
            return
        if guarded:
            names = ", ".join(dict.fromkeys(finding.view.routes[0] for finding in guarded))
            self._say(
                f"Cached behind a guard that nginx does not ask (manage.py check): {names}. So "
                "only pages that are marked are served: @cache_control(public=True) below "
                "@cache_page().",
                "    ",
            )
        self._out("rust_page_cache_public_only on;")

    def _set_headers(self, cached: Iterable[View]) -> None:
        for name, value in self.fields:
            self._out(f"rust_page_cache_set_header {name} {value};")
        if headers.has_middleware("GZipMiddleware"):
            self._say(
                "GZipMiddleware goes by Accept-Encoding. If nginx takes that from Django "
                '(proxy_set_header Accept-Encoding ""), then: '
                'rust_page_cache_set_header Accept-Encoding "";',
                "    ",
            )
        for name in headers.remote_user_fields():
            self._say(
                f"{name} says who a user is. Nobody but nginx may set it: proxy_set_header {name} "
                f"$user; below, and here rust_page_cache_set_header {name} $user;",
                "    ",
            )
        set_by_nginx = {name.lower() for name, _ in self.fields}
        for name, routes in sorted(_varying(cached).items()):
            if name not in set_by_nginx and not headers.is_clients_own(name):
                self._say(
                    f"Pages vary on {name.title()} ({', '.join(routes)}). They are found when "
                    "nginx knows what Django gets: "
                    f"rust_page_cache_set_header {name.title()} ...; with what proxy_set_header "
                    f"says, or with $http_{name.replace('-', '_')} if it is the client's own word.",
                    "    ",
                )

    def _add_headers(self) -> None:
        self.found.http += headers.scheme_map()
        if self.languages:
            self.found.http += self.languages.http
        # The cache middleware has stored all headers.
        if self.chosen.whole_site:
            return
        before: list[tuple[str, str]] = []
        after: list[tuple[str, str]] = []
        for added in headers.added():
            self.found.http += added.map()
            lines = before if headers.within_locale(added) else after
            lines.append((added.name, added.variable))
        own = self.languages.headers if self.languages else []
        for name, variable in (*before, *own, *after):
            self._out(f"add_header {name} {variable} always;")
        strangers = headers.strangers()
        if strangers:
            self._say(
                f"If these add headers, nginx has to do so too: {', '.join(strangers)}.", "    "
            )

    def _passes(self, last: list[str]) -> None:
        fields = [("Host", "$rust_page_cache_host"), *self.fields]
        self.found.server += [*headers.proxy_lines(fields), *last]

    def _out(self, line: str) -> None:
        self.found.server += _folded(f"    {line}")

    def _say(self, text: str, indent: str = "") -> None:
        self.found.server += comment(text, indent)


def _varying(cached: Iterable[View]) -> dict[str, list[str]]:
    """The fields that decorators name in Vary, and the routes."""
    found: dict[str, list[str]] = {}
    for view in cached:
        for name in view.around.varies():
            found.setdefault(name, []).extend(view.routes)
    return found


def comment(text: str, indent: str = "") -> list[str]:
    """A text as comment lines."""
    lines, line = [], ""
    for word in text.split():
        if line and len(indent) + len(line) + len(word) + 3 > _WIDTH:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
    return [f"{indent}# {one}" for one in (*lines, line)]


def _folded(line: str) -> list[str]:
    """A directive over several lines, if it is long; its quoted words stay whole."""
    if len(line) <= _WIDTH or '"' in line:
        return [line]
    first, *words = line.split()
    lines, current = [], f"    {first}"
    for word in words:
        if len(current) + len(word) + 1 > _WIDTH:
            lines.append(current)
            current = " " * (5 + len(first)) + word
        else:
            current += f" {word}"
    return [*lines, current]
