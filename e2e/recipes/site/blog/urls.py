from django.conf import settings
from django.contrib import admin
from django.urls import path

from . import views


def cached(view):
    """As the recipe has it: a decorator on each view, or a middleware for the site."""
    if settings.RECIPE == "djanginxed":
        from rust_page_cache.djanginxed import cache_page
    elif settings.RECIPE == "djanginxed_readme":
        from rust_page_cache.djanginxed_readme import cache_page
    else:
        return view
    return cache_page(300)(view)


urlpatterns = [
    path("", cached(views.home)),
    path("article/<slug:slug>/", cached(views.article)),
    path("page/<path:rest>", cached(views.page)),
    path("form/", cached(views.form)),
    path("away/", cached(views.away)),
    path("admin/", admin.site.urls),
]
