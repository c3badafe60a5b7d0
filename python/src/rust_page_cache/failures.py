"""One log line per cache and minute while a cache fails, however many requests suffer."""

from __future__ import annotations

import logging
import threading
import time

logger = logging.getLogger("rust_page_cache")

INTERVAL = 60.0

_lock = threading.Lock()
_last: dict[str, float] = {}
_untold: dict[str, int] = {}


def report(alias: str, what: str, error: Exception) -> None:
    """Log at ``warning`` that ``what`` did not work, unless a line about ``alias`` is fresh."""
    now = time.monotonic()
    with _lock:
        last = _last.get(alias)
        if last is not None and now - last < INTERVAL:
            _untold[alias] = _untold.get(alias, 0) + 1
            return
        _last[alias] = now
        untold = _untold.pop(alias, 0)
    logger.warning(
        "cache %r: %s: %s: %s (%d more like this since the last line)",
        alias,
        what,
        type(error).__name__,
        error,
        untold,
    )


def forget() -> None:
    """Start anew: the next failure is logged."""
    with _lock:
        _last.clear()
        _untold.clear()
