"""Every cache backend that nginx can read: MISS, then Django's own HIT; deletions seen at once."""

import pytest

BACKENDS = [
    "default",
    "prefixed",
    "pymemcache",
    "pylibmc",
    "compressed",
    "django-redis",
    "django-redis-zlib",
    "django-redis-gzip",
    "django-redis-lzma",
    "django-redis-zstd",
    "django-redis-lz4",
    "django-redis-pickle2",
]


@pytest.fixture(params=BACKENDS)
def backend(request, views):
    if request.param == "pylibmc":
        views.needs("pylibmc")
    return request.param


@pytest.mark.parametrize("page", ["text", "json", "template", "large", "empty", "by-cookie"])
def test_a_stored_page(views, backend, page):
    views.stored(views.fresh(f"/{backend}/{page}/"))


def test_deleted(views, backend):
    target = views.fresh(f"/{backend}/text/")
    hit = views.stored(target)
    assert views.site.delete(target, backend) == hit.get("X-Cache-Key")
    views.stored(target)


def test_cleared(views, backend):
    target = views.fresh(f"/{backend}/by-headers/")
    views.stored(target, headers=[("X-Beta", "1")])
    views.site.clear(backend)
    views.stored(target, headers=[("X-Beta", "1")])


def test_key_prefix_of_the_decorator(views):
    target = views.fresh("/key-prefix/text/")
    hit = views.stored(target)
    assert ".decorator.GET." in hit.get("X-Cache-Key")
    assert views.site.delete(target, "default", key_prefix="decorator")
    views.misses(target)
