"""Proof that the load would notice: two pages change places, and it has to complain."""

from . import pages
from .load import Load, Manner
from .processes import wait_until
from .rig import Rig

GROUP = "direct-memcached-md5"


def prove(rig: Rig) -> int:
    """How many wrong pages were noticed; fails if it takes long."""
    targets = [one for one in rig.targets if one.group == GROUP]
    one, other = targets[0], targets[1]
    length = one.length or 0
    client = rig.memcached.client()
    with Load(rig.arguments.generator, rig.nginx.port, rig.seed, targets, Manner()) as load:
        wait_until(5, "nothing comes from the cache", lambda: load.status().hits(GROUP) > 100)
        if failures := load.status().failures:
            raise RuntimeError(f"clients were let down although all is well: {failures}")
        # Only the name differs: it has the length and the form of the right one.
        wrong = pages.body(other.path, other.user, length)
        client.set(pages.md5_key(one.path), (wrong, 0))
        wait_until(5, "a wrong page is not noticed", lambda: load.status().failures.get("body"))
        right = pages.body(one.path, one.user, length)
        client.set(pages.md5_key(one.path), (right, 0))
        client.close()
        return load.stop().failures["body"]
