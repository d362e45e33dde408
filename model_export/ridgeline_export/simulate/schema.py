"""The TechMart schema in the schema language, rendered from the catalogue."""

from __future__ import annotations

import json

from ridgeline_export.simulate.catalogue import all_features, categorical_features, numeric_features
from ridgeline_export.simulate.costs import ALPHA, PRICE_RANGE
from ridgeline_export.simulate.market import HOLDOUT, TRAINING
from ridgeline_export.simulate.tables import AFTER_SALE_COLUMNS


def schema_toml() -> str:
    """Return the text of schema.toml."""
    return "\n".join([_head(), *_numeric_sections(), *_categorical_sections()])


def _head() -> str:
    return f"""\
# TechMart: {len(all_features())} features, prices in USD. Tables: training.csv, production_simulation.csv.

[model]
name = "techmart"
target = "price"
currency = "USD"
id = "product_id"
time = "date"
segments = ["category", "brand"]
refused_columns = {json.dumps(AFTER_SALE_COLUMNS)}

[price]
min = {PRICE_RANGE[0]}
max = {PRICE_RANGE[1]}
policy = "clamp"
max_missing_share = 0.5
fallback_by = ["brand", "category"]

[penalty]
value = {ALPHA}
convention = "sum"

[training]
window_days = {TRAINING.days}

[holdout]
from = "{HOLDOUT.first_day}"

[interval]
level = 0.9
"""


def _numeric_sections() -> list[str]:
    return [
        f"""\
[[features]]
name = {json.dumps(feature.name)}
kind = "numeric"
unit = {json.dumps(feature.unit)}
description = {json.dumps(feature.description)}
valid_min = {feature.valid_min}
valid_max = {feature.valid_max}
acceptable_missing_rate = {feature.acceptable_missing_rate}
"""
        for feature in numeric_features()
    ]


def _categorical_sections() -> list[str]:
    return [
        f"""\
[[features]]
name = {json.dumps(feature.name)}
kind = "categorical"
description = {json.dumps(feature.description)}
acceptable_missing_rate = {feature.acceptable_missing_rate}
"""
        for feature in categorical_features()
    ]
