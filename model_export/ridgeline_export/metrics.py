"""Accuracy of the served price on the holdout, overall and by segment."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ridgeline.artifact import Metrics, SegmentMetrics
from ridgeline_export.schema_rules import TIER

Prices = npt.NDArray[np.float64]
TIERS = ("low", "mid", "high")


def measure(target: Prices, price: Prices) -> Metrics | None:
    """Compare served with true prices, both float64[n]; rows without a price (NaN) are left out.

    Returns None when no row has a price. Bias is the mean of price - target; r2 is None when the targets do
    not vary.
    """
    priced = ~np.isnan(price)
    error, truth = (price - target)[priced], target[priced]
    if error.size == 0:
        return None
    spread = float(np.sum((truth - truth.mean()) ** 2))
    return Metrics(
        row_count=error.size,
        rmse=float(np.sqrt(np.mean(error**2))),
        mae=float(np.mean(np.abs(error))),
        r2=1 - float(np.sum(error**2)) / spread if error.size > 1 and spread > 0 else None,
        bias=float(np.mean(error)),
        p95_absolute_error=float(np.quantile(np.abs(error), 0.95)),
    )


def tiers(target: Prices, cut_points: tuple[float, ...]) -> npt.NDArray[np.object_]:
    """Return each row's price tier: low up to the first cut point, high above the second; object[n]."""
    return np.array(TIERS, dtype=object)[np.searchsorted(cut_points, target, side="left")]


def by_segment(
    feature: str, values: npt.NDArray[np.object_], target: Prices, price: Prices
) -> list[SegmentMetrics]:
    """Return the metrics of the rows of each value, in the order of the values (tiers: low, mid, high)."""
    found = set(values)
    ordered = [tier for tier in TIERS if tier in found] if feature == TIER else sorted(found)
    result = []
    for value in ordered:
        rows = values == value
        if measured := measure(target[rows], price[rows]):
            result.append(SegmentMetrics(feature=feature, value=value, **measured.model_dump()))
    return result
