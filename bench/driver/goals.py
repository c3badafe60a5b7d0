"""What is to be reached, as ratios in one run, and whether it was."""

import statistics

from . import peers, workloads
from .workloads import HEADLINE, HOT, SPREAD

HOT_1024 = HEADLINE[2]
SPREAD_1024 = HEADLINE[3]


class Found:
    """The medians of a run, by workload and peer."""

    def __init__(self, results, by_peer):
        samples = results.get("samples", [])
        self.medians = {workload: by_peer(samples, workload) for workload in HEADLINE}
        self.rate = by_peer(results.get("rate", []), workloads.SPREAD)
        self.slow = {
            one["peer"]: one["memory"] for one in results.get("slow", []) if one["size"] == "8k"
        }
        self.siege = {one["peer"]: one["memory"] for one in results.get("sieges", [])}

    def ratio(self, workload, one, other, what="rps"):
        """Median of the ratios within each round: what slows the machine slows both."""
        found = self.medians[workload]
        if one not in found or other not in found:
            return None
        if what == "cpu":
            return found[one].cpu / found[other].cpu
        by_round = {sample["round"]: sample[what] for sample in found[other].samples}
        pairs = [(s[what], by_round.get(s["round"])) for s in found[one].samples]
        return statistics.median(value / base for value, base in pairs if base)

    def p99(self, one, other):
        if one not in self.rate or other not in self.rate:
            return None
        return self.rate[one].latency("p99") / self.rate[other].latency("p99")

    @staticmethod
    def memory(found, one, other):
        if one not in found or other not in found:
            return None
        return found[one]["peak"] / found[other]["peak"]


def rows(found):
    """What, its figure, the bound, whether it must be at least that (else at most), the goal."""
    own, other = peers.SUBJECT, peers.REFERENCE
    for workload, required, goal in (
        (HOT, 2.0, 2.5),
        (SPREAD, 1.8, 2.0),
        (HOT_1024, 2.0, 2.5),
        (SPREAD_1024, 1.8, 2.0),
    ):
        figure = found.ratio(workload, own, other)
        yield f"throughput / memcached_pass: {workload.title}", figure, required, True, goal
    for workload in HEADLINE:
        figure = found.ratio(workload, own, other, "cpu")
        yield f"CPU, nginx + memcached / memcached_pass: {workload.title}", figure, 0.5, False, None
    yield (
        "throughput / proxy_cache, hot page",
        found.ratio(HOT, own, "proxy-cache"),
        1.0,
        True,
        None,
    )
    yield "throughput / return 200, hot page", found.ratio(HOT, own, "return"), None, True, 0.75
    figure = found.ratio(SPREAD, "rpc-redis-md5", own)
    yield "Redis / memcached, key=md5, spread keys", figure, 0.8, True, None
    for store, recipe in (("memcached", own), ("Redis", "rpc-redis-md5")):
        figure = found.ratio(SPREAD, recipe.replace("md5", "django"), recipe)
        yield f"key=django / key=md5, {store}, spread keys", figure, 0.8, True, None
    yield "p99 at the constant rate / memcached_pass", found.p99(own, other), 1.0, False, None
    figure = found.memory(found.siege, own, other)
    yield "worker's memory in the siege / memcached_pass", figure, 1.0, False, None
    figure = found.memory(found.slow, own, other)
    yield "worker's memory with slow clients / memcached_pass", figure, 1.0, False, None


def word(figure, required, at_least):
    if required is None:
        return ""
    return "yes" if (figure >= required if at_least else figure <= required) else "**no**"


def section(results, by_peer):
    lines = []
    for what, figure, required, at_least, goal in rows(Found(results, by_peer)):
        if figure is None:
            continue
        sign = "≥" if at_least else "≤"
        bound = f"{sign} {required:g}" if required else ""
        wanted = f"{sign} {goal:g}" if goal else ""
        met = word(figure, required, at_least)
        lines.append(f"| {what} | {figure:.2f} | {bound} | {met} | {wanted} |")
    if not lines:
        return ""
    head = "## Goals\n\n| | ratio | required | met | goal |\n| --- | ---: | ---: | --- | ---: |\n"
    return head + "\n".join(lines) + "\n\n"
