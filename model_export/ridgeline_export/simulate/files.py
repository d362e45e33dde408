"""Writes one simulated market to a directory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from ridgeline_export.progress import Progress
from ridgeline_export.simulate.costs import Costs, fit, price_faults, served_rmse
from ridgeline_export.simulate.record import fault_record, period_record, rmse_record
from ridgeline_export.simulate.schema import schema_toml
from ridgeline_export.simulate.tables import Market, draw, draw_month, training_means

DEFAULT_SEED = 20260102
LARGE_MONTH = 20_000
"""Products of the second sample on which faults are priced: 500 are few for a stable figure."""


@dataclass(frozen=True)
class Summary:
    """What was written. RMSE in USD; `costs` are the file's 500 products, then LARGE_MONTH others."""

    training_path: Path
    production_path: Path
    faults_path: Path
    schema_path: Path
    training_rows: int
    holdout_rows: int
    production_rows: int
    holdout_rmse: float
    costs: tuple[Costs, Costs]


def write(out: Path, seed: int, progress: Progress) -> Summary:
    """Write training.csv, production_simulation.csv, planted_faults.json and schema.toml into `out`.

    The directory is made when it does not exist; files of these names are replaced. The same seed gives the
    same bytes.

    Raises:
        ValueError: the seed is negative.
        OSError: `out` cannot be written.
    """
    if seed < 0:
        raise ValueError(f"the seed must be 0 or greater, got {seed}")
    out.mkdir(parents=True, exist_ok=True)
    with _stage(progress, "drawing products"):
        market = draw(seed)
    with _stage(progress, "pricing faults"):
        holdout_rmse, costs = _price(market)
    with _stage(progress, "writing tables"):
        training, production = market.training_table(), market.production_table()
        _write_csv(training, out / "training.csv")
        _write_csv(production, out / "production_simulation.csv")
    with _stage(progress, "writing schema and record of faults"):
        window = training.head(market.training.price.size)
        record = _record(market, window, production, rmse_record(holdout_rmse, list(costs)))
        _write_text(json.dumps(record, indent=2) + "\n", out / "planted_faults.json")
        _write_text(schema_toml(), out / "schema.toml")
    return Summary(
        training_path=out / "training.csv",
        production_path=out / "production_simulation.csv",
        faults_path=out / "planted_faults.json",
        schema_path=out / "schema.toml",
        training_rows=market.training.price.size,
        holdout_rows=market.holdout.price.size,
        production_rows=market.month.price.size,
        holdout_rmse=holdout_rmse,
        costs=costs,
    )


@contextmanager
def _stage(progress: Progress, stage: str) -> Iterator[None]:
    progress(stage, 0, 1)
    yield
    progress(stage, 1, 1)


def _price(market: Market) -> tuple[float, tuple[Costs, Costs]]:
    pipeline = fit(market.training)
    means, seed = training_means(market.training), market.seed
    costs = (
        price_faults(pipeline, market.month, means, seed),
        price_faults(pipeline, draw_month(seed, LARGE_MONTH), means, seed),
    )
    return served_rmse(pipeline, market.holdout), costs


def _record(
    market: Market, window: pd.DataFrame, production: pd.DataFrame, rmse: dict[str, object]
) -> dict[str, object]:
    return {
        "seed": market.seed,
        "training": period_record(market.training),
        "holdout": period_record(market.holdout),
        "production": period_record(market.month),
        "rmse": rmse,
        "faults": fault_record(window, production, market.faulty_month.missing_rate.mean(axis=0)),
    }


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write plain cells: pyarrow would put every text and the header in quotes. No text here needs any."""
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("wb") as file:
        file.write((",".join(table.columns) + "\n").encode())
        pyarrow.csv.write_csv(pa.Table.from_pandas(table, preserve_index=False), file, options)


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
