"""nginx short of what it needs itself: descriptors and memory."""

import contextlib
import itertools
import resource
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

from .nginx import Nginx
from .processes import descriptors
from .rig import Rig
from .stage import Stage

SOURCE = Path(__file__).with_name("starve.c")
NUMBERS = itertools.count(1)
ORDERS = "starve.orders"


def short_of_descriptors(stage: Stage) -> None:
    """The workers may open three more, while clients come and go and the stores come back."""
    rig = stage.rig
    before = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in stage.nginx.workers()}
    for store in (rig.memcached, rig.redis):
        for pid, (_, hard) in before.items():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors(pid) + 3, hard))
        store.kill()
        store.start()
        stage.inject()
        stage.wait()
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        stage.rest()


def starving_nginx(rig: Rig) -> Nginx:
    """One whose allocations can be made to fail, see starve.c."""
    library = rig.temp / "starve.so"
    command = ["cc", "-O2", "-Wall", "-shared", "-fPIC", "-fno-builtin"]
    subprocess.run([*command, "-o", str(library), str(SOURCE)], check=True)
    orders = rig.temp / ORDERS
    order(orders, 0, 0)
    orders.chmod(0o644)
    env = {"LD_PRELOAD": str(library), "TORTURE_STARVE": str(orders)}
    return rig.another_nginx(f"starving-{next(NUMBERS)}", env=env)


def order(file: Path, per_million: int, least: int) -> None:
    """In place: it is mapped."""
    with file.open("r+b" if file.exists() else "wb") as orders:
        orders.write(struct.pack("II", per_million, least))


def allocations_fail(least: int, *per_million: int) -> Callable[[Stage], None]:
    """Those of at least so many bytes, so many out of a million."""

    def act(stage: Stage) -> None:
        for share in per_million:
            order(stage.rig.temp / ORDERS, share, least)
            stage.inject()
            stage.wait()
            order(stage.rig.temp / ORDERS, 0, 0)
            stage.rest()

    return act


def address_space_ends(stage: Stage) -> None:
    """The workers may not grow any more: whatever does not fit into the heap as it is fails."""
    before = {pid: resource.prlimit(pid, resource.RLIMIT_AS) for pid in stage.nginx.workers()}
    for _ in range(3):
        for pid, (_, hard) in before.items():
            # One that has died meanwhile is noticed at the end.
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
                size = pages * resource.getpagesize()
                resource.prlimit(pid, resource.RLIMIT_AS, (size, hard))
                stage.inject()
        stage.reinforce(800)
        for pid, limits in before.items():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_AS, limits)
        stage.rest()
