"""Pages that count how often Django had to render them, and take comments."""

import collections
import time

from django.core.cache import cache
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import get_cache_key
from django.views.decorators.cache import cache_page
from django.views.decorators.http import require_http_methods

from .pages import stored_in_redis

# In the memory of the one process that the demo runs: a database would prove no more.
rendered = collections.Counter()
comments = collections.defaultdict(lambda: collections.deque(maxlen=20))

WORK_SECONDS = 0.05  # stands for the queries of a real page


def front(request):
    """Never stored; nginx has no rust_page_cache here."""
    return render(request, "front.html")


def page(request, name):
    """A page with a comment form; a comment changes the page."""
    if request.method == "POST":
        comments[request.path].append(request.POST.get("comment", "")[:200])
        return HttpResponseRedirect(request.path)
    time.sleep(WORK_SECONDS)
    rendered[request.path] += 1
    return render(
        request,
        "page.html",
        {
            "name": name,
            "rendered": rendered[request.path],
            "now": timezone.now(),
            "comments": comments[request.path],
        },
    )


def forget(request):
    """Deletes the page that cache_page() has stored for this URL."""
    if key := get_cache_key(request, method="GET"):
        cache.delete(key)


@require_http_methods(["GET", "HEAD", "POST"])
@cache_page(300)
def stock(request, name):
    """Nothing here knows of nginx."""
    response = page(request, name)
    if request.method == "POST":
        forget(request)
    return response


methods = require_http_methods(["GET", "HEAD", "POST"])
in_memcached = methods(page)
in_redis = methods(stored_in_redis(page))
