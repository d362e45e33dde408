"""Safe default prices: what the guard answers when it does not trust the model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ridgeline.artifact import Fallback, FallbackTable, PriceRange
from ridgeline.missing import MISSING_CATEGORY
from ridgeline_export.dataset import Rows
from ridgeline_export.schema import Schema

Prices = npt.NDArray[np.float64]


def fallback_of(training: Rows, schema: Schema) -> Fallback:
    """Return median training prices, clipped to the price range: overall and by `fallback_by` values."""
    names = [feature.name for feature in schema.categorical]
    tables = []
    for name in schema.price.fallback_by:
        values = training.categorical[:, names.index(name)]
        prices = {v: _median(training.target[values == v], schema.price_range) for v in _present(values)}
        tables.append(FallbackTable(feature=name, prices=prices))
    return Fallback(overall=_median(training.target, schema.price_range), tables=tuple(tables))


def _present(values: npt.NDArray[np.object_]) -> list[str]:
    return sorted(set(values) - {MISSING_CATEGORY})


def _median(prices: Prices, bounds: PriceRange) -> float:
    return float(np.clip(np.median(prices), bounds.min, bounds.max))
