"""Latencies in log buckets: small, mergeable, percentiles within 1%."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

LOWEST_US = 1.0
HIGHEST_US = 100e6
RELATIVE_ERROR = 0.01
# A bucket stands for its geometric middle, so it may be (1 + RELATIVE_ERROR)^2 wide.
_GROWTH = (1 + RELATIVE_ERROR) ** 2
_BUCKETS = math.ceil(math.log(HIGHEST_US / LOWEST_US, _GROWTH))
_UPPER_EDGES = LOWEST_US * _GROWTH ** np.arange(1, _BUCKETS)
_UPPER_EDGES_LIST = _UPPER_EDGES.tolist()
_MIDDLES = LOWEST_US * _GROWTH ** (np.arange(_BUCKETS) + 0.5)


class LatencyHistogram:
    """Counts of latencies from 1 us to 100 s; shorter and longer ones fall into the outermost buckets.

    `count`, `min_us`, `max_us` and `mean_us` are exact at any length. Not safe for several threads at once:
    give each thread its own and merge them.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_BUCKETS, dtype=np.int64)
        self._sum_us = 0.0
        self._min_us = math.inf
        self._max_us = -math.inf

    @property
    def count(self) -> int:
        """How many latencies were recorded."""
        return int(self._counts.sum())

    @property
    def min_us(self) -> float:
        """The shortest, in microseconds; NaN when there is none."""
        return self._min_us if self._min_us <= self._max_us else math.nan

    @property
    def max_us(self) -> float:
        """The longest, in microseconds; NaN when there is none."""
        return self._max_us if self._min_us <= self._max_us else math.nan

    @property
    def mean_us(self) -> float:
        """The mean, in microseconds; NaN when there is none."""
        count = self.count
        return self._sum_us / count if count else math.nan

    def record_us(self, value: float) -> None:
        """Count one latency in microseconds; ValueError when it is negative or not finite."""
        if not 0.0 <= value < math.inf:
            raise ValueError(f"a latency is finite and 0 us or more, not {value}")
        self._counts[bisect_right(_UPPER_EDGES_LIST, value)] += 1
        self._sum_us += value
        self._min_us = min(self._min_us, value)
        self._max_us = max(self._max_us, value)

    def record_many(self, values_us: npt.ArrayLike) -> None:
        """Count latencies float64[n] in microseconds; ValueError, and none counted, as `record_us`."""
        values = np.asarray(values_us, dtype=np.float64)
        bad = values[~((values >= 0.0) & (values < math.inf))]
        if bad.size:
            raise ValueError(f"a latency is finite and 0 us or more, not {bad[0]}")
        if values.size:
            buckets = np.searchsorted(_UPPER_EDGES, values, side="right")
            self._counts += np.bincount(buckets, minlength=_BUCKETS)
            self._sum_us += float(values.sum())
            self._min_us = min(self._min_us, float(values.min()))
            self._max_us = max(self._max_us, float(values.max()))

    def merge(self, other: LatencyHistogram) -> None:
        """Add everything that `other` counted; `other` stays as it is."""
        self._counts += other._counts
        self._sum_us += other._sum_us
        self._min_us = min(self._min_us, other._min_us)
        self._max_us = max(self._max_us, other._max_us)

    def percentile(self, percent: float) -> float:
        """The shortest latency that `percent` of 100 latencies do not exceed, in microseconds.

        That is the nearest rank (NumPy's `inverted_cdf`): always a latency that occurred, within
        RELATIVE_ERROR where it lies between LOWEST_US and HIGHEST_US. NaN when there is none; ValueError
        when `percent` is not from 0 to 100.
        """
        if not 0.0 <= percent <= 100.0:
            raise ValueError(f"a percentile is from 0 to 100, not {percent}")
        reached = np.cumsum(self._counts)
        if not reached[-1]:
            return math.nan
        rank = max(1, math.ceil(int(reached[-1]) * (percent / 100)))
        middle = float(_MIDDLES[np.searchsorted(reached, rank)])
        return min(max(middle, self._min_us), self._max_us)

    def to_dict(self) -> dict[str, Any]:
        """Everything that was counted, for JSON; only buckets that hold something."""
        filled = np.flatnonzero(self._counts)
        return {
            "relative_error": RELATIVE_ERROR,
            "buckets": {str(bucket): int(self._counts[bucket]) for bucket in filled},
            "sum_us": self._sum_us,
            "min_us": self._min_us if filled.size else None,
            "max_us": self._max_us if filled.size else None,
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> LatencyHistogram:
        """What `to_dict` wrote; ValueError when it was written with other buckets."""
        if told["relative_error"] != RELATIVE_ERROR:
            raise ValueError(
                f"these buckets have a relative error of {told['relative_error']}, ours {RELATIVE_ERROR}:"
                " measure both with one version"
            )
        read = cls()
        for bucket, count in told["buckets"].items():
            read._counts[int(bucket)] = count
        read._sum_us = told["sum_us"]
        if told["min_us"] is not None:
            read._min_us, read._max_us = told["min_us"], told["max_us"]
        return read
