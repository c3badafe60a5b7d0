"""One Django site for all tests; every test begins with empty stores."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator

import django
import pytest
import redis

from servers import Memcached, Redis

FIXTURES = pathlib.Path(__file__).parents[2] / "t" / "fixtures"
VECTORS = pathlib.Path(os.environ.get("VECTORS", FIXTURES))

_memcached = Memcached()
_redis = Redis()


def pytest_configure(config: pytest.Config) -> None:
    _memcached.start()
    _redis.start()
    os.environ["TEST_MEMCACHED"] = f"127.0.0.1:{_memcached.port}"
    os.environ["TEST_REDIS"] = f"redis://127.0.0.1:{_redis.port}"
    os.environ["DJANGO_SETTINGS_MODULE"] = "testsite.settings"
    django.setup()
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)


def pytest_unconfigure(config: pytest.Config) -> None:
    _memcached.stop()
    _redis.stop()


@pytest.fixture
def memcached() -> Memcached:
    return _memcached


@pytest.fixture
def redis_client() -> Iterator[redis.Redis]:
    """Database 1, where the caches of the site are."""
    client = redis.Redis(port=_redis.port, db=1)
    yield client
    client.close()


@pytest.fixture(autouse=True)
def _empty() -> None:
    from rust_page_cache import failures
    from testsite import views

    if _memcached.process is None:
        _memcached.start()
    _memcached.clear()
    with contextlib.closing(redis.Redis(port=_redis.port)) as client:
        client.flushall()
    failures.forget()
    views.renders.clear()
    views.answers.clear()


def records(name: str) -> Iterator[tuple[str, dict]]:
    """The records of real runs whose file's name begins with ``name``."""
    files = sorted(VECTORS.glob(f"{name}.dj*.jsonl"))
    assert files, f"no records {name} in {VECTORS}"
    for file in files:
        for line in file.read_text().splitlines():
            record = json.loads(line)
            yield record["id"], record
