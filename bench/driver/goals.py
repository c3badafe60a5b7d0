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
    """What, its figure, the bound, whether it must be at least that (else at most), the goal, and
    the figure against a memcached_pass that was tuned, where it is about that."""
    own, other, tuned = peers.SUBJECT, peers.REFERENCE, peers.TUNED
    for workload, required, goal in (
        (HOT, 2.0, 2.5),
        (SPREAD, 1.8, 2.0),
        (HOT_1024, 2.0, 2.5),
        (SPREAD_1024, 1.8, 2.0),
    ):
        title = f"throughput / memcached_pass: {workload.title}"
        figures = [found.ratio(workload, own, peer) for peer in (other, tuned)]
        yield title, figures[0], required, True, goal, figures[1]
    for workload in HEADLINE:
        title = f"CPU, nginx + memcached / memcached_pass: {workload.title}"
        figures = [found.ratio(workload, own, peer, "cpu") for peer in (other, tuned)]
        yield title, figures[0], 0.5, False, None, figures[1]
    figure = found.ratio(HOT, own, "proxy-cache")
    yield "throughput / proxy_cache, hot page", figure, 1.0, True, None, None
    figure = found.ratio(HOT, own, "return")
    yield "throughput / return 200, hot page", figure, None, True, 0.75, None
    figure = found.ratio(SPREAD, "rpc-redis-md5", own)
    yield "Redis / memcached, key=md5, spread keys", figure, 0.8, True, None, None
    for store, recipe in (("memcached", own), ("Redis", "rpc-redis-md5")):
        figure = found.ratio(SPREAD, recipe.replace("md5", "django"), recipe)
        yield f"key=django / key=md5, {store}, spread keys", figure, 0.8, True, None, None
    figures = [found.p99(own, peer) for peer in (other, tuned)]
    yield "p99 at the constant rate / memcached_pass", figures[0], 1.0, False, None, figures[1]
    for title, memory in (("in the siege", found.siege), ("with slow clients", found.slow)):
        figures = [found.memory(memory, own, peer) for peer in (other, tuned)]
        title = f"worker's memory {title} / memcached_pass"
        yield title, figures[0], 1.0, False, None, figures[1]


HEAD = """\
## Goals

memcached_pass is taken as it is usually written, with its default buffer of a memory page; the last
column compares with one whose `memcached_buffer_size` of 16k holds the whole page.

| | ratio | required | met | goal | with 16k |
| --- | ---: | ---: | --- | ---: | ---: |
"""


def word(figure, required, at_least):
    if required is None:
        return ""
    return "yes" if (figure >= required if at_least else figure <= required) else "**no**"


def section(results, by_peer):
    lines = []
    for what, figure, required, at_least, goal, tuned in rows(Found(results, by_peer)):
        if figure is None:
            continue
        sign = "≥" if at_least else "≤"
        bound = f"{sign} {required:g}" if required else ""
        wanted = f"{sign} {goal:g}" if goal else ""
        met = word(figure, required, at_least)
        beside = f"{tuned:.2f}" if tuned else ""
        lines.append(f"| {what} | {figure:.2f} | {bound} | {met} | {wanted} | {beside} |")
    if not lines:
        return ""
    return HEAD + "\n".join(lines) + "\n\n"
