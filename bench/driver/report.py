"""Results as Markdown with charts, and whether they may be believed."""

import json
import shlex
import statistics
from pathlib import Path

from . import charts, goals, pages, peers, workloads

ALL = peers.PEERS + peers.APPS
TITLES = {peer.name: peer.title for peer in ALL}
WORKLOADS = workloads.HEADLINE + workloads.OTHERS
#: Below this share of its core nginx was not what limited the throughput.
BUSY = 0.9
#: From this share of its core on the load generator, with what it shares it with, sets the pace
#: too.
FULL = 0.95
#: Cores that somebody else may use before the report warns.
NOISE = 0.1


class Median:
    """The samples of one peer in one workload, condensed."""

    def __init__(self, samples):
        self.samples = samples

    def __getattr__(self, name):
        return statistics.median(sample[name] for sample in self.samples)

    def latency(self, quantile):
        return statistics.median(sample["latency"][quantile] for sample in self.samples)

    @property
    def spread(self):
        """Half the distance from the lowest to the highest throughput, as a share of the median."""
        found = [sample["rps"] for sample in self.samples]
        return (max(found) - min(found)) / 2 / self.rps

    @property
    def cpu(self):
        return statistics.median(one["nginx_cpu"] + one["store_cpu"] for one in self.samples)


def by_peer(samples, workload):
    """In the order in which the peers are listed."""
    found = {}
    for peer in ALL:
        own = [s for s in samples if s["workload"] == workload.name and s["peer"] == peer.name]
        if own:
            found[peer.name] = Median(own)
    return found


def problems(results):
    """Why the figures must not be used; empty if they may."""
    found = []
    for sample in results.get("samples", []) + results.get("rate", []):
        if sample["failed"]:
            what = f"{sample['peer']}, {sample['workload']}, round {sample['round']}"
            found.append(f"{what}: {sample['failed']} responses were wrong: {sample['errors']}")
    for siege in results.get("sieges", []) + results.get("slow", []):
        if siege["failed"] and siege["peer"] not in (app.name for app in peers.APPS):
            found.append(f"siege of {siege['peer']}: {siege['failed']} responses were wrong")
    if results["evictions"]:
        found.append(f"the stores threw {results['evictions']} pages away")
    return found


def others(results):
    """How much of the machine somebody else used while samples were taken, in cores; the median."""
    samples = results.get("samples", []) + results.get("rate", [])
    return statistics.median(one["others"] for one in samples) if samples else 0.0


def table(header, rows, left=1):
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("| " + " | ".join(["---"] * left + ["---:"] * (len(header) - left)) + " |")
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def milliseconds(microseconds):
    return f"{microseconds / 1e3:.2f}"


def mebibytes(count):
    return f"{count / 2**20:.1f}"


def throughput(found):
    reference = found.get(peers.REFERENCE)
    rows = []
    for name, median in found.items():
        times = f"{median.rps / reference.rps:.2f}" if reference else ""
        limited = "" if median.nginx_busy >= BUSY else " *"
        limited += " †" if median.load_core_busy >= FULL else ""
        rows.append(
            [
                TITLES[name],
                f"{median.rps:,.0f}{limited}",
                f"± {median.spread:.0%}",
                times,
                milliseconds(median.latency("p50")),
                milliseconds(median.latency("p99")),
                f"{median.nginx_cpu:.1f}",
                f"{median.store_cpu:.1f}" if median.store_cpu else "",
                f"{median.nginx_busy:.0%}",
                f"{median.load_core_busy:.0%}",
                mebibytes(median.resident),
            ]
        )
    header = ["", "requests/s", "spread", "times memcached_pass", "p50 ms", "p99 ms"]
    header += ["nginx ms", "store ms", "nginx's core", "load's core", "worker MiB"]
    return table(header, rows)


def constant_rate(results):
    samples = results.get("rate")
    if not samples:
        return ""
    found = by_peer(samples, workloads.SPREAD)
    rows = []
    for name, median in found.items():
        quantiles = [
            f"{median.latency(quantile):,.0f}" for quantile in ("p50", "p90", "p99", "p999")
        ]
        behind = sum(sample["unsent"] for sample in median.samples)
        rows.append([TITLES[name], *quantiles, f"{median.cpu:.1f}", str(behind)])
    header = ["", "p50 µs", "p90 µs", "p99 µs", "p99.9 µs", "nginx + store ms", "unsent"]
    text = f"## Latency at {samples[0]['rate']:,.0f} requests/s\n\n"
    text += (
        f"Half of what memcached_pass can do: {workloads.SPREAD.title}. A constant rate; latency "
    )
    text += (
        "counts from when a request was due. CPU time per 1,000 requests; unsent: requests that "
    )
    text += "were still waiting for a free connection at the end.\n\n"
    return text + table(header, rows) + "\n![Latency](latency.svg)\n\n"


def wrk(results):
    found = results.get("wrk")
    if not found:
        return ""
    own = by_peer(results.get("samples", []), workloads.HOT)
    rows = [
        [TITLES[name], f"{rps:,.0f}", f"{own[name].rps:,.0f}" if name in own else ""]
        for name, rps in found.items()
    ]
    text = "## The same with wrk\n\n"
    text += (
        f"{workloads.HOT.title}. A check of the load generator that the rest was measured with.\n\n"
    )
    return text + table(["", "wrk, requests/s", "bench/load, requests/s"], rows) + "\n"


