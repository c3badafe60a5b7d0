"""What is done to the stores under load, and what must be seen of it.

A scenario whose name begins with the name of a store is about that store; the other one's pages are
asked for as well, and have to come.
"""

from collections.abc import Callable

from . import crowd, pages, soak, starving, stores
from .load import Manner
from .processes import wait_until
from .stage import Scenario, Stage

Act = Callable[[Stage], None]

DIRECT = tuple(pages.DIRECT)
MEMCACHED = tuple(group for group in pages.GROUPS if "memcached" in group)
REDIS = tuple(group for group in pages.GROUPS if "redis" in group)


def meddling(*faults: str, line: str = "") -> Act:
    """Each of the proxy's faults in turn."""

    def act(stage: Stage) -> None:
        for fault in faults:
            stage.meddle(fault, *([line] if line else []))
            stage.wait()
            stage.heal()
            stage.rest()

    return act


def lying(store: str, *lies: str) -> Act:
    return meddling(*(f"{store}-{lie}" for lie in lies), line=store)


def many_at_once(stage: Stage) -> None:
    lying("memcached", "reordered", "repeated", "intruding", "other-key")(stage)
    stage.note(f"{stage.shared:,} commands for several keys")
    if not stage.shared:
        stage.problem("no command asked for several keys")


def killed(stage: Stage) -> None:
    for store in (stage.rig.memcached, stage.rig.redis):
        store.kill()
        stage.inject()
        stage.wait()
        store.start()
        stage.rest()


def restarted_at_once(stage: Stage) -> None:
    """Nobody may notice more than a closed connection."""
    for store in (stage.rig.memcached, stage.rig.redis):
        for _ in range(3):
            store.kill()
            store.start()
            stage.inject()
            stage.rest()


def frozen(stage: Stage) -> None:
    for store in (stage.rig.memcached, stage.rig.redis):
        store.freeze()
        stage.inject()
        stage.wait()
        store.thaw()
        stage.rest()


def winking(stage: Stage) -> None:
    """Stopped for less than anybody's patience: late, and not down."""
    for store in (stage.rig.memcached, stage.rig.redis):
        for _ in range(5):
            store.freeze()
            stage.inject()
            stage.wait(0.1)
            store.thaw()
            stage.wait(0.1)


def wrong_password(stage: Stage) -> None:
    stage.rig.redis.change_password("another", old=stores.PASSWORD)
    stage.inject()
    stage.wait()
    stage.rig.redis.change_password(stores.PASSWORD, old="another")


def no_database(stage: Stage) -> None:
    stage.rig.redis.lose_databases()
    stage.inject()
    stage.wait()
    stage.rig.redis.find_databases()


def unasked(stage: Stage) -> None:
    """Only while nobody waits: Redis does not say what a reply is for, so that one too many is
    noticed by nobody while another one is due."""
    for _ in range(3 if stage.seconds < 5 else 20):
        stage.load.pause()
        # What clients who left have asked for may still be on its way.
        stage.wait(0.3)
        stage.say_unasked()
        stage.wait(0.05)
        stage.load.resume()
        stage.rest()
        stage.heal()


def too_large(stage: Stage) -> None:
    """The fault lies in the pages."""
    stage.wait()
    words = stage.load.status().reasons(pages.LARGE)
    stage.inject(words.get("ERROR too-large", 0))


def reloaded(stage: Stage) -> None:
    """Each time the old workers have to leave when they are through with their requests."""
    for number in range(2 if stage.seconds < 5 else 10):
        stage.nginx.words["LIMIT"] = str(pages.LIMIT - number % 2)
        stage.nginx.reload()
        stage.inject()
        stage.wait(1.0)
    stage.nginx.words["LIMIT"] = str(pages.LIMIT)
    stage.nginx.reload()
    stage.wait(1.0)
    wait_until(10, "the old workers have not left", lambda: stage.nginx.is_settled())


