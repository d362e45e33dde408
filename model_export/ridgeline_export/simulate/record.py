"""The record of planted faults: what was planted, what the file shows against training, what it costs."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any

import pandas as pd

from ridgeline_export.simulate.catalogue import all_features
from ridgeline_export.simulate.costs import ALPHA, PRICE_RANGE, Costs
from ridgeline_export.simulate.faults import (
    BROKEN_PAIRS,
    FAULTS,
    MEAN_SHIFTS,
    NEW_CATEGORIES,
    OUTAGE_DAYS,
    OUTAGE_SOURCE,
    PRODUCTION_MISSING_RATE,
    SPREAD_CHANGES,
)
from ridgeline_export.simulate.market import MISSING_RATE, Floats, Products

Entry = dict[str, Any]


def fault_record(
    training: pd.DataFrame, production: pd.DataFrame, planted_missing_rate: Floats
) -> list[Entry]:
    """One entry per fault. Tables as `tables.table` makes them; `planted_missing_rate` has shape [75]."""
    details = {
        "missing_values": _missing(training, production, planted_missing_rate),
        "mean_shift": _mean_shifts(training, production),
        "spread_change": _spread_changes(training, production),
        "broken_correlation": _broken_pairs(training, production),
        "new_categories": _new_categories(production),
    }
    return [{"name": fault.name, "description": fault.description, **details[fault.name]} for fault in FAULTS]


def rmse_record(holdout: float, costs: list[Costs]) -> Entry:
    """The RMSE figures in USD, with what they mean."""
    return {
        "unit": "USD",
        "model": f"Ridge, alpha {ALPHA} (sum of squares), fitted on the training window",
        "price": f"served price, clipped to {PRICE_RANGE[0]:g}-{PRICE_RANGE[1]:g} USD",
        "draws": "the same products in every row of one sample; the first sample is the file itself",
        "holdout": round(holdout, 4),
        "samples": [
            {
                "row_count": cost.row_count,
                "no_fault": round(cost.no_fault, 4),
                "alone": {name: round(value, 4) for name, value in cost.alone.items()},
                "all_faults": round(cost.all_faults, 4),
            }
            for cost in costs
        ],
    }


def period_record(products: Products) -> Entry:
    """First and last day and number of rows."""
    period = products.period
    last = period.first_day + dt.timedelta(days=period.days - 1)
    return {"first_day": str(period.first_day), "last_day": str(last), "row_count": products.price.size}


def _missing(training: pd.DataFrame, production: pd.DataFrame, planted: Floats) -> Entry:
    names = [feature.name for feature in all_features()]
    before, after = training[names].isna(), production[names].isna()
    rows = zip(names, planted, before.mean(), after.mean(), strict=True)
    return {
        "overall": {
            "planted": PRODUCTION_MISSING_RATE,
            "training_planted": MISSING_RATE,
            "training": _short(before.to_numpy().mean()),
            "production": _short(after.to_numpy().mean()),
        },
        "outage": {
            "source": OUTAGE_SOURCE,
            "days_of_month": [OUTAGE_DAYS.start + 1, OUTAGE_DAYS.stop],
            "features": [feature.name for feature in all_features() if feature.source == OUTAGE_SOURCE],
        },
        "features": [
            {
                "feature": name,
                "planted": _short(rate),
                "training": _short(training_rate),
                "production": _short(production_rate),
            }
            for name, rate, training_rate, production_rate in rows
        ],
    }


def _mean_shifts(training: pd.DataFrame, production: pd.DataFrame) -> Entry:
    """`planted` and `measured` are changes as shares of the training mean."""
    return {
        "features": [
            {
                "feature": name,
                "planted": change,
                "measured": _short(production[name].mean() / training[name].mean() - 1.0),
                "training": _short(training[name].mean()),
                "production": _short(production[name].mean()),
            }
            for name, change in MEAN_SHIFTS.items()
        ]
    }


def _spread_changes(training: pd.DataFrame, production: pd.DataFrame) -> Entry:
    """`planted` and `measured` are ratios of SDs."""
    return {
        "features": [
            {
                "feature": name,
                "planted": ratio,
                "measured": _short(production[name].std() / training[name].std()),
                "training": _short(training[name].std()),
                "production": _short(production[name].std()),
            }
            for name, ratio in SPREAD_CHANGES.items()
        ]
    }


def _broken_pairs(training: pd.DataFrame, production: pd.DataFrame) -> Entry:
    """Pearson's correlations over pairwise complete rows."""
    return {
        "features": [
            {
                "feature": name,
                "partner": partner,
                "planted": 0.0,
                "training": _short(training[name].corr(training[partner])),
                "production": _short(production[name].corr(production[partner])),
            }
            for name, partner in BROKEN_PAIRS.items()
        ]
    }


def _new_categories(production: pd.DataFrame) -> Entry:
    """`production` is the share of all rows, those without a recorded category included."""
    share = production["category"].value_counts() / len(production)
    return {
        "feature": "category",
        "planted_share": _short(sum(new.share for new in NEW_CATEGORIES)),
        "production_share": _short(sum(share.get(new.value, 0.0) for new in NEW_CATEGORIES)),
        "categories": [
            {**asdict(new), "production_share": _short(share.get(new.value, 0.0))} for new in NEW_CATEGORIES
        ],
    }


def _short(value: float) -> float:
    return round(float(value), 4)
