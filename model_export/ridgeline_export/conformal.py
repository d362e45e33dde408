"""Split-conformal prediction intervals.

Source: Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, "Distribution-free predictive inference for
regression", JASA 113 (2018), algorithm 2: the half-width is the k-th smallest absolute residual on rows the
model has not seen, k = ceil((n + 1) * level).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ridgeline.artifact import Interval

Prices = npt.NDArray[np.float64]


def order_statistic(row_count: int, level: float) -> int:
    """Return k = ceil((n + 1) * level); more than n when n rows are too few."""
    # Rounded first: (9 + 1) * 0.9 must be 9, not the next integer after 9.000000000000002.
    return math.ceil(round((row_count + 1) * level, 9))


def fewest_calibration_rows(level: float) -> int:
    """Return the smallest n with ceil((n + 1) * level) <= n."""
    n = max(1, math.floor(level / (1 - level)))
    while order_statistic(n, level) > n:
        n += 1
    return n


def half_width(residuals: Prices, level: float) -> float:
    """Return the k-th smallest absolute residual; `residuals` float64[n], in the currency."""
    k = order_statistic(residuals.size, level)
    if k > residuals.size:
        fewest = fewest_calibration_rows(level)
        raise ValueError(f"level {level} needs at least {fewest} calibration rows, got {residuals.size}")
    return float(np.partition(np.abs(residuals), k - 1)[k - 1])


def calibrate(target: Prices, model_price: Prices, level: float) -> Interval:
    """Calibrate on the first half of a holdout in time order and measure coverage on its second half."""
    middle = target.size // 2
    residuals = np.abs(target - model_price)
    width = half_width(residuals[:middle], level)
    later = residuals[middle:]
    return Interval(
        level=level,
        half_width=width,
        calibration_rows=middle,
        coverage=float(np.mean(later <= width)),
        coverage_rows=later.size,
    )
