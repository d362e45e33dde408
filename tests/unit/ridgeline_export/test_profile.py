"""The reference profile against pandas."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from ridgeline_export.dataset import Rows
from ridgeline_export.profile import correlations, numeric_profile, reference_profile


def matrix() -> npt.NDArray[np.float64]:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(500, 5)) @ rng.normal(size=(5, 5)) * [1, 1e6, 1e-6, 1, 1] + [
        0,
        1e9,
        0,
        20_260_000,
        5,
    ]
    values[rng.random(values.shape) < 0.2] = np.nan
    return values


def test_correlations_are_those_of_pairwise_complete_rows() -> None:
    found = np.array(correlations(matrix()), dtype=float)
    np.testing.assert_allclose(found, pd.DataFrame(matrix()).corr(), atol=1e-9)


def test_correlations_without_spread_are_undefined() -> None:
    values = np.column_stack(
        [np.arange(6.0), np.full(6, 0.1), np.full(6, np.nan), [1, 2, np.nan, np.nan, np.nan, 3]]
    )
    found = correlations(values)
    assert found[0][0] == pytest.approx(1)
    assert [found[0][1], found[1][1], found[2][2], found[0][2]] == [None] * 4
    assert correlations(np.empty((5, 0))) == ()


def test_a_column_is_described_without_its_missing_values() -> None:
    values = matrix()[:, 1]
    seen = pd.Series(values).dropna()
    profile = numeric_profile("x", values)
    assert (profile.row_count, profile.missing_rate) == (len(seen), (500 - len(seen)) / 500)
    assert [profile.mean, profile.sd] == pytest.approx([seen.mean(), seen.std()])
    np.testing.assert_allclose(profile.deciles, seen.quantile(np.arange(1, 10) / 10))


@pytest.mark.parametrize(("values", "count", "mean"), [([np.nan, np.nan], 0, 0.0), ([np.nan, 4.0], 1, 4.0)])
def test_almost_nothing_to_describe(values: list[float], count: int, mean: float) -> None:
    profile = numeric_profile("x", np.array(values))
    assert (profile.row_count, profile.mean, profile.sd, len(profile.deciles)) == (
        count,
        mean,
        0.0,
        9 * bool(count),
    )


def test_the_whole_profile() -> None:
    categorical = np.array([["a"], ["a"], [""], ["b"], ["a"], ["a"]], dtype=object)
    rows = Rows(np.arange(6.0).reshape(6, 1), categorical, np.array([10.0, 20, 30, 40, 50, 60]), np.arange(6))
    profile = reference_profile(rows, ["x"], ["brand"], "price")
    assert profile.categorical[0].shares == {
        "a": pytest.approx(4 / 6),
        "": pytest.approx(1 / 6),
        "b": pytest.approx(1 / 6),
    }
    assert (profile.target.name, profile.target.mean) == ("price", 35.0)
    assert profile.tier_cut_points == pytest.approx((10 + 50 / 3, 10 + 100 / 3))
    assert profile.correlations[0] == pytest.approx((1.0,))
