"""The machine: its cores and who gets which, what is installed on it."""

import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Placement:
    """Which cores each kind of process may use."""

    name: str
    nginx: frozenset
    store: frozenset
    load: frozenset
    app: frozenset

    def described(self):
        def cores(some):
            return "core " + ", ".join(map(str, sorted(some)))

        return (
            f"nginx (one worker) on {cores(self.nginx)}, the store on {cores(self.store)}, "
            f"the load generator on {cores(self.load)}, Django on {cores(self.app)}"
        )


def placement(name):
    """Nothing is left to the scheduler: by chance two of the three would share a core in one
    sample and not in the next. Django may use all cores, which is more than any cache gets."""
    cores = sorted(os.sched_getaffinity(0))
    if name == "auto":
        name = "apart" if len(cores) >= 3 else "store-with-load"
    if len(cores) < {"apart": 3}.get(name, 2):
        raise SystemExit(f"bench: --placement {name} needs more than the {len(cores)} cores here")
    nginx, last = cores[0], cores[-1]
    store = {"apart": cores[1], "store-with-load": last, "store-with-nginx": nginx}[name]
    return Placement(
        name, frozenset({nginx}), frozenset({store}), frozenset({last}), frozenset(cores)
    )


class Others:
    """What of the machine somebody else used meanwhile, in cores: processes that are not ours, the
    kernel, and what the hypervisor gave to another machine."""

    def __init__(self, pids):
        self.pids = pids
        self.began, self.busy, self.ours = time.monotonic(), busy(), spent(pids)

    def cores(self):
        ours = spent(self.pids) - self.ours
        return max(busy() - self.busy - ours, 0.0) / (time.monotonic() - self.began)


def busy():
    """Seconds that all cores together were not idle (proc(5), /proc/stat)."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def spent(pids):
    """CPU seconds of these processes, of this one and of its children that have ended."""
    own = os.times()
    seconds = own.user + own.system + own.children_user + own.children_system
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not there"
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else "?"


def field(file, name):
    for line in Path(file).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "?"


def description(nginx, root):
    """What a reader needs to know to judge the figures or to repeat them."""
    import django

    return {
        "cpu": field("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory": field("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "virtual": "hypervisor" in field("/proc/cpuinfo", "flags").split(),
        "system": field_of_release(),
        "commit": first_line("git", "-C", str(root), "describe", "--always", "--dirty"),
        "nginx": first_line(nginx, "-v"),
        "memcached": first_line("memcached", "-V"),
        "redis": first_line("redis-server", "--version").split(" sha=")[0],
        "rust": first_line("rustc", "--version"),
        "python": platform.python_version(),
        "django": django.get_version(),
        "wrk": first_line("wrk", "-v").split(" Copyright")[0],
        "load_average_at_start": os.getloadavg()[0],
    }


def field_of_release():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
