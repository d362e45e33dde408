"""The TechMart catalogue: what each feature is, how it is spread and what it is worth.

The tables are data: `numeric_features.csv` has a line per numeric feature and `categorical_features.csv` a
line per category value, both beside this file. They are the fixed structure of the market; only draws depend
on the seed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

FACTORS = ("tier", "tech", "size", "demand", "rating", "market", "cost", "age")
"""What products have in common: eight standard normal factors, drawn once per product."""

POSITION = (0.8, 0.65, 0.4, 0.45, 0.6, 0.6, 0.4, -0.5)
"""Correlation of each factor with a product's market position: premium products are better at most things."""


@dataclass(frozen=True)
class NumericFeature:
    """One numeric feature.

    Its shape turns a standard normal value u into the feature's unit: `normal` is centre + spread * u,
    `skewed` is centre * exp(spread * u), `share` is a percentage with median centre and logit spread, `flag`
    is 1 with probability centre. The result is clipped to the valid range and rounded to `digits`. u is the
    sum of loadings * FACTORS and a part of its own. `usd_per_unit` is the feature's part in the price.
    """

    name: str
    unit: str
    source: str
    shape: str
    centre: float
    spread: float
    digits: int
    valid_min: float
    valid_max: float
    acceptable_missing_rate: float
    usd_per_unit: float
    loadings: tuple[float, ...]
    description: str


@dataclass(frozen=True)
class Level:
    """One category value: its share of products, part in the price (USD) and mean of the factor `tier`."""

    value: str
    share: float
    usd: float
    tier: float


@dataclass(frozen=True)
class CategoricalFeature:
    """One categorical feature and its levels, whose shares add up to 1."""

    name: str
    source: str
    acceptable_missing_rate: float
    levels: tuple[Level, ...]
    description: str


@cache
def numeric_features() -> tuple[NumericFeature, ...]:
    """The 72 numeric features, in the order of the CSV files."""
    return tuple(
        NumericFeature(
            name=row["name"],
            unit=row["unit"],
            source=row["source"],
            shape=row["shape"],
            centre=float(row["centre"]),
            spread=float(row["spread"]),
            digits=int(row["digits"]),
            valid_min=float(row["valid_min"]),
            valid_max=float(row["valid_max"]),
            acceptable_missing_rate=float(row["acceptable_missing_rate"]),
            usd_per_unit=float(row["usd_per_unit"]),
            loadings=tuple(float(row[factor] or 0.0) for factor in FACTORS),
            description=row["description"],
        )
        for row in _rows("numeric_features.csv")
    )


@cache
def categorical_features() -> tuple[CategoricalFeature, ...]:
    """The 3 categorical features, in the order of the CSV files."""
    levels: dict[str, list[Level]] = {}
    for row in _rows("categorical_features.csv"):
        level = Level(row["value"], float(row["share"]), float(row["usd"]), float(row["tier"]))
        levels.setdefault(row["feature"], []).append(level)
    about = {
        "category": "Product category.",
        "brand": "Brand as printed on the product.",
        "sales_channel": "Where the product is offered first.",
    }
    return tuple(
        CategoricalFeature(name, "product database", 0.05, tuple(levels[name]), description)
        for name, description in about.items()
    )


def all_features() -> tuple[NumericFeature | CategoricalFeature, ...]:
    """All 75 features, numeric ones first, in the order of the CSV files."""
    return (*numeric_features(), *categorical_features())


def column_of(name: str) -> int:
    """The position of a feature among all 75; ValueError when there is no such feature."""
    return [feature.name for feature in all_features()].index(name)


def _rows(file_name: str) -> Iterator[dict[str, str]]:
    with (resources.files(__package__) / file_name).open(encoding="utf-8") as file:
        yield from csv.DictReader(file)
