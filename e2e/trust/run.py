"""Many conversations with one nginx after the other, several at once."""

import itertools
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from . import conf
from .client import Client
from .generate import conversation
from .oracle import Judge, Tally
from .shrink import shrink
from .talk import Conversation, Finding
from .world import World

#: Conversations at once.
THREADS = 4
#: Conversations with the same nginx: one worker has heard nothing yet, another one much.
WITH_ONE = 400
#: Counts all that were held.
TALKS = itertools.count()


class Run:
    """What came of conversations `numbers`; of each location the first finding is kept.

    `stop_early`: with the first finding it ends.
    """

    def __init__(
        self,
        world: World,
        seed: int,
        change: conf.Change,
        numbers: Iterable[int],
        stop_early: bool = False,
    ) -> None:
        self.world, self.seed, self.change, self.stop_early = world, seed, change, stop_early
        self.lock = threading.Lock()
        self.tally = Tally()
        #: By location: the number of the conversation, and when it went wrong, in seconds.
        self.findings: dict[str, tuple[int, float, Finding]] = {}
        self.began = time.monotonic()
        rest = iter(numbers)
        while some := list(itertools.islice(rest, WITH_ONE)):
            self.part = iter(some)
            with world.nginx(change), ThreadPoolExecutor(THREADS) as pool:
                try:
                    for talker in [pool.submit(self.talk) for _ in range(THREADS)]:
                        talker.result()
                finally:
                    # Whatever ends this one, the other talkers end with it.
                    self.part = iter(())
            if stop_early and self.findings:
                break
        self.seconds = time.monotonic() - self.began

    def talk(self) -> None:
        with Client() as client:
            judge = self.judge(client)
            while (number := self.next()) is not None:
                talk = conversation(f"{self.seed} {self.world.line} {number}")
                if found := judge.hold(talk, self.own(number)):
                    self.keep(number, found)
            with self.lock:
                self.tally.add(judge.tally)

    def next(self) -> int | None:
        with self.lock:
            return None if self.stop_early and self.findings else next(self.part, None)

    def keep(self, number: int, found: Finding) -> None:
        seconds = time.monotonic() - self.began
        with self.lock:
            self.findings.setdefault(found.conversation.way, (number, seconds, found))

    def judge(self, client: Client) -> Judge:
        return Judge(client, self.world.ports["ON"], self.world.ports["OFF"])

    def own(self, number: int) -> str:
        """A part of a path that no other conversation has, nor this one when it is held again."""
        return f"n{number}t{next(TALKS)}"

    def told(self, number: int, seconds: float, found: Finding) -> str:
        """The finding, as short as it can be made, and how to have it again."""

        def again(candidate: Conversation) -> Finding | None:
            with self.world.nginx(self.change), Client() as client:
                return self.judge(client).hold(candidate, self.own(number))

        lines = [
            f"Django {self.world.release}, after {seconds:.1f} s: conversation {number} of --seed"
            f" {self.seed} (again: --seed {self.seed} --line {self.world.line} --only {number})"
        ]
        shortest = shrink(found, again)
        if not shortest:
            lines.append("(not with a worker that has heard nothing before: leave out --only)")
        return "\n".join([*lines, (shortest or found).told(f"n{number}")])
