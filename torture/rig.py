"""Everything that a run has at hand: stores, the proxy that meddles, nginx."""

import json
import shutil
import subprocess
import tempfile
from argparse import Namespace
from pathlib import Path

from . import pages
from .nginx import Nginx, location
from .processes import free_ports
from .stores import Memcached, Redis, fill

ROOT = Path(__file__).resolve().parents[1]


def say(text: str) -> None:
    print(f"torture: {text}", flush=True)


class Meddler:
    """Drives the proxy; see meddler/__main__.py."""

    def __init__(self, python: str, seed: int, lines: dict[str, dict[str, object]], log: Path):
        self.log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [python, "-m", "torture.meddler"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
            )
        #: Faults so far, and commands that asked for several keys.
        self.injected = self.shared = 0
        self.say({"seed": seed, "lines": lines})

    def say(self, words: dict[str, object]) -> None:
        if not self.process.stdin or not self.process.stdout:
            raise RuntimeError("the meddler has no pipes")
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the meddler has ended: {self.complaints()}")
        counts = json.loads(line).values()
        self.injected = sum(injected for injected, _ in counts)
        self.shared = sum(shared for _, shared in counts)

    def complaints(self) -> str:
        """What it did not expect: a fault of these tools."""
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Rig:
    """A context manager; stops what it starts."""

    def __init__(self, arguments: Namespace, count: int) -> None:
        self.arguments = arguments
        self.seed: int = arguments.seed
        self.targets = pages.targets(count, self.seed)
        self.temp = Path(tempfile.mkdtemp(prefix="rust_page_cache.torture."))
        # nginx drops root in its workers, which still have to reach their files.
        self.temp.chmod(0o711)
        ports = free_ports(5)
        self.memcached = Memcached(ports[0], self.temp)
        self.redis = Redis(ports[1], self.temp)
        self.ports = {"memcached": ports[2], "redis": ports[3]}
        self.meddler: Meddler | None = None
        self.nginx = self.make_nginx(ports[4], "nginx")
        self.others: list[Nginx] = []

    def locations(self) -> list[str]:
        through = dict.fromkeys(
            pages.GROUPS + pages.LARGE, (self.ports["memcached"], self.ports["redis"])
        )
        straight = dict.fromkeys(pages.DIRECT, (self.memcached.port, self.redis.port))
        return [location(name, *ports) for name, ports in {**through, **straight}.items()]

    def make_nginx(
        self,
        port: int,
        name: str,
        locations: list[str] | None = None,
        env: dict[str, str] | None = None,
        **words: str,
    ) -> Nginx:
        return Nginx(
            self.arguments.nginx,
            self.arguments.module,
            port,
            self.temp / name,
            self.locations() if locations is None else locations,
            env,
            **words,
        )

    def another_nginx(self, name: str, **words: object) -> Nginx:
        """Stopped with the rest if the scenario does not do it."""
        nginx = self.make_nginx(free_ports(1)[0], name, **words)  # type: ignore[arg-type]
        self.others.append(nginx)
        return nginx

    def __enter__(self) -> "Rig":
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self) -> None:
        self.memcached.start()
        self.redis.start()
        fill(self.memcached, self.redis, self.targets)
        stores = {"memcached": self.memcached.port, "redis": self.redis.port}
        lines: dict[str, dict[str, object]] = {
            name: {"protocol": name, "listen": self.ports[name], "store": port}
            for name, port in stores.items()
        }
        self.meddler = Meddler(self.arguments.python, self.seed, lines, self.temp / "meddler.log")
        self.nginx.start()

    def restore(self) -> None:
        """The stores as they were, whatever was done to them."""
        for store in (self.memcached, self.redis):
            store.thaw()
            if not store.process:
                store.start()

    def __exit__(self, *_: object) -> None:
        for nginx in (self.nginx, *self.others):
            nginx.stop()
        if self.meddler:
            self.meddler.stop()
        self.memcached.stop()
        self.redis.stop()
        if not self.arguments.keep:
            shutil.rmtree(self.temp, ignore_errors=True)
