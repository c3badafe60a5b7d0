"""``manage.py page_key``"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any, Optional

from django.core.management.base import BaseCommand, CommandError

from ... import conf, registry
from ...keys import RECIPES, Page
from ...nginx.pages import words_of_recipe
from ...store import PageStore


class Command(BaseCommand):
    """Prints under which keys the page of a URL is stored."""

    help = (
        "Prints the key of a URL as it is in the store, for every recipe that the site uses, with "
        "the parameters of rust_page_cache that make nginx ask for it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", metavar="URL", help="a URL, or a path")
        parser.add_argument("--recipe", choices=sorted(RECIPES), help="only this recipe")
        parser.add_argument("--all", action="store_true", help="recipes that are not in use, too")
        parser.add_argument("--cache", help="for recipes that are not in use: an alias of CACHES")
        parser.add_argument("--key-prefix", help="for recipes that are not in use: the prefix")

    def handle(self, *args: Any, url: str, **options: Any) -> None:
        try:
            page = Page.from_url(url)
        except ValueError as error:
            raise CommandError(str(error)) from error
        stores = [] if options["key_prefix"] is not None else registry.stores()
        if options["all"] or options["recipe"] or options["key_prefix"] is not None:
            in_use = {store.recipe.name for store in stores}
            wanted = [options["recipe"]] if options["recipe"] else sorted(RECIPES)
            stores = [store for store in stores if store.recipe.name in wanted]
            stores += [
                self._store(name, options["cache"], options["key_prefix"])
                for name in wanted
                if name not in in_use
            ]
        if not stores:
            raise CommandError("no recipe of rust_page_cache is in use; --all shows them all")
        for store in stores:
            self._print(store, page)

    def _store(self, name: str, alias: Optional[str], prefix: Optional[str]) -> PageStore:
        recipe = RECIPES[name]
        alias = conf.default_alias() if alias is None else conf.cache_alias("--cache", alias)
        prefix = conf.check_prefix("--key-prefix", prefix)
        if recipe.holds_host:
            return PageStore(recipe, alias, "", key_prefix=prefix)
        return PageStore(recipe, alias, conf.middleware_prefix() if prefix is None else prefix)

    def _print(self, store: PageStore, page: Page) -> None:
        self.stdout.write(f"{store.recipe.name}, cache {store.alias!r}")
        if store.recipe.holds_host and not page.host:
            self.stdout.write("  key    needs the host: write a URL, https://example.com/path")
            return
        key = store.key(page)
        self.stdout.write(f"  key    {store.full_key(key)}")
        self.stdout.write(f"  stored {self._stored(store, key)}")
        self.stdout.write(f"  nginx  {' '.join(words_of_recipe(store))}")

    def _stored(self, store: PageStore, key: str) -> str:
        if not store.takes(key):
            return "never: the store does not take this key"
        try:
            return "yes" if store.cache.has_key(key) else "no"
        except Exception as error:
            return f"unknown: {type(error).__name__}: {error}"
