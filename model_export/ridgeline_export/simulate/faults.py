"""The faults planted into the production month, each alone or together, over the same draws.

A fault distorts what is recorded; the true price does not follow, except that products of a new category have
the price level of that category.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np

from ridgeline_export.simulate.catalogue import (
    all_features,
    categorical_features,
    column_of,
    numeric_features,
)
from ridgeline_export.simulate.market import Floats, Products, as_written, stream

PRODUCTION_MISSING_RATE = 0.12
OUTAGE_SOURCE = "competitor service"
OUTAGE_DAYS = range(8, 20)
"""Days 9 to 20 of the month: the service answers nothing."""

MEAN_SHIFTS = {
    "premium_buyer_share": 0.22,
    "import_duty": -0.24,
    "cart_rate": -0.27,
    "repeat_buyer_share": 0.28,
    "freight_cost": 0.32,
    "search_interest": 0.34,
    "successor_distance": -0.36,
}
"""Change of the recorded mean, as a share of the training mean."""

SPREAD_CHANGES = {
    "expert_score": 1.5,
    "warranty": 1.4,
    "energy_score": 1.6,
    "exchange_rate_index": 1.5,
    "panel_price_index": 1.6,
    "battery_life": 0.6,
}
"""Recorded SD as a multiple of the training SD."""

CATEGORY_COLUMN = 0
"""Among the categorical features."""

BROKEN_PAIRS = {
    "five_star_share": "average_rating",
    "chip_price_index": "component_cost_index",
    "wishlist_count": "page_views",
    "sensor_resolution": "performance_index",
}
"""The key's recorded values are dealt out anew among products, so that it no longer follows its partner."""


@dataclass(frozen=True)
class NewCategory:
    """A product category that training has not seen."""

    value: str
    share: float
    usd: float
    """Price level against a product without any category effect."""


NEW_CATEGORIES = (
    NewCategory("smart_glasses", 0.06, 18.0),
    NewCategory("vr_headsets", 0.03, 24.0),
    NewCategory("air_sensors", 0.05, -16.0),
)


@dataclass(frozen=True)
class Fault:
    """One fault: `plant` takes products, training means of shape [72] and a generator of the fault's own."""

    name: str
    description: str
    plant: Callable[[Products, Floats, np.random.Generator], Products]


def plant(products: Products, training_mean: Floats, faults: Collection[str], seed: int) -> Products:
    """Plant the named FAULTS. `training_mean`, shape [72], holds the numeric features' means in training.

    Raises:
        ValueError: there is no fault of a name.
    """
    unknown = sorted(set(faults) - {fault.name for fault in FAULTS})
    if unknown:
        raise ValueError(
            f"no such fault: {', '.join(unknown)}; known are {', '.join(f.name for f in FAULTS)}"
        )
    for fault in FAULTS:
        if fault.name in faults:
            generator = stream(seed, products.period.name, fault.name)
            products = fault.plant(products, training_mean, generator)
    return products


def _lose_values(products: Products, _: Floats, __: np.random.Generator) -> Products:
    """12% of all cells: whole days of one source, and the rest evenly over all features."""
    from_source = np.array([feature.source == OUTAGE_SOURCE for feature in all_features()])
    out = np.isin(products.day, OUTAGE_DAYS)[:, None] & from_source[None, :]
    elsewhere = (PRODUCTION_MISSING_RATE - out.mean()) / (1.0 - out.mean())
    return replace(products, missing_rate=np.where(out, 1.0, elsewhere))


def _shift_means(products: Products, training_mean: Floats, _: np.random.Generator) -> Products:
    numeric = products.numeric.copy()
    for name, change in MEAN_SHIFTS.items():
        column = column_of(name)
        shifted = numeric[:, column] + change * training_mean[column]
        numeric[:, column] = as_written(numeric_features()[column], shifted)
    return replace(products, numeric=numeric)


def _change_spreads(products: Products, training_mean: Floats, _: np.random.Generator) -> Products:
    numeric = products.numeric.copy()
    for name, ratio in SPREAD_CHANGES.items():
        column = column_of(name)
        mean = training_mean[column]
        numeric[:, column] = as_written(
            numeric_features()[column], mean + ratio * (numeric[:, column] - mean)
        )
    return replace(products, numeric=numeric)


def _break_pairs(products: Products, _: Floats, generator: np.random.Generator) -> Products:
    numeric = products.numeric.copy()
    for name in BROKEN_PAIRS:
        column = column_of(name)
        numeric[:, column] = generator.permutation(numeric[:, column])
    return replace(products, numeric=numeric)


def _add_categories(products: Products, _: Floats, generator: np.random.Generator) -> Products:
    """Exact shares of products, chosen by lot, get a new category and its price level."""
    categorical, price = products.categorical.copy(), products.price.copy()
    known = {level.value: level.usd for level in categorical_features()[CATEGORY_COLUMN].levels}
    lot = generator.permutation(price.size)
    for new in NEW_CATEGORIES:
        chosen, lot = np.split(lot, [round(new.share * price.size)])
        former = np.array([known[value] for value in categorical[chosen, CATEGORY_COLUMN]])
        price[chosen] = np.round(price[chosen] - former + new.usd, 2)
        categorical[chosen, CATEGORY_COLUMN] = new.value
    return replace(products, categorical=categorical, price=price)


FAULTS = (
    Fault(
        "missing_values",
        "Twelve per cent of all cells are empty instead of two: the competitor service answered nothing from "
        "day 9 to day 20 of the month, and every other cell is lost more often than in training.",
        _lose_values,
    ),
    Fault(
        "mean_shift",
        "Some features are recorded too high or too low by a constant, a share of their training mean "
        "(a changed unit or definition upstream); what is sold and its price stay as they were.",
        _shift_means,
    ),
    Fault(
        "spread_change",
        "Some features are recorded with another spread around their training mean (a rescaled source); "
        "what is sold and its price stay as they were.",
        _change_spreads,
    ),
    Fault(
        "broken_correlation",
        "The recorded values of some features belong to other products (a wrong join): each feature alone "
        "looks as it did, but it no longer goes with the features it used to go with.",
        _break_pairs,
    ),
    Fault(
        "new_categories",
        "Fourteen per cent of products belong to product categories that training never saw, each with a "
        "price level of its own.",
        _add_categories,
    ),
)
