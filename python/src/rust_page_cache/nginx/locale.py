"""``lang=`` of a site with LocaleMiddleware: the maps of nginx-conf/django-locale.conf for its
languages. Where they cannot be sure nginx does not look, and Django answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.utils import translation
from django.utils.translation.trans_real import get_supported_language_variant

from .words import InexpressibleError, quoted

# Languages listed from the most to the least wanted, as browsers do it.
_FALLS = r"""        "~*(?x) ^                [a-z]{1,8}(-[a-z0-9]{1,8})*
                 (,[ ]*[a-z]{1,8}(-[a-z0-9]{1,8})*)*
"""
_FALLS_BY = r"                 (,[ ]*[a-z]{1,8}(-[a-z0-9]{1,8})*;q=0\.%d)*"


@dataclass
class Languages:
    """What nginx needs to know the language of a request."""

    http: list[str] = field(default_factory=list)
    lang: str = "$language"
    bypass: str = "$language_is_unsure"
    # Headers that LocaleMiddleware adds: name and variable.
    headers: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def languages() -> Languages:
    """The maps for ``LANGUAGES``."""
    codes = [code for code, _ in settings.LANGUAGES if translation.check_for_language(code)]
    for code in (*codes, settings.LANGUAGE_CODE):
        if not re.fullmatch(r"[A-Za-z0-9@_-]+", code):
            raise InexpressibleError(f"LANGUAGES has {code!r}, which is no language code.")
    in_url, default_in_url = is_language_prefix_patterns_used(settings.ROOT_URLCONF)
    plain = all("-" not in code for code in codes)
    found = Languages()
    cookie = settings.LANGUAGE_COOKIE_NAME
    if plain:
        found.http += _of_field(codes)
    else:
        found.notes.append(
            "LANGUAGES has languages with a region: which of them Accept-Language means is more "
            "than a few patterns can tell. Visitors who send it are left to Django, unless the URL "
            "or the cookie names the language."
        )
        found.http += _block("$http_accept_language", "$language_of_field", _only_without_field())
    found.http += _of_cookie(codes, cookie, found.notes)
    found.http += _of_url(codes, in_url, default_in_url, plain)
    found.http += _block("$language", "$language_is_unsure", ["unsure 1;"])
    _headers(found, codes, in_url, plain)
    return found


def _default() -> str:
    """The language of a visitor who wishes none of the site's."""
    try:
        return str(get_supported_language_variant(settings.LANGUAGE_CODE))
    except LookupError:
        return str(settings.LANGUAGE_CODE)


def _only_without_field() -> list[str]:
    return ["default unsure;", f'"" {quoted(_default())};']


def _of_field(codes: list[str]) -> list[str]:
    falls = _FALLS + "\n".join(_FALLS_BY % weight for weight in range(9, 0, -1)) + ' $" 1;'
    lines = ["    map $http_accept_language $accept_language_falls {", "        default 0;"]
    lines += ['        "" 1;', *falls.splitlines(), "    }"]
    any_of = "|".join(codes)
    entries = [f"default {quoted(_default())};", "~^0: unsure;"]
    entries += [
        rf'"~*^1:(?:(?!(?:{any_of})[-,;])[^,]*, *+)*{code}(?:[-,;]|$)" {code};' for code in codes
    ]
    source = "$accept_language_falls:$http_accept_language"
    return lines + _block(source, "$language_of_field", entries)


def _of_cookie(codes: list[str], cookie: str, notes: list[str]) -> list[str]:
    entries = ["default unsure;", '"" $language_of_field;']
    if not re.fullmatch(r"\w+", cookie, re.ASCII):
        notes.append(
            f"LANGUAGE_COOKIE_NAME is {cookie!r}, which no variable of nginx can name: visitors "
            "with any cookie are left to Django, unless the URL names the language."
        )
        return _block("$http_cookie", "$language_of_visitor", entries)
    entries += [f"~^{re.escape(code)}$ {code};" for code in codes]
    return _block(f"$cookie_{cookie}", "$language_of_visitor", entries)


def _of_url(codes: list[str], in_url: bool, default_in_url: bool, plain: bool) -> list[str]:
    otherwise = "$language_of_visitor"
    if in_url and not default_in_url:
        otherwise = quoted(settings.LANGUAGE_CODE)
    entries = [f"default {otherwise};"]
    if in_url:
        entries += [f'"{_path(code, plain)}" {code};' for code in codes]
        if not plain:
            # Django may take /pt/ or /pt-ao/ for pt-br.
            entries.append(r'"~^/\w+(?:[@-]\w+){0,2}(?:/|$)" unsure;')
    return _block("$uri", "$language", entries)


def _path(codes: str, plain: bool) -> str:
    return f"~^/{codes}(?:-[A-Za-z0-9]+)?(?:/|$)" if plain else f"~^/{codes}(?:/|$)"


def _headers(found: Languages, codes: list[str], in_url: bool, plain: bool) -> None:
    source = "$rust_page_cache_status:$sent_http_content_language"
    found.http += _block(source, "$add_content_language", ["HIT: $language;"])
    entries = ["default Accept-Language;"]
    if in_url:
        any_of = f"(?:{'|'.join(codes)})"
        entries.append(f'"{_path(any_of, plain)}" "";')
    found.http += _block("$uri", "$vary_of_language", entries)
    entries = ['"~*^HIT:.*accept-language" "";', "~^HIT: $vary_of_language;"]
    found.http += _block("$rust_page_cache_status:$sent_http_vary", "$add_vary", entries)
    found.headers += [("Content-Language", "$add_content_language"), ("Vary", "$add_vary")]


def _block(source: str, variable: str, entries: list[str]) -> list[str]:
    return [f"    map {source} {variable} {{", *(f"        {line}" for line in entries), "    }"]
