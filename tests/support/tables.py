"""A small table and its schema, to train small models with: laptops with every kind of awkward cell."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from ridgeline_export.export import export_model

CREATED = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)

NUMERIC = ["screen_size", "memory", "weight", "release_code"]
CATEGORICAL = ["brand", "shop"]

SCHEMA = """
[model]
name = "laptops"
target = "price"
currency = "EUR"
id = "product_id"
time = "date"
segments = ["brand"]
refused_columns = ["units_sold_after"]
missing_tokens = ["unknown"]

[price]
min = 100.0
max = 400.0
fallback_by = ["brand"]

[penalty]
value = 0.05

[[features]]
name = "screen_size"
kind = "numeric"
unit = "inch"
description = "Screen diagonal."
valid_min = 5.0
valid_max = 40.0

[[features]]
name = "memory"
kind = "numeric"
unit = "GB"
description = "Main memory."
valid_min = 0.0

[[features]]
name = "brand"
kind = "categorical"
description = "Maker."

[[features]]
name = "weight"
kind = "numeric"
unit = "kg"
description = "Weight with battery."

[[features]]
name = "shop"
kind = "categorical"
description = "Shop, by number."

[[features]]
name = "release_code"
kind = "numeric"
description = "Release date as a number such as 20261121."
"""

BRANDS = ["Acme", "Bolt", "NA", "None", "nan", "007", "missing_value"]


def small_frame(rows: int = 600, seed: int = 0, missing: float = 0.05) -> pd.DataFrame:
    """Return `rows` laptops in time order; a share `missing` of the cells of every feature is empty."""
    rng = np.random.default_rng(seed)
    screen, memory = rng.uniform(10, 18, rows), rng.choice([4.0, 8.0, 16.0, 32.0], rows)
    weight = screen / 10 + rng.normal(0, 0.2, rows)
    release = 20_260_000.0 + rng.integers(101, 1231, rows)
    brand, shop = rng.integers(0, len(BRANDS), rows), rng.integers(1, 6, rows).astype(float)
    price = 60 + 9 * screen + 3 * memory - 12 * weight + 11 * brand + 4 * shop + rng.normal(0, 6, rows)
    frame = pd.DataFrame(
        {
            "product_id": [f"p{i}" for i in range(rows)],
            "date": np.datetime_as_string(
                np.datetime64("2026-01-01") + np.arange(rows) * 120 // max(rows, 1)
            ),
            "screen_size": screen,
            "memory": memory,
            "weight": weight,
            "release_code": release,
            "brand": pd.Series([BRANDS[i] for i in brand], dtype=object),
            "shop": shop,
            "units_sold_after": rng.integers(0, 50, rows),
            "price": price.round(2),
        }
    )
    for name in NUMERIC + CATEGORICAL:
        frame.loc[rng.random(rows) < missing, name] = None if name == "brand" else np.nan
    return frame


def write_csv(frame: pd.DataFrame, path: Path) -> Path:
    """Write a CSV as pandas does, an empty cell for missing; returns the path."""
    frame.to_csv(path, index=False)
    return path


def write_schema(path: Path, text: str = SCHEMA) -> Path:
    """Write a schema file; returns the path."""
    path.write_text(text, encoding="utf-8")
    return path


def export_small(directory: Path, frame: pd.DataFrame | None = None, schema: str = SCHEMA) -> Path:
    """Train and export a small model below `directory`/models; returns its version directory."""
    directory.mkdir(parents=True, exist_ok=True)
    table = write_csv(small_frame() if frame is None else frame, directory / "table.csv")
    rules = write_schema(directory / "schema.toml", schema)
    return export_model(table, rules, directory / "models", created=CREATED)
