"""Keeps a flood of calls from becoming a flood of log lines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

LINES_PER_SECOND = 20
"""Lines of one kind; a kind is what callers can bring about, so there are few."""


class LineLimit:
    """Lets so many lines of each kind pass in each second of `clock`, and counts the others.

    The next line of a kind that passes tells how many were kept back before it.
    """

    def __init__(self, clock: Callable[[], float], per_second: int = LINES_PER_SECOND) -> None:
        self._clock = clock
        self._most = per_second
        self._lock = threading.Lock()
        self._seconds: dict[Hashable, tuple[int, int]] = {}
        self._kept_back: dict[Hashable, int] = {}

    def take(self, kind: Hashable) -> int | None:
        """How many lines of this kind were kept back since the last that passed; None: keep this one back."""
        second = int(self._clock())
        with self._lock:
            at, passed = self._seconds.get(kind, (second, 0))
            if at != second:
                passed = 0
            if passed >= self._most:
                self._kept_back[kind] = self._kept_back.get(kind, 0) + 1
                return None
            self._seconds[kind] = second, passed + 1
            return self._kept_back.pop(kind, 0)
