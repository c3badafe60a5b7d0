#!/usr/bin/env python3
"""What is inside the module and the tool: the crates that are linked into them, by cargo's word.

    packaging/shipped.py notices PACKAGE

prints the licences of these crates with their texts, as the licences want it of who hands out
binaries. packaging/sbom.py makes a list for machines of the same.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

MODULE = "ngx_http_rust_page_cache_module"
ROOT = Path(__file__).resolve().parent.parent
NOTICE_FILES = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense|authors)", re.IGNORECASE)


class CargoError(Exception):
    """cargo says something that this program does not know what to make of."""


@dataclass(frozen=True)
class Crate:
    """A crate at a version; `checksum` is that of the registry's archive, None for our own."""

    name: str
    version: str
    license: str
    description: str
    repository: str | None
    folder: Path
    checksum: str | None

    @property
    def is_own(self) -> bool:
        return self.checksum is None


def cargo(*arguments: str) -> str:
    """What a cargo command prints."""
    command = [os.environ.get("CARGO", "cargo"), *arguments]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode != 0:
        raise CargoError(f"failed: {' '.join(command)}")
    return run.stdout


def host() -> str:
    """The target that is built for, x86_64-unknown-linux-gnu say."""
    run = subprocess.run(
        [os.environ.get("RUSTC", "rustc"), "-vV"], stdout=subprocess.PIPE, text=True, check=True
    )
    found = re.search(r"^host: (\S+)$", run.stdout, re.MULTILINE)
    if not found:
        raise CargoError("rustc -vV names no host")
    return found[1]


def rust_release() -> str:
    """The release of the compiler, whose standard library is linked in, too."""
    run = subprocess.run(
        [os.environ.get("RUSTC", "rustc"), "--version"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return run.stdout.split()[1]


def crates() -> dict[tuple[str, str], Crate]:
    """All crates of the lock file, by name and version."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}
    metadata = json.loads(
        cargo("metadata", "--format-version=1", "--locked", "--filter-platform", host())
    )
    found = {}
    for package in metadata["packages"]:
        key = (package["name"], package["version"])
        found[key] = Crate(
            name=package["name"],
            version=package["version"],
            # Before cargo knew of SPDX, a slash stood for OR.
            license=(package["license"] or "").replace("/", " OR "),
            description=" ".join((package["description"] or "").split()),
            repository=package["repository"],
            folder=Path(package["manifest_path"]).parent,
            checksum=checksums[key],
        )
    return found


def tree(package: str) -> list[tuple[int, tuple[str, str]]]:
    """Depth, and name and version, of each line of the tree of what is linked into a package:
    neither build scripts nor macros nor what tests need."""
    features = os.environ.get("FEATURES", "lz4 xz zstd")
    if package == MODULE:
        features = f"export-modules {features}"
    printed = cargo(
        "tree", "--locked", "--no-dedupe", "--package", package, "--target", host(),
        "--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", " {p}",
        "--no-default-features", "--features", features,
    )  # fmt: skip
    lines = []
    for line in printed.splitlines():
        found = re.match(r"(\d+) (\S+) v(\S+)", line)
        if not found:
            raise CargoError(f"cargo tree printed {line!r}")
        lines.append((int(found[1]), (found[2], found[3])))
    return lines


def linked(package: str) -> list[Crate]:
    """The crates that are linked into a package, and that itself, by name."""
    known = crates()
    return [known[key] for key in sorted({key for _, key in tree(package)})]


def edges(package: str) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """Which of them needs which."""
    needs: dict[tuple[str, str], set[tuple[str, str]]] = {}
    path: list[tuple[str, str]] = []
    for depth, key in tree(package):
        del path[depth:]
        needs.setdefault(key, set())
        if path:
            needs[path[-1]].add(key)
        path.append(key)
    return needs


def notices(package: str) -> str:
    """The notices of all crates that are not our own."""
    parts = [f"What is linked into {package}, and the terms of its authors.\n"]
    parts.append(
        f"The standard library of Rust {rust_release()}: MIT OR Apache-2.0,\n"
        "https://github.com/rust-lang/rust, copyright The Rust Project contributors.\n"
    )
    for crate in linked(package):
        if crate.is_own:
            continue
        if not crate.license:
            raise CargoError(f"{crate.name} {crate.version} names no licence")
        parts.append(f"{'=' * 78}\n{crate.name} {crate.version}: {crate.license}\n")
        if crate.repository:
            parts.append(f"{crate.repository}\n")
        texts = (path for path in sorted(crate.folder.iterdir()) if path.is_file())
        for path in texts:
            # The text of Apache-2.0 is in every distribution, and in LICENSE.
            if NOTICE_FILES.match(path.name) and "apache" not in path.name.lower():
                text = path.read_text(encoding="utf-8", errors="replace").strip()
                parts.append(f"\n--- {path.name}\n{text}\n")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] != "notices":
        print(__doc__, file=sys.stderr)
        return 2
    print(notices(arguments[1]), end="")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CargoError as error:
        print(f"shipped.py: {error}", file=sys.stderr)
        sys.exit(1)
