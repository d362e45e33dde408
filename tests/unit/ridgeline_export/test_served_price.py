"""The guard as the exporter applies it to judge a model."""

from __future__ import annotations

import numpy as np
import pytest

from ridgeline.artifact import Guard, GuardPolicy, PriceRange
from ridgeline_export.dataset import Rows
from ridgeline_export.guard import fallback_of, fallback_prices, served
from ridgeline_export.schema import Schema, parse

RANGE = PriceRange(min=10.0, max=100.0)


def rows(categorical: list[list[str]], target: list[float]) -> Rows:
    n = len(target)
    numeric = np.zeros((n, 2))
    return Rows(numeric, np.array(categorical, dtype=object), np.array(target), np.arange(n))


def schema(fallback_by: list[str]) -> Schema:
    features = [{"name": name, "kind": "categorical"} for name in ("brand", "shelf")]
    features += [{"name": name, "kind": "numeric"} for name in ("x", "y")]
    model = {"name": "m", "target": "price", "currency": "EUR"}
    price = {"min": 10.0, "max": 100.0, "fallback_by": fallback_by}
    return parse({"model": model, "price": price, "features": features}, "schema")


def test_fallback_prices_are_clipped_medians_and_the_first_table_answers() -> None:
    training = rows([["a", "u"], ["a", "u"], ["b", "v"], ["", "v"]], [20.0, 30.0, 400.0, 50.0])
    fallback = fallback_of(training, schema(["shelf", "brand"]))
    assert fallback.overall == 40.0
    assert [(t.feature, t.prices) for t in fallback.tables] == [
        ("shelf", {"u": 25.0, "v": 100.0}),
        ("brand", {"a": 25.0, "b": 100.0}),
    ]
    asked = np.array([["b", "u"], ["b", "?"], ["?", "?"], ["", ""]], dtype=object)
    assert fallback_prices(fallback, ["brand", "shelf"], asked).tolist() == [25.0, 100.0, 40.0, 40.0]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("clamp", [10.0, 10.0, 55.0, 100.0, 100.0]),
        ("reject", [np.nan, 10.0, 55.0, 100.0, np.nan]),
        ("fallback", [42.0, 10.0, 55.0, 100.0, 42.0]),
    ],
)
def test_policies(policy: GuardPolicy, expected: list[float]) -> None:
    model_price = np.array([-3.0, 10.0, 55.0, 100.0, 100.1])
    asked = rows([["a", "u"]] * 5, [0.0] * 5)
    price = served(model_price, asked, np.full(5, 42.0), RANGE, Guard(policy=policy))
    np.testing.assert_array_equal(price, expected)


@pytest.mark.parametrize("policy", ["clamp", "reject", "fallback"])
def test_sparse_rows_get_their_safe_price(policy: GuardPolicy) -> None:
    asked = rows([["a", "u"], ["", "u"], ["", ""], ["", ""]], [0.0] * 4)
    asked.numeric[3, 0] = np.nan
    guard = Guard(policy=policy, max_missing_share=0.5)
    price = served(np.full(4, 70.0), asked, np.full(4, 42.0), RANGE, guard)
    assert price.tolist() == [70.0, 70.0, 70.0, 42.0]
