"""Processes that are started, hurt and stopped."""

import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_until(seconds: float, what: str, holds: Callable[[], object]) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, task.read_text().split())
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def memory(pid: int) -> int:
    """Bytes that the process has in memory (proc(5), VmRSS)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"{pid} has no memory")


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Process:
    """A server on a port; its output goes to NAME.log."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        port: int,
        folder: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.command, self.port, self.folder = name, command, port, folder
        self.env = {**os.environ, **(env or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self.stopped = False

    def start(self) -> None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
                cwd=self.folder,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
            )
        wait_until(15, f"{self.name} does not answer", self.is_up)

    def is_up(self) -> bool:
        if self.process and self.process.poll() is not None:
            log = (self.folder / f"{self.name}.log").read_text(errors="replace")
            raise RuntimeError(f"{self.name} has ended: {log[-2000:]}")
        return accepts(self.port)

    @property
    def pid(self) -> int:
        if not self.process:
            raise RuntimeError(f"{self.name} does not run")
        return self.process.pid

    def kill(self) -> None:
        """At once and without a word, as if the power had gone."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Stops every thread of it, and returns when they stand."""
        os.kill(self.pid, signal.SIGSTOP)
        states = f"/proc/{self.pid}/task"
        wait_until(
            5,
            f"{self.name} does not stand still",
            lambda: all(
                (task / "stat").read_text().rpartition(")")[2].split()[0] == "T"
                for task in Path(states).iterdir()
            ),
        )
        self.stopped = True

    def thaw(self) -> None:
        if self.stopped:
            os.kill(self.pid, signal.SIGCONT)
            self.stopped = False

    def stop(self, with_signal: int = signal.SIGTERM) -> int:
        """Its exit status; one that does not end is killed."""
        if not self.process:
            return 0
        self.thaw()
        self.process.send_signal(with_signal)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.process = None
