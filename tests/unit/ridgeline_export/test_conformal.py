"""Prediction intervals against MAPIE and against their promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapie.regression import SplitConformalRegressor
from sklearn.linear_model import Ridge

from ridgeline_export.conformal import calibrate, fewest_calibration_rows, half_width, order_statistic


@pytest.mark.parametrize("rows", [20, 100, 101, 1234])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_the_width_is_mapies(rows: int, level: float) -> None:
    rng = np.random.default_rng(rows)
    x = rng.normal(size=(rows + 200, 3))
    y = x @ [3.0, -2.0, 1.0] + rng.gumbel(size=rows + 200) * 4
    model = Ridge().fit(x[rows:], y[rows:])
    oracle = SplitConformalRegressor(model, confidence_level=level, prefit=True).conformalize(
        x[:rows], y[:rows]
    )
    predicted, bounds = oracle.predict_interval(x[rows : rows + 1])
    width = half_width(y[:rows] - model.predict(x[:rows]), level)
    assert bounds[0, 1, 0] - predicted[0] == pytest.approx(width, rel=1e-12)


@pytest.mark.parametrize(
    ("level", "fewest"), [(0.9, 9), (0.95, 19), (0.99, 99), (0.5, 1), (0.1, 1), (0.75, 3)]
)
def test_fewest_rows(level: float, fewest: int) -> None:
    assert fewest_calibration_rows(level) == fewest


@settings(deadline=None)
@given(st.floats(0.01, 0.995), st.integers(1, 3000))
def test_enough_rows_are_exactly_those_with_an_order_statistic(level: float, rows: int) -> None:
    assert (order_statistic(rows, level) <= rows) == (rows >= fewest_calibration_rows(level))


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"level 0.9 needs at least 9 calibration rows, got 8"):
        half_width(np.ones(8), 0.9)


def test_calibrated_on_the_first_half_and_measured_on_the_second() -> None:
    residuals = np.concatenate([np.arange(1.0, 100.0), np.full(60, 89.0), np.full(40, 91.0)])
    signs = np.where(np.arange(residuals.size) % 2, 1, -1)
    interval = calibrate(100 + signs * residuals, np.full(residuals.size, 100.0), 0.9)
    assert (interval.half_width, interval.calibration_rows, interval.coverage_rows) == (90.0, 99, 100)
    assert interval.coverage == 0.6


def test_coverage_is_what_was_promised() -> None:
    rng = np.random.default_rng(5)
    covered = [calibrate(rng.standard_t(3, 400), np.zeros(400), 0.9).coverage for _ in range(300)]
    # The expected coverage is k / (n + 1) = 181 / 201; the mean of 300 has a standard error near 0.002.
    assert np.mean(covered) == pytest.approx(181 / 201, abs=0.008)
