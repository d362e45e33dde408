"""The simulated market over ten seeds: accuracy, prices, and every planted fault of the stated size.

The model of these tests is a notebook's, over named columns; it shares no code with the exporter's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ridgeline_export import simulate
from ridgeline_export.simulate.catalogue import all_features, numeric_features
from ridgeline_export.simulate.faults import BROKEN_PAIRS, MEAN_SHIFTS, NEW_CATEGORIES, SPREAD_CHANGES

NUMERIC = [feature.name for feature in numeric_features()]
CATEGORICAL = ["category", "brand", "sales_channel"]
FEATURES = NUMERIC + CATEGORICAL
WINDOW_ROWS = 18_000
TOLERANCE = 4.5
"""Standard errors a measured size may lie from the stated one: a false failure in 150,000 normal trials."""


@dataclass(frozen=True)
class Drawn:
    market: simulate.Market
    window: pd.DataFrame
    holdout: pd.DataFrame
    production: pd.DataFrame


@pytest.fixture(scope="module", params=range(10), ids=lambda seed: f"seed{seed}")
def drawn(request: pytest.FixtureRequest) -> Drawn:
    market = simulate.draw(request.param)
    rows = market.training_table()
    return Drawn(market, rows[:WINDOW_ROWS], rows[WINDOW_ROWS:], market.production_table())


@pytest.fixture(scope="module")
def rmse(drawn: Drawn) -> float:
    """Of the served price on the holdout, USD."""
    return served_rmse(notebook_model(drawn.window), drawn.holdout)


def notebook_model(rows: pd.DataFrame) -> Pipeline:
    columns = ColumnTransformer(
        [
            ("numeric", make_pipeline(SimpleImputer(), StandardScaler()), NUMERIC),
            ("categorical", OneHotEncoder(handle_unknown="ignore"), CATEGORICAL),
        ]
    )
    return make_pipeline(columns, Ridge(alpha=0.05)).fit(rows[FEATURES], rows["price"])


def served_rmse(model: Pipeline, rows: pd.DataFrame) -> float:
    served = np.clip(model.predict(rows[FEATURES]), 10.0, 500.0)
    return float(np.sqrt(np.mean((served - rows["price"]) ** 2)))


def without_gaps(products: simulate.Products) -> simulate.Products:
    return replace(products, missing_rate=np.zeros_like(products.missing_rate))


def test_served_rmse_on_the_holdout_is_8_20(drawn: Drawn, rmse: float) -> None:
    assert len(drawn.holdout) >= 10_000
    assert rmse == pytest.approx(8.20, rel=0.02)


def test_two_per_cent_missing_cost_less_than_two_dollars(drawn: Drawn, rmse: float) -> None:
    window = simulate.table(without_gaps(drawn.market.training), 1)
    holdout = simulate.table(without_gaps(drawn.market.holdout), 1)
    complete = served_rmse(notebook_model(window), holdout)
    assert 0.0 < rmse - complete < 2.0


def test_true_prices_are_well_inside_the_served_range(drawn: Drawn) -> None:
    price = pd.concat([drawn.window["price"], drawn.holdout["price"], drawn.production["price"]])
    assert price.between(12.0, 490.0).mean() >= 0.99
    assert price.min() > 0.0
    assert price.std() > 50.0
    assert (price == price.round(2)).all()


def test_training_loses_two_per_cent_of_every_feature(drawn: Drawn) -> None:
    rows = pd.concat([drawn.window, drawn.holdout])[FEATURES]
    error = np.sqrt(0.02 * 0.98 / len(rows))
    assert rows.isna().mean().to_numpy() == pytest.approx(0.02, abs=TOLERANCE * error)


def test_every_recorded_value_is_inside_its_valid_range(drawn: Drawn) -> None:
    rows = pd.concat([drawn.window, drawn.holdout, drawn.production])
    for feature in numeric_features():
        known = rows[feature.name].dropna()
        assert known.between(feature.valid_min, feature.valid_max).all(), feature.name
        assert (known == known.round(feature.digits)).all(), feature.name


def test_features_share_factors(drawn: Drawn) -> None:
    correlations = drawn.window[NUMERIC].corr().abs().to_numpy()
    strongest = (correlations - np.eye(len(NUMERIC))).max(axis=1)
    assert np.median(strongest) > 0.4
    assert strongest.min() > 0.15


def test_production_loses_twelve_per_cent_and_one_source_far_more(drawn: Drawn) -> None:
    rates = drawn.production[FEATURES].isna().mean()
    planted = pd.Series(drawn.market.faulty_month.missing_rate.mean(axis=0), FEATURES)
    assert planted.mean() == pytest.approx(0.12, abs=1e-9)
    assert rates.mean() == pytest.approx(0.12, abs=TOLERANCE * np.sqrt(0.12 * 0.88 / (500 * 75)))
    errors = np.sqrt(planted * (1.0 - planted) / 500)
    assert ((rates - planted).abs() < TOLERANCE * errors).all()
    failed = [feature.name for feature in all_features() if feature.source == "competitor service"]
    assert len(failed) == 10
    assert rates[failed].min() > 0.40
    assert rates.drop(failed).max() < 0.15


@pytest.mark.parametrize("name", MEAN_SHIFTS)
def test_mean_shift_has_the_stated_size(drawn: Drawn, name: str) -> None:
    before, after = drawn.window[name], drawn.production[name].dropna()
    error = before.std() / abs(before.mean()) / np.sqrt(len(after))
    assert after.mean() / before.mean() - 1.0 == pytest.approx(MEAN_SHIFTS[name], abs=TOLERANCE * error)
    assert after.std() / before.std() == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("name", SPREAD_CHANGES)
def test_spread_change_has_the_stated_size(drawn: Drawn, name: str) -> None:
    before, after = drawn.window[name], drawn.production[name].dropna()
    ratio = SPREAD_CHANGES[name]
    error = ratio / np.sqrt(2 * len(after))
    assert after.std() / before.std() == pytest.approx(ratio, abs=TOLERANCE * error)
    assert after.mean() == pytest.approx(before.mean(), abs=TOLERANCE * after.std() / np.sqrt(len(after)))


@pytest.mark.parametrize("name", BROKEN_PAIRS)
def test_broken_pair_was_correlated_and_no_longer_is(drawn: Drawn, name: str) -> None:
    partner = BROKEN_PAIRS[name]
    pairs = len(drawn.production[[name, partner]].dropna())
    assert drawn.window[name].corr(drawn.window[partner]) > 0.4
    assert drawn.production[name].corr(drawn.production[partner]) == pytest.approx(
        0.0, abs=TOLERANCE / np.sqrt(pairs)
    )


def test_new_categories_are_more_than_a_tenth_of_volume(drawn: Drawn) -> None:
    true = pd.Series(drawn.market.faulty_month.categorical[:, 0]).value_counts()
    assert {new.value: true[new.value] for new in NEW_CATEGORIES} == {
        new.value: round(500 * new.share) for new in NEW_CATEGORIES
    }
    seen = set(drawn.window["category"].dropna()) | set(drawn.holdout["category"].dropna())
    recorded = drawn.production["category"].dropna()
    assert seen.isdisjoint(new.value for new in NEW_CATEGORIES)
    assert (~recorded.isin(seen)).sum() / 500 > 0.10


def test_ids_are_unique_and_dates_follow_each_other(drawn: Drawn) -> None:
    rows = pd.concat([drawn.window, drawn.holdout, drawn.production])
    assert rows["product_id"].is_unique
    assert rows["date"].is_monotonic_increasing
    days = [
        (part["date"].min(), part["date"].max(), part["date"].nunique())
        for part in (drawn.window, drawn.holdout, drawn.production)
    ]
    assert days == [
        ("2026-01-01", "2026-03-31", 90),
        ("2026-04-01", "2026-05-31", 61),
        ("2026-06-01", "2026-06-30", 30),
    ]


def test_a_ridge_finds_the_prices_of_features() -> None:
    products = without_gaps(simulate.draw(3).training)
    rows = simulate.table(products, 1)
    found = notebook_model(rows)[-1].coef_[: len(NUMERIC)]
    true = np.array([feature.usd_per_unit for feature in numeric_features()]) * rows[NUMERIC].std().to_numpy()
    assert found == pytest.approx(true, abs=0.6)
    assert np.abs(true).max() > 5.0


def test_a_month_without_faults_looks_like_training() -> None:
    market = simulate.draw(5)
    before, after = market.training.numeric, simulate.draw_month(5, 20_000).numeric
    error = before.std(axis=0) * np.sqrt(1 / len(before) + 1 / len(after))
    assert (np.abs(after.mean(axis=0) - before.mean(axis=0)) < TOLERANCE * error).all()
