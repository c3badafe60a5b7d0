"""Which pages a site stores, and the ``rust_page_cache`` line that finds each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from django.conf import settings
from django.utils import timezone

from .. import registry
from ..guards.findings import View
from ..guards.known import NamedGuards
from ..guards.middleware import stack
from ..store import PageStore
from . import form
from .store import Store, store_of
from .words import parameter, quoted, with_variables

_HOST_AND_PATH = "$rust_page_cache_host$rust_page_cache_full_path"
# What the module takes unasked.
_LANG, _TIMEZONE = "en-us", "UTC"


@dataclass(frozen=True)
class Pages:
    """Pages that one line finds: those of an alias and prefix of Django's cache, or of a recipe
    of this package."""

    alias: str
    key_prefix: str
    routes: tuple[str, ...] = ()
    whole_site: bool = False
    recipe: Optional[PageStore] = None

    @property
    def is_djangos(self) -> bool:
        """Whether whole responses are stored, and not bodies."""
        return self.recipe is None

    def about(self) -> str:
        """In words, for a comment."""
        if self.recipe is not None:
            return f"pages of the recipe {self.recipe.recipe.name}"
        if self.whole_site:
            return "pages of the cache middleware"
        prefix = f" and the key prefix {self.key_prefix!r}" if self.key_prefix else ""
        where = f": {', '.join(self.routes)}" if self.routes else ""
        return f"pages of cache_page() in CACHES[{self.alias!r}]{prefix}{where}"


def pages_of(views: list[View]) -> list[Pages]:
    """All kinds of pages of the site: of the whole site, then of most views, then bodies."""
    found: list[Pages] = []
    site = stack(NamedGuards()).caches_site
    if site:
        alias, prefix = settings.CACHE_MIDDLEWARE_ALIAS, settings.CACHE_MIDDLEWARE_KEY_PREFIX
        found.append(Pages(alias, prefix, whole_site=True))
    routes: dict[tuple[str, str], list[str]] = {}
    for view in views:
        cached = view.around.cached
        if cached.name == "cache_page()" and cached.alias is not None:
            routes.setdefault((cached.alias, cached.key_prefix or ""), []).extend(view.routes)
    of_views = [
        Pages(alias, prefix, tuple(dict.fromkeys(given)))
        for (alias, prefix), given in routes.items()
    ]
    found += sorted(of_views, key=lambda pages: -len(pages.routes))
    recipes = [Pages(store.alias, store.prefix, recipe=store) for store in registry.stores()]
    return found + recipes


@dataclass(frozen=True)
class Line:
    """A ``rust_page_cache`` line, and the store that it names."""

    text: str
    store: Store


def line_of(pages: Pages, lang: Optional[str], uri: str, with_password: bool) -> Line:
    """The line for some pages. ``lang`` is a variable, or ``None`` for what the settings say.
    Raises :class:`InexpressibleError`."""
    if pages.recipe is not None:
        return _line_of_recipe(pages.recipe, with_password)
    store = store_of(pages.alias, with_password)
    words = [quoted(store.word)]
    release = form.word()
    if release:
        words.append(f"django={release}")
    if store.namespace != ":1:":
        words.append(parameter("namespace", store.namespace))
    if pages.key_prefix:
        words.append(parameter("prefix", pages.key_prefix))
    if lang is not None:
        words.append(f"lang={lang}")
    elif not settings.USE_I18N:
        words.append("lang=")
    elif settings.LANGUAGE_CODE != _LANG:
        words.append(parameter("lang", settings.LANGUAGE_CODE))
    # Django's name of it, which is not always TIME_ZONE: -03 for Etc/GMT+3.
    zone = timezone.get_default_timezone_name() if settings.USE_TZ else ""
    if zone != _TIMEZONE:
        words.append(parameter("timezone", zone))
    if uri:
        words.append(f"uri={uri}")
    return Line(f"rust_page_cache {' '.join(words)};", store)


def _line_of_recipe(recipe: PageStore, with_password: bool) -> Line:
    store = store_of(recipe.alias, with_password)
    words = [quoted(store.word), *words_of_recipe(recipe)]
    return Line(f"rust_page_cache {' '.join(words)};", store)


def words_of_recipe(store: PageStore) -> list[str]:
    """What ``rust_page_cache`` needs beside STORE to find the bodies of a recipe."""
    namespace, prefix = store.full_key(""), store.prefix
    if store.recipe.name == "soyrex":
        words = ["key=prefix", parameter("prefix", prefix) if prefix else ""]
    elif store.recipe.name == "djanginxed":
        words, namespace = ["key=md5"], namespace + prefix
    elif store.recipe.name == "djanginxed-readme":
        words = ["key=md5", parameter("prefix", prefix) if prefix else ""]
    else:
        words = ["key=md5", with_variables(f"uri={_HOST_AND_PATH}")]
    return [word for word in (*words, parameter("namespace", namespace)) if word]


def check_form() -> Optional[str]:
    """What is to be said of a Django whose keys the module does not know."""
    if form.word() is not None:
        return None
    return (
        "this Django makes the keys of pages that vary in a way that rust_page_cache does not "
        "know: such pages come from Django. Other pages are found."
    )
