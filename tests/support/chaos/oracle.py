"""Two versions of one model as a server gets them, and what scikit-learn says offline of each."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ridgeline_export.export import export_model
from support import toys
from support.doors import worst_error
from support.notebook import fit_notebook, notebook_prices
from support.score import big_toys

PENALTIES: Mapping[int, float] = {1: 0.05, 2: 500.0}
"""Of each version: far enough apart that one never passes for the other."""
TOLERANCE = 1e-6
DECIMALS = 0.5e-4
"""Half of the last digit of a price in a file."""

_TRAINED_SHARE = 0.7
_LOWEST, _HIGHEST = 50.0, 150.0

Prices = npt.NDArray[np.float64]


class Oracle:
    """A table, and the right price of each row by version.

    Attributes:
        frame: what is sent; missing categories are "".
        ids: the names of the rows, all different.
    """

    def __init__(self, rows: int) -> None:
        table = toys.table()
        trained = table[: round(_TRAINED_SHARE * len(table))]
        self.frame = big_toys(rows)
        self.ids = self.frame["sku"].tolist()
        self._prices = {
            version: np.clip(_notebook(trained, alpha, self.frame), _LOWEST, _HIGHEST)
            for version, alpha in PENALTIES.items()
        }

    def is_right(self, version: int, rows: slice, prices: Prices, tolerance: float = TOLERANCE) -> bool:
        """Whether these are the prices of these rows in the version that is said to have priced them."""
        expected = self._prices[version][rows]
        return len(prices) == len(expected) and worst_error(prices, expected) <= tolerance

    def file_errors(self, scored: Path) -> tuple[int, int]:
        """Return how many rows of a file that was scored have a wrong price, and how many rows are lost,
        doubled or out of their place."""
        found = pd.read_csv(scored, dtype=str, keep_default_na=False, on_bad_lines="skip")
        common = min(len(found), len(self.ids))
        misplaced = int((found["record_id"][:common] != self.frame["sku"][:common]).sum())
        version = found["model"][:common].str.partition("-")[0].to_numpy()
        expected = np.full(common, np.nan)
        for number, prices in self._prices.items():
            expected = np.where(version == str(number), prices[:common], expected)
        price = pd.to_numeric(found["price"][:common], errors="coerce").to_numpy()
        near = np.abs(price - expected) <= DECIMALS + TOLERANCE  # False for what is no price or no version
        return int((~near).sum()), misplaced + abs(len(found) - len(self.ids))


def publish(directory: Path) -> list[Path]:
    """Export every version; returns a models directory for each that holds it alone."""
    found = []
    for version, alpha in PENALTIES.items():
        schema = toys.SCHEMA.format(policy="clamp", required="false")
        models = directory / f"v{version}"
        models.mkdir(parents=True)
        (models / "schema.toml").write_text(schema.replace("value = 0.05", f"value = {alpha}"))
        toys.table().to_csv(models / "table.csv", index=False)
        for _ in range(version):
            export_model(
                models / "table.csv", models / "schema.toml", models / "models", created=toys.CREATED
            )
        for older in range(1, version):
            shutil.rmtree(models / "models" / "toys" / str(older))
        found.append(models / "models")
    return found


def _notebook(trained: pd.DataFrame, alpha: float, rows: pd.DataFrame) -> Prices:
    numeric, categorical = list(toys.NUMERIC), list(toys.CATEGORICAL)
    pipeline = fit_notebook(_spelt(trained), numeric, categorical, "price", alpha)
    return notebook_prices(pipeline, _spelt(rows))


def _spelt(frame: pd.DataFrame) -> pd.DataFrame:
    """With NaN for a missing category, as scikit-learn wants it."""
    return frame.replace({name: {"": np.nan} for name in toys.CATEGORICAL})
