"""As many look-ups in flight over one connection as it can carry, and more.

A client has one look-up in flight over HTTP/1.1. A page with SSI includes has one for each: 132
pages with 500 of them ask for 66,000 keys, all at once. The answer names each of them in order.
"""

import socket
import time
from pathlib import Path

from . import pages, stores
from .nginx import Nginx
from .processes import memory
from .rig import Rig
from .stage import Stage

CLIENTS = 132
INCLUDES = 500
#: What a connection carries at once (page-cache, pipeline).
MOST = 65_536
PATIENCE = 40.0


def paths(store: str, client: int) -> list[str]:
    return [f"/many-{store}/{client}-{number}" for number in range(INCLUDES)]


def page(path: str) -> bytes:
    return f"page {path}\n".encode()


def crowded_nginx(rig: Rig) -> Nginx:
    """One worker with one connection to each store, and all the time in the world."""
    folder = rig.temp / "crowd"
    folder.mkdir()
    folder.chmod(0o755)
    addresses = {
        "memcached": f"memcached://127.0.0.1:{rig.memcached.port}",
        "redis": f"redis://:{stores.PASSWORD}@127.0.0.1:{rig.redis.port}",
    }
    locations = [f"location /all/ {{ alias {folder}/; ssi on; ssi_types *; }}"]
    for store, address in addresses.items():
        words = f"rust_page_cache {address} key=md5 namespace=:1:;"
        locations.append(f"location /many-{store}/ {{ {words} }}")
        for client in range(CLIENTS):
            includes = (f'<!--#include virtual="{path}" -->' for path in paths(store, client))
            (folder / f"{store}-{client}").write_text("".join(includes))
    nginx = rig.another_nginx(
        "crowded",
        locations=locations,
        WORKERS="1",
        HTTP="rust_page_cache_connections 1; rust_page_cache_timeout 30s;"
        " rust_page_cache_connect_timeout 5s;",
    )
    nginx.start()
    return nginx


def fill(rig: Rig, store: str) -> None:
    """Half of the keys are there."""
    found = [path for client in range(CLIENTS) for path in paths(store, client)[::2]]
    if store == "memcached":
        memcached = rig.memcached.client()
        for path in found:
            memcached.set(pages.md5_key(path), (page(path), 0), noreply=True)
        memcached.close()
        return
    redis = rig.redis.client().pipeline(transaction=False)
    for path in found:
        redis.set(pages.md5_key(path), page(path), ex=300)
    redis.execute()


def everybody_at_once(stage: Stage) -> None:
    """The store stands still until all have asked, and then answers all of them."""
    nginx = crowded_nginx(stage.rig)
    before = memory(nginx.workers()[0])
    for store in (stage.rig.memcached, stage.rig.redis):
        fill(stage.rig, store.name)
        store.freeze()
        stage.inject()
        clients = [ask(nginx.port, f"/all/{store.name}-{number}") for number in range(CLIENTS)]
        wait_until_idle(nginx.workers()[0])
        grown = memory(nginx.workers()[0]) - before
        store.thaw()
        hits = misses = 0
        for number, client in enumerate(clients):
            found = judge(stage, store.name, number, read(client))
            hits, misses = hits + found[0], misses + found[1]
        stage.note(f"{store.name}: {hits:,} pages, {misses:,} fallbacks, {grown >> 20} MiB more")
        # Every other key is there, and so it is among those that are one too many.
        if hits != MOST // 2:
            stage.problem(f"{store.name}: {MOST // 2} pages were expected from the cache")
    for line in nginx.log_since(0):
        if "[error]" in line or "[alert]" in line or "[crit]" in line:
            stage.problem(f"error log: {line}")
    if (status := nginx.stop()) != 0:
        stage.problem(f"the crowded nginx ended with {status}")


def ask(port: int, target: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), PATIENCE)
    # HTTP/1.0: the body is as it is, and ends with the connection.
    client.sendall(f"GET {target} HTTP/1.0\r\nHost: {pages.HOST}\r\n\r\n".encode())
    return client


def read(client: socket.socket) -> bytes:
    pieces = []
    with client:
        while piece := client.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def judge(stage: Stage, store: str, number: int, response: bytes) -> tuple[int, int]:
    """How many pages and how many fallbacks it is made of."""
    head, _, body = response.partition(b"\r\n\r\n")
    lines = body.splitlines(keepends=True)
    if not head.startswith(b"HTTP/1.1 200 ") or len(lines) != INCLUDES:
        stage.problem(f"{store} {number}: {len(lines)} lines below {head[:60]!r}")
        return 0, 0
    hits = 0
    for index, (path, line) in enumerate(zip(paths(store, number), lines, strict=True)):
        if line == page(path) and index % 2 == 0:
            hits += 1
        elif line != f"fallback {path} for -\n".encode():
            stage.problem(f"{store}: {line!r} in the place of {path}")
    return hits, len(lines) - hits


def wait_until_idle(worker: int) -> None:
    """Until the worker has had nothing to do for a second: all look-ups are under way."""
    end, spent, idle = time.monotonic() + PATIENCE / 2, -1, 0
    while time.monotonic() < end:
        fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
        now = int(fields[11]) + int(fields[12])
        idle = idle + 1 if now == spent else 0
        if idle == 5:
            return
        spent = now
        time.sleep(0.2)
    raise TimeoutError(f"worker {worker} is still busy")
