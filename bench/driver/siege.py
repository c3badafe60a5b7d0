"""Two thousand clients at once: quick ones on one page, and slow ones that do not read."""

from . import load, pages, peers, servers, workloads
from .bench import say

CLIENTS = 2000
#: A slow client's receive buffer in bytes: the kernel makes it the smallest that it has (2,304).
#: With nginx's send buffer, as small, a quarter of a page of 8 KiB goes in; the rest waits in
#: nginx.
SLOW_BUFFER = 1
#: The goal is about pages of 8 KiB. Of a larger one this module holds all of it, memcached_pass a
#: buffer full.
SLOW = ("8k", "100k")


class Memory:
    """The worker's own memory over time."""

    def __init__(self, nginx):
        self.worker = nginx.worker
        self.before = self.peak = servers.memory(self.worker)[1]

    def look(self):
        self.peak = max(self.peak, servers.memory(self.worker)[1])

    def result(self):
        self.look()
        after = servers.memory(self.worker)[1]
        return {"before": self.before, "peak": self.peak, "after": after}


def fresh(bench, peer, timeouts=""):
    """A worker that has served nothing but one page."""
    bench.stop_nginx(peer)
    bench.running[peer.name] = peers.start(peer, bench, timeouts=timeouts)
    load.everything_once(bench, peer, workloads.HOT.targets(), 1)
    return bench.nginx_of(peer)


def besiege(bench, peer, seconds):
    nginx = fresh(bench, peer)
    memory = Memory(nginx)
    targets = workloads.HOT.targets()
    outcome = load.run(
        bench, nginx.port, targets, memory.look, connections=CLIENTS, seconds=seconds
    )
    found = {
        "peer": peer.name,
        "clients": CLIENTS,
        "seconds": seconds,
        "requests": outcome["all_requests"],
        "rps": outcome["requests"] / outcome["seconds"],
        "latency": outcome["latency"],
        "failed": load.failed(outcome),
        "errors": outcome["errors"],
        "memory": memory.result(),
    }
    grown = (found["memory"]["peak"] - found["memory"]["before"]) / 2**20
    say(
        f"siege: {peer.name:24} {found['requests']:,} requests, {found['failed']} failed, "
        f"{found['rps']:,.0f}/s, worker grew by {grown:.1f} MiB"
    )
    return found


def slow(bench, peer, size, seconds):
    """Each client asks for a page, one after the other, and reads nothing for a while; then all is
    read and checked."""
    # 200 MB at once are not there in a quarter of a second; it is about memory here.
    nginx = fresh(bench, peer, peers.PATIENT)
    memory = Memory(nginx)
    targets = [pages.hit(size, number) for number in range(pages.SIZES[size].count)]
    outcome = load.run(
        bench,
        nginx.slow_port,
        targets,
        memory.look,
        connections=CLIENTS,
        seconds=120,
        hold=seconds,
        receive_buffer=SLOW_BUFFER,
        sequential=True,
    )
    found = {
        "peer": peer.name,
        "size": size,
        "clients": CLIENTS,
        "seconds": seconds,
        "requests": outcome["all_requests"],
        "failed": load.failed(outcome),
        "errors": outcome["errors"],
        "memory": memory.result(),
    }
    grown = (found["memory"]["peak"] - found["memory"]["before"]) / 2**20
    say(
        f"slow clients: {peer.name:24} {found['requests']:,} pages of {pages.SIZES[size].title}, "
        f"{found['failed']} failed, worker grew by {grown:.1f} MiB"
    )
    return found


def run(bench, seconds):
    sieges, slows = [], []
    for name in (peers.SUBJECT, "rpc-redis-django", peers.REFERENCE, peers.TUNED, "django"):
        peer = bench.peer(name)
        if not peer:
            continue
        # Django alone is shown for contrast; a minute of it would show no more.
        sieges.append(besiege(bench, peer, min(seconds, 10) if peer.store == "app" else seconds))
        if peer.store != "app":
            slows += [
                slow(bench, peer, size, min(seconds, 3)) for size in SLOW if size in bench.sizes
            ]
    return sieges, slows
