"""Stores, the sites of one release line of Django, and nginx in front of them."""

import contextlib
import itertools
import os
import random
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.django import about, python
from harness.nginx import Nginx
from harness.processes import Process, free_ports, listens, memcached, redis, wait_until

from . import conf
from .client import Client
from .talk import Request

SITES = ("decorated", "located", "whole")
HERE = Path(__file__).parent
#: What nginx logs at `error` because clients and sites here are as they are; all else is a fault.
EXPECTED = re.compile(r"rust_page_cache: ")


class World:
    """What runs, and on which ports."""

    def __init__(self, line: str, module: str, folder: Path) -> None:
        self.line, self.module, self.folder = line, module, folder
        self.release: str = about(line)[0]
        self.ports: dict[str, int] = dict(zip(SITES, free_ports(len(SITES)), strict=True))
        self.ports |= dict(zip(conf.LISTENING, lasting_ports(len(conf.LISTENING)), strict=True))
        self.numbers = itertools.count()

    @contextlib.contextmanager
    def nginx(self, change: conf.Change) -> Iterator[None]:
        """One that remembers nothing."""
        text = conf.render(change, conf.values(self.module, self.release, self.ports))
        folder = self.folder / f"nginx-{next(self.numbers)}"
        server = Nginx(text, [self.ports["ON"]], folder)
        try:
            server.ready()
            wait_until(
                lambda: all(listens(self.ports[name]) for name in conf.LISTENING), server.errors
            )
            yield
        finally:
            status = server.process.stop()
            worse = [line for line in server.errors() if not EXPECTED.search(line)]
        if status or worse:
            raise RuntimeError(f"nginx ended with {status}: {worse}: {server.process.tail()}")


def lasting_ports(count: int) -> list[int]:
    """Ports for a server that is started again and again: no client gets them meanwhile."""
    end = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(10_000, end)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
    return found


@contextlib.contextmanager
def world(line: str, module: str, folder: Path) -> Iterator[World]:
    with contextlib.ExitStack() as stack:

        def started(process: Process) -> Process:
            stack.callback(process.stop)
            return process

        made = World(line, module, folder)
        stores = {kind.__name__: started(kind(folder)) for kind in (memcached, redis)}
        made.ports |= {name.upper(): store.port for name, store in stores.items()}
        sites = [started(site(name, made, stores)) for name in SITES]
        for process in (*stores.values(), *sites):
            process.ready()
        for process in sites:
            wait_until(answers(process.port), process.tail)
        yield made


def site(name: str, made: World, stores: dict[str, Process]) -> Process:
    command = [python(made.line), "-m", "gunicorn", "--bind", f"127.0.0.1:{made.ports[name]}"]
    command += ["--workers", "1", "--threads", "8", "--keep-alive", "75", "--no-control-socket"]
    command += ["--chdir", HERE / "site", "trustsite.wsgi"]
    env = {
        "DJANGO_SETTINGS_MODULE": f"trustsite.settings.{name}",
        "PYTHONDONTWRITEBYTECODE": "1",
        **{f"TRUST_{kind.upper()}": store.address for kind, store in stores.items()},
    }
    return Process(f"gunicorn-{name}", command, made.ports[name], made.folder, env)


def answers(port: int) -> Callable[[], bool]:
    """gunicorn listens before it loads the site."""

    def asked() -> bool:
        with Client() as client:
            return bool(client.ask(port, Request(), "/ready/").status == 200)

    return asked


def module_of(path: str) -> str:
    if not os.access(path, os.R_OK):
        raise SystemExit(f"{path} is not there: scripts/build makes it")
    return os.path.realpath(path)
