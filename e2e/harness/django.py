"""A Django site under gunicorn."""

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import urlencode

from . import client
from .processes import Process, free_ports

ROOT = Path(__file__).resolve().parents[2]
SITES = ROOT / "e2e" / "site"
LINES = ROOT / "build" / "e2e"  # one environment for each release line; scripts/setup makes them
OPTIONAL = ["pylibmc", "rest_framework"]  # packages that not every line has
# Environments beside the lines, for an application of others; the project of e2e/site that uses it.
APPLICATIONS = {"wagtail": "wagtailsite", "cms": "cmssite"}


def lines():
    """The release lines of Django that are installed, as "4.2"."""
    found = [path.name.removeprefix("django-") for path in LINES.glob("django-*")]
    return sorted(found, key=lambda line: [int(part) for part in line.split(".")])


def python(line):
    """That of a release line, or of an application."""
    return LINES / (line if line in APPLICATIONS else f"django-{line}") / "bin" / "python"


def about(line):
    """(the release, which of OPTIONAL are there)"""
    code = "import django, importlib.util as u; print(django.__version__, *filter(u.find_spec, %r))"
    output = subprocess.run(
        [python(line), "-c", code % (OPTIONAL,)], check=True, capture_output=True, text=True
    ).stdout
    version, *optional = output.split()
    return version, optional


def environment(line, settings, stores):
    """What the site with these settings runs with."""
    return {
        "DJANGO_SETTINGS_MODULE": f"{APPLICATIONS.get(line, 'e2esite.settings')}.{settings}",
        "E2E_MEMCACHED": stores["memcached"].address,
        "E2E_REDIS": stores["redis"].address,
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def nginx_conf(line, settings, stores, *arguments):
    """What manage.py nginx_conf prints, and what it says beside."""
    path = f"{ROOT / 'python' / 'src'}:{SITES}"
    done = subprocess.run(
        [python(line), "-m", "django", "nginx_conf", *arguments],
        env={**os.environ, **environment(line, settings, stores), "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def populate(interpreter, project, env):
    """Makes the database of an application's project."""
    made = subprocess.run(
        [interpreter, "-m", f"{project}.populate"],
        cwd=SITES,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr


class Site:
    """One of e2e/site/e2esite/settings, or the project of an application, served."""

    def __init__(self, line, settings, stores, folder):
        [self.port] = free_ports(1)
        self.settings = settings
        project = APPLICATIONS.get(line)
        env = environment(line, settings, stores)
        if project:
            env["E2E_DATABASE"] = str(folder / f"{settings}.sqlite3")
            populate(python(line), project, env)
        command = [python(line), "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}"]
        # One process: its views count how often they ran.
        command += ["--workers", "1", "--threads", "4", "--no-control-socket"]
        command += ["--chdir", SITES, f"{project or 'e2esite'}.wsgi"]
        self.process = Process(f"gunicorn-{settings}", command, self.port, folder, env)
        self.address = self.process.address
        self.ask_to_stop = self.process.ask_to_stop
        self.stop = self.process.stop

    def ready(self):
        """gunicorn listens before it loads the site: only an answer says that it could."""
        self.process.ready()
        try:
            self.control("rendered")
        except OSError as error:
            raise RuntimeError(f"{self.settings}: {error}: {self.process.tail()}") from error
        return self

    def get(self, target, method="GET", **request):
        return client.request(self.port, target, method, **request)

    def control(self, name, **arguments):
        """Asks the process itself; see e2e/site/controls.py."""
        answer = self.get(f"/-/{name}?{urlencode(arguments)}")
        assert answer.status == 200, (answer, self.process.tail())
        return json.loads(answer.body)

    @property
    def rendered(self):
        return self.control("rendered")

    def clear(self, cache):
        assert self.control("clear", cache=cache)

    def delete(self, path, cache, **more):
        """Deletes a page by Django's own means; its key as the store sees it, or None."""
        return self.control("delete", path=path, cache=cache, host=client.HOST, **more)