ALL = [
    Scenario(
        "killed", "killed -9, started again", killed, DIRECT, seen="ERROR (connect|closed|down)"
    ),
    Scenario(
        "restarted",
        "killed -9 and started at once, three times each",
        restarted_at_once,
        DIRECT,
        seen="HIT",
    ),
    Scenario("stopped", "SIGSTOP, SIGCONT", frozen, DIRECT, seen="ERROR timeout", smoke=True),
    Scenario("winking", "stopped for 100 ms, five times each", winking, DIRECT, seen="HIT"),
    Scenario(
        "refuses", "refuses connections", meddling("refuse"), seen="ERROR connect", smoke=True
    ),
    Scenario(
        "silent",
        "accepts and says nothing; or its replies are lost",
        meddling("silent", "answers-silent"),
        seen="ERROR timeout",
        smoke=True,
    ),
    Scenario(
        "closes", "closes after each reply", meddling("close-after-reply"), seen="ERROR closed"
    ),
    Scenario(
        "closes-halfway",
        "closes half-way through a reply, or resets the connection there",
        meddling("close-halfway", "reset"),
        seen="ERROR closed",
        smoke=True,
    ),
    Scenario("dribbles", "a byte at a time", meddling("dribble"), seen="ERROR timeout"),
    Scenario(
        "chaos",
        "late, in pieces, cut anywhere",
        meddling("chaos"),
        seen="ERROR (closed|timeout)",
        seconds=(4.0, 30.0),
        smoke=True,
    ),
    Scenario(
        "other-store",
        "the other store on the port",
        meddling("other-store"),
        seen="ERROR protocol",
    ),
    Scenario(
        "memcached-http",
        "a web server on the port of memcached",
        lying("memcached", "http"),
        hurt=MEMCACHED,
        seen="ERROR protocol",
    ),
    Scenario(
        "redis-http",
        "a web server on the port of Redis",
        lying("redis", "http"),
        hurt=REDIS,
        seen="ERROR (protocol|down)",
    ),
    Scenario(
        "redis-password",
        "the password is another one",
        wrong_password,
        DIRECT,
        hurt=tuple(group for group in DIRECT if "redis" in group),
        seen="ERROR auth",
    ),
    Scenario(
        "redis-database",
        "the database is out of range",
        no_database,
        DIRECT,
        hurt=("direct-redis-django",),
        seen="ERROR (auth|protocol|down)",
    ),
    Scenario(
        "redis-refuses",
        "-LOADING, -READONLY, -NOAUTH, -MOVED",
        lying("redis", "loading", "readonly", "noauth", "moved"),
        hurt=REDIS,
        seen="ERROR (protocol|auth)",
        seconds=(0.8, 5.0),
    ),
    Scenario(
        "memcached-refuses",
        "SERVER_ERROR out of memory, ERROR",
        lying("memcached", "out-of-memory", "error"),
        hurt=MEMCACHED,
        seen="ERROR protocol",
        seconds=(0.8, 5.0),
    ),
    Scenario(
        "memcached-replies",
        "for another key, doubled, missing",
        lying("memcached", "other-key", "doubled", "missing"),
        hurt=MEMCACHED,
        seen="ERROR protocol",
        seconds=(1.0, 8.0),
        smoke=True,
    ),
    Scenario(
        "memcached-values",
        "of many keys at once: in another order, repeated, with one for another key; at full load",
        many_at_once,
        hurt=MEMCACHED,
        seen="ERROR protocol",
        seconds=(1.0, 8.0),
        manner=Manner(connections=256, rate=0.0),
    ),
    Scenario(
        "redis-unasked",
        "replies with nothing outstanding",
        unasked,
        seen="HIT",
    ),
    Scenario(
        "memcached-lengths",
        "huge, negative, too long, too short; lines without end",
        lying(
            "memcached",
            "huge-length",
            "64-bit-length",
            "negative-length",
            "long-length",
            "short-length",
            "unterminated",
        ),
        hurt=MEMCACHED,
        seen="ERROR (protocol|too-large)",
        seconds=(0.5, 5.0),
    ),
    Scenario(
        "redis-lengths",
        "huge, negative, too long, too short; lines without end; other types",
        lying(
            "redis",
            "huge-length",
            "64-bit-length",
            "negative-length",
            "long-length",
            "short-length",
            "unterminated",
            "integer",
        ),
        hurt=REDIS,
        seen="ERROR (protocol|too-large)",
        seconds=(0.5, 5.0),
    ),
    Scenario(
        "limits",
        "values just under, at and over the limit, and far over it",
        too_large,
        tuple(pages.LARGE),
        seen="ERROR too-large",
        seconds=(3.0, 25.0),
        manner=Manner(rate=400.0, hot=0.0),
    ),
    Scenario(
        "isolation",
        "as chaos; every fifth client leaves, most requests pipelined",
        meddling("chaos", "reset", "chaos"),
        seen="ERROR (closed|timeout)",
        seconds=(2.0, 20.0),
        manner=Manner(connections=300, leave=0.2, pipeline=0.6, close=0.2),
        smoke=True,
    ),
    Scenario(
        "in-flight",
        "66,000 keys in flight over one connection",
        crowd.everybody_at_once,
        DIRECT,
    ),
    Scenario(
        "reload",
        "nginx reloaded under load",
        reloaded,
        seen="HIT",
        manner=Manner(retry=True, post=0.0),
        keeps_workers=False,
        smoke=True,
    ),
    Scenario(
        "descriptors",
        "the workers run out of descriptors while the stores restart",
        starving.short_of_descriptors,
        DIRECT,
        seen="ERROR (connect|memory|down)",
        excused="Too many open files",
        manner=Manner(close=0.4, patience=20.0),
    ),
    Scenario(
        "allocations",
        "allocations of 1 KiB and more fail now and then in nginx",
        starving.allocations_fail(1024, 20_000, 200_000),
        seen="HIT",
        own=starving.starving_nginx,
        # nginx itself has no memory for some of the requests then.
        forgiven=frozenset({"status", "closed"}),
        excused=r"(malloc|memalign|calloc)\(",
        seconds=(0.7, 8.0),
    ),
    Scenario(
        "small-allocations",
        "allocations of any size fail now and then in nginx",
        starving.allocations_fail(0, 1_000, 50_000, 500_000),
        seen="HIT",
        own=starving.starving_nginx,
        forgiven=frozenset({"status", "closed"}),
        excused=r"(malloc|memalign|calloc)\(",
        seconds=(0.7, 8.0),
    ),
    Scenario(
        "address-space",
        "the workers may not grow (RLIMIT_AS)",
        starving.address_space_ends,
        seen="HIT",
        forgiven=frozenset({"status", "closed"}),
        excused=r"(malloc|memalign|calloc)\(",
        manner=Manner(connections=300),
    ),
    Scenario(
        "soak",
        "ten minutes at full load with a random fault every four seconds",
        soak.soak,
        tuple(pages.GROUPS) + DIRECT,
        seconds=(8.0, 600.0),
        manner=Manner(rate=0.0),
    ),
]
