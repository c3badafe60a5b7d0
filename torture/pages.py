"""The pages: what they are, where they are stored, and who may get which.

bench/load's torture-load makes the same bodies by the same rule, and knows nothing else of them.
"""

import hashlib
import pickle
import random
from dataclasses import dataclass

HOST = "torture.test"
#: rust_page_cache_max_size
LIMIT = 128 << 10
#: So many targets of a group come first and are asked for more often.
HOT = 8
NOBODY = "-"

STORES = ("memcached", "redis")
RECIPES = ("md5", "django")
#: Through the proxy that meddles, and straight to the store.
GROUPS = [f"{store}-{recipe}" for store in STORES for recipe in RECIPES]
DIRECT = [f"direct-{group}" for group in GROUPS]
#: Of sizes around the limit, through the proxy.
LARGE = [f"{store}-md5-large" for store in STORES]
SIZES = (LIMIT - 1, LIMIT, LIMIT + 1, LIMIT + (900 << 10), 3 << 20)


@dataclass(frozen=True)
class Target:
    """`length` of the stored page; `served`: it may be, and is not too large."""

    group: str
    path: str
    user: str
    length: int | None
    served: bool = True

    def for_load(self) -> dict[str, object]:
        length = self.length if self.served else None
        return {"group": self.group, "path": self.path, "user": self.user, "length": length}


def body(path: str, user: str, length: int) -> bytes:
    line = f"page {path} of {user} "
    count = length // (len(line) + 2) + 1
    return "".join(f"{line}{number}\n" for number in range(count)).encode()[:length]


def some_length(chance: random.Random) -> int:
    """Mostly pages as sites have them; some over 64 KiB, which get a buffer of their own."""
    dice = chance.random()
    if dice < 0.4:
        return chance.randrange(60, 2_000)
    if dice < 0.9:
        return chance.randrange(2_000, 16_000)
    return chance.randrange(60_000, 100_000)


def of_md5(group: str, count: int, chance: random.Random) -> list[Target]:
    found = []
    for number in range(count):
        # The hot ones are there, and of a usual size.
        length = some_length(chance) if number >= HOT else 2_000 + 500 * number
        absent = number >= HOT and chance.random() < 0.1
        found.append(Target(group, f"/{group}/{number:05d}", NOBODY, None if absent else length))
    return found + of_size(group, len(SIZES))


def of_size(group: str, count: int) -> list[Target]:
    found = []
    for number in range(count):
        length = SIZES[number % len(SIZES)]
        path = f"/{group}/large-{number}"
        found.append(Target(group, path, NOBODY, length, served=length <= LIMIT))
    return found


def of_django(group: str, count: int, chance: random.Random) -> list[Target]:
    """Pages that differ by user (Vary: Cookie), some stored for one user only; and others."""
    found = []
    for number in range(count // 2):
        path = f"/{group}/{number:05d}"
        if number % 5 == 4:
            found.append(Target(group, path, NOBODY, some_length(chance)))
            found.append(Target(group, f"{path}-absent", NOBODY, None))
            continue
        for user in ("alice", "bob"):
            length = some_length(chance) if number >= HOT else 2_000 + 500 * number
            absent = number >= HOT and user == "bob" and chance.random() < 0.3
            found.append(Target(group, path, user, None if absent else length))
    return found


def targets(count: int, seed: int) -> list[Target]:
    """All groups, one after the other."""
    chance = random.Random(seed)
    found = []
    for group in GROUPS + DIRECT:
        make = of_md5 if group.endswith("md5") else of_django
        found += make(group, count, chance)
    for group in LARGE:
        found += of_size(group, 6 * len(SIZES))
    return found


def md5_key(path: str) -> str:
    return ":1:" + hashlib.md5(path.encode()).hexdigest()


def for_memcached(all_targets: list[Target]) -> dict[str, bytes]:
    """What key=md5 finds in memcached: bodies."""
    return {
        md5_key(one.path): body(one.path, one.user, one.length)
        for one in all_targets
        if "memcached-md5" in one.group and one.length is not None
    }


def for_redis(all_targets: list[Target]) -> dict[str, bytes]:
    """What key=md5 finds in Redis: bodies pickled as Django's RedisCache does, and plain ones."""
    found = {}
    for one in all_targets:
        if "redis-md5" in one.group and one.length is not None:
            page = body(one.path, one.user, one.length)
            at_limit = "/large-" in one.path
            found[md5_key(one.path)] = page if at_limit else pickle.dumps(page, 5)
    return found
