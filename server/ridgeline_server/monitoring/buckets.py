"""A histogram that costs a tenth of a microsecond, where the library's costs most of one, twice per call."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate


class Buckets:
    """Counts values by the upper ends of buckets. Its owner keeps threads apart.

    Attributes:
        counts: values by bucket, not cumulative; the last bucket has no end.
        sum: all values.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        self._edges = tuple(edges)
        self.counts = [0] * (len(edges) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self._edges, value)] += 1
        self.sum += value

    def cumulative(self) -> list[tuple[str, float]]:
        """How many values are not above each end, as the exposition format wants it."""
        ends = [*(str(float(edge)) for edge in self._edges), "+Inf"]
        return list(zip(ends, accumulate(self.counts), strict=True))
