"""Processes on free loopback ports: started, awaited, stopped."""

import os
import socket
import subprocess
import time
from pathlib import Path

PATIENCE = 60  # seconds to wait for what should come at once
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # where Debian keeps nginx


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_until(condition, what):
    """Polls; returns what `condition` returned."""
    end = time.monotonic() + PATIENCE
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError(what())
        time.sleep(0.02)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A process that listens on `port` from some moment on."""

    def __init__(self, name, command, port, folder, env=None):
        self.name, self.port, self.log = name, port, Path(folder) / f"{name}.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env={**os.environ, "PATH": PATH, **(env or {})},
            )

    def ready(self):
        def listening():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} has ended: {self.tail()}")
            return listens(self.port)

        wait_until(listening, lambda: f"{self.name} does not listen: {self.tail()}")
        return self

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:]

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def ask_to_stop(self):
        """What stops slowly may do so while others do."""
        self.process.terminate()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def memcached(folder):
    [port] = free_ports(1)
    # memcached refuses to run as root; without root it ignores -u.
    command = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-u", "nobody"]
    return Process("memcached", command, port, folder)


def redis(folder):
    [port] = free_ports(1)
    options = {"bind": "127.0.0.1", "port": port, "save": "", "appendonly": "no", "dir": folder}
    command = ["redis-server"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    return Process("redis", command, port, folder)
