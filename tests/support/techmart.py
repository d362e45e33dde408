"""TechMart as a data scientist has it: the two files, the notebook's model, and rows the files lack."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

from support.notebook import fit_notebook, notebook_prices

TARGET = "price"
ALPHA = 0.05
LOWEST_PRICE, HIGHEST_PRICE = 10.0, 500.0


@dataclass(frozen=True)
class TechMart:
    """The files as frames, missing = NaN, and the pipeline fitted on the training window alone."""

    training: pd.DataFrame
    production: pd.DataFrame
    numeric: list[str]
    categorical: list[str]
    valid: Mapping[str, tuple[float, float]]
    """Valid range of each numeric feature."""
    notebook: Pipeline
    known: Mapping[str, set[str]]
    """Categories in the training window, by feature."""

    @property
    def features(self) -> list[str]:
        """All 75, numbers first."""
        return self.numeric + self.categorical

    def prices(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """The notebook's prices, float64[n]."""
        return notebook_prices(self.notebook, frame)

    def missing(self, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Which rows lack a feature, bool[n]."""
        return np.asarray(frame[self.features].isna().to_numpy().any(axis=1))

    def unseen(self, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Which rows have a category that the training window lacks, bool[n]."""
        cells = [frame[name].notna() & ~frame[name].isin(self.known[name]) for name in self.categorical]
        return np.asarray(pd.concat(cells, axis=1).to_numpy().any(axis=1))

    def with_unseen_categories(self, row_count: int, seed: int) -> pd.DataFrame:
        """Training rows with one category or more replaced by texts that nobody has seen."""
        rng = np.random.default_rng(seed)
        frame = self.training.sample(row_count, random_state=seed).reset_index(drop=True)
        replaced = rng.random((row_count, len(self.categorical))) < 0.4
        replaced[np.arange(row_count), rng.integers(0, len(self.categorical), row_count)] = True
        for place, name in enumerate(self.categorical):
            texts = rng.choice(["hoverboards", "Zyx", "NA", "none", "web ", "Straße", "0"], row_count)
            frame[name] = frame[name].mask(replaced[:, place], pd.Series(texts))
        return frame

    def with_extreme_numbers(self, row_count: int, seed: int) -> pd.DataFrame:
        """Training rows pushed to the ends of the valid ranges: half towards a low price, half a high one."""
        frame = self.training.sample(row_count, random_state=seed).reset_index(drop=True)
        coefficients = self.notebook.named_steps["ridge"].coef_[: len(self.numeric)]
        upward = np.arange(row_count) % 2 == 1
        for name, coefficient in zip(self.numeric, coefficients, strict=True):
            low, high = self.valid[name]
            frame[name] = np.where(upward == (coefficient > 0), high, low)
        return frame


def read(directory: Path) -> TechMart:
    """Read both files and fit the notebook on the rows before the holdout."""
    schema = tomllib.loads((directory / "schema.toml").read_text(encoding="utf-8"))
    numbers = [section for section in schema["features"] if section["kind"] == "numeric"]
    numeric = [section["name"] for section in numbers]
    categorical = [s["name"] for s in schema["features"] if s["kind"] == "categorical"]
    training = _frame(directory / "training.csv")
    window = training[training[schema["model"]["time"]] < schema["holdout"]["from"]]
    return TechMart(
        training=training,
        production=_frame(directory / "production_simulation.csv"),
        numeric=numeric,
        categorical=categorical,
        valid={s["name"]: (s["valid_min"], s["valid_max"]) for s in numbers},
        notebook=fit_notebook(window, numeric, categorical, TARGET, ALPHA),
        known={name: set(window[name].dropna()) for name in categorical},
    )


def _frame(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, na_values=[""])
