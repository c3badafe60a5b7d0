"""Drives bench/load's torture-load."""

import json
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from . import pages


@dataclass(frozen=True)
class Manner:
    """How the clients behave; see bench/load/src/bin/torture-load/job.rs."""

    connections: int = 96
    rate: float = 4000.0
    patience: float = 5.0
    retry: bool = False
    leave: float = 0.03
    pipeline: float = 0.1
    close: float = 0.05
    head: float = 0.05
    post: float = 0.02
    hot: float = 0.3


@dataclass(frozen=True)
class Tally:
    """What torture-load has counted since it began; see its tally.rs."""

    requests: int
    answered: int
    left: int
    retried: int
    abandoned: int
    connections: int
    failures: dict[str, int]
    examples: list[str]
    outcomes: dict[str, dict[str, int]]
    waiting: int
    p99: float | None
    slowest: float | None

    def hits(self, group: str) -> int:
        words = self.outcomes.get(group, {}).items()
        return sum(count for word, count in words if word.startswith("HIT"))

    def reasons(self, groups: list[str]) -> dict[str, int]:
        """nginx's own words over these groups."""
        found: dict[str, int] = {}
        for group in groups:
            for word, count in self.outcomes.get(group, {}).items():
                found[word] = found.get(word, 0) + count
        return found


class Load:
    """A context manager: the load runs until it is left."""

    def __init__(
        self,
        generator: str,
        port: int,
        seed: int,
        targets: list[pages.Target],
        manner: Manner,
    ) -> None:
        self.job = {
            "address": f"127.0.0.1:{port}",
            "host": pages.HOST,
            "seed": seed,
            "targets": [one.for_load() for one in targets],
            **vars(manner),
        }
        self.groups = list(dict.fromkeys(one.group for one in targets))
        self.patience = manner.patience
        self.process = subprocess.Popen(
            [generator], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.final: Tally | None = None

    def __enter__(self) -> "Load":
        self.write(json.dumps(self.job))
        return self

    def __exit__(self, *_: object) -> None:
        if self.final is None:
            self.process.kill()
        self.process.communicate()

    def write(self, line: str) -> None:
        if not self.process.stdin:
            raise RuntimeError("torture-load has no input")
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def read(self) -> Tally:
        if not self.process.stdout:
            raise RuntimeError("torture-load has no output")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("torture-load has ended")
        found: dict[str, Any] = json.loads(line)
        return Tally(**found)

    def say(self, command: str) -> Tally:
        self.write(command)
        return self.read()

    def status(self) -> Tally:
        return self.say("status")

    def pause(self) -> None:
        """Returns when nobody waits any more."""
        end = time.monotonic() + self.patience + 5
        tally = self.say("pause")
        while tally.waiting:
            if time.monotonic() > end:
                raise TimeoutError(f"{tally.waiting} requests are still waiting")
            time.sleep(0.02)
            tally = self.status()

    def resume(self) -> None:
        self.say("resume")

    def stop(self) -> Tally:
        self.write("stop")
        self.final = self.read()
        return self.final
