"""The application: put ``rust_page_cache`` into ``INSTALLED_APPS`` for its checks and commands."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import Tags, register
from django.utils.module_loading import import_string


class RustPageCacheConfig(AppConfig):
    """Checks the settings at start-up."""

    name = "rust_page_cache"
    verbose_name = "rust_page_cache"

    def ready(self) -> None:
        """Raises ``ImproperlyConfigured`` for a setting that nobody can mean."""
        from . import checks, conf
        from .guards.check import check_guards
        from .writer import StorePagesMiddleware

        conf.get_options()
        for path in settings.MIDDLEWARE:
            if path.startswith("rust_page_cache."):
                middleware = import_string(path)
                if issubclass(middleware, StorePagesMiddleware):
                    middleware.writer_from_settings()
        register(checks.check_caches, Tags.caches)
        register(checks.check_settings, Tags.caches)
        register(check_guards, Tags.caches, Tags.security)
        register(checks.check_hosts, Tags.caches, deploy=True)
