"""Every page without a decorator: the cache middleware does it."""

from django.urls import path

from .views import PAGES

urlpatterns = [path(f"{name}/<path:rest>", view) for name, view in PAGES.items()]
