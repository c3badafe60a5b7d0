"""The pages: what they are, where they lie, and what a response to each must be."""

import hashlib
import pickle
from typing import NamedTuple

HOST = "bench.test"
MISS = b"not in the cache\n".ljust(1024, b".")


class Size(NamedTuple):
    """Bytes of a page, how many of them there are, and what the report calls it."""

    length: int
    count: int
    title: str


SIZES = {
    "1k": Size(1 << 10, 10_000, "1 KiB"),
    "8k": Size(8 << 10, 10_000, "8 KiB"),
    "100k": Size(100 << 10, 500, "100 KiB"),
}


def path(size, number):
    return f"/{size}/{number:05d}"


def beginning(size, number):
    """No two pages begin alike: a swapped response is seen."""
    return f"page {size} {number:05d}\n"


def page(size, number):
    """HTML of the exact length. No quote, backslash or dollar: it also goes into nginx.conf."""
    row = b"<p>Lorem ipsum dolor sit amet, consectetur adipiscing elit.</p>\n"
    length = SIZES[size].length
    return (beginning(size, number).encode() + row * (length // len(row) + 1))[:length]


def hit(size, number):
    """What the load generator has to ask for and to expect."""
    return {
        "path": path(size, number),
        "length": SIZES[size].length,
        "begins": beginning(size, number),
    }


def miss(number):
    return {"path": f"/absent/{number:05d}", "length": len(MISS), "begins": "not in the cache\n"}


def md5_key(prefix, size, number):
    return prefix + hashlib.md5(path(size, number).encode()).hexdigest()


def write_files(folder, sizes):
    """Static files, also what proxy_cache is warmed up from; readable for nginx's worker."""
    folder.mkdir(mode=0o755)
    (folder / "miss").write_bytes(MISS)
    for size in sizes:
        below = folder / size
        below.mkdir(mode=0o755)
        for number in range(SIZES[size].count):
            (below / f"{number:05d}").write_bytes(page(size, number))


def fill_memcached(address, sizes):
    """Bodies for key=md5 and memcached_pass, and what srcache stores: status line, header, body."""
    from pymemcache.client.base import Client

    client = Client(address, default_noreply=False)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
    for size in sizes:
        for number in range(SIZES[size].count):
            body = page(size, number)
            failed = client.set_many(
                {
                    md5_key(":1:", size, number): body,
                    md5_key("srcache:", size, number): head + body,
                }
            )
            if failed:
                raise RuntimeError(f"memcached did not store {failed}")
    client.close()


def fill_redis(address, sizes):
    """Bodies as Django's RedisCache stores them: pickled."""
    import redis

    client = redis.Redis(*address)
    for size in sizes:
        pipe = client.pipeline(transaction=False)
        for number in range(SIZES[size].count):
            body = pickle.dumps(page(size, number), pickle.HIGHEST_PROTOCOL)
            pipe.set(md5_key(":1:", size, number), body)
            if number % 200 == 199:
                pipe.execute()
        pipe.execute()
    client.close()


def fill_django(memcached, redis, sizes):
    """Pages as an unmodified Django stores them: its own cache_page() runs for each."""
    from django.conf import settings

    settings.configure(
        ALLOWED_HOSTS=[HOST],
        SECRET_KEY="only for measuring",
        # As `startproject` writes it; without, it would be Chicago's.
        TIME_ZONE="UTC",
        CACHES={
            "default": {
                "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
                "LOCATION": f"{memcached[0]}:{memcached[1]}",
            },
            "redis": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": f"redis://{redis[0]}:{redis[1]}/1",
            },
        },
    )
    import django

    django.setup()
    from django.http import HttpResponse
    from django.test import RequestFactory
    from django.views.decorators.cache import cache_page

    factory = RequestFactory(HTTP_HOST=HOST)
    body = {}
    for alias in ("default", "redis"):
        view = cache_page(86400, cache=alias)(lambda request: HttpResponse(body["now"]))
        for size in sizes:
            for number in range(SIZES[size].count):
                body["now"] = page(size, number)
                view(factory.get(path(size, number)))
