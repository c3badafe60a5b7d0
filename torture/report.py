"""The table at the end, and what docs/torture.md is made of."""

import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from .stage import Result

HEADING = "## A run"


def wide(results: list[Result]) -> str:
    """For a terminal."""
    rows: list[tuple[str, ...]] = [
        ("scenario", "requests", "left", "faults", "hits", "slowest ms", "lines", "FAILURES")
    ]
    rows += [cells(result) for result in results]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        name, *numbers = (cell for cell in row)
        padded = [cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *padded]).rstrip())
    return "\n".join(lines)


def cells(result: Result) -> tuple[str, ...]:
    tally = result.tally
    hits = sum(tally.hits(group) for group in tally.outcomes)
    return (
        result.scenario.name,
        f"{tally.requests:,}",
        f"{tally.left:,}",
        f"{result.injected:,}",
        f"{hits / max(tally.answered, 1):.0%}",
        f"{tally.slowest or 0:,.0f}",
        f"{result.lines:,}",
        f"{result.failures:,}" + ("" if not result.problems else " *"),
    )


def markdown(results: list[Result], words: list[str], nginx: str, seed: int) -> str:
    minutes = sum(result.seconds for result in results) / 60
    total = sum(result.tally.requests for result in results)
    lines = [
        f"`scripts/torture {' '.join(words)}`".replace(" `", "`")
        + f", {datetime.now(timezone.utc).date()}, seed {seed}: {minutes:.1f} minutes,",
        f"{total:,} requests, {sum(result.injected for result in results):,} faults,"
        f" {sum(result.failures for result in results):,} failures.",
        "",
        *(f"- {line}" for line in machine(nginx)),
        "",
        "| scenario | | requests | clients that left | faults | from the cache |"
        " slowest, ms | lines in the error log | failures |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for result in results:
        name, *numbers = cells(result)
        title = result.scenario.title + "".join(f"; {note}" for note in result.notes)
        lines.append(" | ".join([f"| `{name}`", title, *numbers]) + " |")
    return "\n".join(lines) + "\n"


def write(file: Path, text: str) -> None:
    """What the file has above its last run is left alone."""
    before = file.read_text().partition(HEADING)[0] if file.exists() else ""
    file.write_text(f"{before}{HEADING}\n\n{text}")


def machine(nginx: str) -> list[str]:
    def first_line(*command: str) -> str:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        return (run.stdout or run.stderr).strip().splitlines()[0]

    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = processor[1] if processor else platform.machine()
    return [
        f"{len(os.sched_getaffinity(0))} cores of {name}, Linux {platform.release()}",
        first_line(nginx, "-v"),
        first_line("memcached", "--version"),
        first_line("redis-server", "--version").split(" sha=")[0],
    ]
