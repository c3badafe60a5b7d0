"""The command behind scripts/torture."""

import argparse
import random
import signal
import sys
import time
from pathlib import Path

from . import proof, report, scenarios
from .rig import Rig, say
from .stage import Result, Scenario, Stage

#: Pages in each group, two for each URL of key=django.
PAGES = 240
#: What a fault lasts in a smoke run, in seconds.
BRIEF = 1.5


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/torture", add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true", help="only whether all of this is known")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--output", type=Path)
    parser.add_argument("--nginx", default="nginx")
    parser.add_argument("--module", default="")
    parser.add_argument("--generator", default="")
    arguments = parser.parse_args(words)
    arguments.python = sys.executable
    return arguments


def chosen(arguments: argparse.Namespace) -> list[Scenario]:
    if unknown := set(arguments.only) - {one.name for one in scenarios.ALL}:
        raise SystemExit(f"no such scenario: {', '.join(sorted(unknown))}, see --list")
    if arguments.only:
        return [one for one in scenarios.ALL if one.name in arguments.only]
    if arguments.smoke:
        return [one for one in scenarios.ALL if one.smoke]
    return [one for one in scenarios.ALL if one.quick or not arguments.quick]


def seconds(arguments: argparse.Namespace, scenario: Scenario) -> float:
    quick, long = scenario.seconds
    if arguments.smoke:
        return min(quick, BRIEF)
    return quick if arguments.quick else long


def told(arguments: argparse.Namespace) -> list[str]:
    """What was asked for, as far as it is not the default."""
    words = [f"--{name}" for name in ("quick", "smoke") if getattr(arguments, name)]
    return words + [word for name in arguments.only for word in ("--only", name)]


def play(rig: Rig, scenario: Scenario, how_long: float) -> Result:
    result = Stage(rig, scenario, how_long).play()
    tally, rate = result.tally, result.tally.requests / result.seconds
    say(
        f"{scenario.name}: {result.seconds:.1f} s, {tally.requests:,} requests ({rate:,.0f}/s),"
        f" {result.injected:,} faults, {result.failures:,} failures"
    )
    for text in result.notes:
        say(f"  {text}")
    for text in result.problems:
        say(f"  PROBLEM: {text}")
    return result


def main() -> int:
    arguments = parse(sys.argv[1:])
    if arguments.list:
        for one in scenarios.ALL:
            print(f"{one.name:20} {one.title}")
    # The end of the context managers stops what was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = chosen(arguments)
    if arguments.check:
        return 0
    say(f"{len(wanted)} scenarios, --seed {arguments.seed}")
    began = time.monotonic()
    with Rig(arguments, PAGES) as rig:
        say(f"nginx and the stores are up, {len(rig.targets):,} pages")
        say(f"proof: two pages changed places, and {proof.prove(rig)} clients noticed")
        results = [play(rig, one, seconds(arguments, one)) for one in wanted]
    print(report.wide(results))
    if arguments.output:
        text = report.markdown(results, told(arguments), arguments.nginx, arguments.seed)
        report.write(arguments.output, text)
    failed = [result.scenario.name for result in results if result.problems]
    requests = sum(result.tally.requests for result in results)
    say(
        f"{time.monotonic() - began:.0f} s, {requests:,} requests sent,"
        f" {sum(result.injected for result in results):,} faults injected,"
        f" {sum(result.failures for result in results):,} failures seen"
        + (f"; FAILED: {', '.join(failed)}" if failed else "")
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
