"""The price that would be served: the guard applied to model prices, and its fallback prices."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ridgeline.artifact import Fallback, FallbackTable, Guard, PriceRange
from ridgeline_export.dataset import Rows
from ridgeline_export.pipeline import Categorical
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
    return sorted(set(values) - {""})


def _median(prices: Prices, bounds: PriceRange) -> float:
    return float(np.clip(np.median(prices), bounds.min, bounds.max))


def fallback_prices(fallback: Fallback, names: list[str], categorical: Categorical) -> Prices:
    """Return each row's fallback price, float64[n]: the first table that has the row's value answers."""
    prices = np.full(categorical.shape[0], fallback.overall)
    for table in reversed(fallback.tables):
        values = categorical[:, names.index(table.feature)]
        found = np.array([table.prices.get(value, np.nan) for value in values], dtype=np.float64)
        prices = np.where(np.isnan(found), prices, found)
    return prices


def served(model_price: Prices, rows: Rows, safe: Prices, bounds: PriceRange, guard: Guard) -> Prices:
    """Return the served price, float64[n]; NaN where the policy gives none.

    A row with more than `max_missing_share` of its features missing gets its safe price; a model price
    outside the range is clamped, rejected or replaced as the policy says.
    """
    price = np.clip(model_price, bounds.min, bounds.max)
    if guard.policy != "clamp":
        other = safe if guard.policy == "fallback" else np.full_like(safe, np.nan)
        price = np.where(price == model_price, price, other)
    sparse = rows.missing_count > guard.max_missing_share * rows.feature_count
    return np.where(sparse, safe, price)