def sieges(results):
    text = ""
    if results.get("sieges"):
        text += (
            "## Siege\n\nAll clients at once on one cached page. Memory: what the worker has for "
        )
        text += "itself, from one connection to the peak.\n\n"
        rows = [
            [
                TITLES[one["peer"]],
                f"{one['clients']:,}",
                f"{one['seconds']:.0f}",
                f"{one['requests']:,}",
                str(one["failed"]),
                f"{one['rps']:,.0f}",
                milliseconds(one["latency"]["p99"]),
                mebibytes(one["memory"]["before"]),
                mebibytes(one["memory"]["peak"]),
            ]
            for one in results["sieges"]
        ]
        header = ["", "clients", "seconds", "responses", "failed", "requests/s", "p99 ms"]
        text += table([*header, "MiB before", "MiB peak"], rows) + "\n"
    if results.get("slow"):
        text += "## Slow clients\n\nEach asks for a page, one after the other, and reads nothing "
        text += "for some seconds; the sockets' buffers hold 2 KiB, so the page waits in nginx.\n\n"
        rows = [
            [
                TITLES[one["peer"]],
                pages.SIZES[one["size"]].title,
                f"{one['clients']:,}",
                str(one["failed"]),
                mebibytes(one["memory"]["before"]),
                mebibytes(one["memory"]["peak"]),
                f"{(one['memory']['peak'] - one['memory']['before']) / one['clients'] / 1024:.1f}",
            ]
            for one in results["slow"]
        ]
        header = ["", "page", "clients", "failed", "MiB before", "MiB peak", "KiB per client"]
        text += table(header, rows) + "\n"
    return text


def instructions(results):
    found = results.get("instructions")
    if not found:
        return ""
    columns = [
        ("instructions_1", "instructions, 1 connection", ",.0f"),
        ("instructions_64", "64 connections", ",.0f"),
        ("system_calls_1", "system calls, 1 connection", ".2f"),
        ("system_calls_64", "64 connections", ".2f"),
    ]
    rows = [
        [TITLES[row["peer"]]]
        + [format(row[column], how) if column in row else "" for column, _, how in columns]
        for row in found
    ]
    text = "## Per request, without a clock\n\n"
    text += "Of the nginx worker, by callgrind (user mode) and strace; "
    text += "8 KiB, spread keys. These hold on a noisy machine too.\n\n"
    return text + table(["", *(title for _, title, _ in columns)], rows) + "\n"


def criterion(folder):
    """Medians of criterion's benchmarks in nanoseconds, by name; empty if they were not run."""
    found = {}
    for file in sorted(folder.glob("**/new/estimates.json")) if folder else ():
        name = json.loads((file.parent / "benchmark.json").read_text())["full_id"]
        found[name] = json.loads(file.read_text())["median"]["point_estimate"]
    return found


def micro(results):
    if not results.get("micro"):
        return ""
    rows = [[name, f"{time:,.0f}"] for name, time in results["micro"].items()]
    return (
        "## Micro-benchmarks\n\nOf the library, by criterion.\n\n" + table(["", "ns"], rows) + "\n"
    )


def conditions(results):
    of = results["machine"]
    rows = [[name.replace("_", " "), str(value)] for name, value in of.items()]
    rows += [["date", results["date"]], ["placement", results["placement"]]]
    rows.append(["used by others meanwhile", f"{others(results):.2f} cores"])
    if results["left_out"]:
        rows.append(["left out", ", ".join(results["left_out"])])
    return "## Conditions\n\n" + table(["", ""], rows, left=2) + "\n"


READING = """\
requests/s is the median of interleaved rounds, spread half the distance between the lowest and the
highest. nginx ms, store ms: CPU time per 1,000 requests, from the kernel's accounts; p50, p99 in
milliseconds. nginx's core and load's core are how busy they were: where nginx had time to spare
(marked *) something else set the pace; where the load generator's core, which it may share with
the store, was full (marked †) more might have been possible. Every response was checked for status,
length and the first bytes of its body. How it is measured:
[bench/README.md](../../bench/README.md).

"""


def write(results, folder):
    text = "# Benchmark\n\n" + f"Made by `{shlex.join(['scripts/bench', *results['options']])}` on "
    text += f"{results['date']}, in {results['minutes']} minutes.\n\n"
    for problem in problems(results):
        text += f"**Not valid:** {problem}\n\n"
    if others(results) > NOISE:
        text += f"**Noisy:** {others(results):.2f} cores were used by others meanwhile.\n\n"
    text += goals.section(results, by_peer)
    samples = results.get("samples", [])
    if samples:
        text += (
            "## Throughput\n\n![Requests per second](throughput.svg)\n\n![CPU time](cpu.svg)\n\n"
        )
        text += READING
    for workload in WORKLOADS:
        if found := by_peer(samples, workload):
            text += f"### {workload.title[0].upper()}{workload.title[1:]}\n\n{throughput(found)}\n"
    text += constant_rate(results) + wrk(results) + sieges(results) + instructions(results)
    text += micro(results) + conditions(results)
    (folder / "README.md").write_text(text.rstrip() + "\n")
    charts.write(results, by_peer, TITLES, Path(folder))
