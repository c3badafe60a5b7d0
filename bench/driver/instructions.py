"""Instructions and system calls per request: figures that a noisy machine does not change much.

nginx runs as a single process under callgrind (or strace), once for N requests and once for 2 N;
starting and stopping cancel out: (count(2 N) - count(N)) / N. Callgrind counts what nginx runs in
user mode, not the kernel's part of a system call; the number of these is counted apart.
"""

import os
import re
import shutil
import signal
import subprocess

from . import load, pages, peers
from .bench import say
from .servers import Server, children

NAMES = (
    peers.SUBJECT,
    "rpc-memcached-django",
    "rpc-redis-md5",
    "rpc-redis-django",
    peers.REFERENCE,
    peers.TUNED,
)
SINGLE = "master_process off;"
CONNECTIONS = (1, 64)


class SingleProcess(Server):
    """nginx below a tool that writes what it has counted when nginx ends."""

    def stop(self):
        """Ends nginx itself: strace would detach and leave it running."""
        for pid in children(self.process.pid) or [self.process.pid]:
            if self.process.poll() is None:
                os.kill(pid, signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            super().stop()

    def count_after(self, pattern, file):
        self.stop()
        text = "".join(one.read_text() for one in sorted(self.folder.glob(file)))
        found = re.search(pattern, text, re.MULTILINE)
        if not found:
            raise RuntimeError(f"{self.name}: no count in {file}: {self.tail()}")
        return int(found[1])


def callgrind(bench, peer):
    # Fifty times slower, nginx would give up on a store that answers as fast as ever.
    folder = bench.temp / "callgrind"
    folder.mkdir(exist_ok=True)
    # Callgrind takes each byte that `rep movsb` copies for an instruction: copy without it.
    command = ["env", "GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1000000000"]
    command += ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
    started = peers.start(peer, bench, SINGLE, peers.PATIENT, command, SingleProcess)
    started.folder = folder
    return started, r"^summary: (\d+)", "out"


def strace(bench, peer):
    folder = bench.temp / "strace"
    folder.mkdir(exist_ok=True)
    command = ["strace", "-f", "-c", "-U", "calls,name", "-o", f"{folder}/out"]
    started = peers.start(peer, bench, SINGLE, peers.PATIENT, command, SingleProcess)
    started.folder = folder
    return started, r"^ *(\d+) total$", "out"


def per_request(bench, peer, tool, connections, requests):
    targets = [pages.hit("8k", number) for number in range(pages.SIZES["8k"].count)]
    counts = []
    for many in (requests, 2 * requests):
        started, pattern, file = tool(bench, peer)
        try:
            job = {"connections": connections, "seconds": 300, "requests": many, "sequential": True}
            outcome = load.run(bench, started.port, targets, **job)
            if load.failed(outcome) or outcome["all_requests"] != many:
                raise RuntimeError(f"{peer.name} below {tool.__name__}: {outcome['errors']}")
            counts.append(started.count_after(pattern, file))
        finally:
            started.stop()
    return (counts[1] - counts[0]) / requests


def run(bench):
    found = []
    tools = [(callgrind, "valgrind", "instructions"), (strace, "strace", "system_calls")]
    requests = 1000 if bench.arguments.quick else 2000
    for name in NAMES:
        peer = bench.peer(name)
        if not peer:
            continue
        row = {"peer": name}
        for tool, binary, column in tools:
            if not shutil.which(binary):
                continue
            for connections in CONNECTIONS:
                count = per_request(bench, peer, tool, connections, requests)
                row[f"{column}_{connections}"] = count
        say(
            f"per request: {name:24} "
            + ", ".join(f"{k} {v:,.2f}" for k, v in row.items() if k != "peer")
        )
        found.append(row)
    return found
