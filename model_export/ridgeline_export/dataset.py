"""A table checked against a schema: the rows a model is made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ridgeline import tables
from ridgeline.artifact import Window
from ridgeline.missing import MISSING_CATEGORY
from ridgeline.tables import Table, TableError
from ridgeline_export.pipeline import Categorical, Numeric
from ridgeline_export.problems import InputError, rows_text
from ridgeline_export.schema import FeatureSection, Schema
from ridgeline_export.split import Split, split
from ridgeline_export.times import times_of

LARGEST = 1e100
"""Larger magnitudes cannot be squared and summed in float64."""


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
    problems = [*_columns(table), *_cells(table), *_target(table, schema)]
    for feature in schema.numeric:
        problems += _range(table, feature)
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
        categorical[:, j] = table.categorical[feature.name]
    number = np.arange(n, dtype=np.int64) + table.first_row
    return Rows(numeric, categorical, table.numeric[schema.model.target], number)


def _columns(table: Table) -> Iterator[str]:
    if table.row_count == 0:
        yield "has no rows; at least a header and some rows of data are needed"
    for name in table.missing_columns:
        yield f"column {name!r} is missing; add it, or correct its name in the schema"
    for name in table.duplicate_columns:
        yield f"column {name!r} is there more than once; rename or remove the others"


def _cells(table: Table) -> Iterator[str]:
    for bad in table.bad_cells:
        found = ", ".join(repr(text) for text in dict.fromkeys(bad.found))
        rows = rows_text(bad.rows, bad.count)
        yield (
            f"column {bad.column!r}: expected {bad.expected}, found {found} {rows}; "
            "correct the cells, leave them empty, or list the text in missing_tokens"
        )
    for name, values in table.numeric.items():
        if (where := np.flatnonzero(np.abs(values) > LARGEST)).size:
            yield (
                f"column {name!r}: infinite or beyond {LARGEST:g} {_at(where, table)}; "
                "correct the cells or leave them empty"
            )


def _target(table: Table, schema: Schema) -> Iterator[str]:
    name = schema.model.target
    values = table.numeric.get(name)
    if values is None:
        return
    spoilt = {row for bad in table.bad_cells if bad.column == name for row in bad.rows}
    where = np.array(
        [i for i in np.flatnonzero(np.isnan(values)) if i + table.first_row not in spoilt], dtype=np.int64
    )
    if where.size:
        yield f"column {name!r}: the target is missing {_at(where, table)}; fill it or remove the rows"


def _range(table: Table, feature: FeatureSection) -> Iterator[str]:
    values = table.numeric.get(feature.name)
    if values is None:
        return
    low = -np.inf if feature.valid_min is None else feature.valid_min
    high = np.inf if feature.valid_max is None else feature.valid_max
    where = np.flatnonzero(((values < low) | (values > high)) & np.isfinite(values))
    if where.size:
        bounds = (
            f"{'-' if feature.valid_min is None else low} to {'-' if feature.valid_max is None else high}"
        )
        yield (
            f"column {feature.name!r}: outside the valid range {bounds} {_at(where, table)}, "
            f"such as {values[where[0]]}; correct or empty the cells, or widen the range in the schema"
        )


def _split(table: Table, schema: Schema) -> tuple[Split | None, list[str]]:
    times, name = None, schema.model.time
    if table.row_count == 0 or (name is not None and name not in table.other):
        return None, []
    if name is not None:
        times, problems = times_of(name, table.other[name], table.first_row)
        if problems:
            return None, problems
    return split(table.row_count, times, schema)


def _at(where: npt.NDArray[np.int64], table: Table) -> str:
    return rows_text([int(i) + table.first_row for i in where[:10]], int(where.size))
