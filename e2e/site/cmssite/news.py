"""The pages of the apphook."""

import functools

from controls import count_one
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import cache_page


def cached(seconds):
    """cache_page() for visitors: what is stored has no editor's toolbar in it."""

    def decorate(view):
        stored = cache_page(seconds)(view)

        @functools.wraps(view)
        def choose(request, *args, **kwargs):
            editor = request.user.is_authenticated or request.toolbar.show_toolbar
            return (view if editor else stored)(request, *args, **kwargs)

        return choose

    return decorate


@cached(300)
def article(request, title):
    response = render(request, "news.html", {"title": title})
    response["X-Rendered"] = str(count_one())
    return response


app_name = "news"
urlpatterns = [path("<path:title>/", article)]
