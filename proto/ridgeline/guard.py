"""The gate on the way out: a price that is not sane never leaves as if it were.

The server applies it to answers and the export to the holdout, so that the accuracy in a manifest is that of
the price that will be served. Policies for a model price outside the price range:

    clamp     the price becomes the nearer end of the range
    reject    there is no price
    fallback  the price becomes the safe default of the row's brand or category, or the overall one

Under every policy a row with too many missing features gets the safe default, and so does, except under
reject, a model price that is not a number: it has no nearer end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from ridgeline.artifact import Fallback, Guard, PriceRange

Prices = npt.NDArray[np.float64]
Actions = npt.NDArray[np.int8]


class Action(IntEnum):
    """What the guard did to a price."""

    NONE = 0
    CLAMPED_LOW = 1
    CLAMPED_HIGH = 2
    FALLBACK = 3
    REJECTED = 4


@dataclass(frozen=True, slots=True)
class GuardRule:
    """Everything the guard needs to know of a model. `categorical` are the names of the m categorical
    features and `feature_count` is the number of all features."""

    guard: Guard
    price_range: PriceRange
    fallback: Fallback
    categorical: tuple[str, ...]
    feature_count: int

    @property
    def most_missing(self) -> int:
        """How many features of a row may be missing before it gets the safe default."""
        # A share such as 0.29 of 100 is 28.999999999999996 in floats and means 29.
        return math.floor(self.guard.max_missing_share * self.feature_count + 1e-9)


def apply(
    rule: GuardRule,
    model_price: Prices,
    missing_count: npt.NDArray[np.integer],
    categories: Callable[[npt.NDArray[np.intp]], npt.NDArray[np.object_]],
) -> tuple[Prices, Actions]:
    """Guard n model prices.

    Args:
        rule: the policy.
        model_price: float64 [n], may hold NaN and infinities.
        missing_count: int [n], missing features per row.
        categories: returns the categories of r rows, object [r, m] of str, "" = missing.

    Returns:
        price float64 [n], NaN for rejected rows, and the `Action` on each row, int8 [n].
    """
    low, high = rule.price_range.min, rule.price_range.max
    sane = (model_price >= low) & (model_price <= high)
    sparse = missing_count > rule.most_missing
    actions = np.zeros(len(model_price), dtype=np.int8)
    if np.count_nonzero(sane) == len(sane) and not np.count_nonzero(sparse):
        return model_price, actions
    price = np.where(sane, model_price, np.nan)
    if rule.guard.policy == "clamp":
        for rows, end, action in (
            (model_price < low, low, Action.CLAMPED_LOW),
            (model_price > high, high, Action.CLAMPED_HIGH),
        ):
            price[rows], actions[rows] = end, action
    replaced = sparse
    if rule.guard.policy == "reject":
        actions[~sane] = Action.REJECTED
    else:
        replaced = sparse | np.isnan(price)
    if np.count_nonzero(replaced):
        price[replaced] = fallback_prices(rule, categories(np.flatnonzero(replaced)))
        actions[replaced] = Action.FALLBACK
    return price, actions


def fallback_prices(rule: GuardRule, categorical: npt.NDArray[np.object_]) -> Prices:
    """Safe default prices, float64 [n], of rows by their categories, object [n, m]: the first table that
    has the row's value answers."""
    prices = np.full(len(categorical), rule.fallback.overall)
    for table in reversed(rule.fallback.tables):
        values = categorical[:, rule.categorical.index(table.feature)]
        found = np.array([table.prices.get(value, np.nan) for value in values], dtype=np.float64)
        prices = np.where(np.isnan(found), prices, found)
    return prices
