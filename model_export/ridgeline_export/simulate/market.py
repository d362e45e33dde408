"""Draws products: features from shared factors, prices linear in the features as written in the file."""

from __future__ import annotations

import datetime as dt
import zlib
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from ridgeline.missing import MISSING_CATEGORY, MISSING_NUMBER
from ridgeline_export.simulate.catalogue import (
    FACTORS,
    POSITION,
    NumericFeature,
    categorical_features,
    column_of,
    numeric_features,
)

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]

TYPICAL_PRICE = 230.0
"""USD: the price of a product whose features are all at their centres, before category, brand and channel."""
NOISE_SD = 7.44
"""USD: what no feature explains. Solved so that the served price's RMSE on the holdout is 8.20 USD: the
rest of it is what 2% missing values and the estimation from 18,000 rows cost."""
SIGNAL_RANGE = (45.0, 465.0)
"""USD: products whose price without noise lies outside are drawn again. Selecting products by their features
does not bias a regression on them, and keeps true prices well inside the served range."""

MISSING_RATE = 0.02
"""Of all cells of all features, in training, in the holdout and in a month without faults."""


@dataclass(frozen=True)
class Period:
    """A run of days from which products are drawn."""

    name: str
    first_day: dt.date
    days: int
    row_count: int


TRAINING = Period("training", dt.date(2026, 1, 1), 90, 18_000)
HOLDOUT = Period("holdout", dt.date(2026, 4, 1), 61, 12_200)
PRODUCTION = Period("production", dt.date(2026, 6, 1), 30, 500)


@dataclass(frozen=True)
class Products:
    """n products of one period. Features are kept complete; `recorded` empties the missing cells."""

    period: Period
    day: npt.NDArray[np.int64]
    """Shape [n]: days since the period's first day, ascending."""
    numeric: Floats
    """Shape [n, 72], as written in the file, nothing missing."""
    categorical: Texts
    """Shape [n, 3]."""
    price: Floats
    """Shape [n], USD, rounded to cents."""
    units_after_sale: npt.NDArray[np.int64]
    """Shape [n]: units sold in the 30 days after the price was set."""
    gap: Floats
    """Shape [n, 75], uniform on [0, 1): a cell is missing when its gap is below its missing rate."""
    missing_rate: Floats
    """Shape [n, 75]."""

    def recorded(self) -> tuple[Floats, Texts]:
        """Numeric [n, 72] and categorical [n, 3] features as the file has them: missing is NaN and ""."""
        lost = self.gap < self.missing_rate
        split = self.numeric.shape[1]
        return (
            np.where(lost[:, :split], MISSING_NUMBER, self.numeric),
            np.where(lost[:, split:], MISSING_CATEGORY, self.categorical),
        )


def stream(seed: int, *names: str) -> np.random.Generator:
    """An independent generator for one named purpose: a change in one place leaves all other draws alone."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def draw_products(seed: int, period: Period) -> Products:
    """Draw `period.row_count` products of the same market; only `seed` and `period` decide the result."""
    name, count = period.name, period.row_count
    numeric, categorical, signal = _draw_in_range(stream(seed, name, "features"), count)
    noise = NOISE_SD * stream(seed, name, "noise").standard_normal(count)
    units = stream(seed, name, "units").poisson(_expected_units(numeric))
    cells = (count, numeric.shape[1] + categorical.shape[1])
    return Products(
        period=period,
        day=np.arange(count) * period.days // count,
        numeric=numeric,
        categorical=categorical,
        price=np.round(signal + noise, 2),
        units_after_sale=units,
        gap=stream(seed, name, "gaps").random(cells),
        missing_rate=np.full(cells, MISSING_RATE),
    )


def _draw_in_range(generator: np.random.Generator, count: int) -> tuple[Floats, Texts, Floats]:
    """Features and signals of the first `count` products whose signal lies in SIGNAL_RANGE."""
    parts: list[tuple[Floats, Texts, Floats]] = []
    kept = 0
    while kept < count:
        numeric, categorical, signal = _draw(generator, count)
        inside = (signal >= SIGNAL_RANGE[0]) & (signal <= SIGNAL_RANGE[1])
        parts.append((numeric[inside], categorical[inside], signal[inside]))
        kept += int(inside.sum())
    return (
        np.concatenate([part[0] for part in parts])[:count],
        np.concatenate([part[1] for part in parts])[:count],
        np.concatenate([part[2] for part in parts])[:count],
    )


def _draw(generator: np.random.Generator, count: int) -> tuple[Floats, Texts, Floats]:
    """Draw `count` products: features as written, categories, and the price without noise."""
    features, groups = numeric_features(), categorical_features()
    position = np.array(POSITION)
    factors = generator.standard_normal((count, 1)) * position
    factors += np.sqrt(1.0 - position**2) * generator.standard_normal((count, len(FACTORS)))
    categorical = np.empty((count, len(groups)), dtype=object)
    signal = np.full(count, TYPICAL_PRICE)
    for column, group in enumerate(groups):
        levels = group.levels
        drawn = generator.choice(len(levels), size=count, p=[level.share for level in levels])
        categorical[:, column] = np.array([level.value for level in levels], dtype=object)[drawn]
        factors[:, FACTORS.index("tier")] += np.array([level.tier for level in levels])[drawn]
        signal += np.array([level.usd for level in levels])[drawn]
    loadings = np.array([feature.loadings for feature in features])
    own = np.sqrt(1.0 - np.einsum("ij,jk,ik->i", loadings, _factor_correlations(), loadings))
    latent = factors @ loadings.T + own * generator.standard_normal((count, len(features)))
    numeric = np.column_stack([_shape(feature, latent[:, i]) for i, feature in enumerate(features)])
    centres = np.array([feature.centre for feature in features])
    signal += (numeric - centres) @ np.array([feature.usd_per_unit for feature in features])
    return numeric, categorical, signal


def _factor_correlations() -> Floats:
    """Correlations of FACTORS, shape [8, 8]: the product of their positions, 1 on the diagonal."""
    position = np.array(POSITION)
    return np.outer(position, position) + np.diag(1.0 - position**2)


def _shape(feature: NumericFeature, latent: Floats) -> Floats:
    """Turn standard normal values into the feature's unit; shape [n] to [n]."""
    if feature.shape == "normal":
        value = feature.centre + feature.spread * latent
    elif feature.shape == "skewed":
        value = feature.centre * np.exp(feature.spread * latent)
    elif feature.shape == "share":
        odds = feature.centre / (100.0 - feature.centre) * np.exp(feature.spread * latent)
        value = 100.0 * odds / (1.0 + odds)
    else:
        value = (latent > NormalDist().inv_cdf(1.0 - feature.centre)).astype(np.float64)
    return as_written(feature, value)


def as_written(feature: NumericFeature, value: Floats) -> Floats:
    """Clip to the valid range and round to the feature's digits; shape kept."""
    clipped: Floats = value.clip(feature.valid_min, feature.valid_max)
    return clipped.round(feature.digits)


def _expected_units(numeric: Floats) -> Floats:
    """Mean sales in 30 days: 20 units, growing with the square root of page views."""
    column = column_of("page_views")
    return 20.0 * np.sqrt(numeric[:, column] / numeric_features()[column].centre)
