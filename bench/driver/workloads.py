"""What is asked of each peer."""

from dataclasses import dataclass

from . import pages


@dataclass(frozen=True)
class Workload:
    """`keys`: hot (one page), spread (all pages at random), half (every second request absent)."""

    keys: str
    size: str
    connections: int
    #: The figures that the goals are about: every peer, more rounds.
    headline: bool = False

    @property
    def name(self):
        return f"{self.keys}-{self.size}-{self.connections}"

    @property
    def title(self):
        size = pages.SIZES[self.size]
        keys = {
            "hot": "one hot page",
            "spread": f"{size.count:,} pages at random",
            "half": f"{size.count:,} pages at random, every second request absent",
        }[self.keys]
        return f"{keys}, {size.title}, {self.connections:,} connections"

    def targets(self):
        numbers = range(1 if self.keys == "hot" else pages.SIZES[self.size].count)
        targets = [pages.hit(self.size, number) for number in numbers]
        if self.keys == "half":
            targets += [pages.miss(number) for number in numbers]
        return targets

    def suits(self, peer):
        if peer.few and not self.headline:
            return False
        if peer.hot_only and self.keys != "hot":
            return False
        return peer.misses or self.keys != "half"


HEADLINE = [
    Workload(keys, "8k", connections, headline=True)
    for connections in (64, 1024)
    for keys in ("hot", "spread")
]

OTHERS = [
    Workload("hot", "8k", 8),
    Workload("spread", "8k", 8),
    Workload("hot", "8k", 256),
    Workload("spread", "8k", 256),
    Workload("spread", "1k", 64),
    Workload("spread", "100k", 64),
    Workload("half", "8k", 64),
]

#: Where Django alone is measured, and wrk for comparison.
HOT = HEADLINE[0]
#: What the constant rate is half the reference's capacity of.
SPREAD = HEADLINE[1]
