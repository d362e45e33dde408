"""Reads CSV and Parquet tables by the missing rule: one reader for training and for scoring files.

Columns are declared, never guessed: a numeric column becomes float64 with NaN for missing, a categorical one
a dictionary and codes with 0 for missing, whatever the file calls their type. Nothing is dropped silently:
cells that do not fit are listed with their row numbers. Needs pyarrow.
"""

from __future__ import annotations

import csv
import lzma
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from ridgeline.coded import CodedCategories
from ridgeline.csv_cells import MalformedCsv, read_cells, read_header
from ridgeline.table_columns import (
    BadCells,
    Numbers,
    Place,
    categories_of,
    numbers_of,
)

PARQUET_MAGIC = b"PAR1"


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

    `first_row` is what a person calls the first row of data: 2 in a CSV, whose header is row 1, and 1 in a
    Parquet file. Columns that are missing or there more than once are in none of the mappings.
    """

    row_count: int
    first_row: int
    declared: Columns
    file_columns: tuple[str, ...]
    numeric: dict[str, Numbers]
    categorical: dict[str, CodedCategories]
    other: dict[str, pa.ChunkedArray]
    bad_cells: tuple[BadCells, ...]

    @property
    def missing_columns(self) -> list[str]:
        """Declared columns that the file does not have."""
        return [name for name in self.declared.names if name not in self.file_columns]

    @property
    def duplicate_columns(self) -> list[str]:
        """Declared columns that the file has more than once."""
        return [name for name in self.declared.names if self.file_columns.count(name) > 1]


def read(path: Path, columns: Columns) -> Table:
    """Read a Parquet file or a CSV (UTF-8, with a header; also .gz; comma, semicolon, tab or bar).

    Raises:
        TableError: there is no such file, or it is not a table.
    """
    with table_errors(path):
        with path.open("rb") as file:
            is_parquet = file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
        return _read_parquet(path, columns) if is_parquet else _read_csv(path, columns)


@contextmanager
def table_errors(name: Path | str) -> Iterator[None]:
    """Raise TableError, with the file's name, for whatever the libraries below say of a file."""
    try:
        yield
    except FileNotFoundError:
        raise TableError(f"{name}: no such file") from None
    except MalformedCsv as error:
        raise TableError(f"{name}: {error}") from None
    except (OSError, EOFError, pa.ArrowException, UnicodeDecodeError, csv.Error, lzma.LZMAError) as error:
        raise TableError(f"{name}: {_reason(error)}") from None


def convert(raw: pa.Table, columns: Columns, first_row: int, *, line_breaks: bool = True) -> Table:
    """Apply the missing rule to the declared columns of a pyarrow table (or of a part of one).

    Without `line_breaks` a category that contains one is a bad cell.
    """
    once = {name: raw.column(name) for name in _readable(columns, raw.column_names)}
    place = Place(frozenset(columns.missing_tokens), first_row, line_breaks)
    bad: list[BadCells] = []
    return Table(
        row_count=raw.num_rows,
        first_row=first_row,
        declared=columns,
        file_columns=tuple(raw.column_names),
        numeric={n: numbers_of(n, once[n], place, bad) for n in columns.numeric if n in once},
        categorical={n: categories_of(n, once[n], place, bad) for n in columns.categorical if n in once},
        other={n: once[n] for n in columns.other if n in once},
        bad_cells=tuple(bad),
    )


def _readable(columns: Columns, names: Sequence[str]) -> list[str]:
    counts = Counter(names)
    return [name for name in columns.names if counts[name] == 1]


def _read_parquet(path: Path, columns: Columns) -> Table:
    with pyarrow.parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        raw = file.read(columns=_readable(columns, names), use_pandas_metadata=False)
        row_count = file.metadata.num_rows
    return replace(convert(raw, columns, first_row=1), row_count=row_count, file_columns=tuple(names))


def _read_csv(path: Path, columns: Columns) -> Table:
    header = read_header(path, columns.names)
    readable = _readable(columns, header.names)
    # Columns go by position, so that a name that is there twice hurts only itself.
    positions = [str(header.names.index(name)) for name in readable]
    raw = read_cells(path, header, positions or ["0"])
    chosen = raw.select(positions).rename_columns(readable)
    # A line break in a cell is most often a quote that closes rows too late.
    table = convert(chosen, columns, first_row=2, line_breaks=False)
    return replace(table, row_count=raw.num_rows, file_columns=tuple(header.names))


def _reason(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, UnicodeDecodeError) or "UTF8" in text:
        return "is not UTF-8; save it as UTF-8"
    return f"cannot be read as a table ({text})"
