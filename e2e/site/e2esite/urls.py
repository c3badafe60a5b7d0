"""Every page below the name of every cache: /pymemcache/text/..., with `cache_page()`."""

from django.conf import settings
from django.urls import path
from django.views.decorators.cache import cache_page

from .views import PAGES

urlpatterns = [
    path(f"{cache}/{name}/<path:rest>", cache_page(300, cache=cache)(view))
    for cache in settings.CACHES
    for name, view in PAGES.items()
]
# The prefix of the decorator.
urlpatterns += [
    path(f"key-prefix/{name}/<path:rest>", cache_page(300, key_prefix="decorator")(view))
    for name, view in PAGES.items()
]
# Of which nginx serves those that say that they are public.
urlpatterns += [
    path(f"public-only/{name}/<path:rest>", cache_page(300)(view)) for name, view in PAGES.items()
]
# The very same views without it.
urlpatterns += [path(f"{name}/<path:rest>", view) for name, view in PAGES.items()]
