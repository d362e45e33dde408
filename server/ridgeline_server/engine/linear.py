"""The model as a formula: exact explanations, and a second opinion on the graph."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ridgeline.artifact import LinearForm
from ridgeline_server.domain import Floats, Strings


def contributions(
    linear: LinearForm, numeric: Floats | Sequence[float], categorical: Sequence[str]
) -> dict[str, float]:
    """What each feature adds to the price of one row of k numbers, NaN = missing, and m texts."""
    amounts: dict[str, float] = {}
    for term, value in zip(linear.numeric, numeric, strict=True):
        used = term.fill if math.isnan(value) else float(value)
        amounts[term.name] = term.coefficient * (used - term.centre) / term.scale
    for category, text in zip(linear.categorical, categorical, strict=True):
        amounts[category.name] = category.amounts.get(text, category.unknown_amount)
    return amounts


def linear_prices(linear: LinearForm, numeric: Floats, categorical: Strings) -> Floats:
    """Base + the sum of the contributions, float64 [n], of rows numeric [n, k] and categorical [n, m]."""
    return np.array(
        [
            linear.base + sum(contributions(linear, left, right).values())
            for left, right in zip(numeric, categorical, strict=True)
        ],
        dtype=np.float64,
    )
