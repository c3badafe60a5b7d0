"""The nginx with the module, on configurations of the repository."""

import os
import re
import subprocess
from pathlib import Path

from . import client
from .processes import Process, free_ports

ROOT = Path(__file__).resolve().parents[2]
NAME = "ngx_http_rust_page_cache_module.so"
MODULE = os.environ.get("TEST_NGINX_MODULE", str(ROOT / "target" / "module" / NAME))
BINARY = os.environ.get("TEST_NGINX_BINARY", "nginx")


class Nginx:
    """`ports` are those that it listens on, the first one is asked by `get`."""

    binary = BINARY

    def __init__(self, conf, ports, folder):
        folder.mkdir()
        path = folder / "nginx.conf"
        path.write_text(conf)
        self.folder, self.port = folder, ports[0]
        self.expected = []  # lines that a test has asked for
        command = [self.binary, "-p", folder, "-e", folder / "error.log", "-c", path]
        self.process = Process("nginx", command, self.port, folder)
        self.announced = []

    def ready(self):
        try:
            self.process.ready()
        except (RuntimeError, TimeoutError) as error:
            raise RuntimeError(f"{error}\n{self.errors()}") from error
        return self

    def get(self, target, method="GET", port=None, **request):
        return client.request(port or self.port, target, method, **request)

    def lines(self):
        """The lines of the error log that a healthy run does not have."""
        log = self.folder / "error.log"
        text = log.read_text(errors="replace") if log.exists() else ""
        found = re.findall(r"^.*\[(?:error|crit|alert|emerg)\].*$", text, re.MULTILINE)
        return [line for line in found if line not in self.expected]

    def errors(self):
        """Those that no test has announced."""
        return [line for line in self.lines() if not any(map(line.__contains__, self.announced))]

    def announce(self, text):
        """A test makes lines with this text."""
        self.announced.append(text)

    def stop(self):
        """An nginx that was asked to stop does so without complaint."""
        assert self.process.stop() == 0, self.process.tail()
        assert not self.errors()


def sites(django, served, stores, folder):
    """e2e/nginx/sites.conf; the nginx, and the port by name of settings."""
    names = [*served, "tls"]
    ports = dict(zip(names, free_ports(len(names)), strict=False))
    values = {
        "MODULE": MODULE,
        "USER": user(),
        "DJANGO": django,
        "MEMCACHED": stores["memcached"].address,
        "REDIS": stores["redis"].address,
        "CERTIFICATE": str(certificate(folder.parent)),
        **{name: site.address for name, site in served.items()},
        **{f"{name}_PORT": str(port) for name, port in ports.items()},
    }
    text = (ROOT / "e2e" / "nginx" / "sites.conf").read_text()
    conf = re.sub(r"@(\w+)@", lambda found: values[found[1]], text)
    return Nginx(conf, list(ports.values()), folder), ports


def certificate(folder):
    """A key and its certificate, for this run."""
    path = folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-nodes"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-subj", f"/CN={client.HOST}", "-days", "1", "-keyout", path, "-out", path]
    subprocess.run(command, check=True, capture_output=True)
    return path


# What the tests look at; where nginx may write, and the time that a busy machine takes.
SEEN = """
    add_header X-Cache $rust_page_cache_status always;
    add_header X-Cache-Reason $rust_page_cache_reason always;
    add_header X-Cache-Key $rust_page_cache_key always;
"""
PLACE = """
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    rust_page_cache_connect_timeout 5s;
    rust_page_cache_timeout 5s;
"""


def shipped(name, release, site, stores, folder, replacements=()):
    """A file of nginx-conf/ as it stands, but for ports, paths, the release of Django and what the
    tests look at."""
    [port] = free_ports(1)
    text = (ROOT / "nginx-conf" / name).read_text()
    for old, new in [
        (f"modules/{NAME}", MODULE),
        ("127.0.0.1:8080", f"127.0.0.1:{port}"),
        ("127.0.0.1:8000", site.address),
        ("127.0.0.1:6379", stores["redis"].address),
        (" django=5.2.19", f" django={release}"),
        *replacements,
    ]:
        assert old in text, f"{name} has no {old}"
        text = text.replace(old, new)
    # The last location is the site's; fields of an outer level are not inherited into it.
    before, mark, after = text.rpartition("add_header ")
    text = before + SEEN + mark + after
    text = text.replace("http {", "http {" + PLACE, 1)
    return Nginx(f"{user()} daemon off;\n{text}", [port], folder)


PRINTED = """
load_module @MODULE@;
@USER@
daemon off;
pid nginx.pid;
error_log error.log notice;
events {
    worker_connections 512;
}
http {
    access_log off;
    @PLACE@
    @HTTP@
    server {
        listen 127.0.0.1:@PORT@;
        listen 127.0.0.1:@TLS_PORT@ ssl;
        server_name example.com;
        ssl_certificate @CERTIFICATE@;
        ssl_certificate_key @CERTIFICATE@;
        @SERVER@
    }
}
"""


def printed(http, server, folder, more=""):
    """What manage.py nginx_conf printed for both blocks, with `more` in the first location and
    what the tests look at in all; the nginx, and its port for https."""
    ports = free_ports(2)
    server = re.sub(r"^(location .*{)$", rf"\1{SEEN}", server, flags=re.MULTILINE)
    values = {
        "MODULE": MODULE,
        "USER": user(),
        "PLACE": PLACE,
        "HTTP": http,
        "PORT": str(ports[0]),
        "TLS_PORT": str(ports[1]),
        "CERTIFICATE": str(certificate(folder.parent)),
        "SERVER": server.replace(SEEN, SEEN + more, 1),
    }
    conf = re.sub(r"@(\w+)@", lambda found: values[found[1]], PRINTED)
    return Nginx(conf, ports, folder), ports[1]


def user():
    """Workers that stay root where nginx was started by root: the temporary folder is root's."""
    return "user root;" if os.geteuid() == 0 else ""
