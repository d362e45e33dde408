"""Each planted fault touches what it says and nothing else, alone and together with the others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from ridgeline_export import simulate
from ridgeline_export.simulate.catalogue import all_features, categorical_features
from ridgeline_export.simulate.faults import BROKEN_PAIRS, MEAN_SHIFTS, NEW_CATEGORIES, SPREAD_CHANGES
from ridgeline_export.simulate.market import stream

FEATURES = [feature.name for feature in all_features()]
TOUCHED = {
    "missing_values": set(),
    "mean_shift": set(MEAN_SHIFTS),
    "spread_change": set(SPREAD_CHANGES),
    "broken_correlation": set(BROKEN_PAIRS),
    "new_categories": {"category"},
}


@pytest.fixture(scope="module")
def market() -> simulate.Market:
    """Drawn once: whoever wrote into it would fail."""
    market = simulate.draw(1)
    for array in (*vars(market.training).values(), *vars(market.month).values()):
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
    return market


def planted(market: simulate.Market, *faults: str) -> simulate.Products:
    return simulate.plant(market.month, simulate.training_means(market.training), faults, market.seed)


def cells(products: simulate.Products) -> npt.NDArray[np.object_]:
    return np.hstack([products.numeric.astype(object), products.categorical])


def test_the_table_of_touched_features_is_complete() -> None:
    assert list(TOUCHED) == [fault.name for fault in simulate.FAULTS]
    named = [name for names in TOUCHED.values() for name in names]
    assert len(named) == len(set(named))


@pytest.mark.parametrize("fault", TOUCHED)
def test_a_fault_touches_its_own_features_and_no_others(market: simulate.Market, fault: str) -> None:
    alone, together = planted(market, fault), planted(market, *TOUCHED)
    changed = (cells(alone) != cells(market.month)).any(axis=0)
    assert {name for name, hit in zip(FEATURES, changed, strict=True) if hit} == TOUCHED[fault]
    own = [FEATURES.index(name) for name in TOUCHED[fault]]
    assert (cells(alone)[:, own] == cells(together)[:, own]).all()
    assert (alone.missing_rate != market.month.missing_rate).all() == (fault == "missing_values")


@pytest.mark.parametrize("fault", [name for name in TOUCHED if name != "new_categories"])
def test_the_true_price_does_not_follow_what_is_recorded(market: simulate.Market, fault: str) -> None:
    assert (planted(market, fault).price == market.month.price).all()


def test_new_categories_bring_their_own_price_level(market: simulate.Market) -> None:
    changed = planted(market, "new_categories")
    level = {one.value: one.usd for one in categorical_features()[0].levels}
    level |= {new.value: new.usd for new in NEW_CATEGORIES}
    before, after = (pd.Series(month.categorical[:, 0]).map(level) for month in (market.month, changed))
    assert changed.price - market.month.price == pytest.approx((after - before).to_numpy(), abs=0.006)
    assert (after != before).any()


@pytest.mark.parametrize("name", BROKEN_PAIRS)
def test_a_broken_pair_keeps_its_margins(market: simulate.Market, name: str) -> None:
    column = FEATURES.index(name)
    dealt = planted(market, "broken_correlation").numeric[:, column]
    assert (np.sort(dealt) == np.sort(market.month.numeric[:, column])).all()


def test_cells_lost_without_faults_are_lost_with_them_too(market: simulate.Market) -> None:
    before, after = market.month, planted(market, "missing_values")
    lost = before.gap < before.missing_rate
    assert lost.any()
    assert (after.gap < after.missing_rate)[lost].all()


def test_an_unknown_fault_is_named(market: simulate.Market) -> None:
    with pytest.raises(ValueError, match=r"no such fault: flood; known are missing_values"):
        planted(market, "flood")


def test_streams_are_set_by_seed_and_name_alone() -> None:
    first, again = stream(1, "month", "noise"), stream(1, "month", "noise")
    others = [stream(1, "month", "gaps"), stream(1, "holdout", "noise"), stream(2, "month", "noise")]
    drawn = first.random()
    assert again.random() == drawn
    assert drawn not in [other.random() for other in others]
