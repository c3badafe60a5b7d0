"""Processes that are measured: started on their cores, watched through /proc, stopped."""

import os
import resource
import socket
import subprocess
import time
from pathlib import Path

FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def children(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, task.read_text().split())
    return found


def command_line(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def memory(pid):
    """Bytes that the process has in memory, and those that are its own (proc(5), RssAnon)."""
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "RssAnon"):
            found[name] = int(value.split()[0]) * 1024
    return found["VmRSS"], found["RssAnon"]


class Server:
    """A process and its log. `pids` are those whose CPU time is its own."""

    def __init__(self, name, command, cores, folder, port, env=None):
        self.name = name
        self.port = port
        self.folder = folder
        self.log = folder / f"{name}.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(env or {})},
                preexec_fn=lambda: start_here(cores),
            )

    def wait_until_up(self):
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.stop()
                    raise RuntimeError(f"{self.name} does not answer: {self.tail()}") from None
                time.sleep(0.05)

    def tail(self):
        logs = (self.log, self.folder / "error.log")
        return "\n".join(log.read_text(errors="replace")[-2000:] for log in logs if log.exists())

    @property
    def pids(self):
        return [self.process.pid]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def start_here(cores):
    os.sched_setaffinity(0, cores)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


class Nginx(Server):
    @property
    def pids(self):
        workers = [pid for pid in children(self.process.pid) if "worker" in command_line(pid)]
        if len(workers) != 1:
            raise RuntimeError(f"{self.name} has {len(workers)} workers")
        return workers

    @property
    def worker(self):
        return self.pids[0]


class Gunicorn(Server):
    @property
    def pids(self):
        return children(self.process.pid)


def memcached(port, cores, folder):
    # One thread, as there is one core for it. As root it wants to know whom to become.
    command = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "3072"]
    command += ["-c", "16384", "-t", "1", "-u", "nobody"]
    return Server("memcached", command, cores, folder, port).wait_until_up()


def redis(port, cores, folder):
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    command += ["--appendonly", "no", "--maxclients", "16384", "--dir", str(folder)]
    return Server("redis", command, cores, folder, port).wait_until_up()


def gunicorn(name, python, site, port, cores, folder, env):
    command = [python, "-m", "gunicorn", "--chdir", str(site), "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(len(cores)), "--threads", "4", "--backlog", "4096"]
    command += ["--no-control-socket", "benchsite:application"]
    env = {"PYTHONDONTWRITEBYTECODE": "1", **env}
    return Gunicorn(name, command, cores, folder, port, env).wait_until_up()
