"""The reference profile: what training data looked like, for drift to be measured against."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from ridgeline.artifact import (
    CategoricalProfile,
    CategoryShare,
    NumericProfile,
    ReferenceProfile,
)
from ridgeline_export.dataset import Rows

DECILES = np.arange(1, 10) / 10
TERCILES = (1 / 3, 2 / 3)

Values = npt.NDArray[np.float64]


def category_shares(values: npt.NDArray[np.object_]) -> tuple[CategoryShare, ...]:
    """Return each category's share of rows, most frequent first, equal ones by name; "" is missing."""
    counts = sorted(Counter(values.tolist()).items(), key=lambda item: (-item[1], item[0]))
    return tuple(CategoryShare(value=value, share=count / values.size) for value, count in counts)


def numeric_profile(name: str, values: Values) -> NumericProfile:
    """Describe one column float64[n], NaN = missing.

    Without a value, mean and sd are 0, the missing rate is 1 and there are no deciles.
    """
    seen = values[~np.isnan(values)]
    rate = (values.size - seen.size) / values.size
    if seen.size == 0:
        return NumericProfile(name=name, row_count=0, missing_rate=rate, mean=0.0, sd=0.0, deciles=())
    return NumericProfile(
        name=name,
        row_count=seen.size,
        missing_rate=rate,
        mean=float(seen.mean()),
        sd=float(seen.std(ddof=1)) if seen.size > 1 else 0.0,
        deciles=tuple(float(d) for d in np.quantile(seen, DECILES)),
    )


def correlations(matrix: Values) -> tuple[tuple[float | None, ...], ...]:
    """Return Pearson's correlations, float64[n, k] -> [k, k], over pairwise complete rows.

    None where fewer than two rows are complete or a column does not vary in them.
    """
    present = ~np.isnan(matrix)
    known = present.astype(np.float64)
    counts = known.T @ known
    # Standardised first, so that sums of squares of large values cancel nothing.
    centred = np.where(present, matrix - _column_means(matrix, present), 0.0)
    scale = np.abs(centred).max(axis=0, initial=0.0)
    centred = centred / np.where(scale > 0, scale, 1.0)
    sums, squares = centred.T @ known, (centred**2).T @ known
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = centred.T @ centred - sums * sums.T / counts
        variance = squares - sums**2 / counts
        result = covariance / np.sqrt(variance * variance.T)
    defined = (
        (counts > 1) & (variance > 1e-12 * squares) & (variance.T > 1e-12 * squares.T) & np.isfinite(result)
    )
    clipped = np.clip(result, -1.0, 1.0)
    return tuple(
        tuple(float(value) if ok else None for value, ok in zip(row, oks, strict=True))
        for row, oks in zip(clipped, defined, strict=True)
    )


def _column_means(matrix: Values, present: npt.NDArray[np.bool_]) -> Values:
    total = np.where(present, matrix, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(present.sum(axis=0), 1), dtype=np.float64)


def reference_profile(
    training: Rows, numeric: list[str], categorical: list[str], target: str
) -> ReferenceProfile:
    """Describe the training rows."""
    return ReferenceProfile(
        numeric=tuple(numeric_profile(name, training.numeric[:, j]) for j, name in enumerate(numeric)),
        categorical=tuple(
            CategoricalProfile(
                name=name,
                row_count=len(training),
                shares={s.value: s.share for s in category_shares(training.categorical[:, j])},
            )
            for j, name in enumerate(categorical)
        ),
        correlations=correlations(training.numeric),
        target=numeric_profile(target, training.target),
        tier_cut_points=tuple(float(q) for q in np.quantile(training.target, TERCILES)),
    )
