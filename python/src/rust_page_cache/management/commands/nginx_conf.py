"""``manage.py nginx_conf``"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any, Optional

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from ...nginx import InexpressibleError, Wishes, parts


class Command(BaseCommand):
    """Prints the lines of nginx's configuration for the settings of the site."""

    help = (
        "Prints the lines of nginx's configuration that make rust_page_cache find the pages of "
        "this site, as its settings say and its Django makes their keys. Ends with an error where "
        "nginx cannot read them."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--proxy-pass",
            metavar="URL",
            default=Wishes.proxy_pass,
            help="where nginx reaches Django (default: %(default)s)",
        )
        parser.add_argument(
            "--part", choices=("http", "server"), help="only what stands in that block of nginx"
        )
        parser.add_argument(
            "--cache", metavar="ALIAS", help="of several kinds of pages, those of this cache"
        )
        parser.add_argument("--key-prefix", help="likewise, those with this key prefix")
        parser.add_argument(
            "--public-only",
            action="store_true",
            help="serve only pages that are marked as public, also if no guarded ones were found",
        )
        parser.add_argument(
            "--with-password",
            action="store_true",
            help="print the password of Redis, not PASSWORD in its place",
        )

    def handle(self, *args: Any, part: Optional[str], **options: Any) -> None:
        wishes = Wishes(
            proxy_pass=options["proxy_pass"],
            alias=options["cache"],
            key_prefix=options["key_prefix"],
            public_only=options["public_only"],
            with_password=options["with_password"],
        )
        try:
            found = parts(wishes)
        except (InexpressibleError, ImproperlyConfigured, ImportError) as error:
            raise CommandError(str(error)) from error
        if found.has_password:
            self._warn_of_password(wishes.with_password)
        if part is None:
            self.stdout.write(
                f"# For {settings.SETTINGS_MODULE or 'these settings'} and Django "
                f"{django.get_version()}: manage.py nginx_conf. Run it again when one of them "
                "changes."
            )
        if found.http and part != "server":
            self._write("In http {}:" if part is None else "", found.http)
        if part != "http":
            self._write("In server {}:" if part is None else "", found.server)

    def _write(self, title: str, lines: list[str]) -> None:
        if title:
            self.stdout.write(f"\n# {title}\n")
        # The lines of http {} are indented as in a file of it, and look better here without.
        indented = all(line.startswith("    ") or not line for line in lines)
        for line in lines:
            self.stdout.write(line[4:] if indented else line)

    def _warn_of_password(self, printed: bool) -> None:
        if printed:
            text = "The password of Redis is printed. nginx's file must be read by root only."
        else:
            text = (
                "Redis has a password. Write it, percent-encoded, for PASSWORD in a file that only "
                "root reads; --with-password prints it."
            )
        self.stderr.write(self.style.WARNING(text))
