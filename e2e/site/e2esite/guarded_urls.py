"""Cached pages behind a guard, with and without the mark that nginx serves."""

from django.contrib.auth.decorators import user_passes_test
from django.urls import path
from django.views.decorators.cache import cache_control, cache_page

from .views import PAGES

cached = cache_page(300)
marked = cache_control(public=True)
# It lets everybody in: what it asks would need a database.
guard = user_passes_test(lambda user: True)

urlpatterns = [
    path("guarded/<path:rest>", guard(cached(PAGES["text"]))),
    path("open/<path:rest>", cached(PAGES["text"])),
    path("marked/<path:rest>", cached(marked(PAGES["text"]))),
]
