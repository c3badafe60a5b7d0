"""What is measured side by side, and the nginx configuration of each."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from . import pages
from .servers import FILES, Nginx, free_ports

OURS = ("rust_page_cache",)
SET_MD5 = ("ndk", "set_misc")
SRCACHE = (*SET_MD5, "memc", "srcache_filter")


@dataclass(frozen=True)
class Peer:
    """`store`: memcached, redis or app, whose CPU time is part of the price, or None."""

    name: str
    title: str
    template: str
    modules: tuple = ()
    store: str | None = None
    words: dict = field(default_factory=dict)
    #: Only the workloads whose results stand alone, to save time.
    few: bool = False
    #: Answers one page of each size only.
    hot_only: bool = False
    #: Has something to do where the page is absent.
    misses: bool = True


def ours(name, title, store, parameters, etag="on", few=False):
    address = "memcached://@MEMCACHED@" if store == "memcached" else "redis://@REDIS@"
    words = {"STORE": address, "PARAMETERS": parameters, "ETAG": etag}
    return Peer(name, title, "rust_page_cache", OURS, store, words, few=few)


def memcached_pass(name, title, buffer):
    return Peer(name, title, "memcached_pass", SET_MD5, "memcached", {"BUFFER": buffer})


MD5 = "key=md5 namespace=:1:"
PEERS = [
    ours("rpc-memcached-md5", "rust_page_cache, memcached, key=md5", "memcached", MD5),
    ours(
        "rpc-memcached-md5-noetag",
        "rust_page_cache, memcached, key=md5, no ETag",
        "memcached",
        MD5,
        "off",
        few=True,
    ),
    ours(
        "rpc-memcached-django", "rust_page_cache, memcached, key=django", "memcached", "key=django"
    ),
    ours("rpc-redis-md5", "rust_page_cache, Redis, key=md5", "redis", MD5),
    Peer(
        "rpc-redis-django",
        "rust_page_cache, Redis, key=django",
        "rust_page_cache",
        OURS,
        "redis",
        {"STORE": "redis://@REDIS@/1", "PARAMETERS": "key=django", "ETAG": "on"},
    ),
    memcached_pass("memcached-pass", "set_md5 + memcached_pass + keepalive", "4k"),
    memcached_pass("memcached-pass-16k", "the same, memcached_buffer_size 16k", "16k"),
    Peer(
        "srcache", "srcache + memc, 16k buffer", "srcache", SRCACHE, "memcached", {"BUFFER": "16k"}
    ),
    Peer(
        "proxy-cache",
        "proxy_cache, warm",
        "proxy_cache",
        words={"OPEN_FILE_CACHE": ""},
        misses=False,
    ),
    Peer(
        "proxy-cache-open",
        "proxy_cache, warm, open_file_cache",
        "proxy_cache",
        words={
            "OPEN_FILE_CACHE": "open_file_cache max=12000 inactive=1h;open_file_cache_valid 1h;"
        },
        few=True,
        misses=False,
    ),
    Peer("static", "static file, open_file_cache", "static", misses=False),
    Peer("return", "return 200, same bytes", "return", hot_only=True, misses=False),
]

#: Far slower than the rest: measured in one workload only.
APPS = [
    Peer("django-cached", "Django, page from its cache_page()", "django", (), "app", misses=False),
    Peer("django", "Django, page rendered", "django", (), "app", misses=False),
]

#: The one that the others are compared with, as everybody configures it; and with a buffer that
#: holds the whole page, which hardly anybody knows to set.
REFERENCE = "memcached-pass"
TUNED = "memcached-pass-16k"
SUBJECT = "rpc-memcached-md5"

#: Where it is not about speed.
PATIENT = "rust_page_cache_connect_timeout 30s; rust_page_cache_timeout 30s;"


def with_modules(peers, modules):
    """Those peers whose modules are there; the names of the others."""
    there = [peer for peer in peers if set(peer.modules) <= set(modules)]
    return there, [peer.name for peer in peers if peer not in there]


def bodies_in_configuration(sizes):
    """`return` with the bytes of the first page: a token of nginx.conf holds 4,096 bytes at most,
    so maps hold the parts of it."""
    maps, locations = [], []
    for size in sizes:
        body = pages.page(size, 0).decode()
        parts = [body[at : at + 4000] for at in range(0, len(body), 4000)]
        for number, part in enumerate(parts):
            maps.append(f'map $host $body_{size}_{number} {{ default "{part}"; }}')
        text = "".join(f"${{body_{size}_{number}}}" for number in range(len(parts)))
        locations.append(f'    location /{size}/ {{ return 200 "{text}"; }}')
    return {"BODIES": "\n".join(maps), "LOCATIONS": "\n".join(locations)}


def fill_in(text, words):
    # Twice: a word may hold another one.
    for _ in range(2):
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
    return text


def start(peer, bench, processes="worker_processes 1;", timeouts="", wrapper=(), server=Nginx):
    """Starts the peer's own nginx, which has no module that it does not need. It listens twice: the
    second socket has a small send buffer, so that with slow clients the page waits in nginx."""
    port, slow, origin = free_ports(3)
    folder = Path(tempfile.mkdtemp(prefix=f"nginx-{peer.name}-", dir=bench.temp))
    # The worker is nobody's when the master is root's, and makes folders below its own.
    folder.chmod(0o755)
    cache = folder / "cache"
    cache.mkdir(mode=0o777)
    cache.chmod(0o777)
    words = {
        **peer.words,
        **(bodies_in_configuration(bench.sizes) if peer.template == "return" else {}),
        "MODULES": "\n".join(f"load_module {bench.modules[name]};" for name in peer.modules),
        "PROCESSES": processes,
        "TIMEOUTS": timeouts,
        "FILES": FILES,
        "DIR": folder,
        "PAGES": bench.pages,
        "ORIGIN": origin,
        "LISTEN": f"listen 127.0.0.1:{port} backlog=4096;"
        f" listen 127.0.0.1:{slow} backlog=4096 sndbuf=1k; server_name {pages.HOST};",
        "MEMCACHED": f"127.0.0.1:{bench.memcached.port}",
        "REDIS": f"127.0.0.1:{bench.redis.port}",
        "DJANGO": f"127.0.0.1:{bench.apps[peer.name].port}" if peer.store == "app" else "",
    }
    templates = bench.root / "bench" / "nginx"
    for template, file in ((peer.template, "peer.conf"), ("nginx", "nginx.conf")):
        text = (templates / f"{template}.conf.in").read_text()
        (folder / file).write_text(fill_in(text, words))
    command = [*wrapper, bench.nginx, "-p", str(folder), "-e", str(folder / "error.log")]
    command += ["-c", str(folder / "nginx.conf")]
    started = server(f"nginx-{peer.name}", command, bench.placement.nginx, folder, port)
    started.slow_port = slow
    return started.wait_until_up()
