"""The formula: exact, centred on an average product, and the penalty as its definition says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ridgeline.artifact import CategoryShare
from ridgeline_export.linear import contributions, formula_prices, importance_ranks, linear_form
from ridgeline_export.pipeline import fit_pipeline, predict
from ridgeline_export.profile import category_shares

RNG = np.random.default_rng(3)
N = 400
NUMERIC = np.column_stack([RNG.normal(5, 2, N), RNG.normal(0, 1, N), np.full(N, 7.7), np.full(N, np.nan)])
NUMERIC[RNG.random(N) < 0.1, 0] = np.nan
BRAND = np.array(["a", "b", ""], dtype=object)[RNG.integers(0, 3, N)]
SHELF = np.array(["u", "v"], dtype=object)[RNG.integers(0, 2, N)]
CATEGORICAL = np.column_stack([BRAND, SHELF])
TARGET = 100 + 4 * np.nan_to_num(NUMERIC[:, 0]) - NUMERIC[:, 1] + 9 * (BRAND == "a") + RNG.normal(0, 1, N)
SHARES = [category_shares(column) for column in CATEGORICAL.T]
PIPELINE = fit_pipeline(NUMERIC, CATEGORICAL, TARGET, 0.05)
FORM = linear_form(PIPELINE, ["x", "y", "constant", "nothing"], ["brand", "shelf"], SHARES)


def test_base_and_contributions_are_the_price() -> None:
    numeric, categorical = NUMERIC * 3, CATEGORICAL.copy()
    categorical[::4] = "never seen"
    expected = predict(PIPELINE, numeric, categorical)
    np.testing.assert_allclose(formula_prices(FORM, numeric, categorical), expected, rtol=1e-12)
    parts = contributions(FORM, numeric, categorical)
    assert (parts.numeric.shape, parts.categorical.shape) == ((N, 4), (N, 2))


def test_base_is_the_price_of_an_average_product() -> None:
    assert FORM.base == pytest.approx(TARGET.mean(), rel=1e-12)
    parts = contributions(FORM, NUMERIC, CATEGORICAL)
    np.testing.assert_allclose(parts.categorical.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(parts.numeric.mean(axis=0), 0, atol=1e-10)


def test_unknown_categories_add_what_one_hot_zeros_do() -> None:
    asked = CATEGORICAL.copy()
    asked[:, 0] = "never seen"
    known = asked.copy()
    known[:, 0] = "a"
    [brand, _] = FORM.categorical
    difference = predict(PIPELINE, NUMERIC, known) - predict(PIPELINE, NUMERIC, asked)
    np.testing.assert_allclose(difference, brand.amounts["a"] - brand.unknown_amount, rtol=1e-10)


def test_columns_that_say_nothing_move_nothing() -> None:
    assert [term.coefficient for term in FORM.numeric[2:]] == pytest.approx([0, 0], abs=1e-9)
    assert all(np.isfinite([t.fill, t.centre, t.scale]).all() and t.scale > 0 for t in FORM.numeric)


def test_importance_is_money_per_standard_deviation() -> None:
    amounts = contributions(FORM, NUMERIC, CATEGORICAL)
    spread = dict(
        zip(["x", "y", "constant", "nothing"], np.abs([t.coefficient for t in FORM.numeric]), strict=True)
    )
    spread |= dict(zip(["brand", "shelf"], amounts.categorical.std(axis=0), strict=True))
    expected = pd.Series(spread).rank(ascending=False, method="first").astype(int).to_dict()
    assert importance_ranks(FORM, SHARES) == expected


@pytest.mark.parametrize("alpha", [0.05, 0.05 * N, 500.0])
def test_the_penalty_is_that_of_the_normal_equations(alpha: float) -> None:
    pipeline = fit_pipeline(NUMERIC[:, :2], CATEGORICAL, TARGET, alpha)
    filled = np.where(np.isnan(NUMERIC[:, :2]), np.nanmean(NUMERIC[:, :2], axis=0), NUMERIC[:, :2])
    standard = (filled - filled.mean(axis=0)) / filled.std(axis=0)
    dummies = [
        (CATEGORICAL[:, j] == level).astype(float)
        for j, levels in enumerate(("ab", "uv"))
        for level in levels
    ]
    design = np.column_stack([standard, *dummies[:2], (BRAND == "").astype(float), *dummies[2:]])
    centred = design - design.mean(axis=0)
    weights = np.linalg.solve(
        centred.T @ centred + alpha * np.eye(centred.shape[1]), centred.T @ (TARGET - TARGET.mean())
    )
    expected = TARGET.mean() + centred @ weights
    np.testing.assert_allclose(predict(pipeline, NUMERIC[:, :2], CATEGORICAL), expected, rtol=1e-9)


def test_shares_are_ordered_and_sum_to_one() -> None:
    shares = category_shares(np.array(["b", "a", "a", "", "b", "c"], dtype=object))
    assert shares[:2] == (CategoryShare(value="a", share=1 / 3), CategoryShare(value="b", share=1 / 3))
    assert [share.value for share in shares[2:]] == ["", "c"]
    assert sum(share.share for share in shares) == pytest.approx(1)
