"""Everything at once for a long time: what leaks, leaks here."""

import random
import statistics
import time
from collections.abc import Callable

from .nginx import OURS
from .processes import descriptors, memory
from .stage import Stage

#: A fault every so many seconds, which lasts for a part of that.
PERIOD = 4.0
#: Resident memory may grow by so much from the end of the first minute on.
GROWTH = 0.05
#: Each worker may have so many more descriptors than at the beginning: a second connection to each
#: of four addresses.
CONNECTIONS = 4

FAULTS = (
    "refuse",
    "silent",
    "answers-silent",
    "close-after-reply",
    "close-halfway",
    "reset",
    "dribble",
    "chaos",
    "other-store",
)
LIES = {
    "memcached": (
        "other-key",
        "intruding",
        "doubled",
        "missing",
        "out-of-memory",
        "huge-length",
        "http",
    ),
    "redis": ("loading", "noauth", "moved", "huge-length", "unterminated", "http"),
}


class Soak:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.chance = random.Random(stage.rig.seed)
        self.workers = stage.nginx.workers()
        #: When it was measured, and the memory of each worker in bytes.
        self.samples: list[tuple[float, list[int]]] = []
        self.events = 0

    def sample(self) -> None:
        self.samples.append((time.monotonic(), [memory(pid) for pid in self.workers]))

    def wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(min(0.5, seconds))
            self.sample()

    def restart(self) -> None:
        store = self.chance.choice((self.stage.rig.memcached, self.stage.rig.redis))
        store.kill()
        self.stage.inject()
        self.wait(self.chance.random())
        store.start()

    def freeze(self) -> None:
        store = self.chance.choice((self.stage.rig.memcached, self.stage.rig.redis))
        store.freeze()
        self.stage.inject()
        self.wait(self.chance.random())
        store.thaw()

    def meddle(self) -> None:
        line = self.chance.choice(("memcached", "redis"))
        lies = [f"{line}-{lie}" for lie in LIES[line]]
        self.stage.meddle(self.chance.choice([*FAULTS, *lies]), line)
        self.wait(self.chance.random() * PERIOD / 2)
        self.stage.meddle("none", line)

    def run(self) -> None:
        what: list[Callable[[], None]] = [self.restart, self.freeze, *[self.meddle] * 6]
        began = time.monotonic()
        while (now := time.monotonic()) < began + self.stage.seconds:
            self.chance.choice(what)()
            self.events += 1
            self.wait(max(0.2, now + PERIOD - time.monotonic()))

    def judge_log(self, log: int, seconds: float) -> None:
        """Of each fault each worker may say what is the matter, that the server is down, that it
        is back, and the same again if it comes and goes; once a second that a value is too large.
        """
        lines = [line for line in self.stage.nginx.log_since(log) if OURS.search(line)]
        allowed = len(self.workers) * (8 * self.events + seconds)
        self.stage.note(f"{len(lines)} lines in the error log for {self.events} faults")
        if len(lines) > allowed:
            self.stage.problem(f"{len(lines)} lines in the error log, {allowed:.0f} expected")

    def between(self, begin: float, end: float) -> list[float]:
        """The median memory of each worker in that time."""
        found = [sizes for at, sizes in self.samples if begin <= at <= end]
        return [statistics.median(sizes) for sizes in zip(*found, strict=True)]


def soak(stage: Stage) -> None:
    """The first minute warms up; a short run is too short to say something of memory."""
    at_first = [descriptors(pid) for pid in stage.nginx.workers()]
    soaking, log = Soak(stage), stage.nginx.log_size()
    began = time.monotonic()
    soaking.run()
    ended = time.monotonic()
    soaking.judge_log(log, ended - began)
    first, last = soaking.between(began + 45, began + 60), soaking.between(ended - 15, ended)
    judge_descriptors(stage, at_first)
    if stage.seconds < 180 or not first or not last:
        return
    for one, other in zip(first, last, strict=True):
        growth = other / one - 1
        stage.note(f"worker: {one / 2**20:.1f} MiB after a minute, then {growth:+.1%}")
        if growth > GROWTH:
            stage.problem(f"a worker has grown by {growth:.1%}")


def judge_descriptors(stage: Stage, at_first: list[int]) -> None:
    """With the same clients, who are all connected, and in whatever way to the workers."""
    stage.load.pause()
    stage.heal()
    time.sleep(0.5)
    at_last = [descriptors(pid) for pid in stage.nginx.workers()]
    stage.load.resume()
    grown = sum(at_last) - sum(at_first)
    stage.note(f"descriptors: {sum(at_first)}, then {sum(at_last)}")
    if grown > CONNECTIONS * 2 + 8:
        stage.problem(f"{grown} descriptors more than at first")
