"""The gate on the way out: a price that is not sane never leaves as if it were.

Policies for a model price outside the price range (docs/decisions/0001):
    clamp     the price becomes the nearer end of the range
    reject    there is no price
    fallback  the price becomes the safe default of the row's brand or category, or the overall one
Under every policy a row with too many missing features gets the safe default, and so does, except under
reject, a model price that is not a number: it has no nearer end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ridgeline.artifact import Fallback, Guard, PriceRange
from ridgeline_server.domain import Bools, Floats, Ints, NoticeKind, Strings


@dataclass(frozen=True, slots=True)
class GuardRule:
    """Everything the guard needs of a manifest. `columns` are the positions of the fallback tables'
    features among the categorical features, in the tables' order."""

    guard: Guard
    price_range: PriceRange
    fallback: Fallback
    columns: tuple[int, ...]
    feature_count: int


def apply(
    rule: GuardRule, model_price: Floats, missing_count: Ints, categorical: Strings
) -> tuple[Floats, Ints]:
    """Guard n model prices.

    Args:
        rule: the policy.
        model_price: float64 [n], may hold NaN and infinities.
        missing_count: int [n], missing features per row.
        categorical: object [n, m] of str.

    Returns:
        price float64 [n], NaN for rejected rows, and flags int32 [n].
    """
    low, high = rule.price_range.min, rule.price_range.max
    sane = (model_price >= low) & (model_price <= high)
    sparse = missing_count > rule.guard.max_missing_share * rule.feature_count
    flags = np.zeros(len(model_price), dtype=np.int32)
    if sane.all() and not sparse.any():
        return model_price, flags
    price = np.where(sane, model_price, np.nan)
    if rule.guard.policy == "clamp":
        _clamp(price, flags, model_price < low, low, NoticeKind.CLAMPED_LOW)
        _clamp(price, flags, model_price > high, high, NoticeKind.CLAMPED_HIGH)
    if rule.guard.policy == "reject":
        flags[~sane & ~sparse] = NoticeKind.REJECTED.bit
        replace = sparse
    else:
        replace = sparse | np.isnan(price)
    price[replace] = fallback_prices(rule, categorical[replace])
    flags[replace] = NoticeKind.FALLBACK.bit
    return price, flags


def _clamp(price: Floats, flags: Ints, rows: Bools, end: float, kind: NoticeKind) -> None:
    price[rows] = end
    flags[rows] = kind.bit


def fallback_prices(rule: GuardRule, categorical: Strings) -> Floats:
    """Safe default prices of rows by their categories (object [n, m]) -> float64 [n]."""
    prices = np.full(len(categorical), rule.fallback.overall)
    for table, column in reversed(list(zip(rule.fallback.tables, rule.columns, strict=True))):
        for i, value in enumerate(categorical[:, column]):
            prices[i] = table.prices.get(value, prices[i])
    return prices
