"""Fallback prices of a schema; the guard itself is tested in ridgeline."""

from __future__ import annotations

import numpy as np

from ridgeline_export.dataset import Rows
from ridgeline_export.fallback import fallback_of
from ridgeline_export.schema import Schema, parse


def schema(fallback_by: list[str]) -> Schema:
    features = [{"name": name, "kind": "categorical"} for name in ("brand", "shelf")]
    model = {"name": "m", "target": "price", "currency": "EUR"}
    price = {"min": 10.0, "max": 100.0, "fallback_by": fallback_by}
    return parse({"model": model, "price": price, "features": features}, "schema")


def test_fallback_prices_are_medians_clipped_to_the_range_by_value() -> None:
    categorical = np.array([["a", "u"], ["a", "u"], ["b", "v"], ["", "v"]], dtype=object)
    training = Rows(np.empty((4, 0)), categorical, np.array([20.0, 30.0, 400.0, 50.0]), np.arange(4))
    fallback = fallback_of(training, schema(["shelf", "brand"]))
    assert fallback.overall == 40.0
    assert [(table.feature, table.prices) for table in fallback.tables] == [
        ("shelf", {"u": 25.0, "v": 100.0}),
        ("brand", {"a": 25.0, "b": 100.0}),
    ]
    assert fallback_of(training, schema([])).tables == ()
