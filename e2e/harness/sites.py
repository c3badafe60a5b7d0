"""Sites of e2e/site/, each seen through nginx and without it."""

import contextlib
import itertools
import time

import pytest

from . import compare, django


class Side:
    """One site: `nginx` in front of it, `django` directly, compared page by page."""

    numbers = itertools.count(1)

    def __init__(self, server, port, site, version, optional, tls=False):
        self.server, self.port, self.site = server, port, site
        self.version, self.optional = version, optional
        self.tls = tls

    def needs(self, package):
        if package not in self.optional:
            pytest.skip(f"no {package} for Django {self.version} on its Python")

    def nginx(self, target, method="GET", **request):
        return self.server.get(target, method, port=self.port, tls=self.tls, **request)

    def django(self, target, method="GET", headers=(), **request):
        """As nginx passes it on."""
        scheme = "https" if self.tls else "http"
        headers = [*headers, ("X-Forwarded-Proto", scheme)]
        return self.site.get(target, method, headers=headers, **request)

    def fresh(self, path):
        """A target below `path` that nobody has asked for."""
        if "/rest-framework" in path:
            self.needs("rest_framework")
        return f"{path}n{next(self.numbers)}/"

    def misses(self, target, reason="absent", **request):
        """nginx does not find the page, and Django renders it."""
        rendered = self.site.rendered
        answer = self.nginx(target, **request)
        assert answer.cache == f"MISS {reason}"
        assert self.site.rendered == rendered + 1
        return answer

    def hits(self, target, **request):
        """nginx answers, Django does not work, and its own hit is the same."""
        rendered = self.site.rendered
        began = time.monotonic()
        hit = self.nginx(target, **request)
        assert hit.cache == "HIT"
        direct = self.django(target, **request)
        seconds = time.monotonic() - began
        assert self.site.rendered == rendered
        compare.same(hit, direct, seconds)
        return hit

    def stored(self, target, **request):
        """A miss, then hits."""
        first = self.misses(target, **request)
        hit = self.hits(target, **request)
        assert hit.body == first.body
        return hit

    def not_stored(self, target, **request):
        """Django renders it each time."""
        self.misses(target, **request)
        return self.misses(target, **request)


@contextlib.contextmanager
def sites_of(line, names, stores, folder):
    """Starts sites, all at once; the nginx in front of them may start meanwhile."""
    sites = {name: django.Site(line, name, stores, folder) for name in names}
    try:
        yield sites
    finally:
        for site in sites.values():
            site.ask_to_stop()
        for site in sites.values():
            site.stop()
