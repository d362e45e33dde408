"""A table checked against a schema: the rows a model is made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ridgeline import tables
from ridgeline.artifact import Window
from ridgeline.missing import MISSING_CATEGORY
from ridgeline.tables import Table, TableError
from ridgeline_export.pipeline import Categorical, Numeric
from ridgeline_export.problems import InputError
from ridgeline_export.schema import Schema
from ridgeline_export.split import Split, split
from ridgeline_export.table_checks import table_problems
from ridgeline_export.times import times_of


@dataclass(frozen=True)
class Rows:
    """Some rows of a table, positional: numeric float64[n, k] with NaN, categorical object[n, m] with "",
    target float64[n], and what a person calls each row, int64[n]."""

    numeric: Numeric
    categorical: Categorical
    target: npt.NDArray[np.float64]
    number: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.target.size)

    def take(self, index: npt.NDArray[np.int64]) -> Rows:
        """Return the rows at these positions, in this order."""
        return Rows(self.numeric[index], self.categorical[index], self.target[index], self.number[index])

    @property
    def missing_count(self) -> npt.NDArray[np.int64]:
        """How many of each row's features are missing, int64[n]."""
        count = np.isnan(self.numeric).sum(axis=1) + (self.categorical == MISSING_CATEGORY).sum(axis=1)
        return np.asarray(count, dtype=np.int64)


@dataclass(frozen=True)
class Dataset:
    """A checked table: the rows that train and the later rows that judge, and what each window covers."""

    training: Rows
    holdout: Rows
    training_window: Window
    holdout_window: Window


def read_dataset(path: Path, schema: Schema) -> Dataset:
    """Read a table, check it against the schema and split it by time.

    Raises:
        InputError: the table cannot be read or has problems; every problem is named.
    """
    try:
        table = tables.read(path, schema.columns)
    except TableError as error:
        raise InputError(str(path), [str(error).removeprefix(f"{path}: ")]) from None
    problems = table_problems(table, schema)
    parts, split_problems = _split(table, schema)
    problems += split_problems
    if problems or parts is None:
        raise InputError(str(path), problems)
    rows = _rows(table, schema)
    return Dataset(
        rows.take(parts.training), rows.take(parts.holdout), parts.training_window, parts.holdout_window
    )


def _rows(table: Table, schema: Schema) -> Rows:
    n = table.row_count
    numeric = np.empty((n, len(schema.numeric)), dtype=np.float64)
    for j, feature in enumerate(schema.numeric):
        numeric[:, j] = table.numeric[feature.name]
    categorical = np.empty((n, len(schema.categorical)), dtype=object)
    for j, feature in enumerate(schema.categorical):
        categorical[:, j] = table.categorical[feature.name].values()
    number = np.arange(n, dtype=np.int64) + table.first_row
    return Rows(numeric, categorical, table.numeric[schema.model.target], number)


def _split(table: Table, schema: Schema) -> tuple[Split | None, list[str]]:
    times, name = None, schema.model.time
    if table.row_count == 0 or (name is not None and name not in table.other):
        return None, []
    if name is not None:
        times, problems = times_of(name, table.other[name], table.first_row)
        if problems:
            return None, problems
    return split(table.row_count, times, schema)
