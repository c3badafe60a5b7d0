"""A memcached and a Redis of our own on free loopback ports."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from urllib.parse import unquote


class Server:
    def __init__(self, *names: str) -> None:
        self.program = next((path for path in map(shutil.which, names) if path), None)
        if self.program is None:
            raise RuntimeError(f"the tests need {names[0]}: install it")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        self.process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL)
        for _ in range(200):
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.program} ended with {self.process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"{self.program} does not listen")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


class Memcached(Server):
    def __init__(self) -> None:
        super().__init__("memcached")

    def command(self) -> list[str]:
        # -u: memcached refuses to run as root unless told as whom.
        user = ["-u", "nobody"]
        return [str(self.program), "-l", "127.0.0.1", "-p", str(self.port), "-m", "16", *user]

    def ask(self, line: str, end: tuple[bytes, ...] = (b"END\r\n",)) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(line.encode() + b"\r\n")
            answer = b""
            while not answer.endswith(end):
                data = connection.recv(65536)
                if not data:
                    break
                answer += data
        return answer

    def get(self, key: str) -> tuple[int, bytes] | None:
        """Flags and bytes, as nginx would see them."""
        answer = self.ask(f"get {key}")
        if answer == b"END\r\n":
            return None
        head, _, rest = answer.partition(b"\r\n")
        _, _, flags, length = head.split()
        return int(flags), rest[: int(length)]

    def keys(self) -> set[str]:
        lines = self.ask("lru_crawler metadump all").splitlines()
        words = [line.split()[0].decode() for line in lines if line.startswith(b"key=")]
        return {unquote(word[4:]) for word in words}

    def pages(self) -> set[str]:
        """The keys that are not of the index."""
        return {key for key in self.keys() if "rust_page_cache." not in key}

    def ttl(self, key: str) -> int:
        """Seconds, -1 for ever."""
        return int(self.ask(f"mg {key} t", (b"\r\n",)).split(b" t")[1])

    def clear(self) -> None:
        self.ask("flush_all", (b"OK\r\n",))


class Redis(Server):
    def __init__(self) -> None:
        super().__init__("redis-server")
        self.folder = tempfile.mkdtemp(prefix="rust-page-cache-redis")

    def command(self) -> list[str]:
        options = ["--bind", "127.0.0.1", "--save", "", "--dir", self.folder, "--port"]
        return [str(self.program), *options, str(self.port)]

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.folder, ignore_errors=True)
