"""Reads CSV and Parquet tables by the missing rule: one reader for training and for scoring files.

Columns are declared, never guessed: a numeric column becomes float64 with NaN for missing, a categorical one
an object array of str with "" for missing, whatever the file calls their type. Nothing is dropped silently:
cells that do not fit are listed with their row numbers. Needs pyarrow.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from ridgeline.table_columns import BadCells, Categories, Numbers, categories_of, numbers_of

_DELIMITERS = ",;\t|"
_PARQUET_MAGIC = b"PAR1"


class TableError(Exception):
    """The file cannot be read as a table. The message names the file, the trouble and what to do."""


@dataclass(frozen=True)
class Columns:
    """Which columns to read and as what. `other` columns come back as pyarrow holds them (text in a CSV)."""

    numeric: Sequence[str] = ()
    categorical: Sequence[str] = ()
    other: Sequence[str] = ()
    missing_tokens: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        """All declared columns, each once, in order."""
        return list(dict.fromkeys([*self.numeric, *self.categorical, *self.other]))


@dataclass(frozen=True)
class Table:
    """The declared columns of one file, in the file's row order.

    A declared column that the file lacks or has twice is named in `missing_columns` or `duplicate_columns`
    and left out of the mappings. `first_row` is what a person calls the first row of data: 2 in a CSV, whose
    header is row 1, and 1 in a Parquet file.
    """

    row_count: int
    first_row: int
    numeric: dict[str, Numbers] = field(default_factory=dict)
    categorical: dict[str, Categories] = field(default_factory=dict)
    other: dict[str, pa.ChunkedArray] = field(default_factory=dict)
    bad_cells: tuple[BadCells, ...] = ()
    missing_columns: tuple[str, ...] = ()
    duplicate_columns: tuple[str, ...] = ()
    file_columns: tuple[str, ...] = ()


def read(path: Path, columns: Columns) -> Table:
    """Read a Parquet file or a CSV (UTF-8, with a header; also .gz; comma, semicolon, tab or bar).

    Raises:
        TableError: there is no such file, or it is not a table.
    """
    try:
        with path.open("rb") as file:
            is_parquet = file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
        return _read_parquet(path, columns) if is_parquet else _read_csv(path, columns)
    except FileNotFoundError:
        raise TableError(f"{path}: no such file") from None
    except (OSError, EOFError, pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        raise TableError(f"{path}: cannot be read as a table ({_first_line(error)})") from None


def convert(raw: pa.Table, columns: Columns, first_row: int) -> Table:
    """Apply the missing rule to the declared columns of a pyarrow table (or a part of one)."""
    counts = Counter(raw.column_names)
    once = {name: raw.column(name) for name in columns.names if counts[name] == 1}
    bad: list[BadCells] = []
    tokens = frozenset(columns.missing_tokens)
    numeric = {n: numbers_of(n, once[n], tokens, first_row, bad) for n in columns.numeric if n in once}
    categorical = {n: categories_of(n, once[n], tokens, first_row, bad) for n in columns.categorical if n in once}
    return Table(
        row_count=raw.num_rows,
        first_row=first_row,
        numeric=numeric,
        categorical=categorical,
        other={name: once[name] for name in columns.other if name in once},
        bad_cells=tuple(bad),
        missing_columns=tuple(name for name in columns.names if counts[name] == 0),
        duplicate_columns=tuple(name for name in columns.names if counts[name] > 1),
        file_columns=tuple(raw.column_names),
    )


def stack(columns: Sequence[npt.NDArray[np.generic]], row_count: int, dtype: type) -> npt.NDArray[np.generic]:
    """Put columns side by side; returns shape [row_count, columns], also for no column."""
    matrix = np.empty((row_count, len(columns)), dtype=dtype)
    for j, column in enumerate(columns):
        matrix[:, j] = column
    return matrix


def _read_parquet(path: Path, columns: Columns) -> Table:
    with pyarrow.parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        wanted = [name for name in columns.names if names.count(name) == 1]
        table = convert(file.read(columns=wanted, use_pandas_metadata=False), columns, first_row=1)
        row_count = file.metadata.num_rows
    return _with_file_columns(table, columns, names, row_count)


def _read_csv(path: Path, columns: Columns) -> Table:
    names, delimiter = _header(path, columns.names)
    positions = [f"{i}" for i in range(len(names))]
    wanted = [i for i, name in enumerate(names) if name in columns.names and names.count(name) == 1]
    broken: list[str] = []

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        broken.append(f"a row has {row.actual_columns} cells, the header {row.expected_columns}: {row.text[:60]!r}")
        return "skip"

    raw = pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(column_names=positions, skip_rows=1),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=[positions[i] for i in wanted] or positions[:1],
            column_types=dict.fromkeys(positions, pa.string()),
            strings_can_be_null=False,
        ),
    )
    if broken:
        raise TableError(f"{path}: {len(broken)} rows do not fit the header; {broken[0]}")
    kept = raw.select([positions[i] for i in wanted]).rename_columns([names[i] for i in wanted])
    return _with_file_columns(convert(kept, columns, first_row=2), columns, names, raw.num_rows)


def _with_file_columns(table: Table, columns: Columns, names: Sequence[str], row_count: int) -> Table:
    counts = Counter(names)
    return Table(
        row_count=row_count,
        first_row=table.first_row,
        numeric=table.numeric,
        categorical=table.categorical,
        other=table.other,
        bad_cells=table.bad_cells,
        missing_columns=tuple(name for name in columns.names if counts[name] == 0),
        duplicate_columns=tuple(name for name in columns.names if counts[name] > 1),
        file_columns=tuple(names),
    )


def _header(path: Path, declared: Sequence[str]) -> tuple[list[str], str]:
    """Return the column names and the delimiter: the one that finds most of the declared names."""
    with pa.input_stream(path, compression="detect") as stream:
        line = next(iter(io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")), "")
    if not line.strip():
        raise TableError(f"{path}: the first line is empty; it must hold the column names")
    rows = {d: next(csv.reader([line], delimiter=d)) for d in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda d: len(set(rows[d]) & set(declared)))
    return rows[best], best


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
