"""One pyarrow column to NumPy by the missing rule, vectorised: Python sees each distinct value once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ridgeline import missing
from ridgeline.coded import CodedCategories

Numbers = npt.NDArray[np.float64]

LISTED_ROWS = 5
"""How many rows, or texts of bad cells, a message lists; all are counted."""


@dataclass(frozen=True, eq=False)
class BadCells:
    """Cells of one column that do not fit: all rows as a person counts, int64[count], and the first texts."""

    column: str
    rows: npt.NDArray[np.int64]
    found: tuple[str, ...]
    expected: str

    @property
    def count(self) -> int:
        """How many cells do not fit."""
        return int(self.rows.size)


@dataclass(frozen=True)
class Place:
    """What holds for every column of a table: its missing tokens, what a person calls its first row, and
    whether categories may contain line breaks."""

    tokens: Collection[str]
    first_row: int
    line_breaks: bool


def numbers_of(name: str, column: pa.ChunkedArray, place: Place, bad: list[BadCells]) -> Numbers:
    """Return float64[n], NaN = missing; cells that are no number are NaN and appended to `bad`."""
    fast = _fast_numbers(_plain(column))
    if fast is None:
        values, wrong = _by_distinct_value(
            column, lambda value: missing.number(value, place.tokens), missing.MISSING_NUMBER, np.float64
        )
        if wrong.any():
            bad.append(_bad_cells(name, column, wrong, place.first_row, "a number"))
        return values
    gaps = list(missing.missing_numbers(place.tokens))
    if pa.types.is_float32(_plain(column).type):  # -99.9 in a column of float32 is another number
        gaps += np.array(gaps, dtype=np.float32).tolist()
    return np.where(np.isin(fast, gaps), missing.MISSING_NUMBER, fast) if gaps else fast


def categories_of(name: str, column: pa.ChunkedArray, place: Place, bad: list[BadCells]) -> CodedCategories:
    """Return the column's categories; cells that are no category are missing and appended to `bad`."""
    # ONNX Runtime ends a text at NUL, so that two categories would become one.
    refused = "\0" if place.line_breaks else "\0\n\r"
    codes_of: dict[str, int] = {missing.MISSING_CATEGORY: 0}

    def rule(value: object) -> int:
        text = missing.category(value, place.tokens)
        if any(character in text for character in refused):
            raise ValueError(text)
        return codes_of.setdefault(text, len(codes_of))

    codes, wrong = _by_distinct_value(column, rule, 0, np.int32)
    if wrong.any():
        without = "NUL" if place.line_breaks else "NUL or line breaks (is a quote not closed?)"
        bad.append(_bad_cells(name, column, wrong, place.first_row, f"text without {without}, or a number"))
    return CodedCategories(list(codes_of)[1:], codes)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _is_text(kind: pa.DataType) -> bool:
    return any((pa.types.is_string(kind), pa.types.is_large_string(kind), pa.types.is_string_view(kind)))


def _fast_numbers(column: pa.ChunkedArray) -> Numbers | None:
    """Cast a column of numbers, or of text that pyarrow reads as the rule does; None where it might not."""
    kind = column.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if numeric or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return _to_numpy(pc.cast(column, pa.float64(), safe=False))
    if not _is_text(kind):
        return None
    filled = pc.if_else(pc.equal(column, ""), pa.scalar(None, kind), column)
    try:
        parsed = pc.cast(filled, pa.float64())
    except pa.ArrowInvalid:
        return None
    # pyarrow also takes texts like "nan(1)" for NaN; the rule decides about those.
    odd = pc.any(pc.and_(pc.is_nan(parsed), pc.not_equal(pc.utf8_lower(filled), "nan")))
    return None if odd.as_py() else _to_numpy(parsed)


def _to_numpy(column: pa.ChunkedArray) -> Numbers:
    return np.array(pc.fill_null(column, missing.MISSING_NUMBER).to_numpy(), dtype=np.float64)


def _by_distinct_value(
    column: pa.ChunkedArray, rule: Callable[[object], Any], gap: Any, dtype: type
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Apply `rule` to each distinct value; returns the values [n] and which cells it refused [n]."""
    values: list[npt.NDArray[Any]] = [np.empty(0, dtype)]
    refused: list[npt.NDArray[np.bool_]] = [np.empty(0, np.bool_)]
    for chunk in _plain(column).chunks:
        distinct, codes = _distinct(chunk)
        texts: npt.NDArray[Any] = np.empty(len(distinct) + 1, dtype=dtype)
        wrong = np.zeros(len(distinct) + 1, dtype=np.bool_)
        texts[-1] = gap
        for i, value in enumerate(distinct):
            try:
                texts[i] = rule(value)
            except ValueError:
                texts[i], wrong[i] = gap, True
        values.append(texts[codes])
        refused.append(wrong[codes])
    return np.concatenate(values), np.concatenate(refused)


def _distinct(chunk: pa.Array) -> tuple[list[object], npt.NDArray[np.int64]]:
    """Return the distinct values and each row's index into them, -1 for null."""
    try:
        encoded = chunk.dictionary_encode()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # lists and other nested types
        return chunk.to_pylist(), np.arange(len(chunk))
    codes = pc.fill_null(encoded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    values = encoded.dictionary
    # As float32 and not as Python's float: the rule writes a number in its own precision.
    return list(values.to_numpy()) if pa.types.is_float32(values.type) else values.to_pylist(), codes


def _bad_cells(
    name: str, column: pa.ChunkedArray, wrong: npt.NDArray[np.bool_], first_row: int, expected: str
) -> BadCells:
    rows = np.flatnonzero(wrong)
    found = tuple(str(column[int(row)].as_py()) for row in rows[:LISTED_ROWS])
    return BadCells(name, rows.astype(np.int64) + first_row, found, expected)
