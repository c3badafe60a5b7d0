"""Pages whose language stands in the URL, and pages where it does not."""

from django.conf.urls.i18n import i18n_patterns
from django.urls import path
from django.views.decorators.cache import cache_page

from .views import PAGES

pages = [path(f"{name}/<path:rest>", cache_page(300)(view)) for name, view in PAGES.items()]
# A path that begins like a language's.
pages.append(path("deutsch/<path:rest>", cache_page(300)(PAGES["here"])))
urlpatterns = pages + i18n_patterns(*pages, path("only/here/", PAGES["here"], {"rest": ""}))
