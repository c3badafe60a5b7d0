"""Closed loop and constant rate: samples, interleaved and repeated."""

from . import load, machine, peers, servers, workloads
from .bench import Progress, say


def sample(bench, workload, peer, number, seconds, rate=0.0):
    """One run of the load generator against one peer."""
    nginx, store = bench.nginx_of(peer), bench.store_of(peer)
    store_pids = store.pids if store else []
    others = machine.Others([nginx.worker, *store_pids])
    outcome = load.run(
        bench,
        nginx.port,
        workload.targets(),
        connections=workload.connections,
        warm_up=min(0.5, seconds / 4),
        seconds=seconds,
        rate=rate,
        seed=number + 1,
        pids=[nginx.worker, *store_pids],
    )
    others_cores = others.cores()
    measured = max(outcome["requests"], 1)
    cpu = {int(pid): time for pid, time in outcome["cpu"].items()}
    store_cpu = sum(cpu.get(pid, 0.0) for pid in store_pids)
    resident, own = servers.memory(nginx.worker)
    load_busy = outcome["own_cpu"]
    if bench.placement.store == bench.placement.load:
        load_busy += store_cpu
    return {
        "workload": workload.name,
        "peer": peer.name,
        "round": number,
        "rate": rate,
        "rps": outcome["requests"] / outcome["seconds"],
        "latency": outcome["latency"],
        # Milliseconds of CPU for a thousand requests.
        "nginx_cpu": cpu[nginx.worker] / measured * 1e6,
        "store_cpu": store_cpu / measured * 1e6,
        "load_cpu": outcome["own_cpu"] / measured * 1e6,
        # Shares of one core.
        "nginx_busy": cpu[nginx.worker] / outcome["seconds"],
        "load_core_busy": load_busy / outcome["seconds"],
        "others": others_cores,
        "resident": resident,
        "own_memory": own,
        "failed": load.failed(outcome),
        "errors": outcome["errors"],
        "reconnects": outcome["reconnects"],
        "unsent": outcome["unsent"],
    }


def warm_up(bench, workload, seen):
    """Every page of every peer once, checked."""
    for peer in bench.peers_of(workload):
        if peer.store == "app":
            load.everything_once(bench, peer, workload.targets()[:1] * 20, 4)
        elif (peer.name, workload.keys, workload.size) not in seen:
            load.everything_once(bench, peer, workload.targets())
            seen.add((peer.name, workload.keys, workload.size))


def rounds_of(bench, workload):
    quick = bench.arguments.quick
    rounds = bench.arguments.rounds or (2 if quick else 5 if workload.headline else 3)
    seconds = bench.arguments.seconds or (1.0 if quick else 3.0 if workload.headline else 2.0)
    return rounds, seconds


def closed_loop(bench):
    """Every workload: round after round, in each all peers one after the other, so that a machine
    that slows down slows down all of them; each round begins with another peer."""
    samples, seen = [], set()
    total = sum(rounds_of(bench, one)[0] * len(bench.peers_of(one)) for one in bench.workloads)
    progress = Progress(total)
    for workload in bench.workloads:
        taking_part = bench.peers_of(workload)
        rounds, seconds = rounds_of(bench, workload)
        say(f"{workload.title}: {len(taking_part)} peers, {rounds} rounds of {seconds:g} s")
        warm_up(bench, workload, seen)
        for number in range(rounds):
            first = number * len(taking_part) // rounds
            for peer in taking_part[first:] + taking_part[:first]:
                one = sample(bench, workload, peer, number, seconds)
                samples.append(one)
                p99, failed = one["latency"]["p99"] / 1e3, one["failed"]
                progress.say(
                    f"{peer.name:24} {one['rps']:9,.0f}/s  p99 {p99:7.2f} ms  "
                    f"nginx {one['nginx_busy']:4.0%}" + (f"  FAILED {failed}" if failed else "")
                )
    return samples


def constant_rate(bench, capacity):
    """Everybody at half of what the reference can do."""
    workload = workloads.SPREAD
    taking_part = [peer for peer in bench.peers_of(workload) if not peer.few]
    quick = bench.arguments.quick
    rounds = bench.arguments.rounds or (1 if quick else 3)
    seconds = bench.arguments.seconds or (2.0 if quick else 5.0)
    say(f"constant rate of {capacity / 2:,.0f} requests/s: {workload.title}")
    samples, progress = [], Progress(rounds * len(taking_part))
    for number in range(rounds):
        for peer in taking_part:
            one = sample(bench, workload, peer, number, seconds, capacity / 2)
            samples.append(one)
            latency = one["latency"]
            progress.say(
                f"{peer.name:24} p50 {latency['p50']:6.0f} us  p99 {latency['p99']:6.0f} us"
            )
    return samples


def by_wrk(bench):
    """The hot page once more with wrk, as a check of our own load generator."""
    import http.client

    workload, found = workloads.HOT, {}
    target = workload.targets()[0]
    seconds = 1 if bench.arguments.quick else 5
    for peer in bench.peers_of(workload):
        if peer.store == "app" or peer.few:
            continue
        port = bench.nginx_of(peer).port
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", target["path"], headers={"Host": "bench.test"})
        response = connection.getresponse()
        # Status line, fields and body as they were on the wire; nginx writes them just so.
        head = f"HTTP/1.1 {response.status} {response.reason}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in response.getheaders())
        length = len(head) + 2 + len(response.read())
        connection.close()
        found[peer.name] = load.wrk(bench, port, target, workload.connections, seconds, length)
        say(f"wrk: {peer.name:24} {found[peer.name]:9,.0f}/s")
    return found


def capacity(samples):
    """The reference's median on spread keys, in requests per second; None without one."""
    import statistics

    found = [
        one["rps"]
        for one in samples
        if one["peer"] == peers.REFERENCE and one["workload"] == workloads.SPREAD.name
    ]
    return statistics.median(found) if found else None
