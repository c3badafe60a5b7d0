"""Runs the load generators."""

import json
import re
import subprocess

from . import pages, servers

WRK_SCRIPT = """
function done(summary, latency)
    local e = summary.errors
    io.write(string.format("TOTAL %d %d %d %d\\n", summary.duration, summary.requests,
        summary.bytes, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def run(bench, port, targets, watch=None, **job):
    """One job of bench/load (see its job.rs); `watch` is called four times a second meanwhile."""
    job = {"address": f"127.0.0.1:{port}", "host": pages.HOST, "targets": targets, **job}
    process = subprocess.Popen(
        [bench.generator],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: servers.start_here(bench.placement.load),
    )
    text = json.dumps(job)
    while True:
        try:
            out, err = process.communicate(text, timeout=0.25 if watch else None)
            break
        except subprocess.TimeoutExpired:
            text = None
            watch()
    if process.returncode:
        raise RuntimeError(f"the load generator failed: {err.strip()}")
    return json.loads(out)


def failed(outcome):
    """How many requests were not answered as they had to be."""
    return sum(outcome["errors"].values())


def everything_once(bench, peer, targets, connections=16):
    """Asks for each target once: a warm-up, and the proof that each answer is the right one."""
    outcome = run(
        bench,
        bench.nginx_of(peer).port,
        targets,
        connections=connections,
        seconds=120,
        requests=len(targets),
        sequential=True,
    )
    if failed(outcome) or outcome["all_requests"] != len(targets):
        raise RuntimeError(
            f"{peer.name}: of {len(targets)} pages only {outcome['all_requests']} were right: "
            f"{outcome['errors']} {bench.nginx_of(peer).tail()}"
        )


def wrk(bench, port, target, connections, seconds, response_length):
    """wrk, for comparison with a load generator that everybody knows. It does not look at bodies:
    its count of bytes must be that of whole responses, but for those under way at the end."""
    script = bench.temp / "wrk.lua"
    script.write_text(WRK_SCRIPT)
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds:.0f}s", "-s", str(script)]
    command += ["-H", f"Host: {pages.HOST}", f"http://127.0.0.1:{port}{target['path']}"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: servers.start_here(bench.placement.load),
    )
    total = re.search(r"^TOTAL (\d+) (\d+) (\d+) (\d+)$", done.stdout, re.MULTILINE)
    duration, requests, received, errors = map(int, total.groups())
    rest = received - requests * response_length
    if errors or not 0 <= rest <= connections * response_length:
        raise RuntimeError(f"wrk got something else than whole responses: {done.stdout}")
    return requests / (duration / 1e6)
