"""Products as a table, with the columns of the CSV files."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ridgeline_export.simulate.catalogue import categorical_features, numeric_features
from ridgeline_export.simulate.faults import FAULTS, plant
from ridgeline_export.simulate.market import (
    HOLDOUT,
    PRODUCTION,
    TRAINING,
    Floats,
    Products,
    draw_products,
)

AFTER_SALE_COLUMNS = ("units_sold_next_30_days", "revenue_next_30_days")
"""Known only after the price was set: no model may learn from them."""


@dataclass(frozen=True)
class Market:
    """One seed's draws. `month` is the production month without faults, `faulty_month` has all of them."""

    seed: int
    training: Products
    holdout: Products
    month: Products
    faulty_month: Products

    def training_table(self) -> pd.DataFrame:
        """The rows of training.csv: the training window, then the holdout. See `table` for the columns."""
        first = 1 + self.training.price.size
        return pd.concat([table(self.training, 1), table(self.holdout, first)], ignore_index=True)

    def production_table(self) -> pd.DataFrame:
        """The rows of production_simulation.csv. See `table` for the columns."""
        return table(self.faulty_month, 1 + self.training.price.size + self.holdout.price.size)


def draw(seed: int) -> Market:
    """Draw training window, holdout and production month."""
    training = draw_products(seed, TRAINING)
    month = draw_products(seed, PRODUCTION)
    return Market(
        seed=seed,
        training=training,
        holdout=draw_products(seed, HOLDOUT),
        month=month,
        faulty_month=plant(month, training_means(training), [fault.name for fault in FAULTS], seed),
    )


def draw_month(seed: int, row_count: int) -> Products:
    """A production month of any size without faults: other products than `draw`'s, same market."""
    return draw_products(seed, replace(PRODUCTION, name=f"month of {row_count}", row_count=row_count))


def training_means(training: Products) -> Floats:
    """Means of the numeric features as recorded in the training window, shape [72]."""
    means: Floats = np.nanmean(training.recorded()[0], axis=0)
    return means


def table(products: Products, first_id: int) -> pd.DataFrame:
    """Return product_id, date (ISO text), the 75 features, AFTER_SALE_COLUMNS and price, a row per product.

    Numeric columns are float64 with NaN for missing, categorical ones object with None for missing.
    """
    numeric, categorical = products.recorded()
    count = products.price.size
    days = np.datetime64(products.period.first_day) + products.day
    columns: dict[str, object] = {
        "product_id": [f"TM{number:06d}" for number in range(first_id, first_id + count)],
        "date": days.astype("datetime64[D]").astype(str).astype(object),
    }
    for feature, values in zip(numeric_features(), numeric.T, strict=True):
        columns[feature.name] = values
    for group, texts in zip(categorical_features(), categorical.T, strict=True):
        columns[group.name] = pd.Series([text or None for text in texts], dtype=object)
    units, revenue = AFTER_SALE_COLUMNS
    columns[units] = products.units_after_sale
    columns[revenue] = np.round(products.units_after_sale * products.price, 2)
    columns["price"] = products.price
    return pd.DataFrame(columns)
