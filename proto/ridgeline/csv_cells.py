"""The cells of a CSV file as text, every row in its place: what would shift or swallow rows is refused."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from ridgeline.table_columns import LISTED_ROWS

_DELIMITERS = ",;\t|"
_BLOCK_BYTES = 1 << 20
# Files without a quote and without an empty line, by far the most, need no second look.
_NEEDS_SCAN = re.compile(rb'"|\n\r?\n|\r\r')


class MalformedCsv(Exception):
    """Rows of the file do not stand where they seem to. The message says which, and what to do."""


@dataclass(frozen=True)
class Header:
    """The column names of a CSV and what stands between its cells."""

    names: list[str]
    delimiter: str


def read_header(path: Path, declared: Sequence[str]) -> Header:
    """Read the first line; the delimiter is the one that finds most of the declared names.

    Raises:
        MalformedCsv: the first line holds no column names.
        OSError, UnicodeDecodeError, csv.Error: the file cannot be read.
    """
    with _text(path) as lines:
        return header_of(next(iter(lines), ""), declared)


def header_of(line: str, declared: Sequence[str]) -> Header:
    """Split the first line by the delimiter that finds most of the declared names.

    Raises:
        MalformedCsv: the line holds no column names.
        csv.Error: a name is longer than csv.field_size_limit() characters.
    """
    if "\0" in line:  # UTF-16 without its mark
        raise MalformedCsv("is not UTF-8; save it as UTF-8")
    if not line.strip():
        raise MalformedCsv("the first line is empty; it must hold the column names")
    rows = {d: next(csv.reader([line], delimiter=d)) for d in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda d: len(set(rows[d]) & set(declared)))
    if rows[best][-1].endswith(("\n", "\r")):
        raise MalformedCsv("the first line ends inside a quoted name; write all column names on one line")
    return Header(rows[best], best)


def read_cells(path: Path, header: Header, wanted: list[str]) -> pa.Table:
    """Read the wanted columns as text; columns are named "0", "1", ... by position.

    An empty line is a missing cell where there is one column; among several columns only empty lines at the
    end of the file are taken, as no rows.

    Raises:
        MalformedCsv: a quote is not closed, lines are empty or do not fit the header; all rows are named.
        OSError, UnicodeDecodeError, pyarrow.ArrowException: the file cannot be read.
    """
    blank = _blank_rows(path, header.delimiter)
    raw, unfit = _parse(path, header, wanted)
    problems = []
    if len(header.names) > 1:
        end = raw.num_rows + len(unfit) + 1
        while blank and blank[-1] == end:
            end = blank.pop() - 1
        raw = raw.slice(0, end - 1 - len(unfit))
        if blank:
            problems.append(
                f"{len(blank)} lines are empty: {_listed([f'row {row}' for row in blank])}; "
                "remove them, or write their delimiters if the rows are meant"
            )
    if unfit:
        problems.append(
            f"{len(unfit)} rows do not fit the header of {len(header.names)} columns: {_listed(unfit)}"
        )
    if problems:
        raise MalformedCsv("; ".join(problems))
    return raw


def _parse(path: Path, header: Header, wanted: list[str]) -> tuple[pa.Table, list[str]]:
    """Return the wanted cells of the rows that fit, and what is wrong with the others."""
    unfit: list[str] = []

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        unfit.append(f"row {row.number} has {row.actual_columns} cells")
        return "skip"

    names = [str(i) for i in range(len(header.names))]
    convert_options = pyarrow.csv.ConvertOptions(
        include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
    )
    parse_options = parse_options_of(header, skip)
    for threads in (True, False):  # only one thread knows the numbers of rows that do not fit
        unfit.clear()
        raw = pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows=1, use_threads=threads),
            parse_options=parse_options,
            convert_options=convert_options,
        )
        if not unfit:
            break
    return raw, unfit


def parse_options_of(
    header: Header, on_misfit: Callable[[pyarrow.csv.InvalidRow], str]
) -> pyarrow.csv.ParseOptions:
    """How rows are told apart; `on_misfit` answers "skip" for a row that does not fit the header."""
    return pyarrow.csv.ParseOptions(
        delimiter=header.delimiter,
        newlines_in_values=True,
        invalid_row_handler=on_misfit,
        ignore_empty_lines=False,
    )


def _blank_rows(path: Path, delimiter: str) -> list[int]:
    """Return the numbers of the empty lines, counted as rows; the header is row 1.

    pyarrow takes the rest of the file for one cell when a quote is not closed; Python's reader says so.
    """
    if not _needs_scan(path):
        return []
    blank, row = [], 0
    with _text(path) as lines:
        try:
            for row, cells in enumerate(csv.reader(lines, delimiter=delimiter, strict=True), start=1):
                if not cells:
                    blank.append(row)
        except csv.Error:
            raise MalformedCsv(
                f"row {row + 1}: a quoted cell does not end, is longer than {csv.field_size_limit()} "
                "characters, or has text after its closing quote; close the quote, and double each quote "
                "inside a quoted cell"
            ) from None
    return blank


def _needs_scan(path: Path) -> bool:
    tail = b""
    with pa.input_stream(path, compression="detect") as stream:
        while block := stream.read(_BLOCK_BYTES):
            if _NEEDS_SCAN.search(tail + block):
                return True
            tail = block[-2:]
    return False


@contextmanager
def _text(path: Path) -> Iterator[io.TextIOWrapper]:
    with pa.input_stream(path, compression="detect") as stream:
        yield io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")


def _listed(rows: Sequence[str]) -> str:
    return ", ".join(rows[:LISTED_ROWS]) + (", ..." if len(rows) > LISTED_ROWS else "")
