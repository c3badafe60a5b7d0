"""The command behind scripts/bench."""

import argparse
import json
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from . import instructions, machine, measure, peers, report, siege
from .bench import Bench, say

PARTS = ("closed", "rate", "wrk", "siege", "instructions")


def parse(words):
    parser = argparse.ArgumentParser(prog="scripts/bench", add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--filter", default="")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--only", action="append", choices=PARTS, default=[])
    parser.add_argument("--placement", default="auto")
    parser.add_argument("--siege-seconds", type=float, default=0.0)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--nginx", required=True)
    parser.add_argument("--generator", required=True)
    parser.add_argument("--module", action="append", default=[], help="NAME=FILE")
    parser.add_argument("--micro", type=Path, help="criterion's folder, if its benchmarks have run")
    return parser.parse_args(words)


def measured(bench, parts):
    results = {}
    if "closed" in parts:
        results["samples"] = measure.closed_loop(bench)
    if "rate" in parts and (capacity := measure.capacity(results.get("samples", []))):
        results["rate"] = measure.constant_rate(bench, capacity)
    if "wrk" in parts:
        results["wrk"] = measure.by_wrk(bench)
    if "instructions" in parts:
        results["instructions"] = instructions.run(bench)
    if "siege" in parts:
        seconds = bench.arguments.siege_seconds or (5 if bench.arguments.quick else 60)
        results["sieges"], results["slow"] = siege.run(bench, seconds)
    results["evictions"] = bench.evictions()
    return results


def options(arguments):
    """What was asked for, as far as it is not the default."""
    words = ["--quick"] if arguments.quick else []
    for name in ("filter", "rounds", "seconds", "siege_seconds"):
        if value := getattr(arguments, name):
            words += [f"--{name.replace('_', '-')}", f"{value:g}" if name != "filter" else value]
    return words + [word for part in arguments.only for word in ("--only", part)]


def main():
    arguments = parse(sys.argv[1:])
    # A siege and valgrind do not fit into two minutes.
    parts = arguments.only or (["closed", "rate", "wrk"] if arguments.quick else PARTS)
    began = time.monotonic()
    with Bench(arguments) as bench:
        _, left_out = peers.with_modules(peers.PEERS, bench.modules)
        if left_out:
            say(f"left out for want of their modules: {', '.join(left_out)}")
        results = {
            "date": datetime.now(timezone.utc).isoformat(timespec="minutes"),
            "options": options(arguments),
            "machine": machine.description(bench.nginx, bench.root),
            "placement": bench.placement.described(),
            "left_out": left_out,
            **measured(bench, parts),
        }
    results["micro"] = report.criterion(arguments.micro)
    results["minutes"] = round((time.monotonic() - began) / 60, 1)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    report.write(results, arguments.output)
    say(f"the report is {arguments.output / 'README.md'}")
    problems = report.problems(results)
    for problem in problems:
        say(f"NOT VALID: {problem}")
    return 1 if problems else 0


sys.exit(main())
