"""The Django that answers where no cache does, and Django's own page cache for comparison.

BENCH_CACHED=1: the view is under cache_page() and its pages are in the memcached at MEMCACHED.
"""

import os
import sys
from pathlib import Path

from django.conf import settings

CACHED = os.environ.get("BENCH_CACHED") == "1"

settings.configure(
    ALLOWED_HOSTS=["bench.test"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for measuring",
    TIME_ZONE="UTC",
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    CACHES={
        "default": {
            "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
            "LOCATION": os.environ["MEMCACHED"],
        }
    },
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
)

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.template import engines  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.cache import cache_page  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from driver.pages import SIZES, beginning  # noqa: E402

application = get_wsgi_application()

TEMPLATE = engines["django"].from_string(
    "{{ beginning }}<table>{% for row in rows %}<tr><td>{{ row.number }}</td>"
    "<td>{{ row.name|title }}</td></tr>\n{% endfor %}</table>"
)


def page(request, size, number):
    """A table of as many rows as the size has room for, filled up to the exact length."""
    length = SIZES[size].length
    rows = [{"number": row, "name": f"item {row}"} for row in range(length // 45)]
    text = TEMPLATE.render({"beginning": beginning(size, number), "rows": rows})
    return HttpResponse(text.ljust(length)[:length])


urlpatterns = [path("<str:size>/<int:number>", cache_page(86400)(page) if CACHED else page)]
