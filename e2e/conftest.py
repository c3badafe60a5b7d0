"""What the tests share: stores for all of them, sites and an nginx for each Django.

pytest groups the tests by the parameter of `line`, so one Django is served at a time.
"""

import contextlib
import functools
import itertools
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

pytest.register_assert_rewrite("harness.compare")

from harness import compare, django, nginx, processes  # noqa: E402

SITES = ["views", "whole_site", "whole_site_abroad", "zone_only", "language_only"]
LINES = django.lines()


def pytest_configure(config):
    if not LINES:
        pytest.exit(f"no Django below {django.LINES}: run scripts/setup first", 2)
    if not Path(nginx.MODULE).exists():
        pytest.exit(f"no {nginx.MODULE}: run scripts/build first", 2)


@pytest.fixture(scope="session")
def folder():
    path = Path(tempfile.mkdtemp(prefix="rust-page-cache-e2e-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def stores(folder):
    with contextlib.ExitStack() as stack:
        started = {}
        for start in (processes.memcached, processes.redis):
            started[start.__name__] = start(folder)
            stack.callback(started[start.__name__].stop)
        for store in started.values():
            store.ready()
        yield started


@pytest.fixture(scope="session", params=LINES)
def line(request):
    """A release line of Django, as "4.2"."""
    return request.param


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


@pytest.fixture(scope="session")
def below(line, folder):
    """A folder for that Django's processes."""
    path = folder / line
    path.mkdir()
    path.chmod(0o711)
    return path


@pytest.fixture(scope="session")
def about(line):
    """(the release, optional packages that are there)"""
    return django.about(line)


@pytest.fixture(scope="session")
def served(line, about, stores, below):
    """All sites with that Django, and their nginx."""
    with sites_of(line, SITES, stores, below) as sites, contextlib.ExitStack() as stack:
        server, ports = nginx.sites(about[0], sites, stores, below / "nginx")
        stack.callback(server.stop)
        server.ready()
        sides = {
            name: Side(server, ports[name], site.ready(), *about) for name, site in sites.items()
        }
        yield {**sides, "tls": Side(server, ports["tls"], sites["views"], *about, tls=True)}


@pytest.fixture
def views(served):
    """The site with `cache_page()`."""
    return served["views"]


@pytest.fixture
def whole(served):
    """The site with the cache middleware."""
    return served["whole_site"]


@pytest.fixture
def abroad(served):
    """The site with the cache middleware, another language and time zone."""
    return served["whole_site_abroad"]


@pytest.fixture
def zone_only(served):
    """The site without translations."""
    return served["zone_only"]


@pytest.fixture
def language_only(served):
    """The site without time zones."""
    return served["language_only"]


@pytest.fixture
def tls(served):
    """The site with `cache_page()`, over https."""
    return served["tls"]


@contextlib.contextmanager
def shipping(line, about, stores, below):
    """What serves a site behind a file of nginx-conf/ as it stands: (file, settings, edits)."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def start(name, settings, edits=()):
            """`edits`: (what stands in the file, the settings of the site that goes there)."""
            others = {settings for _, settings in edits}
            sites = stack.enter_context(sites_of(line, [settings, *others], stores, below))
            replacements = [(text, sites[other].ready().address) for text, other in edits]
            site = sites[settings]
            place = below / f"{name}-{settings}"
            server = nginx.shipped(name, about[0], site, stores, place, replacements)
            stack.callback(server.stop)
            server.ready()
            return Side(server, server.port, site.ready(), *about)

        yield start


@pytest.fixture(scope="session")
def shipped(line, about, stores, below):
    """Serves a site behind a file of nginx-conf/: shipped(file, settings)."""
    with shipping(line, about, stores, below) as start:
        yield start


@pytest.fixture(scope="session")
def application(stores, folder):
    """Serves a site of others behind a file of nginx-conf/: application(name, file, settings)."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def environment(name):
            if not django.python(name).exists():
                pytest.skip(f"no Python here for {name}")
            below = folder / name
            below.mkdir()
            below.chmod(0o711)
            return stack.enter_context(shipping(name, django.about(name), stores, below))

        def start(name, conf, settings="settings"):
            return environment(name)(conf, settings)

        yield start
