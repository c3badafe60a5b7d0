"""Records of the old packages, asked of their own recipe on a stock nginx and of the module."""

import base64
import contextlib
import http.client
import json
import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from harness import client, nginx, processes

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "t" / "fixtures"
# A folder with more of them.
VECTORS = [Path(os.environ["VECTORS"])] if "VECTORS" in os.environ else []
STOCK = shutil.which("nginx", path=processes.PATH)
# Where Debian puts them; the package is libnginx-mod-http-set-misc.
STOCK_MODULES = [
    Path("/usr/lib/nginx/modules") / name
    for name in ("ndk_http_module.so", "ngx_http_set_misc_module.so")
]


@dataclass(frozen=True)
class Recipe:
    """Lines of nginx; @PREFIX@ and @NAMESPACE@ are what a record was made with."""

    name: str
    title: str
    published: str
    mended: str
    module: str
    error_page: str = "404 405 500 502 504 = @django"

    def prefix_and_namespace(self, record):
        settings, key = record["settings"], base64.b64decode(record["expect"]["key_b64"])
        prefix = settings.get("CACHE_KEY_PREFIX") or settings.get("ARGS", {}).get("key_prefix")
        prefix = prefix or settings.get("CACHE_MIDDLEWARE_KEY_PREFIX", "")
        key = key.decode("latin-1")
        if self.name == "soyrex-prefix":
            return prefix, key[: key.index(f"{prefix}-")]
        before = key[:-32]  # the md5
        if self.name == "djanginxed-md5":
            return prefix, before.removesuffix(prefix)
        return prefix, before


RECIPES = [
    Recipe(
        "soyrex-prefix",
        "soyrex",
        'set $memcached_key "@PREFIX@-$uri";',
        'set $memcached_key "@NAMESPACE@@PREFIX@-$request_uri";',
        "key=prefix prefix=@PREFIX@ namespace=@NAMESPACE@",
        "404 502 = /django",
    ),
    Recipe(
        "djanginxed-md5",
        "djanginxed, by its code",
        "set_md5 $memcached_key @PREFIX@$request_uri;",
        "set_md5 $hash $request_uri; set $memcached_key @NAMESPACE@@PREFIX@$hash;",
        "key=md5 namespace=@NAMESPACE@@PREFIX@",
    ),
    Recipe(
        "djanginxed-readme-md5",
        "djanginxed, by its README",
        "set_md5 $memcached_key @PREFIX@$request_uri;",
        "set_md5 $hash @PREFIX@$request_uri; set $memcached_key @NAMESPACE@$hash;",
        "key=md5 prefix=@PREFIX@ namespace=@NAMESPACE@",
    ),
    Recipe(
        "nginx-redis-cache",
        "nginx-redis-cache",
        "set_md5 $memcached_key $http_host$request_uri;",
        "set_md5 $hash $http_host$request_uri; set $memcached_key @NAMESPACE@$hash;",
        "key=md5 uri=$rust_page_cache_host$rust_page_cache_full_path namespace=@NAMESPACE@",
    ),
]


