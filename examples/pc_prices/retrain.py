"""Walks forward through months 13 to 35: train on the months before, publish, price the month, compare.

Usage: python examples/pc_prices/retrain.py data/pc_prices/prices.csv

Each month's model is a real export with the schema of this folder, and the month itself is its holdout.
Prints the RMSE of the served price over all rows of months 13 to 35, in USD, for several training windows.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from ridgeline_export.card import read_card
from ridgeline_export.export import export_model
from ridgeline_export.problems import ExportError, InputError

MONTHS = range(13, 36)
WINDOWS = {"rolling 3 months": 3, "rolling 6 months": 6, "expanding": max(MONTHS)}
START = re.compile(r"^from = .*$", re.MULTILINE)
"""The line of a schema that says where its holdout starts."""


def read_inputs(prices: Path, schema: Path) -> tuple[pd.DataFrame, str]:
    """Read the table and the schema's text.

    Raises:
        InputError: the table has no months, or the schema no [holdout] that could be moved.
        OSError: a file cannot be read.
    """
    try:
        table = pd.read_csv(prices)
    except ValueError as error:
        raise InputError(str(prices), [f"cannot be read as a table ({error})"]) from None
    if "month_index" not in table:
        raise InputError(str(prices), ["has no column month_index; write it with write_table.py"])
    text = schema.read_text(encoding="utf-8")
    if len(START.findall(text)) != 1:
        raise InputError(str(schema), ["has no line `from = 10` below [holdout]; add it"])
    return table, text


def month_models(prices: pd.DataFrame, schema: str, window: int) -> Iterator[tuple[int, float]]:
    """Train one model per month on the `window` months before it; yields the month's rows and their RMSE.

    Raises:
        InputError, ExportError: as `export_model`.
    """
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for month in MONTHS:
            rows = prices[prices["month_index"].between(month - window, month)]
            rows.to_csv(work / "table.csv", index=False)
            (work / "schema.toml").write_text(START.sub(f"from = {month}", schema), encoding="utf-8")
            version = export_model(
                work / "table.csv", work / "schema.toml", work / "models", created=datetime.now(UTC)
            )
            metrics = read_card(version).manifest.metrics
            yield metrics.row_count, metrics.rmse


def pooled(months: Iterator[tuple[int, float]]) -> float:
    """RMSE over all rows of all months, from each month's row count and RMSE."""
    counts, rmses = np.array(list(months), dtype=np.float64).T
    return float(np.sqrt(np.sum(counts * rmses**2) / np.sum(counts)))


def main() -> int:
    """Print one line per training window; exit code 2 when the table or the schema has problems."""
    parser = argparse.ArgumentParser(description="Monthly retraining on PC prices, months 13 to 35.")
    parser.add_argument("prices", type=Path, help="prices.csv of write_table.py")
    parser.add_argument("--schema", type=Path, default=Path(__file__).with_name("schema.toml"))
    arguments = parser.parse_args()
    try:
        prices, schema = read_inputs(arguments.prices, arguments.schema)
        for name, window in WINDOWS.items():
            print(f"{name:16} {pooled(month_models(prices, schema, window)):7.1f}", flush=True)
    except (InputError, ExportError, OSError) as error:
        print(f"retrain.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
