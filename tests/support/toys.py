"""A small table whose names and categories are chosen to be misread, and the models exported from it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from ridgeline_export.export import export_model

ROWS = 600
CREATED = datetime(2026, 1, 2, tzinfo=UTC)
NUMERIC = ("ram", "screen", "weight")
CATEGORICAL = ("brand", "port_code")
FEATURES = NUMERIC + CATEGORICAL
KINDS = {"numeric": NUMERIC, "categorical": CATEGORICAL}

SCHEMA = """
[model]
name = "toys"
target = "price"
currency = "EUR"
id = "sku"
time = "day"
segments = ["brand"]
missing_tokens = ["n/a"]

[price]
min = 50.0
max = 150.0
policy = "{policy}"
max_missing_share = 0.7
fallback_by = ["brand"]

[penalty]
value = 0.05
convention = "sum"

[holdout]
share = 0.3

[[features]]
name = "ram"
kind = "numeric"
unit = "GB"
valid_min = 0.0
valid_max = 1000.0

[[features]]
name = "brand"
kind = "categorical"
required = {required}

[[features]]
name = "screen"
kind = "numeric"
unit = "inch"

[[features]]
name = "port_code"
kind = "categorical"

[[features]]
name = "weight"
kind = "numeric"
unit = "kg"
valid_min = 0.0
"""


def table() -> pd.DataFrame:
    """ROWS products: brands called NA, None, nan and 007, and port codes 1, 3 and 7 with gaps."""
    rng = np.random.default_rng(7)
    ram = rng.uniform(2, 64, ROWS).round(1)
    screen = rng.uniform(5, 17, ROWS).round(2)
    weight = rng.uniform(0.1, 4, ROWS).round(3)
    brand = rng.choice(["NA", "None", "nan", "007", "Acme", ""], ROWS)
    port = rng.choice(["1", "3", "7", ""], ROWS)
    level = pd.Series(brand).map({"NA": 12, "None": -9, "nan": 5, "007": -4, "Acme": 0, "": 2})
    bonus = pd.Series(port).map({"1": -3, "3": 0, "7": 6, "": 1})
    noise = rng.normal(0, 1, ROWS)
    price = 90 + 0.6 * (ram - 33) + 1.5 * (screen - 11) - 2 * (weight - 2) + level + bonus + noise
    frame = pd.DataFrame(
        {
            "sku": [f"S{i:04d}" for i in range(ROWS)],
            "day": np.arange(ROWS) // 20,
            "ram": ram,
            "screen": screen,
            "weight": weight,
            "brand": brand,
            "port_code": port,
            "price": price.round(2),
        }
    )
    for name in NUMERIC:
        frame.loc[rng.random(ROWS) < 0.05, name] = np.nan
    return frame


def export(directory: Path, policy: str = "clamp", *, required: bool = False) -> Path:
    """Write the table, export it, return the models directory."""
    directory.mkdir(parents=True, exist_ok=True)
    schema = directory / "schema.toml"
    schema.write_text(SCHEMA.format(policy=policy, required=str(required).lower()))
    data = directory / "table.csv"
    products = table()
    if required:
        products["brand"] = products["brand"].replace("", "Acme")
    products.to_csv(data, index=False)
    export_model(data, schema, directory / "models", created=CREATED)
    return directory / "models"


def export_one_kind(kind: str, folder: Path) -> Path:
    """Export a model of the features of one of KINDS below `folder`; returns the models directory."""
    schema = SCHEMA.format(policy="clamp", required="false")
    head, *features = re.split(r"(?=\[\[features\]\])", schema)
    if kind == "numeric":
        head = head.replace('segments = ["brand"]\n', "").replace('fallback_by = ["brand"]\n', "")
    (folder / "schema.toml").write_text(head + "".join(f for f in features if f'kind = "{kind}"' in f))
    other = next(names for name, names in KINDS.items() if name != kind)
    table().drop(columns=list(other)).to_csv(folder / "table.csv", index=False)
    export_model(folder / "table.csv", folder / "schema.toml", folder / "models", created=CREATED)
    return folder / "models"