def records(recipe, folder):
    """Those that a GET has stored."""
    for path in sorted(folder.glob(f"{recipe.name}.dj*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if record["stored"] and record["request"]["method"] == "GET":
                yield record


class StockNginx(nginx.Nginx):
    """It complains of keys that are too long, at level error."""

    binary = STOCK

    def errors(self):
        return []


class ModuleNginx(nginx.Nginx):
    """It says once that it has met a pickled response."""

    def errors(self):
        return [line for line in super().errors() if "format=django" not in line]


def variables(text):
    return text.replace("@PREFIX@", "${http_x_prefix}").replace(
        "@NAMESPACE@", "${http_x_namespace}"
    )


def conf(modules, servers, place):
    load = "\n".join(f"load_module {module};" for module in modules)
    return f"""{load}
{nginx.user()}
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events {{ }}
http {{
    access_log off;
    {place}
    {"".join(servers)}
}}
"""


FALLBACK = 'add_header X-From django; return 200 "django";'


def stock(stores, folder):
    """The recipes as published, and mended; the ports by recipe."""
    ports = iter(processes.free_ports(2 * len(RECIPES)))
    servers, found = [], {}
    for recipe in RECIPES:
        found[recipe.name] = []
        for lines in (recipe.published, recipe.mended):
            found[recipe.name].append(next(ports))
            servers.append(f"""
    server {{
        listen 127.0.0.1:{found[recipe.name][-1]};
        location / {{
            {variables(lines)}
            memcached_pass {stores["memcached"].address};
            default_type text/html;
            error_page {recipe.error_page};
        }}
        location = /django {{ {FALLBACK} }}
        location @django {{ {FALLBACK} }}
    }}""")
    place = nginx.PLACE.split("rust_page_cache")[0]
    all_ports = [port for ports in found.values() for port in ports]
    return StockNginx(conf(STOCK_MODULES, servers, place), all_ports, folder), found


def module(stores, folder):
    """The module with each store; the ports by recipe and store."""
    addresses = {
        "memcached": f"memcached://{stores['memcached'].address}",
        "redis": f"redis://{stores['redis'].address}/1",
    }
    ports = iter(processes.free_ports(len(addresses) * len(RECIPES)))
    servers, found = [], {}
    for recipe in RECIPES:
        for kind, address in addresses.items():
            found[recipe.name, kind] = next(ports)
            servers.append(f"""
    server {{
        listen 127.0.0.1:{found[recipe.name, kind]};
        location / {{
            rust_page_cache {address} {variables(recipe.module)};
            default_type text/html;
        }}
        location @django {{ {nginx.SEEN} {FALLBACK} }}
    }}""")
    text = conf([nginx.MODULE], servers, nginx.PLACE + nginx.SEEN)
    return ModuleNginx(text, list(found.values()), folder), found


class Memcached:
    """Takes keys byte for byte, which no client library does."""

    def __init__(self, store):
        self.connection = socket.create_connection(("127.0.0.1", store.port), client.TIMEOUT)
        self.answers = self.connection.makefile("rb")

    def takes(self, key):
        return 0 < len(key) <= 250 and not any(byte <= 0x20 or byte == 0x7F for byte in key)

    def set(self, key, value, flags):
        self.connection.sendall(b"set %b %d 0 %d\r\n%b\r\n" % (key, flags, len(value), value))
        assert self.answers.readline() == b"STORED\r\n"

    def delete(self, key):
        self.connection.sendall(b"delete %b\r\n" % key)
        assert self.answers.readline() == b"DELETED\r\n"

    def close(self):
        self.answers.close()
        self.connection.close()


def ask(port, raw):
    """The request exactly as it was recorded."""
    with contextlib.closing(client.connect(port, False)) as connection:
        connection.sendall(raw)
        with http.client.HTTPResponse(connection) as response:
            response.begin()
            headers = response.getheaders()
            return client.Answer(response.status, response.reason, headers, response.read())


class Comparison:
    """What each of them makes of a record, in a word."""

    def __init__(self, stores, folder):
        import redis

        self.stock, self.stock_ports = stock(stores, folder / "stock")
        try:
            self.module, self.module_ports = module(stores, folder / "module")
        except BaseException:
            self.stock.stop()
            raise
        self.memcached = Memcached(stores["memcached"])
        self.redis = redis.Redis(port=stores["redis"].port, db=1)

    def ready(self):
        self.stock.ready()
        self.module.ready()

    def stop(self):
        self.memcached.close()
        self.redis.close()
        try:
            self.stock.stop()
        finally:
            self.module.stop()

    def rows(self, folder):
        """[(recipe, [(record, outcomes)])]"""
        return [
            (recipe, [(record, self.of(recipe, record)) for record in records(recipe, folder)])
            for recipe in RECIPES
        ]

    def of(self, recipe, record):
        """(as published, mended, the module)"""
        expect = record["expect"]
        prefix, namespace = recipe.prefix_and_namespace(record)
        raw = base64.b64decode(record["request"]["raw_b64"])
        line, rest = raw.split(b"\r\n", 1)
        more = f"X-Prefix: {prefix}\r\nX-Namespace: {namespace}\r\nConnection: close\r\n"
        raw = line + b"\r\n" + more.encode() + rest
        key, value = base64.b64decode(expect["key_b64"]), base64.b64decode(expect["value_b64"])
        body = expect.get("response", {}).get("body_b64")
        body = None if body is None else base64.b64decode(body)
        kind = record["backend"]["kind"]
        ports = self.stock_ports[recipe.name]
        with contextlib.ExitStack() as stack:
            fits = self.memcached.takes(key)
            if fits:
                self.memcached.set(key, value, expect["flags"] or 0)
                stack.callback(self.memcached.delete, key)
            if kind == "redis":
                self.redis.set(key, value)
                stack.callback(self.redis.delete, key)
            stock = [of_stock(ask(port, raw), body) for port in ports]
            answer = ask(self.module_ports[recipe.name, kind], raw)
        return [*(stock if fits else ["key too long"] * 2), of_module(answer, body)]


def of_stock(answer, body):
    if answer.get("X-From"):
        return "no"
    if answer.status != 200:
        return str(answer.status)
    if body == b"" == answer.body:
        return "empty"
    return "page" if answer.body == body else "pickle"


def of_module(answer, body):
    if answer.cache == "HIT":
        assert answer.body == body
        return "page"
    assert answer.get("X-From")
    word, _, reason = answer.cache.partition(" ")
    assert word in ("MISS", "BYPASS"), answer
    return {"absent": "empty" if body == b"" else "no"}.get(reason, reason)
