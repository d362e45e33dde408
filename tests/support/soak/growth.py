"""By how much memory grows with calls: a straight line by least squares, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

PER_CALLS = 100_000
_MB = 1e6
_CONFIDENCE = 0.95
FEWEST_SAMPLES = 10


@dataclass(frozen=True)
class Growth:
    """MB of resident memory for each PER_CALLS calls, and the ends of the 95% confidence interval.

    The interval takes the residuals for independent; memory that comes in steps makes it too narrow.
    """

    slope: float
    lower: float
    upper: float


def growth(calls: Sequence[int], resident_bytes: Sequence[int]) -> Growth:
    """Fit a line through memory by calls made.

    Raises:
        ValueError: fewer than FEWEST_SAMPLES samples.
    """
    if len(calls) < FEWEST_SAMPLES:
        raise ValueError(f"{len(calls)} samples: expected {FEWEST_SAMPLES} or more, make more calls")
    made = np.asarray(calls, dtype=np.float64) - np.mean(calls)
    held = np.asarray(resident_bytes, dtype=np.float64) - np.mean(resident_bytes)
    freedom, spread = len(calls) - 2, made @ made
    slope = made @ held / spread
    left = held - slope * made
    reach = stats.t.ppf((1 + _CONFIDENCE) / 2, freedom) * np.sqrt(left @ left / freedom / spread)
    return Growth(*(float(each * PER_CALLS / _MB) for each in (slope, slope - reach, slope + reach)))
