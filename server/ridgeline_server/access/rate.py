"""Rows per second: a token bucket. Its time comes as an argument, in seconds of any clock that never goes
back."""

from __future__ import annotations

import math
import threading


class TokenBucket:
    """Fills with `rate` rows per second up to one second's worth, and is full at first. Safe to share between
    threads."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._rows = float(rate)
        self._at = -math.inf
        self._lock = threading.Lock()

    def take(self, rows: int, now: float) -> float:
        """Take rows, all or none.

        Returns:
            0.0 when they were taken; else after how many seconds they would be there, infinity for more rows
            than the bucket ever holds.
        """
        with self._lock:
            self._fill(now)
            if rows <= self._rows:
                self._rows -= rows
                return 0.0
            return (rows - self._rows) / self.rate if rows <= self.rate else math.inf

    def owe(self, rows: int, now: float) -> None:
        """Take rows, whether they are there or not."""
        with self._lock:
            self._fill(now)
            self._rows -= rows

    def debt(self, now: float) -> float:
        """Seconds until what is owed has come in, 0.0 when nothing is."""
        with self._lock:
            self._fill(now)
            return max(0.0, -self._rows) / self.rate

    def _fill(self, now: float) -> None:
        self._rows = min(self.rate, self._rows + self.rate * max(0.0, now - self._at))
        self._at = max(self._at, now)
