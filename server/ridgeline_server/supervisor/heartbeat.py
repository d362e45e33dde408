"""Whether a worker still answers. One that hangs does not end by itself, and keeps its connections."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

PERIOD_S = 1.0
ASK_S = 1.0
"""Seconds for an answer, at least."""
LEAST_LOOKS = 3
"""Looks in vain before a worker hangs: a machine that slept has lost time, and its workers answer at once."""


class Asked(Protocol):
    """What is looked at."""

    def ask(self, path: str, timeout: float) -> str | None:
        """Return a page; None when it is not there within `timeout` seconds."""

    def wait_end(self, seconds: float) -> bool:
        """Return whether it ends within so many seconds."""


class Silence:
    """How long a worker has not answered. `limit_s`: seconds it may be silent."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._since: float | None = None
        self._looks = 0

    def ends(self) -> None:
        """It has answered."""
        self._since, self._looks = None, 0

    def lasts_too_long(self, asked: float, now: float) -> bool:
        """It was `asked` and has not answered by `now`, both in seconds; return whether it hangs."""
        self._since = asked if self._since is None else self._since
        self._looks += 1
        return self._looks >= LEAST_LOOKS and now - self._since >= self._limit_s


def hangs(worker: Asked, limit_s: float, clock: Callable[[], float] = time.monotonic) -> bool:
    """Look at /livez every PERIOD_S seconds.

    Args:
        worker: asked from now on.
        limit_s: seconds it may be silent.
        clock: seconds.

    Returns:
        True as soon as the worker has been silent for too long, False when it has ended.
    """
    silence = Silence(limit_s)
    # One that is busy takes seconds to call itself, and does not hang.
    patience_s = max(ASK_S, limit_s / LEAST_LOOKS)
    while True:
        asked = clock()
        if worker.ask("/livez", patience_s) is not None:
            silence.ends()
        elif silence.lasts_too_long(asked, clock()):
            return True
        if worker.wait_end(max(0.0, asked + PERIOD_S - clock())):
            return False
