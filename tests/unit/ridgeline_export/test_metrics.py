"""Accuracy against scikit-learn, by segment and for prices that were not given."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle

from ridgeline_export.metrics import by_segment, measure, tiers


def test_metrics_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    target, price = rng.uniform(10, 500, 300), rng.uniform(10, 500, 300)
    found = measure(target, price)
    assert found is not None
    assert found.row_count == 300
    assert found.rmse == pytest.approx(oracle.root_mean_squared_error(target, price))
    assert found.mae == pytest.approx(oracle.mean_absolute_error(target, price))
    assert found.r2 == pytest.approx(oracle.r2_score(target, price))
    assert found.bias == pytest.approx(np.mean(price) - np.mean(target))
    assert found.p95_absolute_error == pytest.approx(np.percentile(np.abs(price - target), 95))


def test_rows_without_a_price_are_left_out() -> None:
    found = measure(np.array([1.0, 2.0, 3.0]), np.array([1.0, np.nan, 5.0]))
    assert found is not None
    assert (found.row_count, found.mae, found.bias) == (2, 1.0, 1.0)
    assert measure(np.array([1.0]), np.array([np.nan])) is None


@pytest.mark.parametrize("target", [[5.0], [5.0, 5.0]])
def test_r2_is_undefined_when_targets_do_not_vary(target: list[float]) -> None:
    found = measure(np.array(target), np.array(target) + 1)
    assert found is not None
    assert found.r2 is None


def test_tiers_are_cut_at_the_points() -> None:
    assert tiers(np.array([1.0, 10.0, 10.1, 20.0, 20.1]), (10.0, 20.0)).tolist() == [
        "low",
        "low",
        "mid",
        "mid",
        "high",
    ]


def test_segments() -> None:
    brands = np.array(["b", "a", "", "a"], dtype=object)
    found = by_segment("brand", brands, np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 2.0, np.nan, 6.0]))
    assert [(s.feature, s.value, s.row_count, s.mae) for s in found] == [
        ("brand", "a", 2, 1.0),
        ("brand", "b", 1, 1.0),
    ]
    named = np.array(["high", "low", "mid"], dtype=object)
    ordered = by_segment("price_tier", named, np.arange(3.0), np.arange(3.0))
    assert [segment.value for segment in ordered] == ["low", "mid", "high"]
