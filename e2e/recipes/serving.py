"""A site, its store, and the nginx of a recipe: a file of nginx-conf/ as it stands."""

import os
import re
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from harness import nginx, processes

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(__file__).parent / "site"


@dataclass(frozen=True)
class Recipe:
    """`django` is what BLOG_RECIPE says; `edits` are made in the file beside ports and paths."""

    name: str
    conf: str
    django: str
    store: str
    protocol: str
    edits: tuple = ()


README_FORM = (
    ("rust_page_cache memcached://127.0.0.1:11211 key=md5 namespace=:1:site1;", ""),
    ("# rust_page_cache memcached://", "rust_page_cache memcached://"),
)
RECIPES = [
    Recipe("soyrex", "soyrex.conf", "soyrex", "memcached", "fastcgi"),
    Recipe("uwsgi", "uwsgi.conf", "soyrex", "memcached", "uwsgi"),
    Recipe("djanginxed", "djanginxed.conf", "djanginxed", "memcached", "http"),
    Recipe(
        "djanginxed-readme",
        "djanginxed.conf",
        "djanginxed_readme",
        "memcached",
        "http",
        README_FORM,
    ),
    Recipe("nginx-redis-cache", "nginx-redis-cache.conf", "nginx_redis_cache", "redis", "http"),
]


class Store:
    """A memcached or Redis that comes back on the same port."""

    def __init__(self, kind, folder):
        self.start_first, self.folder = getattr(processes, kind), folder
        self.process = self.start_first(folder)
        self.address = self.process.address

    def ready(self):
        self.process.ready()

    def stop(self):
        self.process.stop()

    def start(self):
        first = self.process
        command = [str(part) for part in first.process.args]
        self.process = processes.Process(first.name, command, first.port, self.folder).ready()


class UnixProcess(processes.Process):
    """One that listens on a socket in the file system."""

    def __init__(self, name, command, path, folder, env):
        self.path = path
        super().__init__(name, command, None, folder, env)

    def ready(self):
        def listening():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} has ended: {self.tail()}")
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(str(self.path)) == 0

        processes.wait_until(listening, lambda: f"{self.name} does not listen: {self.tail()}")
        return self


class Blog:
    """The site behind the protocol of a recipe."""

    def __init__(self, recipe, store, folder):
        self.log = folder / "served.log"
        self.log.touch()
        env = {
            "BLOG_RECIPE": recipe.django,
            "BLOG_STORE": store.address,
            "BLOG_DATABASE": str(folder / "blog.sqlite3"),
            "BLOG_LOG": str(self.log),
            "DJANGO_SETTINGS_MODULE": "blog.settings",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "python" / "src"), str(SITE)]),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        python = Path(sys.executable)
        if recipe.protocol == "uwsgi":
            path = folder / "socket"
            self.address = f"unix:{path}"
            command = [*uwsgi(python), "--socket", path]
            self.process = UnixProcess("uwsgi", command, path, folder, env)
            return
        [port] = processes.free_ports(1)
        self.address = f"127.0.0.1:{port}"
        if recipe.protocol == "fastcgi":
            command = [*uwsgi(python), "--fastcgi-socket", self.address]
        else:
            command = [python, "-m", "gunicorn", "--bind", self.address, "--no-control-socket"]
            command += ["blog.wsgi"]
        self.process = processes.Process(recipe.protocol, command, port, folder, env)

    def served(self):
        """(method, script name) of each request so far."""
        return [line.split(" ", 1) for line in self.log.read_text().splitlines()]


def uwsgi(python):
    """One thread: each has a client of its own, that finds out by itself that a store is back."""
    command = [python.with_name("uwsgi"), "--module", "blog.wsgi", "--need-app", "--die-on-term"]
    return [*command, "--vacuum", "--disable-logging"]


class Nginx(nginx.Nginx):
    """`expected` is a pattern of errors that a test has brought about."""

    expected = None

    def errors(self):
        return [
            line
            for line in super().errors()
            if not self.expected or not re.search(self.expected, line)
        ]


def shipped(recipe, blog, store, folder):
    """The file of the recipe, but for ports, paths and what the tests look at."""
    [port] = processes.free_ports(1)
    text = (ROOT / "nginx-conf" / recipe.conf).read_text()
    usual = "127.0.0.1:6379" if recipe.store == "redis" else "127.0.0.1:11211"
    application = {"uwsgi": "unix:/run/uwsgi/app/django/socket"}
    changes = [
        (f"modules/{nginx.NAME}", nginx.MODULE),
        ("127.0.0.1:8080", f"127.0.0.1:{port}"),
        *recipe.edits,
        (usual, store.address),
        (application.get(recipe.protocol, "127.0.0.1:8000"), blog.address),
        ("http {", "http {" + nginx.PLACE + nginx.SEEN),
    ]
    for old, new in changes:
        assert old in text, f"{recipe.conf} has no {old}"
        text = text.replace(old, new)
    return Nginx(f"{nginx.user()} daemon off;\n{text}", [port], folder)
