"""Compares scored prices with the true ones, month by month.

Usage: python examples/pc_prices/ladder.py data/pc_prices/prices.csv data/pc_prices/scored.csv

The first file is write_table.py's, the second what `ridgeline score` made of it. RMSE in USD: of the model
price, and of the served price, which the guard keeps inside the price range. "worse" compares the RMSE of the
model price with that of the validation months, 10 to 12.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

LAST_MONTH = 35
TRAINING, VALIDATION, LATER = (1, 9), (10, 12), (13, LAST_MONTH)
SPANS = (TRAINING, VALIDATION, *((month, month) for month in range(13, LAST_MONTH + 1)), LATER)


class WrongTables(Exception):
    """The two files do not belong together; the message says why."""


def joined(prices: Path, scored: Path) -> pd.DataFrame:
    """Put true, model and served price of each row side by side, with its month.

    Raises:
        WrongTables: a column is missing, or a row has no price.
        OSError: a file cannot be read.
    """
    truth = _read(prices, {"row_id": str, "price": float, "month_index": int})
    found = _read(scored, {"record_id": str, "price": float, "model_price": float})
    truth, found = truth.set_index("row_id"), found.set_index("record_id")
    table = truth.join(found.add_prefix("scored_"), how="left")
    unpriced = table.index[table[["scored_price", "scored_model_price"]].isna().any(axis=1)]
    if len(unpriced):
        listed = ", ".join(unpriced[:3])
        raise WrongTables(f"{scored}: no price for {len(unpriced)} rows of {prices}, such as row_id {listed}")
    return table


def _read(path: Path, types: dict[str, type]) -> pd.DataFrame:
    try:
        return pd.read_csv(path, usecols=list(types), dtype=types)
    except ValueError as error:
        raise WrongTables(f"{path}: {error}") from None


def rmse(errors: pd.Series[float]) -> float:
    """Root of the mean squared error, in the unit of the errors."""
    return float(np.sqrt(np.mean(errors**2)))


def ladder(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per span of months: row count, RMSE of the model price, how much worse than in validation
    that is, RMSE of the served price.
    """
    steps = []
    for first, last in SPANS:
        rows = table[table["month_index"].between(first, last)]
        model, served = (rmse(rows[name] - rows["price"]) for name in ("scored_model_price", "scored_price"))
        steps.append((f"{first}-{last}" if last > first else str(first), len(rows), model, served))
    frame = pd.DataFrame(steps, columns=["months", "rows", "model_rmse", "served_rmse"]).set_index("months")
    frame.insert(2, "worse", frame["model_rmse"] / frame["model_rmse"].iloc[SPANS.index(VALIDATION)] - 1)
    return frame


def main() -> int:
    """Print the ladder; exit code 2 when the files do not fit."""
    parser = argparse.ArgumentParser(description="RMSE of scored PC prices, month by month.")
    parser.add_argument("prices", type=Path, help="prices.csv of write_table.py")
    parser.add_argument("scored", type=Path, help="its prices by `ridgeline score`, a CSV")
    arguments = parser.parse_args()
    try:
        steps = ladder(joined(arguments.prices, arguments.scored))
    except (WrongTables, OSError) as error:
        print(f"ladder.py: {error}", file=sys.stderr)
        return 2
    formats = {"worse": "{:+.1%}".format, "model_rmse": "{:.1f}".format, "served_rmse": "{:.1f}".format}
    print(steps.reset_index().to_string(index=False, formatters=formats))
    return 0


if __name__ == "__main__":
    sys.exit(main())
