"""Real memcached and Redis, what is stored in them, and how it comes back after they died."""

from pathlib import Path
from typing import Any

from . import pages
from .processes import Process, wait_until

PASSWORD = "sesame"


class AsIs:
    """Values of memcached with their flags, as they are."""

    def serialize(self, key: bytes, value: tuple[bytes, int]) -> tuple[bytes, int]:
        return value

    def deserialize(self, key: bytes, value: bytes, flags: int) -> tuple[bytes, int]:
        return value, flags


class Memcached(Process):
    def __init__(self, port: int, folder: Path) -> None:
        command = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "256"]
        command += ["-I", "8m", "-c", "4096", "-t", "2", "-u", "nobody"]
        super().__init__("memcached", command, port, folder)
        self.contents: dict[str, tuple[bytes, int]] = {}

    def client(self) -> Any:
        from pymemcache.client.base import Client

        return Client(("127.0.0.1", self.port), serde=AsIs(), timeout=10, default_noreply=False)

    def remember(self, keys: list[str]) -> None:
        """Reads what is stored, to store it again after a restart."""
        client = self.client()
        self.contents = client.get_many(keys)
        client.close()

    def start(self) -> None:
        super().start()
        client = self.client()
        for key, value in self.contents.items():
            client.set(key, value, noreply=True)
        client.close()


class Redis(Process):
    """Has a password. What is stored survives in a dump, as in a Redis that is set up for that."""

    def __init__(self, port: int, folder: Path) -> None:
        self.usual = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
        self.usual += ["--appendonly", "no", "--dir", str(folder), "--requirepass", PASSWORD]
        super().__init__("redis", self.usual, port, folder)
        self.dump = folder / "dump.rdb"

    def client(self) -> Any:
        import redis

        return redis.Redis("127.0.0.1", self.port, password=PASSWORD)

    def start(self) -> None:
        super().start()
        wait_until(10, "Redis has not loaded its dump", self.has_loaded)

    def has_loaded(self) -> bool:
        import redis

        try:
            client = self.client()
            return bool(client.info("persistence")["loading"] == 0)
        except redis.exceptions.ConnectionError:
            return False

    def remember(self) -> None:
        self.client().save()

    def change_password(self, password: str, old: str) -> None:
        """What is connected is thrown out, as an operator would do."""
        import redis

        client = redis.Redis("127.0.0.1", self.port, password=old)
        client.config_set("requirepass", password)
        client.client_kill_filter(_type="normal", skipme=True)
        client.close()

    def lose_databases(self) -> None:
        """Starts again with a single, empty database."""
        self.kill()
        hidden = self.dump.with_suffix(".hidden")
        self.dump.rename(hidden)
        self.command = [*self.usual, "--databases", "1"]
        self.start()

    def find_databases(self) -> None:
        self.kill()
        self.dump.with_suffix(".hidden").rename(self.dump)
        self.command = self.usual
        self.start()


def fill(memcached: Memcached, redis: Redis, targets: list[pages.Target]) -> None:
    """Stores all pages, those of key=django by Django's own cache_page(), and remembers them."""
    client = memcached.client()
    bodies = pages.for_memcached(targets)
    for key, page in bodies.items():
        client.set(key, (page, 0))
    client.close()
    store = redis.client()
    for key, page in pages.for_redis(targets).items():
        store.set(key, page)
    django = fill_django(memcached, redis, [one for one in targets if "django" in one.group])
    memcached.remember([*bodies, *django])
    redis.remember()


def fill_django(memcached: Memcached, redis: Redis, targets: list[pages.Target]) -> set[str]:
    """The keys that Django has used."""
    from django.conf import settings

    keys = set()

    def make_key(key: str, prefix: str, version: int) -> str:
        """Django's own default_key_function(), which also writes down what it makes."""
        made = f"{prefix}:{version}:{key}"
        keys.add(made)
        return made

    settings.configure(
        ALLOWED_HOSTS=[pages.HOST],
        SECRET_KEY="only for tests",
        TIME_ZONE="UTC",
        CACHES={
            "memcached": {
                "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
                "LOCATION": f"127.0.0.1:{memcached.port}",
                "KEY_FUNCTION": make_key,
            },
            "redis": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": f"redis://:{PASSWORD}@127.0.0.1:{redis.port}/1",
            },
        },
    )
    import django

    django.setup()
    from django.http import HttpRequest, HttpResponse
    from django.test import RequestFactory
    from django.views.decorators.cache import cache_page
    from django.views.decorators.vary import vary_on_cookie

    factory = RequestFactory(HTTP_HOST=pages.HOST)
    for one in targets:
        if one.length is None:
            continue
        page = pages.body(one.path, one.user, one.length)

        def view(request: HttpRequest, page: bytes = page) -> HttpResponse:
            return HttpResponse(page)

        request = factory.get(one.path)
        varied = view
        if one.user != pages.NOBODY:
            request.META["HTTP_COOKIE"] = f"user={one.user}"
            varied = vary_on_cookie(view)
        store = "redis" if "redis" in one.group else "memcached"
        cache_page(86400, cache=store)(varied)(request)
    return keys
