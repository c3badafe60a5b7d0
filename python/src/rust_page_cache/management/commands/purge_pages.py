"""``manage.py purge_pages``"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from ...purge import purge_path, purge_url


class Command(BaseCommand):
    """Deletes pages by URL or by path."""

    help = (
        "Deletes stored pages. A path (/blog/) stands for all its pages: every host and every "
        "query string. A URL (https://example.com/blog/?page=2) or a path with a query string "
        "stands for exactly that page."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("urls", nargs="+", metavar="URL", help="a URL or a path")
        parser.add_argument(
            "--all-variants",
            action="store_true",
            help="every host and query string of a URL's path, too",
        )

    def handle(self, *args: Any, urls: list[str], **options: Any) -> None:
        failed = False
        for url in urls:
            is_path = url.startswith("/") and not url.startswith("//") and "?" not in url
            purge = purge_path if is_path or options["all_variants"] else purge_url
            try:
                deleted = purge(url, fail_silently=False)
            except (ValueError, ImproperlyConfigured) as error:
                raise CommandError(str(error)) from error
            except Exception as error:
                self.stderr.write(f"{url}: not purged: {type(error).__name__}: {error}")
                failed = True
            else:
                self.stdout.write(f"{url}: {deleted} deleted")
        if failed:
            raise CommandError(
                "the cache failed: these pages may be served until their time is over"
            )
