"""The command behind scripts/trust."""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from harness import django
from harness.nginx import MODULE

from . import conf
from .generate import WAYS
from .run import Run
from .world import World, module_of, world

#: Within so many conversations what is planted is found, or this test finds nothing.
PATIENCE = 4000
#: In so many each location has pages that are served from the cache, or nothing was tested there.
ENOUGH = 1000


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/trust", add_help=False)
    parser.add_argument("--line", action="append", choices=django.lines())
    parser.add_argument("--conversations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--only", type=int)
    parser.add_argument("--plant", choices=["form", "field", "guard"])
    parser.add_argument("--old", action="store_true")
    parser.add_argument("--module", default=MODULE)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--keep", action="store_true")
    return parser.parse_args(words)


def main() -> int:
    arguments = parse(sys.argv[1:])
    # The end of the context managers stops what was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    module = module_of(arguments.module)
    lines = arguments.line or django.lines()
    if not lines:
        raise SystemExit("no Django to ask: scripts/setup installs some")
    say(f"trust: --seed {arguments.seed}")
    began = time.monotonic()
    problems = 0
    for line in lines:
        folder = Path(tempfile.mkdtemp(prefix="rust_page_cache."))
        try:
            # memcached drops root, and still has to reach what is its own.
            folder.chmod(0o711)
            with world(line, module, folder) as made:
                problems += tried(made, arguments)
        finally:
            if arguments.keep:
                say(f"configurations and logs: {folder}")
            else:
                shutil.rmtree(folder)
    say(f"trust: {time.monotonic() - began:.0f} s, {problems} problems")
    return 1 if problems else 0


def tried(made: World, arguments: argparse.Namespace) -> int:
    """How many problems there are with this Django."""
    plants = conf.plants(made.line)
    change: conf.Change = conf.as_it_should_be
    if arguments.plant:
        change = plants[arguments.plant]
    elif arguments.old:
        change = conf.as_it_was
    elif arguments.only is None:
        for name, planted in plants.items():
            if not found(made, arguments.seed, name, planted):
                return 1
    numbers = range(arguments.conversations)
    if arguments.only is not None:
        numbers = range(arguments.only, arguments.only + 1)
    run = Run(made, arguments.seed, change, numbers)
    report(run, arguments.verbose)
    for finding in run.findings.values():
        say(run.told(*finding))
    return len(run.findings) + untested(run)


def found(made: World, seed: int, name: str, change: conf.Change) -> bool:
    """Whether the test finds a fault of the configuration."""
    run = Run(made, seed, change, range(PATIENCE), stop_early=True)
    what = f"Django {made.release}: the planted fault '{name}'"
    for way, (number, seconds, _) in run.findings.items():
        say(f"{what} is found by conversation {number}, at /{way}/, in {seconds:.1f} s")
    if not run.findings:
        say(f"PROBLEM: {what} is not found in {PATIENCE} conversations")
    return bool(run.findings)


def report(run: Run, verbose: bool) -> None:
    tally = run.tally
    say(
        f"Django {run.world.release}: {tally.conversations:,} conversations,"
        f" {tally.requests:,} requests, {tally.hits():,} hits, {run.seconds:.1f} s;"
        f" {tally.past_the_guard} hits past a guard, as README says"
    )
    for way in WAYS if verbose else ():
        answers = {what: n for (at, what), n in tally.answers.items() if at == way.name}
        most = sorted(answers.items(), key=lambda one: -one[1])
        say(f"  {way.name:12} " + ", ".join(f"{n} {what or '-'}" for what, n in most))


def untested(run: Run) -> int:
    """What has tested nothing: a site that fails, locations without hits."""
    problems: list[str] = []
    if run.tally.broken:
        problems.append(f"{run.tally.broken} answers of 500 and more")
    if run.tally.conversations >= ENOUGH:
        problems += [f"no hit at /{way.name}/" for way in WAYS if not run.tally.hits(way.name)]
        if not run.tally.past_the_guard:
            problems.append("no hit past a guard")
    for text in problems:
        say(f"PROBLEM: Django {run.world.release}: {text}")
    return len(problems)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
