"""Where a scenario plays: the load runs, faults come and go, and at the end everybody is asked."""

import re
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from . import pages
from .load import Load, Manner, Tally
from .nginx import ALARMING, OURS, Nginx
from .rig import Rig

#: Within so many seconds of the end of a fault pages come from the cache again. A store that was
#: down often is probed once a second.
RECOVERY = 10.0
#: How clients behave unless a scenario says otherwise.
USUAL = Manner()
#: No line matches.
NOTHING = r"(?!)"
#: So long the cache has to work before anything is done to it.
WARM_UP = 0.5


@dataclass(frozen=True)
class Scenario:
    """One kind of fault, or a few that belong together.

    `act` does it; `groups`: whose pages are asked for; `hurt`: those that the fault is about;
    `seen`: what nginx must say of some request to those (else nothing has been tested);
    `forgiven`: kinds of failures that are the clients' due here; `excused`: alarming lines that
    nginx itself writes because of it; `seconds`: how long a fault lasts, in quick and long runs.
    """

    name: str
    title: str
    act: Callable[["Stage"], None]
    groups: tuple[str, ...] = tuple(pages.GROUPS)
    hurt: tuple[str, ...] = ()
    seen: str = "ERROR"
    forgiven: frozenset[str] = frozenset()
    excused: str = NOTHING
    seconds: tuple[float, float] = (1.2, 10.0)
    smoke: bool = False
    quick: bool = True
    manner: Manner = USUAL
    #: The workers at the end are those of the beginning.
    keeps_workers: bool = True
    #: Makes a nginx of its own.
    own: Callable[[Rig], Nginx] | None = None


@dataclass
class Result:
    scenario: Scenario
    seconds: float
    tally: Tally
    injected: int
    #: Lines of nginx's error log that the module wrote.
    lines: int
    problems: list[str]
    notes: list[str] = field(default_factory=list)

    @property
    def failures(self) -> int:
        kinds = self.tally.failures.items()
        return sum(count for kind, count in kinds if kind not in self.scenario.forgiven)


