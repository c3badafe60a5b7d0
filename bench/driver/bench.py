"""What one run has at hand: servers, pages, the generator, and how far it has come."""

import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from . import machine, pages, peers, servers, workloads


class Bench:
    """Starts everything that is measured; a context manager that stops it."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.root = Path(__file__).resolve().parent.parent.parent
        self.nginx = arguments.nginx
        self.generator = arguments.generator
        self.modules = dict(module.split("=", 1) for module in arguments.module)
        self.placement = machine.placement(arguments.placement)
        self.chosen = re.compile(arguments.filter)
        self.workloads = workloads.HEADLINE + ([] if arguments.quick else workloads.OTHERS)
        self.workloads = [one for one in self.workloads if self.peers_of(one)]
        self.sizes = sorted({workload.size for workload in self.workloads} | {"8k"})
        self.running = {}
        self.apps = {}

    def peers_of(self, workload):
        there, _ = peers.with_modules(peers.PEERS, self.modules)
        if self.arguments.quick:
            there = [peer for peer in there if not peer.few]
        if workload == workloads.HOT:
            there = there + peers.APPS
        return [
            peer
            for peer in there
            if workload.suits(peer) and self.chosen.search(f"{workload.name}/{peer.name}")
        ]

    def peer(self, name):
        """The peer of that name if it takes part."""
        taking_part = [peer for workload in self.workloads for peer in self.peers_of(workload)]
        return next((peer for peer in taking_part if peer.name == name), None)

    def __enter__(self):
        self.temp = Path(tempfile.mkdtemp(prefix="rust_page_cache.bench."))
        # nginx drops root in its workers, which still have to reach their files.
        self.temp.chmod(0o711)
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in (*self.running.values(), *self.apps.values()):
            server.stop()
        shutil.rmtree(self.temp, ignore_errors=True)

    def start(self):
        say(self.placement.described())
        self.memcached, self.redis = self.start_stores()
        names = ", ".join(pages.SIZES[size].title for size in self.sizes)
        say(f"storing the pages ({names}), those of key=django by Django itself")
        self.pages = self.temp / "pages"
        pages.write_files(self.pages, self.sizes)
        pages.fill_memcached(("127.0.0.1", self.memcached.port), self.sizes)
        pages.fill_redis(("127.0.0.1", self.redis.port), self.sizes)
        if any("django" in peer.name for work in self.workloads for peer in self.peers_of(work)):
            stores = [("127.0.0.1", store.port) for store in (self.memcached, self.redis)]
            pages.fill_django(*stores, self.sizes)
        for app in peers.APPS:
            if self.peer(app.name):
                self.apps[app.name] = self.start_app(app)

    def start_stores(self):
        ports, cores = servers.free_ports(2), self.placement.store
        self.running["memcached"] = servers.memcached(ports[0], cores, self.temp)
        self.running["redis"] = servers.redis(ports[1], cores, self.temp)
        return self.running["memcached"], self.running["redis"]

    def start_app(self, peer):
        env = {
            "MEMCACHED": f"127.0.0.1:{self.memcached.port}",
            "BENCH_CACHED": "1" if peer.name == "django-cached" else "0",
        }
        site, port = self.root / "bench" / "site", servers.free_ports(1)[0]
        cores = self.placement.app
        return servers.gunicorn(
            f"gunicorn-{peer.name}", sys.executable, site, port, cores, self.temp, env
        )

    def nginx_of(self, peer):
        """The peer's nginx, started the first time that it is asked for."""
        if peer.name not in self.running:
            self.running[peer.name] = peers.start(peer, self)
        return self.running[peer.name]

    def stop_nginx(self, peer):
        if peer.name in self.running:
            self.running.pop(peer.name).stop()

    def store_of(self, peer):
        if peer.store == "app":
            return self.apps[peer.name]
        return {"memcached": self.memcached, "redis": self.redis}.get(peer.store)

    def evictions(self):
        """Pages that a store has thrown away to make room: there must be none."""
        import redis
        from pymemcache.client.base import Client

        stats = Client(("127.0.0.1", self.memcached.port)).stats()
        evicted = redis.Redis("127.0.0.1", self.redis.port).info("stats")["evicted_keys"]
        return stats[b"evictions"] + evicted


class Progress:
    """One line for each sample, with how long the rest will take."""

    def __init__(self, total):
        self.total, self.done, self.began = total, 0, time.monotonic()

    def say(self, text):
        self.done += 1
        each = (time.monotonic() - self.began) / self.done
        left = round(each * (self.total - self.done))
        say(f"[{self.done}/{self.total}, {left // 60}:{left % 60:02d} left] {text}")


def say(text):
    print(f"bench: {text}", flush=True)
