"""What each fault costs: the RMSE of a Ridge fitted on the training window, over paired draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.pipeline import Pipeline

from ridgeline_export.pipeline import frame, make_pipeline, predict
from ridgeline_export.simulate.faults import FAULTS, plant
from ridgeline_export.simulate.market import Floats, Products

ALPHA = 0.05
"""The Ridge penalty in scikit-learn's convention (sum of squares)."""
PRICE_RANGE = (10.0, 500.0)
"""USD: served prices are clipped to it."""


@dataclass(frozen=True)
class Costs:
    """RMSE of the served price in USD, of one month of `row_count` products and the same faults and draws."""

    row_count: int
    no_fault: float
    alone: dict[str, float]
    all_faults: float


def fit(training: Products) -> Pipeline:
    """Fit the Ridge pipeline on products as recorded."""
    numeric, categorical = training.recorded()
    pipeline = make_pipeline(numeric.shape[1], categorical.shape[1], ALPHA)
    pipeline.fit(frame(numeric, categorical), training.price)
    return pipeline


def served_rmse(pipeline: Pipeline, products: Products) -> float:
    """RMSE in USD of the price clipped to PRICE_RANGE, missing values included."""
    served = np.clip(predict(pipeline, *products.recorded()), *PRICE_RANGE)
    return float(np.sqrt(np.mean((served - products.price) ** 2)))


def price_faults(pipeline: Pipeline, month: Products, training_mean: Floats, seed: int) -> Costs:
    """Score the month without faults, with each fault alone and with all of them."""
    alone = {
        fault.name: served_rmse(pipeline, plant(month, training_mean, [fault.name], seed)) for fault in FAULTS
    }
    names = [fault.name for fault in FAULTS]
    return Costs(
        row_count=month.price.size,
        no_fault=served_rmse(pipeline, month),
        alone=alone,
        all_faults=served_rmse(pipeline, plant(month, training_mean, names, seed)),
    )