class Stage:
    def __init__(self, rig: Rig, scenario: Scenario, seconds: float) -> None:
        self.rig = rig
        self.scenario = scenario
        #: How long each fault lasts.
        self.seconds = seconds
        self.nginx = scenario.own(rig) if scenario.own else rig.nginx
        self.injected = 0
        #: Commands of memcached that asked for several keys.
        self.shared = 0
        self.switches = 0
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.load: Load

    def meddle(self, fault: str, *lines: str) -> None:
        """Begins a fault of the proxy; `none` ends it."""
        for line in lines or ("memcached", "redis"):
            self.command({"line": line, "fault": fault})
        self.switches += 1

    def heal(self) -> None:
        self.meddle("none")

    def say_unasked(self) -> None:
        for line in ("memcached", "redis"):
            self.command({"line": line, "quiet": True})

    def command(self, words: dict[str, object]) -> None:
        if not self.rig.meddler:
            raise RuntimeError("there is no meddler")
        before = self.rig.meddler.injected, self.rig.meddler.shared
        self.rig.meddler.say(words)
        self.injected += self.rig.meddler.injected - before[0]
        self.shared += self.rig.meddler.shared - before[1]

    def inject(self, count: int = 1) -> None:
        """Counts what was done without the proxy."""
        self.injected += count

    def wait(self, seconds: float = 0.0) -> None:
        time.sleep(seconds or self.seconds)

    def rest(self) -> None:
        """Between two faults of a scenario."""
        time.sleep(max(0.3, self.seconds / 4))

    def reinforce(self, connections: int) -> None:
        """So many more clients come at once, and stay while a fault lasts."""
        targets = [one for one in self.rig.targets if one.group in self.scenario.groups]
        manner = replace(self.scenario.manner, connections=connections)
        with Load(
            self.rig.arguments.generator, self.nginx.port, self.rig.seed, targets, manner
        ) as load:
            self.wait()
            tally = load.stop()
        self.judge_failures(tally)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def problem(self, text: str) -> None:
        self.problems.append(text)

    def served(self, what: str, within: float) -> None:
        """Waits until every group has had new pages from the cache."""
        before = self.load.status()
        end = time.monotonic() + within
        while True:
            time.sleep(0.1)
            now = self.load.status()
            missing = [g for g in self.load.groups if now.hits(g) <= before.hits(g)]
            if not missing:
                return
            if time.monotonic() > end:
                self.problem(f"{what}: no page from the cache for {', '.join(missing)}")
                return

    def play(self) -> Result:
        scenario = self.scenario
        if scenario.own:
            self.nginx.start()
        targets = [one for one in self.rig.targets if one.group in scenario.groups]
        began, log = time.monotonic(), 0 if scenario.own else self.nginx.log_size()
        workers = self.nginx.workers()
        seed = self.rig.seed + sum(scenario.name.encode())
        with Load(
            self.rig.arguments.generator, self.nginx.port, seed, targets, scenario.manner
        ) as self.load:
            self.served("before the fault", RECOVERY)
            self.wait(WARM_UP)
            self.act()
            self.heal()
            self.served("after the fault", RECOVERY)
            tally = self.load.stop()
        seconds = time.monotonic() - began
        self.judge_workers(workers)
        if scenario.own and (status := self.nginx.stop()) != 0:
            self.problem(f"nginx ended with {status}")
        lines = self.judge_log(self.nginx.log_since(log), seconds)
        self.judge(tally)
        return Result(scenario, seconds, tally, self.injected, lines, self.problems, self.notes)

    def act(self) -> None:
        """What goes wrong in a scenario is its own problem, and not the next one's."""
        try:
            self.scenario.act(self)
        except Exception as error:
            self.problem("".join(traceback.format_exception(error)))
            self.rig.restore()

    def judge(self, tally: Tally) -> None:
        self.judge_failures(tally)
        forgiven = sum(tally.failures.get(kind, 0) for kind in self.scenario.forgiven)
        if self.scenario.forgiven:
            self.note(f"{forgiven:,} requests that nginx had no memory for")
        if not self.injected:
            self.problem("no fault was injected")
        hurt = list(self.scenario.hurt or self.scenario.groups)
        words = tally.reasons(hurt)
        if not any(re.search(self.scenario.seen, word) for word in words):
            self.problem(f"nobody noticed the fault: {words}")
        if self.rig.meddler and (complaints := self.rig.meddler.complaints()):
            self.problem(f"the meddler complains: {complaints[-1000:]}")

    def judge_failures(self, tally: Tally) -> None:
        let_down = {
            kind: count
            for kind, count in tally.failures.items()
            if kind not in self.scenario.forgiven
        }
        for kind, count in let_down.items():
            self.problem(f"{count} clients were let down: {kind}")
        if let_down:
            self.problems += tally.examples

    def judge_workers(self, before: list[int]) -> None:
        if self.scenario.keeps_workers and self.nginx.workers() != before:
            self.problem("a worker has ended")

    def lines_allowed(self, seconds: float) -> float:
        """Each worker may say once a second of each server that it is down or talks nonsense, and
        that it is back; and once a second of some value that it is too large."""
        servers = len({group.rpartition("-")[0] for group in self.scenario.groups})
        workers = int(self.nginx.words["WORKERS"])
        return workers * (2 * servers + 1) * (seconds + 1) + 10 * self.switches

    def judge_log(self, lines: list[str], seconds: float) -> int:
        alarming = [line for line in lines if ALARMING.search(line)]
        excused = [line for line in alarming if re.search(self.scenario.excused, line)]
        for line in alarming:
            if line not in excused:
                self.problem(f"error log: {line}")
        if self.scenario.excused != NOTHING:
            self.note(f"{len(excused):,} complaints of nginx itself")
            if not excused:
                self.problem("nginx itself had nothing to complain of")
        ours = [line for line in lines if OURS.search(line)]
        bound = self.lines_allowed(seconds)
        if len(ours) > bound:
            self.problem(f"{len(ours)} lines of the module in the error log, {bound:.0f} expected")
            self.problems += ours[:5]
        return len(ours)
