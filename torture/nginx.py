"""nginx with the module: its configuration, its workers and its error log."""

import grp
import os
import pwd
import re
import signal
from collections.abc import Mapping
from pathlib import Path

import django

from . import pages, stores
from .processes import Process, children, command_line, wait_until

TEMPLATE = Path(__file__).with_name("nginx.conf.in")
#: What a healthy nginx does not write, whatever a store does.
ALARMING = re.compile(r"\[(?:crit|alert|emerg)\]|panicked|exited on signal")
#: What the module writes.
OURS = re.compile(r"rust_page_cache: ")


def location(group: str, memcached: int, redis: int) -> str:
    """The location of a group of pages."""
    is_django = group.endswith("django")
    recipe = f"django={django.get_version()}" if is_django else "key=md5 namespace=:1:"
    if "memcached" in group:
        store = f"memcached://127.0.0.1:{memcached}"
    else:
        database = "/1" if is_django else ""
        store = f"redis://:{stores.PASSWORD}@127.0.0.1:{redis}{database}"
    return f"location /{group}/ {{ rust_page_cache {store} {recipe}; }}"


def own_name() -> str:
    """The workers are ours: root may not change the limits of others everywhere (prlimit(2))."""
    return pwd.getpwuid(os.geteuid()).pw_name + " " + grp.getgrgid(os.getegid()).gr_name


class Nginx(Process):
    def __init__(
        self,
        binary: str,
        module: str,
        port: int,
        folder: Path,
        locations: list[str],
        env: Mapping[str, str] | None = None,
        **words: str,
    ) -> None:
        folder.mkdir()
        # The workers are nobody's when the master is root's.
        folder.chmod(0o755)
        self.words = {
            "MODULE": module,
            "WORKERS": "2",
            "USER": f"user {own_name()};" if os.geteuid() == 0 else "",
            "DIR": str(folder),
            "LIMIT": str(pages.LIMIT),
            "PORT": str(port),
            "HOST": pages.HOST,
            "LISTEN": "",
            "HTTP": "",
            "LOCATIONS": "\n        ".join(locations),
            **words,
        }
        self.conf = folder / "nginx.conf"
        self.error_log = folder / "error.log"
        self.write_conf()
        command = [binary, "-p", str(folder), "-e", str(self.error_log), "-c", str(self.conf)]
        super().__init__("nginx", command, port, folder, env)

    def start(self) -> None:
        super().start()
        wait_until(
            10, "nginx has no workers", lambda: len(self.workers()) == int(self.words["WORKERS"])
        )

    def write_conf(self) -> None:
        text = TEMPLATE.read_text()
        self.conf.write_text(re.sub(r"@([A-Z]+)@", lambda found: self.words[found[1]], text))

    def workers(self) -> list[int]:
        """Those that accept connections."""
        found = []
        for pid in children(self.pid):
            command = command_line(pid)
            if "worker process" in command and "shutting down" not in command:
                found.append(pid)
        return sorted(found)

    def reload(self) -> None:
        """Returns when the new workers are there; the old ones may still be leaving."""
        before = set(self.workers())
        self.write_conf()
        os.kill(self.pid, signal.SIGHUP)
        wait_until(
            15,
            "nginx has not reloaded",
            lambda: len(now := set(self.workers())) >= len(before) and not now & before,
        )

    def is_settled(self) -> bool:
        """No worker is on its way out."""
        return len(children(self.pid)) == len(self.workers())

    def log_size(self) -> int:
        return self.error_log.stat().st_size

    def log_since(self, size: int) -> list[str]:
        with self.error_log.open("rb") as log:
            log.seek(size)
            return log.read().decode(errors="replace").splitlines()
