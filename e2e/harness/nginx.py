"""The nginx with the module, on configurations of the repository."""

import os
import re
from pathlib import Path

from . import client
from .processes import Process, free_ports

ROOT = Path(__file__).resolve().parents[2]
NAME = "ngx_http_rust_page_cache_module.so"
MODULE = os.environ.get("TEST_NGINX_MODULE", str(ROOT / "target" / "module" / NAME))
BINARY = os.environ.get("TEST_NGINX_BINARY", "nginx")


class Nginx:
    """`ports` are those that it listens on, the first one is asked by `get`."""

    def __init__(self, conf, ports, folder):
        folder.mkdir()
        # Workers, which are another user's, have to reach the folders that nginx makes here.
        folder.chmod(0o755)
        path = folder / "nginx.conf"
        path.write_text(conf)
        self.folder, self.port = folder, ports[0]
        command = [BINARY, "-p", folder, "-e", folder / "error.log", "-c", path]
        self.process = Process("nginx", command, self.port, folder)

    def ready(self):
        try:
            self.process.ready()
        except (RuntimeError, TimeoutError) as error:
            raise RuntimeError(f"{error}\n{self.errors()}") from error
        return self

    def get(self, target, method="GET", port=None, **request):
        return client.request(port or self.port, target, method, **request)

    def errors(self):
        """The lines of the error log that a healthy run does not have."""
        log = self.folder / "error.log"
        text = log.read_text(errors="replace") if log.exists() else ""
        return re.findall(r"^.*\[(?:error|crit|alert|emerg)\].*$", text, re.MULTILINE)

    def stop(self):
        """An nginx that was asked to stop does so without complaint."""
        assert self.process.stop() == 0, self.process.tail()
        assert not self.errors()


def sites(django, served, stores, folder):
    """e2e/nginx/sites.conf; the nginx, and the port by name of settings."""
    ports = dict(zip(served, free_ports(len(served))))
    values = {
        "MODULE": MODULE,
        "USER": user(),
        "DJANGO": django,
        "MEMCACHED": stores["memcached"].address,
        "REDIS": stores["redis"].address,
        **{name: site.address for name, site in served.items()},
        **{f"{name}_PORT": str(port) for name, port in ports.items()},
    }
    text = (ROOT / "e2e" / "nginx" / "sites.conf").read_text()
    conf = re.sub(r"@(\w+)@", lambda found: values[found[1]], text)
    return Nginx(conf, list(ports.values()), folder), ports


def shipped(name, site, stores, folder):
    """A file of nginx-conf/ as it stands, but for ports and paths, and for what the tests look at."""
    [port] = free_ports(1)
    text = (ROOT / "nginx-conf" / name).read_text()
    replacements = {
        f"modules/{NAME}": MODULE,
        "127.0.0.1:8080": f"127.0.0.1:{port}",
        "127.0.0.1:8000": site.address,
        "127.0.0.1:6379": stores["redis"].address,
        "127.0.0.1:11211": stores["memcached"].address,
    }
    for old, new in replacements.items():
        assert old in text or old.endswith("11211"), f"{name} has no {old}"
        text = text.replace(old, new)
    temp = " ".join(f"{kind}_temp_path {kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    seen = "add_header X-Cache $rust_page_cache_status always;\n" + (
        "add_header X-Cache-Reason $rust_page_cache_reason always;\n"
        "add_header X-Cache-Key $rust_page_cache_key always;\n"
    )
    # The last location is the site's; fields of an outer level are not inherited into it.
    before, mark, after = text.rpartition("add_header ")
    text = f"{user()} daemon off;\n" + before + seen + mark + after
    text = text.replace("http {", f"http {{ client_body_temp_path body; {temp}", 1)
    return Nginx(text, [port], folder)


def user():
    """Workers that stay root where nginx was started by root: the temporary folder is root's."""
    return "user root;" if os.geteuid() == 0 else ""
